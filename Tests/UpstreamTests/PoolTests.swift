import EventLoop
import Glibc
import Locking
import Support
import Telemetry
import Testing
import Time

@testable import Upstream

@Suite("UpstreamPool", .timeLimit(.minutes(1)))
struct PoolTests {
    @Test("last in, first out; the counters follow")
    func reuse() throws {
        let server = try ScriptedServer.answering("x")
        defer { server.stop() }
        let (counts, facts) = try withPool([server.port]) { pool, _ in
            var counts: [[Int]] = []
            var opened = 0
            pool.opened = { _ in opened += 1 }
            let first = try await pool.lease()
            let second = try await pool.lease()
            counts.append(pool.counts)
            pool.giveBack(first, reusable: true)
            counts.append(pool.counts)
            pool.giveBack(second, reusable: true)
            counts.append(pool.counts)
            let third = try await pool.lease()
            let fourth = try #require(pool.leaseIdle(Interrupt()))
            counts.append(pool.counts)
            let facts = [
                third === second, fourth === first, third.uses == 2, opened == 2,
                pool.leaseIdle(Interrupt()) == nil,
            ]
            pool.giveBack(third, reusable: false)
            counts.append(pool.counts)
            let text = try await fourth.get().text
            pool.giveBack(fourth, reusable: true)
            counts.append(pool.counts)
            return (counts, facts + [third.isClosed, text == "x"])
        }
        #expect(counts == [[2, 0], [1, 1], [0, 2], [2, 0], [1, 0], [0, 1]])
        #expect(facts.allSatisfy { $0 }, "\(facts)")
    }

    @Test("between idle and in use a connection is never counted twice, nor not at all")
    func countedOnce() throws {
        let server = try ScriptedServer.answering("x")
        defer { server.stop() }
        let seen = try withPool([server.port]) { pool, _ in
            pool.giveBack(try await pool.lease(), reusable: true)
            var seen: [[Int]] = []
            pool.changed = { [unowned pool] in seen.append(pool.counts) }
            for _ in 0..<2 { pool.giveBack(try await pool.lease(), reusable: true) }
            pool.changed = {}
            return seen
        }
        #expect(seen == [[1, 0], [0, 1], [1, 0], [0, 1]])
    }

    @Test("a fresh lease never takes an idle connection")
    func fresh() throws {
        let server = try ScriptedServer.answering("x")
        defer { server.stop() }
        let isNew = try withPool([server.port], PoolLimits(connectionsMax: 1)) { pool, _ in
            let first = try await pool.lease()
            pool.giveBack(first, reusable: true)
            let second = try await pool.lease(fresh: true)
            defer { pool.giveBack(second, reusable: true) }
            // The idle one had to make room.
            return second !== first && first.isClosed && pool.counts == [1, 0]
        }
        #expect(isNew)
    }

    @Test("idle for too long, too old, one too many: closed")
    func ageing() throws {
        let server = try ScriptedServer.answering("x")
        defer { server.stop() }
        try withPool([server.port], PoolLimits(idleNanoseconds: 20 * millisecond)) { pool, loop in
            let connections = [try await pool.lease(), try await pool.lease()]
            for connection in connections { pool.giveBack(connection, reusable: true) }
            #expect(pool.idle == 2)
            try await loop.until("the sweep") { pool.idle == 0 }
            #expect(connections.allSatisfy { $0.isClosed })
        }
        try withPool([server.port], PoolLimits(ageNanoseconds: 1)) { pool, _ in
            let connection = try await pool.lease()
            pool.giveBack(connection, reusable: true)
            #expect(connection.isClosed && pool.counts == [0, 0])
        }
        try withPool([server.port], PoolLimits(idleMax: 1)) { pool, _ in
            let connections = [try await pool.lease(), try await pool.lease()]
            for connection in connections { pool.giveBack(connection, reusable: true) }
            #expect(connections.map(\.isClosed) == [false, true])
        }
        try withPool([server.port], PoolLimits(ageNanoseconds: 30 * millisecond)) { pool, loop in
            let connection = try await pool.lease()
            pool.giveBack(connection, reusable: true)
            let end = connection.created.advanced(byNanoseconds: 30 * millisecond)
            try await loop.until("its age") { Instant.now() > end }
            let next = try await pool.lease()
            #expect(next !== connection)
            pool.giveBack(next, reusable: true)
        }
    }

    @Test(
        "closed, reset or spoken on while idle: dropped",
        arguments: ["close", "reset", "HTTP/1.1 408 Request Timeout\r\n\r\n"])
    func idleEvents(event: String) throws {
        let signal = Locked(false)
        let server = try ScriptedServer { socket in
            while !signal.withLock({ $0 }) { sched_yield() }
            switch event {
            case "close": socket.close()
            case "reset": socket.reset()
            default:
                try socket.send(event)
                _ = try socket.receive()
            }
        }
        defer { server.stop() }
        try withPool([server.port]) { pool, loop in
            let connection = try await pool.lease()
            pool.giveBack(connection, reusable: true)
            #expect(pool.counts == [0, 1])
            signal.withLock { $0 = true }
            try await loop.until("the drop") { pool.idle == 0 }
            #expect(connection.isClosed && pool.active == 0)
        }
    }

    @Test("bytes beyond the answer that were not read: not kept")
    func unread() throws {
        let server = try ScriptedServer { socket in
            _ = try socket.receive(until: "\r\n\r\n")
            try socket.send("0123456789")
            _ = try socket.receive()
        }
        defer { server.stop() }
        try onDialLoop(receiveBytesMax: 4) { context in
            let pool = UpstreamPool(
                context, endpoints: [plain(server.port)], limits: PoolLimits())
            defer { pool.close() }
            let connection = try await pool.lease()
            try await connection.request("GET / HTTP/1.1\r\n\r\n")
            while connection.read({ _ in }) == .wouldBlock {
                try await connection.waitReadable(until: .patience)
            }
            pool.giveBack(connection, reusable: true)
            #expect(connection.isClosed && pool.counts == [0, 0])
        }
    }

    @Test("a full pool: leases wait in order, and what comes back goes to the first")
    func queue() throws {
        let server = try ScriptedServer.answering("x")
        defer { server.stop() }
        let order = try withPool([server.port], PoolLimits(connectionsMax: 1)) { pool, loop in
            let first = try await pool.lease()
            var order: [String] = []
            var tasks: [Task<Void, Never>] = []
            for number in 0..<4 {
                tasks.append(
                    loop.spawn {
                        guard let connection = try? await pool.lease() else { return }
                        order.append(connection === first ? "\(number) same" : "\(number) new")
                        await loop.sleep(nanoseconds: 1)
                        pool.giveBack(connection, reusable: number != 1)
                    })
            }
            await loop.sleep(nanoseconds: 1)
            #expect(order.isEmpty && pool.counts == [1, 0])
            pool.giveBack(first, reusable: true)
            // Whoever comes now, in the same turn, must not be quicker than those who wait.
            #expect(pool.leaseIdle(Interrupt()) == nil)
            #expect(pool.counts == [1, 0])
            for task in tasks { await task.value }
            #expect(pool.counts == [0, 1])
            return order
        }
        #expect(order == ["0 same", "1 same", "2 new", "3 new"])
        #expect(server.connectionCount == 2)
    }

    @Test("waiting ends with the deadline or the interrupt; a full queue refuses at once")
    func givingUp() throws {
        let server = try ScriptedServer.answering("x")
        defer { server.stop() }
        let limits = PoolLimits(connectionsMax: 1, pendingMax: 2)
        let reasons = try withPool([server.port], limits) { pool, loop in
            let first = try await pool.lease()
            var reasons: [UpstreamErrorReason?] = []
            let interrupt = Interrupt()
            let waiters = [
                loop.spawn {
                    reasons.append(
                        await reason {
                            _ = try await pool.lease(
                                fresh: false,
                                until: .now().advanced(byNanoseconds: 20 * millisecond),
                                Interrupt())
                        })
                },
                loop.spawn {
                    reasons.append(
                        await reason {
                            _ = try await pool.lease(fresh: false, until: .patience, interrupt)
                        })
                },
            ]
            await loop.sleep(nanoseconds: 1)
            reasons.append(await reason { _ = try await pool.lease() })
            interrupt.raise()
            for waiter in waiters { await waiter.value }
            // Nothing of theirs is left behind: the next one gets its turn.
            pool.giveBack(first, reusable: true)
            #expect(pool.counts == [0, 1])
            let next = try await pool.lease()
            #expect(next === first)
            pool.giveBack(next, reusable: false)
            return reasons
        }
        #expect(reasons == [.poolFull, .canceled, .poolFull])
    }

    @Test("interrupted in the very turn in which the connection comes back: no room is lost")
    func interruptedWhileGranted() throws {
        let server = try ScriptedServer.answering("x")
        defer { server.stop() }
        for isInterruptFirst in [true, false] {
            try withPool([server.port], PoolLimits(connectionsMax: 1)) { pool, loop in
                let first = try await pool.lease()
                let interrupt = Interrupt()
                let waiter = loop.spawn {
                    guard
                        let connection = try? await pool.lease(
                            fresh: false, until: .patience, interrupt)
                    else { return }
                    pool.giveBack(connection, reusable: true)
                }
                await loop.sleep(nanoseconds: 1)
                if isInterruptFirst { interrupt.raise() }
                pool.giveBack(first, reusable: true)
                interrupt.raise()
                await waiter.value
                #expect(pool.counts == [0, 1])
            }
        }
    }

    @Test("several endpoints in turn; one that refuses is passed over for a second")
    func endpoints() throws {
        let servers = try (0..<2).map { try ScriptedServer.answering("\($0)") }
        defer { for server in servers { server.stop() } }
        let dead = try RawListener(backlog: nil)
        defer { dead.stop() }
        let texts = try withPool([servers[0].port, dead.port, servers[1].port]) { pool, _ in
            var texts: [String] = []
            for _ in 0..<9 {
                let connection = try await pool.lease()
                texts.append(try await connection.get().text)
                let port = pool.endpoint(of: connection).port
                #expect(port == servers[texts.last == "0" ? 0 : 1].port)
                pool.giveBack(connection, reusable: true)
            }
            return texts
        }
        #expect(Set(texts) == ["0", "1"])
        #expect(texts.count { $0 == "0" } >= 3 && texts.count { $0 == "1" } >= 3)
    }

    @Test("all endpoints refuse: the first one's reason, and the counters are back")
    func allDead() throws {
        let dead = try RawListener(backlog: nil)
        defer { dead.stop() }
        try withPool([dead.port, dead.port]) { pool, _ in
            for _ in 0..<3 {
                let reason = await reason { _ = try await pool.lease() }
                #expect(reason == .connect)
                #expect(pool.counts == [0, 0])
            }
        }
        try withPool([]) { pool, _ in
            let reason = await reason { _ = try await pool.lease() }
            #expect(reason == .connect)
        }
    }

    @Test("a failed dial lets the next in the queue try")
    func failedDial() throws {
        let dead = try RawListener(backlog: nil)
        defer { dead.stop() }
        let reasons = try withPool([dead.port], PoolLimits(connectionsMax: 1)) { pool, loop in
            var reasons: [UpstreamErrorReason?] = []
            let tasks = (0..<3).map { _ in
                loop.spawn { reasons.append(await reason { _ = try await pool.lease() }) }
            }
            for task in tasks { await task.value }
            #expect(pool.counts == [0, 0])
            return reasons
        }
        #expect(reasons == [.connect, .connect, .connect])
    }

    @Test("closing: idle connections at once, others when they come back")
    func closing() throws {
        let server = try ScriptedServer.answering("x")
        defer { server.stop() }
        try withPool([server.port]) { pool, _ in
            let connections = [try await pool.lease(), try await pool.lease()]
            pool.giveBack(connections[0], reusable: true)
            pool.close()
            pool.close()
            #expect(connections.map(\.isClosed) == [true, false])
            #expect(try await connections[1].get().text == "x")
            pool.giveBack(connections[1], reusable: true)
            #expect(connections[1].isClosed && pool.counts == [0, 0])
        }
    }
}
