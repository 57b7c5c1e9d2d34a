import EventLoop
import Support
import Testing
import Time

@testable import Upstream

@Suite("UpstreamPool at random", .timeLimit(.minutes(1)))
struct PoolPropertyTests {
    @Test(
        "random leases, returns, interrupts and failures: the counters are always right",
        arguments: 1...4)
    func property(seed: Int) throws {
        let server = try ScriptedServer.answering("x")
        defer { server.stop() }
        let limits = PoolLimits(connectionsMax: 5, idleMax: 3, pendingMax: 6)
        let problems = try withPool([server.port], limits) { pool, loop in
            var chance = Seeded(seed: UInt64(seed))
            var problems: [String] = []
            pool.changed = { [unowned pool] in
                if pool.active < 0 || pool.idle < 0 || pool.active + pool.idle > 5 || pool.idle > 3
                {
                    problems.append("active \(pool.active), idle \(pool.idle)")
                }
            }
            var held: [UpstreamConnection] = []
            var leasing = 0
            var interrupts: [Interrupt] = []
            for _ in 0..<400 {
                switch Int.random(in: 0..<8, using: &chance) {
                case 0, 1, 2:
                    let fresh = Int.random(in: 0..<4, using: &chance) == 0
                    let wait = UInt64.random(in: 1...20, using: &chance) * millisecond
                    let interrupt = Interrupt()
                    interrupts.append(interrupt)
                    leasing += 1
                    loop.spawn {
                        if let connection = try? await pool.lease(
                            fresh: fresh, until: .now().advanced(byNanoseconds: wait), interrupt)
                        {
                            held.append(connection)
                        }
                        leasing -= 1
                    }
                case 3, 4:
                    guard let connection = held.randomElement(using: &chance) else { break }
                    held.removeAll { $0 === connection }
                    pool.giveBack(connection, reusable: Bool.random(using: &chance))
                case 5:
                    interrupts.randomElement(using: &chance)?.raise()
                case 6:
                    if let connection = pool.leaseIdle(Interrupt()) { held.append(connection) }
                default:
                    await loop.sleep(nanoseconds: 1)
                }
                if held.count > pool.active { problems.append("held \(held.count)") }
                if held.contains(where: { $0.isClosed }) { problems.append("held and closed") }
            }
            while leasing > 0 || !held.isEmpty {
                for connection in held { pool.giveBack(connection, reusable: true) }
                held = []
                await loop.sleep(nanoseconds: 1)
            }
            if pool.active != 0 { problems.append("\(pool.active) active at the end") }
            pool.changed = {}
            return problems
        }
        #expect(problems.prefix(5) == [])
    }
}
