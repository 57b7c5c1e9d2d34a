import Testing

@testable import Telemetry

@Suite("Labels") struct LabelTests {
    /// What goes in, and what stands between the quotes.
    static let hostile: [(String, String)] = [
        ("plain", "plain"),
        ("a\"b", #"a\"b"#),
        (#"a\b"#, #"a\\b"#),
        (#"\"#, #"\\"#),
        ("a\nb", #"a\nb"#),
        ("a\\nb", #"a\\nb"#),
        ("a\0b", "a\u{FFFD}b"),
        ("a\rb", "a\u{FFFD}b"),
        ("\r\n", "\u{FFFD}\\n"),
        ("\t\u{1B}[31m", "\u{FFFD}\u{FFFD}[31m"),
        ("\u{7F}\u{85}", "\u{FFFD}\u{FFFD}"),
        ("a\u{2028}b\u{2029}", "a\u{FFFD}b\u{FFFD}"),
        (#"x"} 1"# + "\nevil 2", #"x\"} 1\nevil 2"#),
        ("", ""),
        ("día", "día"),
        (String(decoding: [0x61, 0xff, 0x62], as: UTF8.self), "a\u{FFFD}b"),
        (String(repeating: "x", count: 10_000), String(repeating: "x", count: 128)),
        (String(repeating: "é", count: 100), String(repeating: "é", count: 64)),
        (String(repeating: "x", count: 127) + "é", String(repeating: "x", count: 127)),
        (String(repeating: "\"", count: 200), String(repeating: #"\""#, count: 128)),
    ]

    @Test("hostile values end in one valid sample", arguments: hostile)
    func hostileValue(given: String, written: String) {
        let registry = sampleRegistry()
        registry.makeShard().counter(Sample.byRoute, [given]).add(3)
        let expected = "t_by_route_total{route=\"\(written)\"} 3"
        #expect(samples(page(registry)).map { Array($0.utf8) } == [Array(expected.utf8)])
    }

    @Test("values that are cut to the same text are one child") func cutTogether() {
        let registry = sampleRegistry()
        let shard = registry.makeShard()
        let long = String(repeating: "x", count: 128)
        shard.counter(Sample.byRoute, [long + "1"]).add()
        shard.counter(Sample.byRoute, [long + "2"]).add()
        #expect(samples(page(registry)).count == 1)
        #expect(registry.seriesCount == 1)
    }

    @Test("100,000 random routes, methods and codes add no series beyond the caps") func cap() {
        let registry = Registry()
        let shard = registry.makeShard()
        registry.createKnown()
        var seed = UInt64(42)
        func random() -> UInt64 {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return seed >> 20
        }
        func hit() {
            let labels = ["/\(random())", "M\(random())", "\(random())", "upstream"]
            shard.counter(Catalogue.httpRequests, labels).add()
        }
        for _ in 0..<5_000 { hit() }
        let before = registry.seriesCount
        let overflow = value(Self.routeOverflow, in: page(registry)).flatMap { Int($0) } ?? 0
        #expect(overflow == 5_000 - 64)
        for _ in 0..<95_000 { hit() }
        #expect(registry.seriesCount == before)
        let text = page(registry)
        #expect(value(Self.routeOverflow, in: text) == String(overflow + 95_000))
        let other = #"{route="_other",method="_other",code="_other",origin="upstream"}"#
        let folded = value("meliproxy_http_requests_total" + other, in: text)
        #expect(folded.flatMap { Int($0) } ?? 0 >= 95_000)
    }

    private static let routeOverflow = #"meliproxy_metrics_label_overflow_total{label="route"}"#

    @Test("the caps are 64 routes and 16 upstreams, over all families", arguments: [1, 2])
    func defaults(shards: Int) {
        let registry = Registry()
        for _ in 0..<shards {
            let shard = registry.makeShard()
            for index in 0..<80 {
                shard.counter(Catalogue.upstreamConnectionsOpened, ["u\(index)"]).add()
                _ = shard.histogram(Catalogue.upstreamFirstByte, ["v\(index)"])
                shard.counter(Catalogue.httpRequests, ["r\(index)", "GET", "200", "cache"]).add()
            }
        }
        let names = samples(page(registry))
        func count(_ prefix: String) -> Int { names.filter { $0.hasPrefix(prefix) }.count }
        // Eight of each kind were admitted in turns; `_other` is not counted.
        #expect(count("meliproxy_upstream_connections_opened_total{") == 9)
        #expect(count("meliproxy_upstream_first_byte_seconds_count{") == 9)
        #expect(count("meliproxy_http_requests_total{") == 65)
        let folded = #"meliproxy_upstream_connections_opened_total{upstream="_other"}"#
        #expect(value(folded, in: page(registry)) == String(72 * shards))
    }

    @Test("label sets of one family are bounded as well") func childrenPerFamily() {
        var limits = CardinalityLimits()
        limits.childrenPerFamilyMax = 10
        let registry = Registry(limits: limits)
        let shard = registry.makeShard()
        for code in 200..<300 {
            shard.counter(Catalogue.upstreamRequests, ["api", "\(code)"]).add()
        }
        shard.counter(Catalogue.upstreamRequests, ["api", "200"]).add()
        let text = page(registry)
        let name = "meliproxy_upstream_requests_total"
        #expect(samples(text).filter { $0.hasPrefix(name) }.count == 11)
        #expect(value(name + #"{upstream="_other",code="_other"}"#, in: text) == "90")
        #expect(value(name + #"{upstream="api",code="200"}"#, in: text) == "2")
        let overflow = #"meliproxy_metrics_label_overflow_total{label="upstream"}"#
        #expect(value(overflow, in: text) == "90")
    }

    @Test(
        "status codes",
        arguments: [
            ("100", true), ("200", true), ("599", true), ("099", false), ("600", false),
            ("", false), ("2000", false), ("20", false), ("2x0", false), ("+20", false),
            ("２００", false),
        ])
    func codes(text: String, valid: Bool) {
        #expect(isStatusCode(text) == valid)
    }

    @Test("a word outside of a closed vocabulary is _other and counted") func closedWord() {
        let registry = Registry()
        registry.makeShard().counter(Catalogue.httpRequestErrors, ["surprise"]).add()
        let text = page(registry)
        #expect(value(#"meliproxy_http_request_errors_total{reason="_other"}"#, in: text) == "1")
        let overflow = #"meliproxy_metrics_label_overflow_total{label="reason"}"#
        #expect(value(overflow, in: text) == "1")
    }
}
