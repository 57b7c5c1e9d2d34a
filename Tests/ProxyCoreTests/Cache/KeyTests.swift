import HTTP1
import Testing

@testable import ProxyCore

@Suite("RFC 9111 §2: cache keys")
struct KeyTests {
    /// Host, a blank, target, and what else is selected.
    private func key(_ head: RequestHead, _ rules: KeyRules) -> String? {
        var out = Array("prefix".utf8)
        guard let parts = CacheKey.append(head, rules, to: &out) else {
            #expect(out == Array("prefix".utf8), "nothing is left behind")
            return nil
        }
        #expect(parts.host.lowerBound == 6 && parts.target.lowerBound == parts.host.upperBound)
        return string(out[parts.host]) + " " + string(out[parts.target.lowerBound...])
    }

    @Test("of requests", arguments: keyCases)
    func requests(_ row: KeyCase) {
        #expect(key(request("GET " + row.target, row.fields), row.rules) == row.expected)
    }

    @Test("of targets as text are the same", arguments: keyCases)
    func targets(_ row: KeyCase) {
        guard row.target.hasPrefix("/") else { return }
        var out = Array("x".utf8)
        let range = CacheKey.appendTarget(byteArray(row.target).span, row.rules, to: &out)
        let expected = row.expected.map { key in
            String(key.split(separator: " ", maxSplits: 1)[1].split(separator: "\n")[0])
        }
        #expect(range.map { string(out[$0]) } == expected)
        if range == nil { #expect(out == Array("x".utf8)) }
    }

    @Test(
        "of a target that is no path there is none", arguments: ["a", "a/b", "http://h/a", "%2Fa"])
    func noPath(_ target: String) {
        var out: [UInt8] = []
        #expect(CacheKey.appendTarget(byteArray(target).span, KeyRules(), to: &out) == nil)
        #expect(out.isEmpty)
    }

    @Test("of an empty target is that of the root")
    func emptyTarget() {
        var out: [UInt8] = []
        #expect(CacheKey.appendTarget(byteArray("").span, KeyRules(), to: &out) == 0..<1)
        #expect(string(out) == "/")
    }

    @Test("do not tell GET from HEAD")
    func head() {
        let rules = KeyRules()
        #expect(key(request("HEAD /a?b"), rules) == key(request("GET /a?b"), rules))
    }

    @Test("of HTTP/1.0 without Host have an empty host")
    func noHost() {
        let bytes = byteArray("GET /a HTTP/1.0\r\n\r\n")
        let head = RequestHead()
        var parser = RequestParser()
        #expect(parser.parse(bytes.span, into: head) == .complete(consumed: bytes.count))
        #expect(key(head, KeyRules()) == " /a")
    }

    @Test("are normal forms: the key of a key is itself", arguments: keyCases)
    func idempotent(_ row: KeyCase) {
        guard let expected = row.expected, !expected.contains("\n") else { return }
        let target = String(expected.split(separator: " ", maxSplits: 1)[1])
        var out: [UInt8] = []
        #expect(CacheKey.appendTarget(byteArray(target).span, row.rules, to: &out) != nil)
        #expect(string(out) == target)
    }
}
