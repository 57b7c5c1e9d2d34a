import EventLoop
import Glibc
import Locking
import Support
import Testing
import Time

/// The results of a dial, waited for.
private final class Dialling {
    var results: [Result<ConnectedSocket, LoopError>] = []
    private(set) var dial: Dial?

    init(on loop: Loop, _ host: String, _ port: UInt16, nanoseconds: UInt64) {
        dial = Dial(on: loop, host: host, port: port) { [unowned self] in results.append($0) }
        dial?.start(until: Instant.now().advanced(byNanoseconds: nanoseconds))
    }

    var error: LoopError? {
        if case .failure(let error) = results.first { error } else { nil }
    }

    var socket: ConnectedSocket? {
        if case .success(let socket) = results.first { socket } else { nil }
    }
}

private let second: UInt64 = 1_000_000_000

@Suite("Dial", .timeLimit(.minutes(1)))
struct DialTests {
    @Test("connects to a number and to a name", arguments: ["127.0.0.1", "localhost"])
    func connects(host: String) throws {
        let server = try ScriptedServer { try $0.send($0.receive(atMost: 4)) }
        defer { server.stop() }
        let port = server.port
        let answer = try onLoop { loop in
            let dialling = Dialling(on: loop, host, port, nanoseconds: 5 * second)
            #expect(dialling.results.isEmpty)
            try await loop.until("the dial") { !dialling.results.isEmpty }
            let socket = try #require(dialling.socket)
            #expect(socket.peer.port == port)
            let stream = try RecordingStream(on: loop, socket: socket)
            stream.startReading()
            stream.write(Array("ping".utf8).span)
            try await loop.until("the echo") { stream.bytes.count == 4 }
            stream.close()
            #expect(dialling.results.count == 1)
            return stream.bytes
        }
        #expect(answer == Array("ping".utf8))
    }

    @Test("a refusal is told, once and not from within", arguments: ["127.0.0.1", "localhost"])
    func refused(host: String) throws {
        let listener = try RawListener(backlog: nil)
        let port = listener.port
        try onLoop { loop in
            let dialling = Dialling(on: loop, host, port, nanoseconds: 5 * second)
            #expect(dialling.results.isEmpty)
            try await loop.until("the refusal") { !dialling.results.isEmpty }
            for _ in 0..<3 { await loop.nextTurn() }
            #expect(dialling.results.count == 1)
            #expect(dialling.error?.code == -ECONNREFUSED)
            #expect(dialling.error?.description.contains("connect to \(host):\(port)") == true)
        }
        withExtendedLifetime(listener) {}
    }

    @Test("somebody who does not answer is given up at the deadline")
    func silence() throws {
        // The kernel establishes two connections at most and ignores the rest.
        let listener = try RawListener(backlog: 1)
        let port = listener.port
        try onLoop { loop in
            let diallings = (0..<8).map { _ in
                Dialling(on: loop, "127.0.0.1", port, nanoseconds: second / 10)
            }
            try await loop.until("all") { diallings.allSatisfy { $0.results.count == 1 } }
            #expect(diallings.contains { $0.error?.isTimeout == true })
            for dialling in diallings {
                dialling.socket?.discard()
                if let error = dialling.error { #expect(error.isTimeout) }
            }
        }
        withExtendedLifetime(listener) {}
    }

    @Test("one that is cancelled says nothing and keeps nothing")
    func cancelled() throws {
        let ends = Locked(0)
        let server = try ScriptedServer { socket in
            _ = try? socket.receiveAll()
            ends.withLock { $0 += 1 }
        }
        defer { server.stop() }
        let port = server.port
        try onLoop { loop in
            for host in ["127.0.0.1", "localhost"] {
                let early = Dialling(on: loop, host, port, nanoseconds: second)
                early.dial?.cancel()
                let late = Dialling(on: loop, host, port, nanoseconds: second)
                await loop.nextTurn()
                let isLate = late.results.isEmpty
                late.dial?.cancel()
                for _ in 0..<20 { await loop.sleep(nanoseconds: 1_000_000) }
                #expect(early.results.isEmpty)
                #expect(late.results.isEmpty == isLate)
                late.socket?.discard()
            }
            // What was connected all the same is closed.
            try await loop.until("the ends") { ends.withLock { $0 } == server.connectionCount }
        }
    }

    @Test("names: an address comes back on the loop, none is an error")
    func names() throws {
        try onLoop { loop in
            let local = try await loop.resolve("localhost", port: 6379)
            #expect(loop.isCurrent)
            #expect(local.contains(.loopback(port: 6379)) || local.contains { !$0.isIPv4 })
            #expect(try await loop.resolve("127.0.0.1", port: 7) == [.loopback(port: 7)])
            // No label has more than 63 bytes (RFC 1035): no name server needs to be asked.
            let endless = String(repeating: "x", count: 70) + ".example"
            let error = await #expect(throws: LoopError.self) {
                _ = try await loop.resolve(endless, port: 1)
            }
            #expect(error?.description.hasPrefix("look up x") == true)
            let dialling = Dialling(on: loop, endless, 1, nanoseconds: second)
            try await loop.until("the dial") { !dialling.results.isEmpty }
            #expect(dialling.error != nil)
        }
    }
}

@Suite("End of a turn", .timeLimit(.minutes(1)))
struct TurnEndTests {
    private final class Counting: TurnEnd {
        var calls = 0
        var again = 0
        let loop: Loop
        init(_ loop: Loop) { self.loop = loop }
        func turnEnds() {
            calls += 1
            if again > 0 {
                again -= 1
                loop.atTurnEnd(self)
            }
        }
    }

    @Test("comes once, after the turn's own work and before the next turn's")
    func once() throws {
        try onLoop { loop in
            let subject = Counting(loop)
            loop.atTurnEnd(subject)
            #expect(subject.calls == 0)
            await Task.yield()
            #expect(subject.calls == 0)
            await loop.nextTurn()
            #expect(subject.calls == 1)
            for _ in 0..<3 { await loop.nextTurn() }
            #expect(subject.calls == 1)
        }
    }

    @Test("whoever asks again and again is served and starves nobody")
    func again() throws {
        try onLoop { loop in
            let subject = Counting(loop)
            subject.again = 1000
            loop.atTurnEnd(subject)
            await loop.sleep(nanoseconds: 5_000_000)
            try await loop.until("all") { subject.calls == 1001 }
        }
    }

    @Test("a task that it wakes goes on in the same turn")
    func waking() throws {
        final class Waking: TurnEnd {
            let suspension = Suspension<Void>()
            func turnEnds() { suspension.resume(()) }
        }
        try onLoop { loop in
            let subject = Waking()
            loop.atTurnEnd(subject)
            await subject.suspension.wait()
            #expect(loop.isCurrent)
        }
    }
}
