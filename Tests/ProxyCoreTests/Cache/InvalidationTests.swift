import HTTP1
import Telemetry
import Testing

@testable import ProxyCore

@Suite("RFC 9111 §4.4: invalidation, and tags")
struct InvalidationTests {
    @Test("targets", arguments: invalidationCases)
    func targets(_ row: InvalidationCase) {
        let head = request(row.request[0], Array(row.request.dropFirst()))
        let targets = Invalidation.targets(
            head, response(row.status, row.fields), KeyRules(),
            upstreamAuthority: byteArray("Origin:9000"))
        #expect(targets.map(string) == row.expected)
    }

    @Test("targets are what keys start with, whatever else the route selects")
    func keys() {
        var rules = KeyRules()
        rules.fields = [byteArray("x")]
        rules.sortQuery = true
        let targets = Invalidation.targets(
            request("POST /a?c&b", ["X: 1"]), response(200, ["Location: ?z&y"]), rules)
        #expect(targets.map(string) == ["h/a?b&c", "h/a?y&z"])
        var key: [UInt8] = []
        let parts = CacheKey.append(request("GET /a?b&c", ["X: 1"]), rules, to: &key)
        #expect(parts.map { Array(key[$0.host.lowerBound..<$0.target.upperBound]) } == targets[0])
    }

    @Test("tags", arguments: tagCases)
    func tags(_ row: TagCase) {
        let fields = ["Cache-Control: max-age=60"] + row.fields
        guard let (metadata, _) = stored(fields) else { return }
        #expect(metadata.tags == row.expected.map { CacheTags.hash(byteArray($0).span) })
    }

    @Test("at most 64 tags are kept")
    func manyTags() {
        let tags = (0..<100).map { "t\($0)" }
        let fields = ["Cache-Control: max-age=60", "Cache-Tag: " + tags.joined(separator: ",")]
        guard let (metadata, _) = stored(fields) else { return }
        #expect(metadata.tags == tags.prefix(64).map { CacheTags.hash(byteArray($0).span) })
    }

    @Test(
        "hashes are 64-bit FNV-1a",
        arguments: [
            ("", 0xcbf2_9ce4_8422_2325), ("a", 0xaf63_dc4c_8601_ec8c),
            ("foobar", 0x8594_4171_f739_67e8),
        ] as [(String, UInt64)])
    func hash(_ text: String, _ expected: UInt64) {
        #expect(CacheTags.hash(byteArray(text).span) == expected)
    }
}

@Suite("RFC 8941 and RFC 9651: structured fields")
struct StructuredFieldTests {
    private func dictionary(_ text: String) -> String {
        guard let members = StructuredField.dictionary(byteArray(text)) else { return "invalid" }
        return members.map { "\(string($0.key))=\(word($0.value))" }.sorted()
            .joined(separator: " ")
    }

    private func word(_ item: StructuredField.Item) -> String {
        switch item {
        case .integer(let value): "\(value)"
        case .boolean(let value): value ? "yes" : "no"
        case .string(let value): "'\(string(value))'"
        case .other: "other"
        case .list: "list"
        }
    }

    @Test(
        "dictionaries",
        arguments: [
            ("", ""), ("  ", ""), ("a", "a=yes"), (" a ", "a=yes"), ("a, b", "a=yes b=yes"),
            ("a,b", "a=yes b=yes"), ("a\t,\tb", "a=yes b=yes"), ("a=1", "a=1"), ("a=-1", "a=-1"),
            ("a=?1", "a=yes"), ("a=?0", "a=no"), ("a=\"b\"", "a='b'"), ("a=b", "a=other"),
            ("a=B:/x", "a=other"), ("a=*x", "a=other"), ("a=1.5", "a=other"),
            ("a=:YQ==:", "a=other"), ("a=@1659578233", "a=other"), ("a=%\"x\"", "a=other"),
            ("a=(1 2)", "a=list"), ("a=( 1  \"x\";y )", "a=list"), ("a=();b", "a=list"),
            ("a;x=1;y, b=2;z=\"q\"", "a=yes b=2"), ("a; x", "a=yes"), ("a=1,a=2", "a=2"),
            ("*a_b-c.d*=1", "*a_b-c.d*=1"), ("a=999999999999999", "a=999999999999999"),
            ("a=0012", "a=12"), ("a=\"x\\\"\\\\\"", "a='x\"\\'"),
            ("a=123456789012.123", "a=other"),
        ])
    func valid(_ text: String, _ expected: String) {
        #expect(dictionary(text) == expected)
    }

    @Test(
        "dictionaries that are none",
        arguments: [
            "a,", ",a", "a,,b", "a b", "A", "1", "a=", "a =1", "a= 1", "a=1 2", "a=?2", "a=?",
            "a=\"b", "a=\"b\\c\"", "a=\"\u{e9}\"", "a=\"\u{1}\"", "a=1.", "a=1.2345", "a=-",
            "a=1234567890123456", "a=1234567890123.1", "a=:Y!:", "a=:YQ==", "a=(1", "a=(1,2)",
            "a=(\"x\"\"y\")", "a;", "a;X", "a;x=", "a=@", "a=@1.5", "a=%x", "a=&", "&", "\ta",
            "a=%\"x",
        ])
    func invalid(_ text: String) {
        #expect(dictionary(text) == "invalid")
    }

    @Test("lists")
    func lists() {
        func list(_ text: String) -> String {
            StructuredField.list(byteArray(text))?.map(word).joined(separator: " ") ?? "invalid"
        }
        #expect(list("") == "")
        #expect(list("1, \"a\", b;c, (d e), ?0") == "1 'a' other list no")
        #expect(list("1,") == "invalid")
        #expect(list("1 2") == "invalid")
    }
}

@Suite("RFC 9211: words of Cache-Status")
struct CacheStatusWordTests {
    @Test("are spelt alike in header, log and label")
    func words() {
        #expect(
            CacheResult.allCases.map(\.rawValue) == [
                "hit", "stale-served", "collapsed", "uri-miss", "vary-miss", "miss", "stale",
                "request", "method", "bypass", "partial",
            ])
        #expect(
            CacheDetail.allCases.map(\.rawValue) == [
                "l1", "l2", "swr", "sie", "breaker_open", "gate_closed", "overloaded", "paced",
                "hit-for-miss", "limits",
            ])
        for (index, result) in CacheResult.allCases.enumerated() { #expect(result.index == index) }
    }
}
