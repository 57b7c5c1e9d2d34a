import ProxyCore
import Testing

@Suite("Texts that are no settings document")
struct SettingsDocumentTests {
    static let syntaxTable: [Case] = [
        Case(
            "a: [1",
            "f:2:1: not valid YAML: while parsing a flow sequence, did not find expected ',' or ']'"
        ),
        Case("a: b: c", "f:1:5: not valid YAML: mapping values are not allowed in this context"),
        Case(
            "\ta: 1",
            "f:1:1: not valid YAML: while scanning for the next token, found character that cannot start any token"
        ),
        Case(
            "a: \"b",
            "f:1:6: not valid YAML: while scanning a quoted scalar, found unexpected end of stream"),
        Case("a: *b", "f:1:4: not valid YAML: found undefined alias"),
        Case(
            "a: 1\n---\nb: 1",
            "f:2:1: not valid YAML: expected a single document in the stream, but found another document"
        ),
        Case("a: \u{1}", "f: not valid YAML: control characters are not allowed"),
    ]

    @Test("syntax errors with their place", arguments: syntaxTable)
    func syntax(_ row: Case) {
        #expect(problems(row.yaml) == row.report)
    }

    @Test("a file may have 1 MiB")
    func size() {
        let padding = String(repeating: "# padding padding padding\n", count: 41_000)
        #expect(problems(padding) == ["f: expected at most 1048576 bytes, found 1066000"])
        let fits = String(padding.prefix(1 << 19)) + "\n" + SettingsTests.minimal
        #expect(problems(fits).isEmpty)
    }

    @Test("nesting is bounded before it is parsed")
    func nesting() {
        let flow = "workers: " + String(repeating: "[", count: 100_000)
        #expect(problems(flow) == ["f:1: expected at most 32 nested brackets and braces"])
        let spread = String(repeating: "[\n", count: 100_000)
        #expect(problems(spread) == ["f:33: expected at most 32 nested brackets and braces"])
        let block = String(repeating: "- ", count: 100_000) + "a"
        #expect(problems(block) == ["f:1: expected at most 100 columns of indentation"])
        let steps = (0..<200).map { String(repeating: " ", count: $0) + "a:\n" }.joined()
        #expect(problems(steps) == ["f:102: expected at most 100 columns of indentation"])
        let comment =
            String(repeating: " ", count: 200) + "# far right [[[[\n" + SettingsTests.minimal
        #expect(problems(comment).isEmpty)
    }

    @Test("aliases that multiply end in one problem")
    func bomb() throws {
        var yaml = "x0: &x0 [1, 2, 3, 4, 5, 6, 7, 8, 9]\n"
        for level in 1...12 {
            let alias = Array(repeating: "*x\(level - 1)", count: 9).joined(separator: ", ")
            yaml += "x\(level): &x\(level) [\(alias)]\n"
        }
        // Below keys that are read, so that the walk meets every level; a list of lists of proxies.
        yaml += "trusted_proxies: *x12\n" + SettingsTests.minimal
        let report = problems(yaml)
        #expect(report.count < 40)
        #expect(!report.isEmpty)
    }

    @Test("aliases that are used again and again count each time")
    func nodes() {
        let hosts = (0..<20_000).map { "h\($0)" }.joined(separator: ", ")
        let routes = (0..<10).map { "{name: r\($0), match: {hosts: *h}}" }.joined(separator: ", ")
        let yaml =
            SettingsTests.minimal
            + "trusted_proxies: &h [\(hosts)]\n"
            .replacing("trusted_proxies: &h [h0", with: "routes: [{match: {hosts: &h [h0")
            .replacing("h19999]", with: "h19999]}}, \(routes)]")
        #expect(
            problems(yaml).map { $0.split(separator: ": ").last.map(String.init) }
                == ["expected at most 100000 values in the file"])
    }

    @Test("a report has at most 100 problems and one more")
    func many() {
        let yaml = SettingsTests.minimal + (0..<500).map { "unknown_\($0): 1\n" }.joined()
        let report = problems(yaml)
        #expect(report.count == 101)
        #expect(report.last == "f: more than 100 problems, the rest is left out")
    }

    @Test("keys that are collections do not go with anchors")
    func complexKeys() {
        for key in ["[*a]: 1", "{x: *a}: 1", "*a : 1", "? *a", "? [*a]"] {
            let report = problems("x: &a [1]\n\(key)\n")
            #expect(
                report == [
                    "f:2: expected plain keys in a file with anchors, found a list, map or alias"
                ], "\(key)")
        }
    }

    @Test("duplicate keys are reported beside everything else, with CR LF as well")
    func duplicates() {
        let yaml = "via: a\nvia: b\nvia: c\nworkers: x\nclient: {fields_max: 1, fields_max: 2}\n"
        for text in [yaml, yaml.replacing("\n", with: "\r\n")] {
            let report = problems(SettingsTests.minimal + text)
            #expect(report.filter { $0.contains("more than once") }.count == 3, "\(report)")
            #expect(report.contains("f:7:10: workers: expected a number from 0 to 1024, found `x`"))
        }
        let many = (0..<40).map { "k\($0): 1\nk\($0): 1\n" }.joined()
        #expect(problems(many) == ["f: expected every key once, found more than 20 again"])
    }

    static let flagTable: [Row<String, String>] = [
        Row("upstream=a", "--upstream: expected a URL such as https://api.example.com, found `a`"),
        Row(
            "upstream=http://u:p@a",
            "--upstream: expected no user name or password in the URL; set a field instead"),
        Row("listen=80", "--listen: expected HOST:PORT, found `80`"),
        Row("admin=a:1", "--admin: expected an IP address to listen on, found `a`"),
        Row(
            "admin=:1",
            "--admin: `0.0.0.0:1` is not loopback: expected admin.token in the file, found none"),
        Row("workers=-1", "--workers: expected a number from 0 to 1024, found `-1`"),
        Row("format=xml", "--log-format: expected one of json, text, found `xml`"),
        Row(
            "level=loud",
            "--log-level: expected one of debug, info, notice, warning, error, found `loud`"),
        Row(
            "cache=big", "--cache-memory: expected a size such as 64KiB, 10MB or 1GiB, found `big`"),
        Row("cache=1", "--cache-memory: expected a size from 1MiB to 16TiB, found `1`"),
        Row("log=", "--access-log: expected a text without control characters, found nothing"),
        Row("ca=", "--upstream-ca: expected a text without control characters, found nothing"),
    ]

    static func overrides(_ text: String) -> Overrides {
        var overrides = Overrides()
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(
            String.init)
        switch parts[0] {
        case "upstream": overrides.upstream = parts[1]
        case "ca": overrides.upstreamCA = parts[1]
        case "listen": overrides.listen = parts[1]
        case "admin": overrides.admin = parts[1]
        case "workers": overrides.workers = Int(parts[1])
        case "log": overrides.accessLog = parts[1]
        case "format": overrides.logFormat = parts[1]
        case "level": overrides.logLevel = parts[1]
        default: overrides.cacheMemory = parts[1]
        }
        return overrides
    }

    @Test("flags that are wrong", arguments: flagTable)
    func flags(_ row: Row<String, String>) {
        #expect(
            problems(SettingsTests.minimal, overrides: Self.overrides(row.input)) == [row.output])
    }

    @Test("--upstream needs one upstream to apply to")
    func severalUpstreams() {
        let yaml = """
            upstreams: {a: {url: 'http://a'}, b: {url: 'http://b'}}
            routes: [{upstream: a}]
            """
        #expect(
            problems(yaml, overrides: Self.overrides("upstream=http://c")) == [
                "--upstream: expected one upstream in the file to apply it to, found a, b"
            ])
    }

    @Test("any text is answered", arguments: 0..<400 as Range<UInt64>)
    func fuzz(seed: UInt64) throws {
        var random = Seeded(seed: seed)
        var text = Array(try SettingsTests.docs("meliproxy.example.yaml").unicodeScalars)
        let alphabet = Array("{}[]:,-?&*!|>'\"%@`# \n\t$~0aé\u{0}".unicodeScalars)
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            let index = Int.random(in: 0..<text.count, using: &random)
            switch Int.random(in: 0..<3, using: &random) {
            case 0: text.remove(at: index)
            case 1: text[index] = alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
            default:
                text.insert(alphabet[Int.random(in: 0..<alphabet.count, using: &random)], at: index)
            }
        }
        var view = String.UnicodeScalarView()
        view.append(contentsOf: text)
        for problem in problems(String(view)) { #expect(problem.hasPrefix("f:")) }
    }
}
