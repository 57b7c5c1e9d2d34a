import HTTP1
import Testing
import Time

@testable import Proxy

@Suite("Access log text")
struct LogTextTests {
    @Test(
        "RFC 3339 with microseconds",
        arguments: [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_782_400_000_001_000, "2000-02-29T00:00:00.000001Z"),
            (1_709_164_799_999_999_999, "2024-02-28T23:59:59.999999Z"),
            (4_107_542_399_000_000_000, "2100-02-28T23:59:59.000000Z"),
            (-1_000, "1969-12-31T23:59:59.999999Z"),
        ])
    func timestamp(_ nanoseconds: Int64, _ text: String) {
        var out = ByteWriter()
        out.append(timestamp: Timestamp(nanoseconds: nanoseconds))
        #expect(String(decoding: out.bytes, as: UTF8.self) == text)
    }

    @Test("every byte becomes valid JSON")
    func escaping() {
        var out = ByteWriter()
        let bytes = (0...255).map { UInt8($0) }
        out.append(escaping: bytes.span)
        let text = String(decoding: out.bytes, as: UTF8.self)
        #expect(text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7f })
        #expect(text.hasPrefix("\\u0000\\u0001"))
        #expect(text.contains(" !\\\"#") && text.contains("[\\\\]"))
        #expect(text.hasSuffix("\\u00fe\\u00ff"))
    }

    @Test("a full buffer drops whole lines and takes new ones after it was emptied")
    func buffer() {
        let buffer = LogBuffer()
        let line = [UInt8](repeating: 0x61, count: 1000)
        var accepted = 0
        while buffer.append(line.span) == 0 { accepted += 1 }
        #expect(accepted == LogBuffer.pendingBytesMax / 1000)
        var lines: [UInt8] = []
        buffer.take(&lines)
        #expect(lines.count == accepted * 1000)
        let dropped = buffer.append(line.span)
        #expect(dropped == 0)
    }

    @Test("what the sink did not take is counted once, with the next line", arguments: [0, 1, 3])
    func lost(lines: Int) {
        let buffer = LogBuffer()
        let line = Array("a line\n".utf8)
        buffer.lose([UInt8]((0..<lines).flatMap { _ in line }).span)
        let first = buffer.append(line.span), second = buffer.append(line.span)
        #expect(first == lines)
        #expect(second == 0)
    }
}

@Suite("Admin token")
struct AdminTokenTests {
    @Test(
        "only the whole token opens",
        arguments: [
            ("Bearer secret", true), ("bearer secret", true), ("BEARER secret", true),
            ("Bearer secre", false), ("Bearer secrets", false), ("Bearer ", false),
            ("Basic secret", false), ("secret", false), ("Bearer Secret", false),
            (nil, false),
        ] as [(String?, Bool)])
    func token(_ field: String?, _ isAllowed: Bool) {
        #expect(AdminService.isAllowed(field, Array("secret".utf8)) == isAllowed)
    }
}

@Suite("Client deadlines")
struct ClientDeadlineTests {
    @Test("the earliest counts, whichever it is")
    func earliest() {
        let paths: [WritableKeyPath<ClientDeadlines, Instant>] = [
            \.idle, \.head, \.body, \.stall, \.halfClose, \.lingering,
        ]
        for path in paths {
            var deadlines = ClientDeadlines()
            #expect(deadlines.earliest == .never)
            for other in paths { deadlines[keyPath: other] = Instant(nanoseconds: 20) }
            deadlines[keyPath: path] = Instant(nanoseconds: 10)
            #expect(deadlines.earliest == Instant(nanoseconds: 10))
            deadlines.clear()
            #expect(deadlines.earliest == .never)
        }
    }
}
