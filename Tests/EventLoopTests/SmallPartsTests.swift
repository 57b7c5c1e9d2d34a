import EventLoop
import Glibc
import Locking
import Support
import Testing

@Suite("Poll, signals, sinks, addresses", .timeLimit(.minutes(1)))
struct SmallPartsTests {
    @Test("a poll tells exactly what is watched, and nothing after it is closed")
    func poll() throws {
        let facts = try withPair { loop, _, client in
            var seen: [Poll.Events] = []
            let poll = try Poll(on: loop, descriptor: client.descriptor) { seen.append($0) }
            poll.watch(.writable)
            try await loop.until("writable") { !seen.isEmpty }
            poll.watch([])
            let writable = seen.first == .writable
            seen = []
            poll.watch(.readable)
            for _ in 0..<3 { await loop.sleep(nanoseconds: 1) }
            let quiet = seen.isEmpty
            poll.close()
            poll.close()
            poll.watch(.writable)
            for _ in 0..<3 { await loop.sleep(nanoseconds: 1) }
            return [writable, quiet, seen.isEmpty]
        }
        #expect(facts == [true, true, true])
    }

    @Test("a poll is told of a broken connection, and can be asked to watch again")
    func brokenPoll() throws {
        let facts = try onLoop { loop in
            let server = try RawListener()
            let client = try RawSocket(port: server.port)
            let other = server.accept()
            var seen: [Poll.Events] = []
            var poll: Poll?
            poll = try Poll(on: loop, descriptor: client.descriptor) { events in
                seen.append(events)
                poll?.watch([])
            }
            poll?.watch(.readable)
            other?.reset()
            try await loop.until("the reset") { seen.count == 1 }
            _ = try? client.receive()
            poll?.watch(.readable)
            try await loop.until("the end") { seen.count == 2 }
            poll?.close()
            poll = nil
            return seen.allSatisfy { $0.contains(.readable) }
        }
        #expect(facts)
    }

    @Test("a descriptor that cannot be watched is an error")
    func unwatchable() throws {
        try onLoop { loop in
            #expect(throws: LoopError.self) { _ = try Poll(on: loop, descriptor: 9_999) { _ in } }
        }
    }

    @Test("signals arrive on the loop's thread; broken pipes end nothing")
    func signals() async {
        await #expect(processExitsWith: .success) {
            SignalWatch.ignoreBrokenPipes()
            raise(SIGPIPE)
            let seen = try onLoop { loop in
                var seen: [String] = []
                func note(_ name: String) { seen.append(loop.isCurrent ? name : "elsewhere") }
                _ = try SignalWatch(on: loop, .terminate) { note("terminate") }
                _ = try SignalWatch(on: loop, .interrupt) { note("interrupt") }
                _ = try SignalWatch(on: loop, .hangUp) { note("hang up") }
                for (number, count) in [(SIGTERM, 1), (SIGINT, 2), (SIGHUP, 3), (SIGHUP, 4)] {
                    kill(getpid(), number)
                    try await loop.until("signal \(number)") { seen.count == count }
                }
                return seen
            }
            #expect(seen == ["terminate", "interrupt", "hang up", "hang up"])
        }
    }

    @Test("a file is appended to and made if need be")
    func fileSink() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/log"
        for part in ["one\n", "two\n"] {
            let sink = try FileSink(appendingTo: path)
            sink.write(Array(part.utf8).span)
        }
        #expect(SystemFacts.contents(of: path) == Array("one\ntwo\n".utf8))
        #expect(SystemFacts.entryCount(of: directory.path) == 1)
        FileSink.nowhere.write([1, 2, 3].span)
    }

    @Test(
        "how many bytes were written is said; a full disk takes none",
        arguments: [("/dev/full", 0), ("/dev/null", 4)])
    func taken(path: String, expected: Int) throws {
        let written = try FileSink(appendingTo: path).write([1, 2, 3, 4].span)
        #expect(written == expected)
    }

    @Test("a file that cannot be opened is named, with the system's reason")
    func unopened() {
        let error = #expect(throws: LoopError.self) {
            _ = try FileSink(appendingTo: "/nowhere/at/all")
        }
        #expect(error?.description == "open /nowhere/at/all: no such file or directory")
    }

    @Test(
        "a pipe is written to the end, however slow its reader; without one the open does not hang")
    func pipe() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/fifo"
        let made = unsafe mkfifo(path, 0o600)
        #expect(made == 0)
        let sink = try FileSink(appendingTo: path)
        let sent = pattern(1 << 20)
        let reader = unsafe open(path, O_RDONLY)
        let writer = BlockingThread { sink.write(sent.span) }
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while received.count < sent.count {
            let count = unsafe read(reader, &buffer, buffer.count)
            if count <= 0 { break }
            received += buffer[..<count]
        }
        writer.join()
        close(reader)
        #expect(received == sent)
    }

    @Test("the system's facts are there")
    func facts() {
        #expect(SystemFacts.processorCount >= 1)
        #expect(SystemFacts.pageBytes >= 4096)
        #expect(SystemFacts.ticksPerSecond > 0)
        #expect(!SystemFacts.hostName.isEmpty)
        #expect(SystemFacts.contents(of: "/nowhere/at/all") == nil)
        #expect(SystemFacts.entryCount(of: "/nowhere/at/all") == nil)
        #expect(SystemFacts.lookUp("127.0.0.1") == .found)
    }

    @Test(
        "numeric addresses",
        arguments: [
            ("127.0.0.1", 0, 0xffff_7f00_0001, true), ("0.0.0.0", 0, 0xffff_0000_0000, true),
            ("255.255.255.255", 0, 0xffff_ffff_ffff, true), ("::1", 0, 1, false),
            ("::ffff:10.0.0.1", 0, 0xffff_0a00_0001, true),
            ("2001:db8::2", 0x2001_0db8_0000_0000, 2, false),
        ] as [(String, UInt64, UInt64, Bool)])
    func addresses(text: String, high: UInt64, low: UInt64, isIPv4: Bool) {
        let address = SocketAddress(numeric: text, port: 80)
        #expect(address == SocketAddress(high: high, low: low, port: 80))
        #expect(address?.isIPv4 == isIPv4)
    }

    @Test(
        "what is no numeric address",
        arguments: ["", "localhost", "127.0.0.256", "127.1", "[::1]", "::1%lo", "1.2.3.4 "])
    func noAddress(text: String) {
        #expect(SocketAddress(numeric: text, port: 80) == nil)
    }

    @Test("an address goes through the kernel unchanged", arguments: ["127.0.0.1", "::1"])
    func kernel(host: String) throws {
        let wanted = try #require(SocketAddress(numeric: host, port: 0))
        let socket = try ListeningSocket(wanted, named: host, backlog: 1)
        defer { socket.discard() }
        #expect(socket.address.high == wanted.high && socket.address.low == wanted.low)
        #expect(socket.address.port != 0)
    }
}
