import HTTP1
import Testing

@Suite("Writing")
struct ByteWriterTests {
    private func written(_ write: (inout ByteWriter) -> Void) -> String {
        var writer = ByteWriter()
        write(&writer)
        return text(writer.bytes, ByteRange(0, writer.count))
    }

    @Test("numbers as the standard library writes them")
    func numbers() {
        var value: UInt64 = 1
        for step in 0..<64 {
            for number in [value, value &- 1, UInt64(step)] {
                #expect(written { $0.append(decimal: number) } == "\(number)")
                #expect(written { $0.append(hex: number) } == String(number, radix: 16))
            }
            value &*= 2
        }
        #expect(written { $0.append(decimal: .max) } == "18446744073709551615")
        #expect(written { $0.append(hex: .max) } == "ffffffffffffffff")
    }

    @Test("pieces one after the other, and again in the same memory")
    func pieces() {
        var writer = ByteWriter(capacity: 64)
        let source = octets("0123456789")
        for _ in 0..<2 {
            writer.append("a")
            writer.append(byte: 0x62)
            writer.append(source.span)
            writer.append(source, ByteRange(2, 4))
            writer.append(source, ByteRange(8, 40))
            writer.append(source, ByteRange(start: -5, count: 9))
            writer.append(utf8: "é")
            #expect(writer.bytes == octets("ab01234567892389\u{c3}\u{a9}"))
            writer.removeAll()
            let (isEmpty, capacity) = (writer.isEmpty, writer.capacity)
            #expect(isEmpty && capacity == 64)
        }
    }

    @Test("grows by itself and keeps what it has", arguments: [0, 1, 16, 17, 100])
    func growth(_ capacity: Int) {
        var writer = ByteWriter(capacity: capacity)
        var expected: [UInt8] = []
        for length in 0..<70 {
            let piece = [UInt8](repeating: UInt8(0x30 + length), count: length)
            writer.append(piece)
            expected += piece
        }
        #expect(writer.bytes == expected)
    }

    @Test("eight bytes at once, the lowest first")
    func words() {
        #expect(written { $0.append(word: 0x6867_6665_6463_6261) } == "abcdefgh")
    }

    @Test("status lines, in one piece or composed")
    func statusLines() {
        for status in UInt16(100)...599 {
            let reason = "\(StatusText.reason(for: status))"
            #expect(
                written { $0.appendStatusLine(status) } == "HTTP/1.1 \(status) \(reason)\r\n")
        }
        #expect("\(StatusText.reason(for: 200))" == "OK")
        #expect("\(StatusText.reason(for: 431))" == "Request Header Fields Too Large")
        #expect("\(StatusText.reason(for: 599))" == "Unknown")
        #expect("\(StatusText.reason(for: 0))" == "Unknown")
    }

    @Test("chunks that the decoder reads back")
    func chunks() {
        var writer = ByteWriter()
        var content = ""
        for length in [1, 9, 10, 15, 16, 255, 256, 70_000] {
            let piece = String(repeating: "x", count: length)
            content += piece
            writer.appendChunkHeader(UInt64(length))
            writer.append(utf8: piece)
            writer.appendLineEnd()
        }
        writer.appendLastChunk()
        #expect(decodeChunks(writer.bytes).word == content + "||0")
    }

    @Test("fields as received, with one space after the colon")
    func fields() {
        let head = RequestHead()
        let bytes = octets("GET / HTTP/1.1\r\nhOST:a\r\nX:  y \r\n\r\n")
        #expect(parseRequest(bytes, into: head).consumed == bytes.count)
        let lines = written { writer in
            for field in head.fields { writer.appendField(field, of: head.bytes) }
            writer.appendField("Age", decimal: 7)
            writer.appendField("Via", "b")
        }
        #expect(lines == "hOST: a\r\nX: y\r\nAge: 7\r\nVia: b\r\n")
    }
}
