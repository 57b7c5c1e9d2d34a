import ProxyCore
import Testing

@Suite("The PROXY protocol header")
struct ProxyProtocolTests {
    static let lineTable: [Row<String, ProxyProtocol.Result>] = [
        Row("PROXY TCP4 1.2.3.4 5.6.7.8 1111 80\r\n", done(36, "1.2.3.4", 1111)),
        Row("PROXY TCP4 1.2.3.4 5.6.7.8 1111 80\r\nGET /", done(36, "1.2.3.4", 1111)),
        Row("PROXY TCP4 1.2.3.4 5.6.7.8 0 0\r\n", done(32, "1.2.3.4", 0)),
        Row("PROXY TCP4 1.2.3.4 5.6.7.8 65535 65535\r\n", done(40, "1.2.3.4", 65535)),
        Row("PROXY TCP6 ::1 2001:db8::2 1 2\r\n", done(32, "::1", 1)),
        Row("PROXY TCP6 ::ffff:1.2.3.4 ::1 1 2\r\n", done(35, "1.2.3.4", 1)),
        Row("PROXY UNKNOWN\r\n", done(15, nil, 0)),
        Row("PROXY UNKNOWN anything at all\r\n", done(31, nil, 0)),
        Row("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\nX", done(59, nil, 0)),
        Row("", .needMore), Row("P", .needMore), Row("PROXY", .needMore), Row("PROXY ", .needMore),
        Row("PROXY TCP4 1.2.3.4", .needMore), Row("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r", .needMore),
        Row("GET / HTTP/1.1\r\n", .reject(.signature)), Row("PROXZ", .reject(.signature)),
        Row("proxy TCP4", .reject(.signature)), Row("\r\n", .needMore),
        Row("\n", .reject(.signature)),
        Row("PROXY\r\n", .reject(.signature)), Row("PROXY \r\n", .reject(.family)),
        Row("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n", .reject(.line)), Row("PROXY \n", .reject(.line)),
        Row("PROXY TCP5 1.2.3.4 5.6.7.8 1 2\r\n", .reject(.family)),
        Row("PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n", .reject(.family)),
        Row("PROXY tcp4 1.2.3.4 5.6.7.8 1 2\r\n", .reject(.family)),
        Row("PROXY  TCP4 1.2.3.4 5.6.7.8 1 2\r\n", .reject(.family)),
        Row("PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n", .reject(.address)),
        Row("PROXY TCP4 1.2.3.4 5.6.7 1 2\r\n", .reject(.address)),
        Row("PROXY TCP4 ::1 ::2 1 2\r\n", .reject(.address)),
        Row("PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n", .reject(.address)),
        Row("PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n", .reject(.address)),
        Row("PROXY TCP4\r\n", .reject(.address)),
        Row("PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n", .reject(.port)),
        Row("PROXY TCP4 1.2.3.4 5.6.7.8 1 \r\n", .reject(.port)),
        Row("PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n", .reject(.port)),
        Row("PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n", .reject(.port)),
        Row("PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n", .reject(.port)),
        Row("PROXY TCP4 1.2.3.4 5.6.7.8 1 99999\r\n", .reject(.port)),
        Row("PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n", .reject(.port)),
        Row("PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n", .reject(.port)),
        Row("PROXY UNKNOWN " + String(repeating: "x", count: 91) + "\r\n", done(107, nil, 0)),
        Row("PROXY UNKNOWN " + String(repeating: "x", count: 92) + "\r\n", .reject(.line)),
        Row("PROXY UNKNOWN " + String(repeating: "x", count: 93), .reject(.line)),
        Row("PROXY UNKNOWN " + String(repeating: "x", count: 92), .needMore),
    ]

    static func done(_ consumed: Int, _ source: String?, _ port: UInt16) -> ProxyProtocol.Result {
        .complete(consumed: consumed, source: source.flatMap { ClientAddress($0) }, port: port)
    }

    @Test("version 1", arguments: lineTable)
    func versionOne(_ row: Row<String, ProxyProtocol.Result>) {
        #expect(ProxyProtocol.parse(Array(row.input.utf8).span) == row.output)
    }

    static let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10]
    static let four: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8, 0x04, 0x57, 0, 80]
    static let six: [UInt8] =
        [0x20, 1, 0x0d, 0xb8] + Array(repeating: 0, count: 11) + [1]
        + Array(repeating: 9, count: 16) + [0x1f, 0x90, 0, 80]

    /// A header with version and command, family, length (nil: that of the block) and block.
    static func header(
        _ command: UInt8, _ family: UInt8, _ block: [UInt8], length: Int? = nil
    ) -> [UInt8] {
        let length = length ?? block.count
        return signature + [command, family, UInt8(length >> 8), UInt8(length & 255)] + block
    }

    static let blockTable: [Row<[UInt8], ProxyProtocol.Result>] = [
        Row(header(0x21, 0x11, four), done(28, "1.2.3.4", 1111)),
        Row(header(0x21, 0x11, four) + [0x47], done(28, "1.2.3.4", 1111)),
        Row(header(0x21, 0x11, four + [4, 0, 1, 9]), done(32, "1.2.3.4", 1111)),
        Row(header(0x21, 0x21, six), done(52, "2001:db8::1", 8080)),
        Row(
            header(0x21, 0x21, six + Array(repeating: 1, count: 500)),
            done(552, "2001:db8::1", 8080)),
        Row(header(0x21, 0x00, []), done(16, nil, 0)),
        Row(header(0x21, 0x00, [1, 2, 3]), done(19, nil, 0)),
        Row(header(0x20, 0x00, []), done(16, nil, 0)),
        Row(header(0x20, 0x11, four), done(28, nil, 0)),
        Row(header(0x20, 0xff, [7]), done(17, nil, 0)),
        Row(header(0x21, 0x31, Array(repeating: 0, count: 216)), done(232, nil, 0)),
        Row(header(0x21, 0x11, four, length: 4096), .needMore),
        Row(header(0x21, 0x11, four, length: 4097), .reject(.length)),
        Row(header(0x20, 0x00, [], length: 65535), .reject(.length)),
        Row(header(0x21, 0x11, four, length: 11), .reject(.length)),
        Row(header(0x21, 0x11, []), .reject(.length)),
        Row(header(0x21, 0x21, six, length: 35), .reject(.length)),
        Row(header(0x21, 0x31, [], length: 215), .reject(.length)),
        Row(header(0x21, 0x12, four), .reject(.family)),
        Row(header(0x21, 0x22, six), .reject(.family)),
        Row(header(0x21, 0x41, four), .reject(.family)),
        Row(header(0x21, 0x10, four), .reject(.family)),
        Row(header(0x21, 0x01, []), .reject(.family)),
        Row(header(0x11, 0x11, four), .reject(.version)),
        Row(header(0x31, 0x11, four), .reject(.version)),
        Row(header(0x22, 0x11, four), .reject(.command)),
        Row(header(0x2f, 0x11, four), .reject(.command)),
        Row([13], .needMore), Row(signature, .needMore), Row(signature + [0x21], .needMore),
        Row(signature + [0x21, 0x11, 0], .needMore), Row([13, 10, 13, 11], .reject(.signature)),
        Row([13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 0x54], .reject(.signature)),
        Row([0x16, 3, 1], .reject(.signature)),
        Row(
            header(
                0x21, 0x21,
                [UInt8](repeating: 0, count: 10) + [255, 255, 9, 8, 7, 6] + six.suffix(20)),
            done(52, "9.8.7.6", 8080)),
    ]

    @Test("version 2", arguments: blockTable)
    func versionTwo(_ row: Row<[UInt8], ProxyProtocol.Result>) {
        #expect(ProxyProtocol.parse(row.input.span) == row.output)
    }

    static let everything = lineTable.map { Row(Array($0.input.utf8), $0.output) } + blockTable

    @Test("byte by byte the verdict is that of the whole, and stays", arguments: everything)
    func byteByByte(_ row: Row<[UInt8], ProxyProtocol.Result>) {
        var verdict: ProxyProtocol.Result = .needMore
        for count in 0...row.input.count {
            let now = ProxyProtocol.parse(Array(row.input.prefix(count)).span)
            if verdict == .needMore {
                verdict = now
            } else {
                #expect(now == verdict, "after \(count) bytes")
            }
            if case .complete(let consumed, _, _) = now { #expect(consumed <= count) }
        }
        #expect(verdict == row.output)
    }

    @Test("a damaged header is never read beyond its end", arguments: 0..<300 as Range<UInt64>)
    func damaged(seed: UInt64) {
        var random = Seeded(seed: seed)
        let rows = Self.everything
        var bytes = rows[Int.random(in: 0..<rows.count, using: &random)].input
        for _ in 0..<3 where !bytes.isEmpty {
            bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(
                in: 0...255, using: &random)
        }
        if case .complete(let consumed, _, _) = ProxyProtocol.parse(bytes.span) {
            #expect(consumed <= bytes.count)
        }
    }
}
