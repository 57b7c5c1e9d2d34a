import EventLoop
import Locking
import Redis
import Support
import Time

let millisecond: UInt64 = 1_000_000
let second: UInt64 = 1_000_000_000

extension Instant {
    /// `milliseconds` from now.
    static func soon(_ milliseconds: UInt64 = 5000) -> Instant {
        Instant.now().advanced(byNanoseconds: milliseconds * millisecond)
    }
}

extension RawSocket {
    /// The next command as a client sends it; empty at the end of the stream.
    func receiveCommand() throws -> [String] {
        let count = Int(try receive(until: "\r\n").dropFirst().dropLast()) ?? 0
        return try (0..<count).map { _ in
            let length = Int(try receive(until: "\r\n").dropFirst().dropLast()) ?? 0
            return String(decoding: try receive(exactly: length + 2).dropLast(2), as: UTF8.self)
        }
    }
}

/// A server of Redis' protocol that answers with what the test says.
final class FakeRedis: Sendable {
    private let server: ScriptedServer
    private let log = Locked<[[String]]>([])

    /// `answer` gets each command but `PING`, which is answered with `PONG` unless `greets` is false, and
    /// returns the bytes to send; nil: nothing, and on.
    init(
        greets: Bool = true,
        _ answer: @escaping @Sendable ([String], RawSocket) throws -> String?
    ) throws {
        let log = log
        server = try ScriptedServer { socket in
            while case let command = try socket.receiveCommand(), !command.isEmpty {
                log.withLock { $0.append(command) }
                if greets, command == ["PING"] {
                    try socket.send("+PONG\r\n")
                } else if let reply = try answer(command, socket) {
                    try socket.send(reply)
                }
            }
        }
    }

    var endpoint: Endpoint { Endpoint(host: "127.0.0.1", port: server.port) }
    /// All commands so far.
    var commands: [[String]] { log.withLock { $0 } }
    var connectionCount: Int { server.connectionCount }
    func stop() { server.stop() }
}

/// Remembers what it is told.
final class Recorder: ClientObserver {
    var outcomes: [Outcome] = []
    var tags: [UInt8] = []
    var nanoseconds: [UInt64] = []
    var connects: [Endpoint] = []
    var readOnly: [Bool] = []
    var failures: [ConnectionFailure] = []

    func commandEnded(tag: UInt8, _ outcome: Outcome, nanoseconds: UInt64) {
        outcomes.append(outcome)
        tags.append(tag)
        self.nanoseconds.append(nanoseconds)
    }

    func connected(to endpoint: Endpoint, isReadOnly: Bool) {
        connects.append(endpoint)
        readOnly.append(isReadOnly)
    }

    func disconnected(_ failure: ConnectionFailure) { failures.append(failure) }
}

extension Loop {
    /// Runs `count` tasks side by side on this loop and waits for all of their results, in order.
    func all<Value>(
        _ count: Int, _ body: @escaping (Int) async -> Value
    ) async throws -> [Value] {
        var results: [Value?] = Array(repeating: nil, count: count)
        var missing = count
        for index in 0..<count {
            spawn {
                results[index] = await body(index)
                missing -= 1
            }
        }
        try await until("\(count) tasks") { missing == 0 }
        return results.compactMap { $0 }
    }
}
