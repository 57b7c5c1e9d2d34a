import Foundation
import ProxyCore
import Testing

@Suite("Settings of valid files")
struct SettingsTests {
    static let minimal = "upstreams:\n  api:\n    url: https://api.example.com\n"

    static let redis = "redis: {address: a}\n"

    static func docs(_ name: String) throws -> String {
        try String(contentsOf: file(name), encoding: .utf8)
    }

    static func file(_ name: String) -> URL {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return root.appending(path: "docs/\(name)")
    }

    @Test("one upstream is enough: one route takes everything")
    func minimalFile() throws {
        let settings = try load(Self.minimal)
        #expect(settings.upstreams.map(\.name) == ["api"])
        #expect(settings.routes.map(\.name) == ["default"])
        #expect(settings.routes[0].match == MatchSettings())
        #expect(settings.routes[0].totalTimeoutNanoseconds == 60_000_000_000)
        #expect(settings.listeners == [ListenerSettings()])
        #expect(settings.admin.address.description == "127.0.0.1:9900")
        #expect(settings.client == ClientSettings())
        #expect(settings.upstreamIndex(named: "api") == 0)
        #expect(settings.upstreamIndex(named: "x") == nil)
    }

    @Test("an empty file with --upstream")
    func onlyUpstream() throws {
        var overrides = Overrides()
        overrides.upstream = "http://127.0.0.1:1234"
        for yaml in ["", "\n", "# nothing\n", "---\n", "{}", "~"] {
            let settings = try load(yaml, overrides: overrides)
            #expect(settings.upstreams[0].name == "default")
            #expect(settings.upstreams[0].urls[0].description == "http://127.0.0.1:1234")
            #expect(settings.upstreams[0].host == .upstream)
            #expect(settings.routes.map(\.name) == ["default"])
        }
        let resolved = try Settings.resolve(file: nil, environment: [:], overrides: overrides).get()
        #expect(try resolved == load("", overrides: overrides))
    }

    @Test("flags win over the file")
    func flags() throws {
        var overrides = Overrides()
        overrides.upstream = "https://other.example/base"
        overrides.upstreamCA = "/ca.pem"
        overrides.listen = "127.0.0.1:1"
        overrides.admin = "[::1]:2"
        overrides.workers = 3
        overrides.accessLog = "off"
        overrides.logFormat = "text"
        overrides.logLevel = "error"
        overrides.cacheMemory = "64MiB"
        let yaml =
            Self.minimal + """
                listen: {address: ":9", proxy_protocol: true}
                workers: 1
                log: {level: debug, access: {path: /x, format: json}}
                routes: [{name: a, upstream: api}]
                """
        let settings = try load(yaml, overrides: overrides)
        #expect(settings.upstreams[0].name == "api")
        #expect(settings.upstreams[0].urls.map(\.description) == ["https://other.example/base"])
        #expect(settings.upstreams[0].tls.caFile == "/ca.pem")
        #expect(settings.listeners.map(\.address.description) == ["127.0.0.1:1"])
        #expect(settings.listeners[0].proxyProtocol)
        #expect(settings.admin.address.description == "[::1]:2")
        #expect(settings.workers == 3)
        #expect(settings.log.access.target == .off)
        #expect(settings.log.access.format == .text)
        #expect(settings.log.level == .error)
        #expect(settings.memory?.bytesMax == 67_108_864)
        #expect(settings.routes.map(\.upstream) == ["api"])
    }

    @Test("--upstream stands in for a URL that the file leaves open")
    func upstreamWithoutURL() throws {
        var overrides = Overrides()
        overrides.upstream = "http://a"
        let settings = try load(
            "upstreams: {api: {connect_timeout: 1s}}\nroutes: [{match: {path: /x}}]",
            overrides: overrides)
        #expect(settings.upstreams[0].urls.count == 1)
        #expect(settings.routes[0].connectTimeoutNanoseconds == 1_000_000_000)
        overrides.cacheMemory = "off"
        #expect(try load("", overrides: overrides).memory == nil)
    }

    @Test("the example is valid, and says every key")
    func example() throws {
        let text = try Self.docs("meliproxy.example.yaml")
        let settings = try load(text, environment: ["MELIPROXY_INSTANCE": "one"])
        #expect(settings.instanceName == "one")
        #expect(settings.routes.map(\.name) == ["item", "reports", "search", "everything"])
        #expect(settings.routes[0].totalTimeoutNanoseconds == 5_000_000_000)
        #expect(settings.routes[0].match.methods == [.get, .head])
        #expect(settings.routes[1].request.set.map(\.isSecret) == [true])
        #expect(settings.routes[1].request.remove == ["Cookie"])
        #expect(settings.routes[2].bodyBytesMax == 65_536)
        #expect(settings.client == ClientSettings())
        for key in SettingsCatalogue.keys {
            let name = key.path.split(separator: ".").last { !$0.hasPrefix("<") } ?? ""
            let word = name.prefix { $0 != "[" } + ":"
            #expect(text.contains(word), "\(key.path)")
        }
    }

    @Test("docs/configuration.md has the table of the catalogue")
    func documentation() throws {
        // `make docs` sets the variable: then the table is written anew.
        if ProcessInfo.processInfo.environment["MELIPROXY_WRITE_DOCS"] == "1" {
            let page = try Self.docs("configuration.md")
            let start = try #require(page.range(of: "| key | value |")).lowerBound
            let end = try #require(page.range(of: "|\n\n", range: start..<page.endIndex))
            let rest = page[page.index(end.lowerBound, offsetBy: 2)...]
            let text = page[..<start] + SettingsCatalogue.markdownTable + rest
            try Data(text.utf8).write(to: Self.file("configuration.md"))
        }
        #expect(try Self.docs("configuration.md").contains(SettingsCatalogue.markdownTable))
        let paths = SettingsCatalogue.keys.map(\.path)
        #expect(Set(paths).count == paths.count)
    }

    @Test("the defaults of the documentation are those of the code")
    func documentedDefaults() throws {
        // Every key with a default in the table, written out, changes nothing.
        let texts = SettingsCatalogue.keys.filter {
            $0.defaultText.hasPrefix("`") && $0.path != "instance"
        }
        var lines: [String: [String]] = [:]
        for key in texts
        where !["routes", "upstreams", "limits"].contains(where: key.path.hasPrefix) {
            let path = key.path.replacing("listen[].", with: "listen.").split(separator: ".")
            let value = key.defaultText.filter { $0 != "`" }
            let text = path.dropFirst().reversed().reduce("\"\(value)\"") { "{\($1): \($0)}" }
            lines[String(path[0]), default: []].append(text)
        }
        for (top, values) in lines where top != "redis" {
            for value in values {
                let base = value.hasPrefix("{redis:") ? Self.minimal + Self.redis : Self.minimal
                let settings = try load(base + "\(top): \(value)\n")
                #expect(try settings == load(base), "\(top): \(value)")
            }
        }
        for value in try #require(lines["redis"]) {
            let settings = try load(Self.minimal + "redis: {address: a, \(value.dropFirst())\n")
            #expect(try settings == load(Self.minimal + Self.redis), "\(value)")
        }
        let rule = "limits: [{name: a, rate: 1/1s"
        for key in texts where key.path.hasPrefix("limits[].") {
            let value = key.defaultText.filter { $0 != "`" }
            let settings = try load(
                Self.minimal + "\(rule), \(key.path.dropFirst(9)): \(value)}]\n")
            #expect(try settings == load(Self.minimal + "\(rule)}]\n"), "\(key.path)")
        }
        for key in texts where key.path.hasPrefix("upstreams") {
            let path = key.path.split(separator: ".").dropFirst(2)
            let value = key.defaultText.filter { $0 != "`" }
            let text = path.reversed().reduce("\"\(value)\"") { "{\($1): \($0)}" }
            let inner = text.dropFirst().dropLast()
            let settings = try load(
                "upstreams: {api: {url: \"https://api.example.com\", \(inner)}}")
            #expect(try settings == load(Self.minimal), "\(key.path)")
        }
    }

    @Test("the effective settings are a settings file that gives the same settings")
    func effective() throws {
        let yaml = try Self.docs("meliproxy.example.yaml")
            .replacing("  token: ${MELIPROXY_ADMIN_TOKEN:-change-me-please}\n", with: "")
            .replacing(
                "        Authorization: Bearer ${REPORTS_TOKEN:-none}",
                with: "        X-A: \"b\\tc\\\"\"")
        let settings = try load(yaml)
        let json = settings.redactedJSON()
        #expect(try load(json) == settings)
        #expect(try load(json).redactedJSON() == json)
        let object = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any]
        #expect(object?["workers"] as? Int == 0)
    }

    @Test("secrets are not shown")
    func redaction() throws {
        let yaml = """
            admin: {token: "hunter2-hunter2"}
            upstreams:
              a:
                url: http://a
                proxy: http://user:hunter2@proxy:3128
            routes:
              - request:
                  set: {Authorization: hunter2, X-Key: "${KEY}", X-Plain: seen}
                  add: {Cookie: hunter2}
            """
        let settings = try load(yaml, environment: ["KEY": "hunter2"])
        let json = settings.redactedJSON()
        #expect(!json.contains("hunter2"))
        #expect(json.contains("\"X-Plain\": \"seen\""))
        #expect(json.contains("\"proxy\": \"http://***@proxy:3128\""))
        #expect(settings.upstreams[0].proxy?.secretText == "http://user:hunter2@proxy:3128")
        #expect(settings.routes[0].request.set[1].value == "hunter2")
    }

    @Test("anchors and aliases")
    func anchors() throws {
        let settings = try load(
            """
            upstreams:
              a: &base {url: "http://a", retries: {max: 0}}
              b: *base
            routes: [{match: {path: /a}, upstream: a}, {match: {path: /b}, upstream: b}]
            """)
        #expect(settings.upstreams.map(\.retriesMax) == [0, 0])
    }

    static let environmentTable: [Row<String, String>] = [
        Row("${A}", "one"), Row("x${A}y${A}", "xoneyone"), Row("${A:-z}", "one"),
        Row("${C:-z}", "z"),
        Row("${B:-z}", "z"), Row("${C:-}x", "x"), Row("$${A}", "${A}"), Row("$A", "$A"),
        Row("a$", "a$"),
        Row("${D}", "${A}"), Row("${C:-a:-b}", "a:-b"), Row("{A}", "{A}"), Row("$$${A}", "$${A}"),
    ]

    @Test("variables of the environment", arguments: environmentTable)
    func environment(_ row: Row<String, String>) throws {
        let environment = ["A": "one", "B": "", "D": "${A}"]
        let settings = try load(
            Self.minimal + "instance: '\(row.input)'", environment: environment)
        #expect(settings.instanceName == row.output)
    }

    @Test("how an upstream is spared")
    func resilience() throws {
        let settings = try load(
            """
            upstreams:
              a:
                url: http://a
                breaker: {window: 20s, calls_min: 7, slow_percent: 90, probes: 2, ramp: 0s}
                concurrency: {min: 1, start: 2, max: 3, wait_percent: 50}
                gate: {max: 5m}
                pacing: {rate: 1500/1m, burst: 10}
                deadline_field: X-Time-Left
                retries: {on: [timeout, 503], methods: [GET, PUT], budget_percent: 20}
              b: {url: "http://b", breaker: off, concurrency: {enabled: false}, gate: off}
            routes:
              - {upstream: a, fallback: {status: 203, content_type: text/plain, body: later}}
            """)
        let a = settings.upstreams[0].resilience
        #expect(a.breaker.windowNanoseconds == 20_000_000_000)
        #expect((a.breaker.callsMin, a.breaker.slowPercent, a.breaker.probes) == (7, 90, 2))
        #expect(a.breaker.rampNanoseconds == 0)
        #expect((a.concurrency.least, a.concurrency.start, a.concurrency.most) == (1, 2, 3))
        #expect(a.gate.nanosecondsMax == 300_000_000_000)
        #expect(
            a.pacing == PacingSettings(requests: 1500, periodNanoseconds: 60_000_000_000, burst: 10)
        )
        #expect(a.deadlineField == "X-Time-Left")
        #expect(a.retry.conditions == [.timeout, .serviceUnavailable])
        #expect(a.retry.methods == [.get, .head, MethodSet(index: 3)])
        #expect(a.retry.budget.percent == 20)
        let b = settings.upstreams[1].resilience
        #expect(!b.breaker.isOn && !b.concurrency.isOn && !b.gate.isOn)
        #expect(settings.routes[0].fallback?.body == "later")
        #expect(try load(settings.redactedJSON()) == settings)
    }

    @Test("every part of a route")
    func route() throws {
        let settings = try load(
            """
            client: {body_bytes_max: 1MiB}
            upstreams:
              a: {urls: [http://a, http://b:81], host: Other.example, total_timeout: off, pool: {age_max: off}}
            routes:
              - match: {path: "/x/{y}/**", methods: [GET, POST], hosts: "*.Example.com"}
                timeouts: {connect: 100ms, first_byte: 200ms, total: 300ms}
                rewrite: {path: "/z/{y}/**"}
              - {name: second, timeouts: {total: off}, rewrite: {add_prefix: /v2}, body_bytes_max: unlimited}
            """)
        let first = settings.routes[0]
        #expect(first.name == "/x/{y}/**")
        #expect(first.match.methods == [.get, .head, MethodSet(index: 2)])
        #expect(first.match.hosts.map(\.description) == ["*.example.com"])
        #expect(first.connectTimeoutNanoseconds == 100_000_000)
        #expect(first.firstByteTimeoutNanoseconds == 200_000_000)
        #expect(first.totalTimeoutNanoseconds == 300_000_000)
        #expect(first.bodyBytesMax == 1 << 20)
        #expect(try first.rewrite == .template(PathTemplate("/z/{y}/**")))
        #expect(settings.routes[1].totalTimeoutNanoseconds == nil)
        #expect(settings.routes[1].bodyBytesMax == nil)
        #expect(settings.routes[1].rewrite == .prefix(strip: nil, add: "/v2"))
        #expect(settings.upstreams[0].host == .literal("Other.example"))
        #expect(settings.upstreams[0].pool.ageMaxNanoseconds == nil)
    }
}
