import HTTP1
import ProxyCore
import Testing
import Time

@Suite("Limits: which rules are about a request, and its key")
struct LimitPlanTests {
    static let base = """
        upstreams: {api: {url: "http://a"}}
        application_id: [header:X-App, query:app]
        routes:
          - {name: items, match: {path: "/items/{id}"}}
          - {name: rest}

        """

    /// Names of the rules about the request, each with its cost and key.
    static func matches(
        _ rules: String, _ head: RequestHead, client: String = "192.0.2.1", route: Int = 0
    ) throws -> [String] {
        let settings = try load(base + "limits:\n" + rules)
        let plans = LimitPlans(settings)
        let address = try #require(ClientAddress(client))
        let facts = LimitFacts(head, client: address, route: route, plans)
        var found: [String] = []
        var search = LimitPlans.Search()
        while let (rule, choice) = plans.next(&search, facts) {
            var key: [UInt8] = []
            plans.plans[rule].appendKey(facts, variant: choice.variant, to: &key)
            let text = String(decoding: key.dropFirst(), as: UTF8.self)
            found.append("\(plans.plans[rule].rule.name) \(choice.variant) \(choice.cost) \(text)")
        }
        return found
    }

    static let conditions: [Row<String, Bool>] = [
        Row("client: 192.0.2.1", true), Row("client: 192.0.2.0/24", true),
        Row("client: 192.0.2.2", false), Row("client: [10.0.0.0/8, 192.0.2.1]", true),
        Row("client: \"::/0\"", false), Row("methods: GET", true), Row("methods: POST", false),
        Row("path: /items/*", true), Row("path: \"/items/{id}\"", true), Row("path: /items", false),
        Row("path: /items/*/x", false), Row("path: /**", true),
        Row("path: [/a, /items/MLA1]", true),
        Row("host: api.example.com", true), Row("host: \"*.example.com\"", true),
        Row("host: example.com", false), Row("route: items", true), Row("route: rest", false),
        Row("route: [rest, items]", true), Row("header: {X-App: one}", true),
        Row("header: {X-App: two}", false), Row("header: {x-app: \"*\"}", true),
        Row("header: {X-None: \"*\"}", false), Row("header: {Accept: \"*json*\"}", true),
        Row("header: {Accept: \"text*\", X-App: one}", false), Row("query: {a: \"1\"}", true),
        Row("query: {e: \"x y\"}", true),
        Row("query: {a: \"2\"}", false), Row("query: {c: \"*\"}", true),
        Row("query: {d: x}", false),
        Row("application: one", true), Row("application: \"o*\"", true),
        Row("application: t*", false),
        Row("{client: 192.0.2.1, methods: POST}", false),
        Row("[{methods: POST}, {client: 192.0.2.1}]", true),
    ]

    @Test("conditions", arguments: conditions)
    func condition(_ row: Row<String, Bool>) throws {
        let head = limitHead(
            "/items/MLA1?a=1&b=2&c&%65=x%20y", fields: ["X-App: one", "Accept: application/json"])
        let when =
            row.input.hasPrefix("{") || row.input.hasPrefix("[") ? row.input : "{\(row.input)}"
        let found = try Self.matches("  - {name: r, rate: 1/1s, when: \(when)}", head)
        #expect(found.isEmpty == !row.output, "\(row.input): \(found)")
        let exempt = try Self.matches("  - {name: r, rate: 1/1s, exempt: \(when)}", head)
        #expect(exempt.isEmpty == row.output, "exempt \(row.input)")
    }

    static let keys: [Row<String, String>] = [
        Row("[]", ""), Row("client_ip", "192.0.2.1"), Row("route", "items"),
        Row("path", "/items/a%7Cb%25"), Row("host", "api.example.com"), Row("method", "GET"),
        Row("application", "two"), Row("header:Accept", "x%20y"), Row("header:X-None", ""),
        Row("query:q", "A%20B"), Row("query:none", ""), Row("constant:all", "all"),
        Row("[client_ip, method, header:X-None, route]", "192.0.2.1|GET||items"),
        Row("token:Authorization", "ba1e5d3f628f519ca9092cc8b90b10c9"),
    ]

    @Test("keys", arguments: keys)
    func key(_ row: Row<String, String>) throws {
        let head = limitHead(
            "/items/%61%7cb%25?q=%41%20B&app=two", fields: ["Accept: x y", "Authorization: secret"])
        let found = try Self.matches("  - {name: r, rate: 1/1s, key: \(row.input)}", head)
        // The token's is SipHash-2-4 with 128 bits, from another implementation.
        #expect(found == ["r 0 1 \(row.output)"])
    }

    @Test("IPv6 is counted by /64, a mapped address as what it stands for")
    func addresses() throws {
        let rule = "  - {name: r, rate: 1/1s, key: client_ip}"
        for (client, key) in [
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"), ("2001:db8:1:2::1", "2001:db8:1:2::"),
            ("2001:db8:1:3::1", "2001:db8:1:3::"), ("::ffff:192.0.2.7", "192.0.2.7"),
        ] {
            #expect(
                try Self.matches(rule, limitHead("/items/1"), client: client) == ["r 0 1 \(key)"])
        }
    }

    @Test("long keys are hashed, and different ones differ")
    func longKeys() throws {
        let rule = "  - {name: r, rate: 1/1s, key: path}"
        let texts = try ["a", "b"].map { end in
            try Self.matches(rule, limitHead("/" + String(repeating: "x", count: 300) + end))
        }
        #expect(texts[0][0].count == "r 0 1 #".count + 32 && texts[0] != texts[1])
    }

    @Test("defaults, overrides, order")
    func choices() throws {
        let rules = """
              - {name: fallback, rate: 1/1s, default: true}
              - name: main
                rate: 10/1s
                when: {path: "/items/*"}
                exempt: {client: 10.0.0.0/8}
                overrides:
                  - {when: {client: 192.0.2.9}, rate: 99/1s}
                  - {when: {methods: POST}, cost: 5}
            """
        let item = limitHead("/items/1")
        #expect(try Self.matches(rules, item) == ["main 0 1 "])
        #expect(try Self.matches(rules, item, client: "192.0.2.9") == ["main 1 1 "])
        let post = limitHead("/items/1", method: "POST")
        #expect(try Self.matches(rules, post) == ["main 0 5 "])
        // Exempt from the rule that is about it is exempt from defaults as well.
        #expect(try Self.matches(rules, item, client: "10.1.1.1") == [])
        #expect(try Self.matches(rules, limitHead("/x"), route: 1) == ["fallback 0 1 "])
    }

    static let patterns: [(String, String, Bool)] = [
        ("", "", true), ("", "a", false), ("*", "", true), ("*", "abc", true), ("a*", "abc", true),
        ("a*", "ba", false), ("*c", "abc", true), ("a*c", "ac", true), ("a*c", "abcd", false),
        ("a*b*c", "aXbYc", true), ("a*b*c", "aXYc", false), ("ab*ba", "aba", false),
        ("*b*b*", "b", false), ("*b*b*", "bb", true), ("a**c", "abc", true),
        ("*abc", "ababc", true),
    ]

    @Test("patterns", arguments: patterns)
    func pattern(text: String, value: String, matches: Bool) {
        #expect(TextPattern(text).matches(Array(value.utf8).span) == matches)
    }

    @Test("fields that clients are told")
    func fields() throws {
        let settings = try load(
            Self.base + """
                limits:
                  - {name: per-ip, rate: 1000/1m}
                  - {name: many, rate: 5/2s; 10/1500ms}
                  - {name: burst, rate: 10/1s, burst: 30}
                """)
        let plans = LimitPlans(settings)
        func notice(_ rule: Int, _ rate: Int, _ remaining: UInt32, _ reset: UInt64) -> LimitNotice {
            LimitNotice(
                rule: rule, variant: 0, rate: rate, remaining: remaining, resetNanoseconds: reset)
        }
        let notices = [
            notice(0, 0, 742, 30 * oneSecond + 1), notice(1, 1, 1, 0), notice(2, 0, 29, oneSecond),
        ]
        func text(_ fields: LimitFields, _ notices: [LimitNotice]) -> String {
            var out = ByteWriter()
            plans.append(notices, fields, nowSeconds: 1_000, to: &out)
            return String(decoding: out.bytes, as: UTF8.self)
        }
        let standard = """
            RateLimit-Policy: "per-ip";q=1000;w=60, "many:5/2s";q=5;w=2, "many:10/1500ms";q=10;w=2, \
            "burst";q=30;w=3\r
            RateLimit: "per-ip";r=742;t=31, "many:10/1500ms";r=1;t=0, "burst";r=29;t=1\r

            """
        let legacy =
            "X-RateLimit-Limit: 10\r\nX-RateLimit-Remaining: 1\r\nX-RateLimit-Reset: 1000\r\n"
        #expect(text(.standard, notices) == standard)
        #expect(text(.legacy, notices) == legacy)
        #expect(text(.both, notices) == standard + legacy)
        #expect(text(.off, notices) == "" && text(.both, []) == "")
        // One rule alone.
        #expect(
            text(.standard, [notices[2]])
                == "RateLimit-Policy: \"burst\";q=30;w=3\r\nRateLimit: \"burst\";r=29;t=1\r\n")
        #expect(
            text(.legacy, [notices[2]])
                == "X-RateLimit-Limit: 30\r\nX-RateLimit-Remaining: 29\r\nX-RateLimit-Reset: 1001\r\n"
        )
    }
}
