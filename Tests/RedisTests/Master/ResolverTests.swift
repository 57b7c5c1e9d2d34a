import Testing
import Time

@testable import Redis

@Suite("The resolver begins")
struct ResolverStartTests {
    @Test("by watching what the settings name, without a master")
    func start() {
        var script = ResolverScript(
            .sentinels(Array(sentinelAt[0..<2]), group: "g", nodes: [redisAt[3]]))
        #expect(
            script.actions == [
                .watchSentinel(sentinelAt[0]), .watchSentinel(sentinelAt[1]),
                .watchNode(redisAt[3]),
                .publish(
                    Publication(generation: 1, target: .none(emergency: nil), cause: .start)),
            ])
        script.actions = []
        script.does(.sentinelUp(sentinelAt[0], id: runID("a")))
        #expect(script.actions == [.pollSentinel(sentinelAt[0])])
    }

    @Test("with the first node that the majority names and that answers as master")
    func first() {
        var script = ResolverScript.settled()
        let all = script.published()
        #expect(all.map(\.target) == [.none(emergency: nil), masterTarget(0)])
        #expect(all.last?.cause == .majority)
    }

    @Test("with nobody as long as one Sentinel of three answers")
    func minority() {
        var script = ResolverScript(.sentinels(Array(sentinelAt[0..<3]), group: "g", nodes: []))
        script.does(.sentinelUp(sentinelAt[0], id: runID("a")))
        script.named(0, by: 0..<1)
        script.comes(0, .master)
        script.passes(5_000, roles: [redisAt[0]: .master], named: [sentinelAt[0]: redisAt[0]])
        #expect(script.targets() == [.none(emergency: nil)])
    }

    @Test("and asks a Sentinel's two addresses, but counts it once")
    func alias() {
        var script = ResolverScript(.sentinels(Array(sentinelAt[0..<3]), group: "g", nodes: []))
        script.does(
            .sentinelUp(sentinelAt[0], id: runID("a")), .sentinelUp(sentinelAt[1], id: runID("a")))
        script.named(0)
        script.comes(0, .master)
        #expect(script.targets() == [.none(emergency: nil)])
        script.does(.sentinelUp(sentinelAt[2], id: runID("c")))
        script.named(0, by: 0..<3)
        #expect(script.targets() == [masterTarget(0)])
    }

    @Test("with a single address, which is believed")
    func address() {
        var script = ResolverScript(.address(redisAt[0]))
        script.comes(0, .master)
        script.does(.nodeDown(redisAt[0]))
        script.passes(1_000)
        script.comes(0, .master)
        script.comes(0, .master, as: "9")
        script.does(.nodeRole(redisAt[0], ResolverScript.replica))
        let all = script.published()
        #expect(
            all.map(\.target) == [
                .none(emergency: nil), masterTarget(0), .none(emergency: nil), masterTarget(0),
                .none(emergency: nil), masterTarget(0, as: "9"), .none(emergency: redisAt[0]),
            ])
        #expect(
            all.map(\.cause) == [
                .start, .address, .unreachable, .address, .restarted, .address, .demoted,
            ])
    }
}

@Suite("Rule a: a promotion is seen")
struct PromotionTests {
    private func settled() -> ResolverScript {
        var script = ResolverScript.settled()
        script.actions = []
        return script
    }

    @Test("while the master is unreachable")
    func masterGone() {
        var script = settled()
        script.does(.nodeDown(redisAt[0]), .nodeRole(redisAt[1], .master))
        let all = script.published()
        #expect(all.map(\.target) == [masterTarget(1)])
        #expect(all.map(\.cause) == [.promotion])
    }

    @Test("while the master says it is a replica")
    func masterDemoted() {
        var script = settled()
        script.does(.nodeRole(redisAt[0], ResolverScript.replica))
        script.does(.nodeRole(redisAt[1], .master))
        #expect(script.targets() == [.none(emergency: redisAt[0]), masterTarget(1)])
    }

    @Test("after a message about a failover, though the master answers")
    func announced() {
        var script = settled()
        script.does(.nodeRole(redisAt[1], .master))
        #expect(script.targets() == [])
        script.does(.message(from: sentinelAt[2], .failover(newMaster: nil)))
        #expect(script.targets() == [masterTarget(1)])
    }

    @Test("through the loss of the connection, which Sentinel causes")
    func remembered() {
        var script = settled()
        script.does(.nodeDown(redisAt[0]), .nodeDown(redisAt[1]))
        script.comes(1, .master)
        #expect(script.targets() == [masterTarget(1)])
    }

    @Test("not in another run of the server")
    func restarted() {
        var script = settled()
        script.does(.nodeDown(redisAt[0]), .nodeDown(redisAt[1]))
        script.comes(1, .master, as: "9")
        script.passes(200)
        #expect(script.targets() == [])
    }

    @Test("not in one that was a master before: stopped, replaced, and back")
    func unchanged() {
        var script = settled()
        script.does(.nodeDown(redisAt[0]), .nodeRole(redisAt[1], .master))
        script.does(.message(from: sentinelAt[0], .failover(newMaster: nil)))
        _ = script.published()
        script.comes(0, .master)
        script.passes(3_000, roles: [redisAt[0]: .master, redisAt[1]: .master])
        #expect(script.targets() == [])
    }

    @Test("once: who was promoted and replaced does not come back by it")
    func spent() {
        var script = settled()
        script.does(.nodeDown(redisAt[0]), .nodeRole(redisAt[1], .master))
        script.does(.nodeDown(redisAt[1]), .nodeRole(redisAt[2], .master))
        #expect(script.targets() == [masterTarget(1), masterTarget(2)])
        script.does(.message(from: sentinelAt[0], .failover(newMaster: nil)))
        script.comes(1, .master)
        #expect(script.targets() == [])
    }

    @Test("not if it was a replica only long ago")
    func stale() {
        var script = settled()
        script.does(.nodeDown(redisAt[1]))
        script.passes(10_500, roles: [redisAt[0]: .master, redisAt[2]: ResolverScript.replica])
        script.does(.message(from: sentinelAt[0], .failover(newMaster: nil)))
        script.comes(1, .master)
        #expect(script.targets() == [])
    }

    @Test("not when the message about a failover is old")
    func oldMessage() {
        var script = settled()
        script.does(.message(from: sentinelAt[0], .failover(newMaster: redisAt[1])))
        script.passes(
            10_500,
            roles: [
                redisAt[0]: .master, redisAt[1]: ResolverScript.replica,
                redisAt[2]: ResolverScript.replica,
            ])
        script.does(.nodeRole(redisAt[1], .master))
        #expect(script.targets() == [])
    }

    @Test("is not undone by Sentinels that still name the old master, who still says master")
    func leaderIsLate() {
        var script = settled()
        script.does(.nodeRole(redisAt[1], .master))
        script.does(.message(from: sentinelAt[0], .failover(newMaster: nil)))
        _ = script.published()
        let late = Dictionary(uniqueKeysWithValues: sentinelAt[0..<3].map { ($0, redisAt[0]) })
        let roles = [
            redisAt[0]: NodeRole.master, redisAt[1]: .master, redisAt[2]: ResolverScript.replica,
        ]
        script.passes(9_000, roles: roles, named: late)
        #expect(script.targets() == [])
        // If they insist, they are right.
        script.passes(3_000, roles: roles, named: late)
        #expect(script.targets() == [masterTarget(0)])
    }
}

@Suite("Rule b: the majority names another")
struct MajorityTests {
    private let roles: [Endpoint: NodeRole] = [redisAt[0]: .master, redisAt[3]: .master]

    private func settled() -> ResolverScript {
        var script = ResolverScript.settled()
        script.does(.message(from: sentinelAt[0], .replica(redisAt[3])))
        script.comes(3, .master)
        script.actions = []
        return script
    }

    @Test("twice with time between, while the master answers")
    func twice() {
        var script = settled()
        script.named(3)
        #expect(script.targets() == [])
        script.time += 249_000_000
        script.named(3)
        #expect(script.targets() == [])
        script.time += 1_000_000
        script.named(3)
        #expect(script.targets() == [masterTarget(3)])
    }

    @Test("not if it changed its mind between")
    func changedMind() {
        var script = settled()
        script.named(3)
        script.time += 200_000_000
        script.named(0)
        script.time += 100_000_000
        script.named(3)
        #expect(script.targets() == [])
    }

    @Test("at once, when there is no master")
    func atOnce() {
        var script = settled()
        script.does(.nodeDown(redisAt[0]))
        script.passes(300, roles: [redisAt[3]: .master])
        script.named(3)
        #expect(script.targets() == [.none(emergency: redisAt[1]), masterTarget(3)])
    }

    @Test("never without its saying master")
    func silent() {
        var script = settled()
        script.named(1)
        script.passes(
            5_000, roles: [redisAt[0]: .master, redisAt[1]: ResolverScript.replica],
            named: [sentinelAt[0]: redisAt[1], sentinelAt[1]: redisAt[1]])
        #expect(script.targets() == [])
    }

    @Test("by Sentinels that trust their clocks")
    func tilt() {
        var script = settled()
        script.does(.message(from: sentinelAt[0], .tilt(isEntered: true)))
        let named = [sentinelAt[0]: redisAt[3], sentinelAt[1]: redisAt[3]]
        script.passes(2_000, roles: roles, named: named)
        #expect(script.targets() == [])
        script.does(.message(from: sentinelAt[0], .tilt(isEntered: false)))
        script.passes(1_000, roles: roles, named: named)
        #expect(script.targets() == [masterTarget(3)])
    }

    @Test("with fresh words: what was said before the master was lost does not count")
    func fresh() {
        var script = settled()
        // It was cut off together with us; two Sentinels still name it from before.
        script.does(.nodeDown(redisAt[0]))
        script.passes(300)
        script.comes(0, .master)
        #expect(script.targets() == [.none(emergency: redisAt[1])])
        script.named(0)
        #expect(script.targets() == [masterTarget(0)])
    }

    @Test("a Sentinel's word is forgotten with its connection, and when it is old")
    func forgotten() {
        var script = settled()
        script.named(3, by: 0..<1)
        script.time += 300_000_000
        script.does(.sentinelDown(sentinelAt[0]))
        script.named(3, by: 1..<2)
        #expect(script.targets() == [])
        script = settled()
        script.named(3)
        script.passes(2_900, roles: roles)
        script.named(3, by: 0..<1)
        script.passes(200, roles: roles)
        script.named(3, by: 0..<1)
        #expect(script.targets() == [])
    }

    @Test("an old switch that is told again changes nothing")
    func oldSwitch() {
        var script = settled()
        let named = Dictionary(uniqueKeysWithValues: sentinelAt[0..<3].map { ($0, redisAt[0]) })
        for _ in 0..<5 {
            script.does(.message(from: sentinelAt[0], .failover(newMaster: redisAt[3])))
            script.passes(500, roles: roles, named: named)
        }
        #expect(script.targets() == [])
    }
}
