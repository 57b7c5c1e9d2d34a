import EventLoop
import Foundation
import Support
import Testing
import Time

@testable import Redis

/// A server of one connection after the other, on one thread: a thousand of them leave nothing behind here either.
private final class ShortLived: Sendable {
    private let listener: RawListener
    private let thread: BlockingThread

    init() throws {
        let listener = try RawListener()
        self.listener = listener
        thread = BlockingThread {
            while let socket = listener.accept() {
                try? Self.serve(socket)
                socket.close()
            }
        }
    }

    var endpoint: Endpoint { Endpoint(host: "127.0.0.1", port: listener.port) }

    private static func serve(_ socket: RawSocket) throws {
        while case let command = try socket.receiveCommand(), !command.isEmpty {
            switch command[0] {
            case "PING": try socket.send("+PONG\r\n")
            // Half of a reply is in the reader when the connection breaks.
            case "DIE":
                try socket.send("*2\r\n$5\r\nhello\r\n$1000\r\nhalf")
                return socket.reset()
            default: try socket.send("$\(command[0].utf8.count)\r\n\(command[0])\r\n")
            }
        }
    }

    func stop() {
        listener.stop()
        thread.join()
    }
}

/// Chance that never lets one wait: what is tested is what a connection leaves behind, not the waits between them.
private struct NoWait: RandomNumberGenerator {
    mutating func next() -> UInt64 { 0 }
}

/// Under the address sanitizer (`make asan`, with 1,000 of them) what is lost is found when the process ends.
@Suite("Connections that break again and again", .timeLimit(.minutes(5)))
struct ReconnectTests {
    private static let count =
        ProcessInfo.processInfo.environment["MELIPROXY_RECONNECTS"].flatMap { Int($0) } ?? 50

    /// So many with one client: a loop's task has 30 s, also on a machine that is slow and busy.
    private static let clientCount = 100

    @Test("leave nothing behind, and each is followed by another")
    func reconnecting() throws {
        let server = try ShortLived()
        defer { server.stop() }
        for first in stride(from: 0, to: Self.count, by: Self.clientCount) {
            try reconnect(min(Self.clientCount, Self.count - first), to: server)
        }
    }

    private func reconnect(_ count: Int, to server: ShortLived) throws {
        try onLoop { loop in
            let recorder = Recorder()
            let feed = MasterFeed(MasterSnapshot(generation: 1, master: server.endpoint))
            let client = Client(
                on: loop, feed: feed, ClientOptions(commandNanoseconds: 5 * second),
                observer: recorder, chance: NoWait())
            client.start()
            for round in 0..<count {
                try #require(await client.waitUntilConnected(nanoseconds: 5 * second))
                #expect(await client.send(Command("A")) == .success(.bulk(Array("A".utf8))))
                let lost = await client.send(Command("DIE"))
                #expect(lost == .failure(.connectionLost), "round \(round)")
            }
            #expect(recorder.failures.count == count)
            #expect(recorder.connects.count == count)
            client.close()
        }
    }
}
