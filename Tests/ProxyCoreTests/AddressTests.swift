import ProxyCore
import Testing

func address(_ text: String) -> ClientAddress? { ClientAddress(text) }

@Suite("IP addresses and blocks")
struct AddressTests {
    static let textTable: [Row<String, String?>] = [
        Row("0.0.0.0", "0.0.0.0"), Row("127.0.0.1", "127.0.0.1"),
        Row("255.255.255.255", "255.255.255.255"), Row("::", "::"), Row("::1", "::1"),
        Row("1::", "1::"), Row("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
        Row("2001:DB8::1", "2001:db8::1"), Row("2001:0db8:0:0:0:0:0:1", "2001:db8::1"),
        Row("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        Row("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
        Row("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        Row("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"), Row("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
        Row("::ffff:1.2.3.4", "1.2.3.4"), Row("::ffff:102:304", "1.2.3.4"),
        Row("64:ff9b::1.2.3.4", "64:ff9b::102:304"),
        Row("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"),
        Row("::1.2.3.4", "::102:304"),
        Row("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        Row("", nil), Row("1", nil), Row("1.2.3", nil), Row("1.2.3.4.5", nil), Row("1.2.3.", nil),
        Row(".1.2.3", nil), Row("1.2.3.256", nil), Row("01.2.3.4", nil), Row("1.2.3.04", nil),
        Row("1.2.3.4 ", nil), Row("1..2.3", nil), Row("0x1.2.3.4", nil), Row("1.2.3.1000", nil),
        Row(":", nil), Row(":::", nil), Row("1:", nil), Row(":1", nil), Row("1::2::3", nil),
        Row("1:2:3:4:5:6:7", nil), Row("1:2:3:4:5:6:7:8:9", nil), Row("1:2:3:4:5:6:7:8::", nil),
        Row("::1:2:3:4:5:6:7:8", nil), Row("12345::", nil), Row("g::", nil),
        Row("fe80::1%eth0", nil),
        Row("[::1]", nil), Row("1:2:3:4:5:6:7:1.2.3.4", nil), Row("::1.2.3", nil),
        Row("1.2.3.4::", nil),
        Row("::1.2.3.4:5", nil), Row("::00001", nil), Row("localhost", nil),
        Row("1:2:3:4:5:6:7:8:", nil),
    ]

    @Test("RFC 4291 §2.2 read, RFC 5952 written", arguments: textTable)
    func text(_ row: Row<String, String?>) {
        #expect(address(row.input)?.text == row.output)
    }

    @Test("what is written is read again as the same", arguments: 0..<300 as Range<UInt64>)
    func roundTrip(seed: UInt64) {
        var random = Seeded(seed: seed)
        var high = random.next()
        var low = random.next()
        // Zero some groups, so that `::` is met in every place.
        for group in 0..<8 where Bool.random(using: &random) {
            let mask = ~(UInt64(0xffff) << UInt64(16 * (group & 3)))
            if group < 4 { high &= mask } else { low &= mask }
        }
        let value = ClientAddress(high: high, low: low)
        #expect(address(value.text) == value)
    }

    @Test("properties of addresses")
    func properties() {
        #expect(address("127.9.9.9")?.isLoopback == true)
        #expect(address("::1")?.isLoopback == true)
        #expect(address("::ffff:127.0.0.1")?.isLoopback == true)
        #expect(address("128.0.0.1")?.isLoopback == false)
        #expect(ClientAddress.anyIPv6.isUnspecified)
        #expect(ClientAddress.anyIPv4.isUnspecified)
        #expect(address("1.2.3.4")?.ipv4 == 0x0102_0304)
        #expect(address("::1")?.isIPv4 == false)
    }

    static let blockTable: [Row<String, String?>] = [
        Row("10.0.0.0/8", "10.0.0.0/8"), Row("10.1.2.3", "10.1.2.3/32"),
        Row("0.0.0.0/0", "0.0.0.0/0"),
        Row("1.2.3.4/32", "1.2.3.4/32"), Row("::/0", "::/0"), Row("2001:db8::/32", "2001:db8::/32"),
        Row("::1", "::1/128"), Row("fe80::/10", "fe80::/10"), Row("::/128", "::/128"),
        Row("10.0.0.0/33", nil), Row("10.0.0.0/", nil), Row("10.0.0.0/-1", nil),
        Row("10.0.0.0/a", nil),
        Row("10.0.0.1/8", nil), Row("2001:db8::1/32", nil), Row("::/129", nil), Row("/8", nil),
        Row("10.0.0.0/8/8", nil), Row("10/8", nil), Row("", nil), Row("10.0.0.0/+8", nil),
        Row("10.0.0.0/0008", nil),
    ]

    @Test("blocks", arguments: blockTable)
    func block(_ row: Row<String, String?>) {
        #expect((try? CIDR(row.input))?.description == row.output)
    }

    static let containsTable: [Row<String, Bool>] = [
        Row("10.0.0.0/8 10.255.255.255", true), Row("10.0.0.0/8 11.0.0.0", false),
        Row("10.0.0.0/8 9.255.255.255", false), Row("0.0.0.0/0 255.1.1.1", true),
        Row("0.0.0.0/0 ::1", false), Row("::/0 ::1", true), Row("::/0 10.0.0.1", false),
        Row("1.2.3.4 1.2.3.4", true), Row("1.2.3.4 1.2.3.5", false),
        Row("10.0.0.0/8 ::ffff:10.1.1.1", true), Row("2001:db8::/32 2001:db8:ffff::1", true),
        Row("2001:db8::/32 2001:db9::", false), Row("2001:db8::/65 2001:db8::1", true),
        Row("2001:db8::/65 2001:db8:0:0:8000::", false), Row("192.168.0.0/23 192.168.1.255", true),
        Row("192.168.0.0/23 192.168.2.0", false),
    ]

    @Test("what is in a block", arguments: containsTable)
    func contains(_ row: Row<String, Bool>) throws {
        let words = row.input.split(separator: " ").map(String.init)
        let member = try #require(address(words[1]))
        #expect(try CIDR(words[0]).contains(member) == row.output)
    }

    @Test("a block with bits behind its prefix says how it is meant")
    func blockProblem() {
        #expect(
            message { () throws(TextProblem) in try CIDR("10.1.2.3/8") }
                == "expected `10.0.0.0/8`, found `10.1.2.3/8`")
    }

    /// `peer | X-Forwarded-For line | …`, trusted: 10/8 and fd00::/8.
    static let forwardedForTable: [Row<String, String>] = [
        Row("1.1.1.1", "1.1.1.1"), Row("1.1.1.1 | 2.2.2.2", "1.1.1.1"), Row("10.0.0.1", "10.0.0.1"),
        Row("10.0.0.1 | 2.2.2.2", "2.2.2.2"), Row("10.0.0.1 | 3.3.3.3, 2.2.2.2", "2.2.2.2"),
        Row("10.0.0.1 | 3.3.3.3, 10.0.0.2", "3.3.3.3"),
        Row("10.0.0.1 | 10.0.0.3,10.0.0.2", "10.0.0.3"),
        Row("10.0.0.1 | 3.3.3.3 | 10.0.0.2", "3.3.3.3"),
        Row("10.0.0.1 | 3.3.3.3 | 4.4.4.4", "4.4.4.4"),
        Row("10.0.0.1 | 3.3.3.3, bad, 10.0.0.2", "10.0.0.2"), Row("10.0.0.1 | unknown", "10.0.0.1"),
        Row("10.0.0.1 | ", "10.0.0.1"), Row("10.0.0.1 | ,", "10.0.0.1"),
        Row("10.0.0.1 | 2.2.2.2, ,", "2.2.2.2"),
        Row("10.0.0.1 | 2.2.2.2:1234", "2.2.2.2"),
        Row("10.0.0.1 | [2001:db8::1]:443", "2001:db8::1"),
        Row("10.0.0.1 | [2001:db8::1]", "2001:db8::1"),
        Row("10.0.0.1 | 2001:db8::1", "2001:db8::1"),
        Row("10.0.0.1 | 2.2.2.2:", "10.0.0.1"), Row("10.0.0.1 | 2.2.2.2:x", "10.0.0.1"),
        Row("10.0.0.1 | [2.2.2.2]", "10.0.0.1"), Row("10.0.0.1 | [::1", "10.0.0.1"),
        Row("10.0.0.1 | [::1]x", "10.0.0.1"), Row("10.0.0.1 | 2.2.2.2:123456", "10.0.0.1"),
        Row("10.0.0.1 | \t 2.2.2.2 \t", "2.2.2.2"), Row("fd00::1 | 2.2.2.2", "2.2.2.2"),
        Row("::ffff:10.0.0.1 | 2.2.2.2", "2.2.2.2"), Row("10.0.0.1 | ::ffff:10.0.0.2", "10.0.0.2"),
        Row("10.0.0.1 | 127.0.0.1, \"2.2.2.2\"", "10.0.0.1"),
        Row("10.0.0.1 | 2.2.2.2 3.3.3.3", "10.0.0.1"),
        Row("10.0.0.1 | 010.0.0.2", "10.0.0.1"), Row("10.0.0.1 | []", "10.0.0.1"),
    ]

    @Test("the right-most hop that is not trusted", arguments: forwardedForTable)
    func forwardedFor(_ row: Row<String, String>) throws {
        var parts = row.input.split(separator: "|", omittingEmptySubsequences: false).map(
            String.init)
        let peer = try #require(address(parts.removeFirst().filter { $0 != " " }))
        let trusted = [try CIDR("10.0.0.0/8"), try CIDR("fd00::/8")]
        let client = ClientAddress.resolve(
            peer: peer, forwardedFor: parts.map { Array($0.utf8) }, trusted: trusted)
        #expect(client.text == row.output)
    }

    static let forwardedTable: [Row<String, String>] = [
        Row("for=2.2.2.2", "2.2.2.2"), Row("For=2.2.2.2", "2.2.2.2"),
        Row("for=\"2.2.2.2\"", "2.2.2.2"),
        Row("for=\"2.2.2.2:80\"", "2.2.2.2"), Row("for=\"[2001:db8::1]:80\"", "2001:db8::1"),
        Row("for=3.3.3.3, for=2.2.2.2", "2.2.2.2"), Row("for=3.3.3.3, for=10.0.0.2", "3.3.3.3"),
        Row("for=2.2.2.2;proto=https;by=10.0.0.1", "2.2.2.2"),
        Row("proto=https;for=2.2.2.2", "2.2.2.2"),
        Row("proto=https", "10.0.0.1"), Row("for=unknown", "10.0.0.1"),
        Row("for=_hidden", "10.0.0.1"),
        Row("for=", "10.0.0.1"), Row("for=\"2.2.2.2", "10.0.0.1"), Row("for", "10.0.0.1"),
        Row("for=2.2.2.2;for=3.3.3.3", "10.0.0.1"), Row("for=\"2.2\\.2.2\"", "10.0.0.1"),
        Row("by=\"a,b\";for=2.2.2.2", "2.2.2.2"),
        Row("host=\"a\\\",for=9.9.9.9\";for=2.2.2.2", "2.2.2.2"),
        Row("", "10.0.0.1"), Row("for=2.2.2.2,", "2.2.2.2"), Row("for=2.2.2.2;", "2.2.2.2"),
        Row("for=3.3.3.3, proto=http, for=10.0.0.2", "10.0.0.2"),
    ]

    @Test("RFC 7239 Forwarded", arguments: forwardedTable)
    func forwarded(_ row: Row<String, String>) throws {
        let peer = try #require(address("10.0.0.1"))
        let trusted = [try CIDR("10.0.0.0/8")]
        let client = ClientAddress.resolve(
            peer: peer, forwardedFor: [], forwarded: [Array(row.input.utf8)], trusted: trusted)
        #expect(client.text == row.output)
    }

    @Test("X-Forwarded-For decides where both are there")
    func both() throws {
        let client = ClientAddress.resolve(
            peer: .loopbackIPv4, forwardedFor: [Array("2.2.2.2".utf8)],
            forwarded: [Array("for=3.3.3.3".utf8)], trusted: [try CIDR("127.0.0.0/8")])
        #expect(client.text == "2.2.2.2")
    }

    @Test("at most 32 hops are followed, in one line or in many")
    func hops() throws {
        let trusted = [try CIDR("10.0.0.0/8"), try CIDR("127.0.0.1")]
        let entries = ["9.9.9.9"] + (1...40).map { "10.0.0.\($0)" }
        let one = ClientAddress.resolve(
            peer: .loopbackIPv4, forwardedFor: [Array(entries.joined(separator: ",").utf8)],
            trusted: trusted)
        #expect(one.text == "10.0.0.9")
        let many = ClientAddress.resolve(
            peer: .loopbackIPv4, forwardedFor: entries.map { Array($0.utf8) }, trusted: trusted)
        #expect(many == one)
        let forwarded = entries.map { "for=\($0)" }.joined(separator: ",")
        let rfc = ClientAddress.resolve(
            peer: .loopbackIPv4, forwardedFor: [], forwarded: [Array(forwarded.utf8)],
            trusted: trusted)
        #expect(rfc == one)
        let commas = ClientAddress.resolve(
            peer: .loopbackIPv4,
            forwardedFor: [Array(("9.9.9.9" + String(repeating: ",", count: 10_000)).utf8)],
            trusted: trusted)
        #expect(commas == .loopbackIPv4)
    }

    @Test("no bytes whatever stop the walk from ending", arguments: 0..<300 as Range<UInt64>)
    func fuzz(seed: UInt64) throws {
        var random = Seeded(seed: seed)
        let alphabet = Array("for=\"\\;,[]:. 10.2unknow\t".utf8)
        let line = (0..<Int.random(in: 0...80, using: &random)).map { _ in
            alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
        }
        let trusted = [try CIDR("0.0.0.0/0"), try CIDR("::/0")]
        var walk = ClientAddressWalk(peer: .loopbackIPv4, trusted: trusted)
        walk.feed(forwardedFor: line.span)
        var other = ClientAddressWalk(peer: .loopbackIPv4, trusted: trusted)
        other.feed(forwarded: line.span)
        #expect(address(walk.client.text) == walk.client)
        #expect(address(other.client.text) == other.client)
    }
}
