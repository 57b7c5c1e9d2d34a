import HTTP1
import Testing

@testable import ProxyCore

@Suite("RFC 9111 §4.1: negotiated responses")
struct VaryTests {
    private func rule(
        _ vary: String, _ first: RequestHead, _ settings: CacheSettings = CacheSettings()
    ) -> VaryRule {
        let fields = vary.split(separator: "\r\n").enumerated().map { index, line in
            index == 0 ? "Vary: " + line : String(line)
        }
        let rule = VaryRule.read(response(200, fields), first, settings)
        #expect(rule != nil)
        return rule ?? VaryRule()
    }

    private func variantKey(_ rule: VaryRule, _ request: RequestHead) -> [UInt8] {
        var out: [UInt8] = []
        rule.appendVariantKey(request, to: &out)
        return out
    }

    @Test("selecting fields", arguments: varyCases)
    func matching(_ row: VaryCase) {
        let first = request("GET /a", row.first)
        let second = request("GET /a", row.second)
        let rule = rule(row.vary, first)
        #expect(rule.matches(second) == row.matches)
        #expect(rule.matches(first))
        #expect(self.rule(row.vary, second).matches(first) == row.matches)
        #expect((variantKey(rule, first) == variantKey(rule, second)) == row.matches)
    }

    @Test("fields that the route ignores do not count")
    func ignored() {
        let settings = settings { $0.varyIgnore = [Array("user-agent".utf8)] }
        let first = request("GET /a", ["User-Agent: a", "Foo: 1"])
        let rule = rule("USER-AGENT, Foo", first, settings)
        #expect(rule.matches(request("GET /a", ["User-Agent: b", "Foo: 1"])))
        #expect(!rule.matches(request("GET /a", ["User-Agent: a", "Foo: 2"])))
        #expect(self.rule("User-Agent", first, settings).isEmpty)
        #expect(!rule.isEmpty)
    }

    @Test("rules of the same fields are equal however Vary spells them")
    func equality() {
        let head = request("GET /a", ["Foo: 1", "Bar: 2", "Accept-Encoding: br"])
        let rule = rule("Foo, bar, Accept-Encoding", head)
        #expect(self.rule("accept-encoding,BAR,foo,Foo", head) == rule)
        #expect(self.rule("Foo, Bar", head) != rule)
    }

    @Test("a rule gets the fields of another one and keeps its own values")
    func joined() {
        let first = request("GET /a", ["Foo: 1", "Bar: 2"])
        let second = request("GET /a", ["Foo: 1", "Bar: 3", "Accept-Encoding: br"])
        let joined = rule("Foo, Bar", first).joined(rule("Zoo, Bar, Abc, Accept-Encoding", second))
        let all = ["Foo: 1", "Bar: 2", "Accept-Encoding: br"]
        #expect(joined.matches(request("GET /a", all)))
        #expect(!joined.matches(request("GET /a", all + ["Zoo: 1"])))
        #expect(!joined.matches(second))
        #expect(!joined.matches(first))
        let fields = rule("Abc, Accept-Encoding, Bar, Foo, Zoo", request("GET /a", all))
        #expect(joined.entries.map(\.known) == fields.entries.map(\.known))
        #expect(
            variantKey(joined, request("GET /a", all)) == variantKey(fields, request("GET /a", all))
        )
        let same = rule("Foo", first)
        #expect(same.joined(same) == same)
        #expect(same.joined(VaryRule()) == same)
    }

    @Test("a variant key tells a set of codings from a text, and absent from empty")
    func variantKeys() {
        let rule = rule("Accept-Encoding, Foo", request())
        let keys = [
            [], ["Foo:"], ["Foo: -"], ["Foo: 1"], ["Accept-Encoding:"], ["Accept-Encoding: foo"],
            ["Accept-Encoding: br"],
        ].map { variantKey(rule, request("GET /a", $0)) }
        #expect(Set(keys).count == keys.count)
    }

    @Test("long runs of blanks cost no more than their length")
    func blanks() {
        let blanks = String(repeating: " ", count: 20_000)
        let first = request("GET /a", ["Foo: a" + blanks + "b"])
        let rule = rule("Foo", first)
        #expect(rule.matches(first))
        #expect(!rule.matches(request("GET /a", ["Foo: a" + blanks + ",b"])))
        #expect(
            self.rule("Foo", request("GET /a", ["Foo: a" + blanks + ",b"])).matches(
                request("GET /a", ["Foo: a,b"])))
    }
}
