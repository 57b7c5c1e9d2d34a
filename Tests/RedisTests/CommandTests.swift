import Testing

@testable import Redis

@Suite("Command")
struct CommandTests {
    private func text(_ command: Command) -> String {
        var bytes: [UInt8] = []
        command.encode(into: &bytes)
        #expect(bytes.count <= command.bytesMax)
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test("is an array of bulk strings, with lengths in bytes")
    func encoding() {
        #expect(text(Command("PING")) == "*1\r\n$4\r\nPING\r\n")
        #expect(text(Command("GET", ["ключ"])) == "*2\r\n$3\r\nGET\r\n$8\r\nключ\r\n")
        #expect(
            text(Command("SET", ["", "\r\n"])) == "*3\r\n$3\r\nSET\r\n$0\r\n\r\n$2\r\n\r\n\r\n")
    }

    @Test("carries any bytes")
    func binary() {
        var command = Command("SET", argumentBytes: 256)
        command.append(Array(0...255))
        var bytes: [UInt8] = []
        command.encode(into: &bytes)
        #expect(bytes == Array("*2\r\n$3\r\nSET\r\n$256\r\n".utf8) + Array(0...255) + [13, 10])
    }

    @Test(
        "numbers are decimal digits",
        arguments: [0, 7, 9, 10, -1, 99, 100, 1_000_000, Int.max, Int.min])
    func numbers(number: Int) {
        var command = Command("PX")
        command.append(number)
        let digits = String(number)
        #expect(text(command) == "*2\r\n$2\r\nPX\r\n$\(digits.utf8.count)\r\n\(digits)\r\n")
    }

    @Test("many arguments: the count and every length are right", arguments: [8, 9, 10, 99, 1000])
    func many(count: Int) {
        let arguments = (0..<count).map { String(repeating: "x", count: $0) }
        let expected = arguments.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined()
        #expect(text(Command("DEL", arguments)) == "*\(count + 1)\r\n$3\r\nDEL\r\n\(expected)")
    }

    @Test("goes to the master only, unless it says that it reads")
    func access() {
        #expect(Command("GET").access == .write)
        #expect(Command("GET", ["a"], access: .read, tag: 3).access == .read)
        #expect(Command("GET", ["a"], access: .read, tag: 3).tag == 3)
    }
}
