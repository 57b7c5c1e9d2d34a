import Glibc
import Locking
import Support
import Testing

@testable import EventLoop

@Suite("Listener", .timeLimit(.minutes(1)))
struct ListenerTests {
    @Test("two loops on one port share the connections, none is lost")
    func sharing() throws {
        let first = try ListeningSocket(.loopback(port: 0), named: "first", backlog: 128)
        let second = try ListeningSocket(first.address, named: "second", backlog: 128)
        #expect(first.address == second.address)
        let counts = Locked([0, 0])
        let servers = [first, second].enumerated().map { index, socket in
            BlockingThread {
                _ = try? onLoop { loop in
                    let listener = try Listener(
                        on: loop, socket: socket,
                        accepted: { socket in
                            counts.withLock { $0[index] += 1 }
                            socket.discard()
                        }, refused: {})
                    defer { listener.drainAndClose() }
                    try await loop.until("all") { counts.withLock { $0[0] + $0[1] } == 200 }
                }
            }
        }
        for _ in 0..<200 {
            let client = try RawSocket(port: first.address.port)
            #expect(try client.receiveAll().isEmpty)
        }
        for server in servers { server.join() }
        let seen = counts.withLock { $0 }
        #expect(seen[0] + seen[1] == 200)
        // The kernel spreads by hash: 200 heads in a row are not to be expected.
        #expect(seen[0] > 0 && seen[1] > 0)
    }

    @Test("closing takes everything that was established before")
    func draining() throws {
        var isRefused = false
        // A test that runs beside this one may be given the port as soon as it is free: then once more.
        for _ in 0..<4 where !isRefused {
            let (accepted, refusedAfter) = try drainOnce()
            #expect(accepted == 100)
            isRefused = refusedAfter
        }
        #expect(isRefused)
    }

    private func drainOnce() throws -> (accepted: Int, isRefusedAfter: Bool) {
        try onLoop { loop in
            let socket = try ListeningSocket(.loopback(port: 0), named: "test", backlog: 128)
            let port = socket.address.port
            var accepted = 0
            let listener = try Listener(
                on: loop, socket: socket,
                accepted: { socket in
                    accepted += 1
                    socket.discard()
                }, refused: {})
            // The loop is not turning while this blocks it, so that all of them wait in the backlog.
            let clients = try (0..<100).map { _ in try RawSocket(port: port) }
            #expect(accepted == 0)
            listener.drainAndClose()
            listener.drainAndClose()
            let refusedAfter = (try? RawSocket(port: port)) == nil
            for client in clients { client.close() }
            return (accepted, refusedAfter)
        }
    }

    @Test("paused: the backlog holds what comes until it goes on")
    func pausing() throws {
        let (whilePaused, afterwards) = try onLoop { loop in
            let listener = try StreamListener(on: loop)
            defer { listener.close() }
            listener.pause()
            let port = listener.port
            let client = try await loop.blocking { try RawSocket(port: port) }
            for _ in 0..<3 { await loop.sleep(nanoseconds: 1) }
            let whilePaused = listener.streams.count
            listener.resume()
            try await loop.until("the connection") { listener.streams.count == 1 }
            client.close()
            return (whilePaused, listener.streams.count)
        }
        #expect(whilePaused == 0)
        #expect(afterwards == 1)
    }

    @Test("a port in use is said in one line")
    func inUse() throws {
        let taken = try RawListener()
        let address = SocketAddress.loopback(port: taken.port)
        let expected = "listen on 127.0.0.1:\(taken.port): address already in use"
        let probed = #expect(throws: LoopError.self) {
            try ListeningSocket.probe(address, named: "127.0.0.1:\(taken.port)")
        }
        #expect(probed?.description == expected)
        let bound = #expect(throws: LoopError.self) {
            try ListeningSocket(address, named: "127.0.0.1:\(taken.port)", backlog: 1)
        }
        #expect(bound?.description == expected)
        taken.stop()
    }

    @Test("our own listening socket is found by the probe; a free port is not")
    func probing() throws {
        // An address of its own, or another test might take the port in between.
        let address = try #require(SocketAddress(numeric: "127.0.0.9", port: 0))
        let socket = try ListeningSocket(address, named: "test", backlog: 1)
        #expect(throws: LoopError.self) {
            try ListeningSocket.probe(socket.address, named: "test")
        }
        socket.discard()
        try ListeningSocket.probe(socket.address, named: "test")
    }

    @Test("a refused connection gets its words and the end")
    func refusing() throws {
        let words = try onLoop { loop in
            let socket = try ListeningSocket(.loopback(port: 0), named: "test", backlog: 8)
            let port = socket.address.port
            let listener = try Listener(
                on: loop, socket: socket, accepted: { $0.refuse(Array("full".utf8)) }, refused: {})
            defer { listener.drainAndClose() }
            return try await loop.blocking { try RawSocket(port: port).receiveAll() }
        }
        #expect(words == Array("full".utf8))
    }

    @Test("out of descriptors: clients are turned away at once and counted; later ones are served")
    func exhaustion() async {
        await #expect(processExitsWith: .success) {
            let facts = try onLoop { loop in
                let socket = try ListeningSocket(.loopback(port: 0), named: "test", backlog: 64)
                let port = socket.address.port
                var accepted = 0
                var refused = 0
                let listener = try Listener(
                    on: loop, socket: socket,
                    accepted: { socket in
                        accepted += 1
                        socket.discard()
                    }, refused: { refused += 1 })
                defer { listener.drainAndClose() }
                let clients = try (0..<5).map { _ in try RawSocket(port: port) }
                // The clients hold the highest numbers: from here on nothing can be opened.
                try withoutDescriptors {
                    let turned = BlockingThread {
                        for client in clients { _ = try? client.receiveAll() }
                    }
                    listener.acceptNow()
                    turned.join()
                }
                let client = try await loop.blocking { try RawSocket(port: port).receiveAll() }
                return [accepted, refused, client.count]
            }
            #expect(facts == [1, 5, 0])
        }
    }

    @Test("not even the reserve: the loop rests and does not spin, and goes on later")
    func resting() async {
        await #expect(processExitsWith: .success) {
            let turns = try onLoop { loop in
                let socket = try ListeningSocket(.loopback(port: 0), named: "test", backlog: 64)
                let port = socket.address.port
                var accepted = 0
                let listener = try Listener(
                    on: loop, socket: socket,
                    accepted: { socket in
                        accepted += 1
                        socket.discard()
                    }, refused: {})
                defer { listener.drainAndClose() }
                var turns = 0
                loop.onTurn = { _ in turns += 1 }
                let client = try RawSocket(port: port)
                try withDescriptorLimit(0) { listener.acceptNow() }
                turns = 0
                try await loop.until("the connection") { accepted == 1 }
                loop.onTurn = nil
                client.close()
                return turns
            }
            // 50 ms of waiting in ticks of 4 ms, some turns each.
            #expect(turns < 100)
        }
    }
}
