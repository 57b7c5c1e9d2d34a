import Testing
import Time

@testable import Redis

@Suite("The resolver gives a master up")
struct LossTests {
    private func settled() -> ResolverScript {
        var script = ResolverScript.settled()
        script.actions = []
        return script
    }

    @Test("after 300 ms, and offers a replica to read from")
    func unreachable() {
        var script = settled()
        script.does(.nodeDown(redisAt[0]))
        script.passes(
            299, roles: [redisAt[1]: ResolverScript.replica, redisAt[2]: ResolverScript.replica])
        #expect(script.targets() == [])
        script.passes(
            1, roles: [redisAt[1]: ResolverScript.replica, redisAt[2]: ResolverScript.replica])
        let all = script.published()
        #expect(all.map(\.target) == [.none(emergency: redisAt[1])])
        #expect(all.map(\.cause) == [.unreachable])
        #expect(script.resolver.counts.losses[.unreachable] == 1)
    }

    @Test("but not when it is back in time")
    func back() {
        var script = settled()
        script.does(.nodeDown(redisAt[0]))
        script.passes(200, roles: [redisAt[1]: ResolverScript.replica])
        script.comes(0, .master)
        script.passes(400, roles: [redisAt[0]: .master, redisAt[1]: ResolverScript.replica])
        #expect(script.targets() == [])
    }

    @Test("when it does not answer: stopped servers keep their connections")
    func stopped() {
        var script = settled()
        script.passes(
            2_000, roles: [redisAt[1]: ResolverScript.replica, redisAt[2]: ResolverScript.replica])
        #expect(script.actions.contains(.redialNode(redisAt[0])))
        #expect(script.targets() == [.none(emergency: redisAt[1])])
    }

    @Test("at once when it was restarted, and takes it back when it is named")
    func restarted() {
        var script = settled()
        script.comes(0, .master, as: "9")
        #expect(script.targets() == [.none(emergency: redisAt[1])])
        script.named(0)
        #expect(script.targets() == [masterTarget(0, as: "9")])
    }

    @Test("the replica for emergencies follows: the furthest one, kept as long as it answers")
    func emergency() {
        var script = settled()
        script.does(.nodeRole(redisAt[2], .replica(of: redisAt[0], link: .connect, offset: 99)))
        script.does(.nodeRole(redisAt[0], ResolverScript.replica))
        #expect(script.targets() == [.none(emergency: redisAt[2])])
        script.does(.nodeRole(redisAt[1], .replica(of: redisAt[0], link: .connect, offset: 999)))
        #expect(script.targets() == [])
        script.does(.nodeDown(redisAt[2]))
        let all = script.published()
        #expect(all.map(\.target) == [.none(emergency: redisAt[1])])
        #expect(all.map(\.cause) == [.emergency])
    }

    @Test("generations rise with each publication")
    func generations() {
        var script = ResolverScript.settled()
        script.does(.nodeDown(redisAt[0]), .nodeRole(redisAt[1], .master))
        script.does(.nodeDown(redisAt[1]))
        script.passes(1_000)
        let numbers = script.published().map(\.generation)
        #expect(numbers.count >= 4)
        #expect(numbers == Array(1...UInt64(numbers.count)))
    }
}

@Suite("The resolver watches")
struct WatchTests {
    @Test("what Sentinels tell of")
    func discovery() {
        var script = ResolverScript(.sentinels([sentinelAt[0]], group: "g", nodes: []))
        script.does(.sentinelUp(sentinelAt[0], id: runID("a")))
        script.actions = []
        script.does(
            .named(by: sentinelAt[0], .endpoint(redisAt[0])),
            .replicas(by: sentinelAt[0], [redisAt[0], redisAt[1]]),
            .sentinels(by: sentinelAt[0], [SentinelPeer(endpoint: sentinelAt[1], id: runID("b"))]),
            .message(from: sentinelAt[0], .replica(redisAt[2])),
            .message(
                from: sentinelAt[0],
                .sentinel(SentinelPeer(endpoint: sentinelAt[2], id: runID("c")))))
        let watches = script.actions.filter {
            switch $0 {
            case .watchNode, .watchSentinel: true
            default: false
            }
        }
        #expect(
            watches == [
                .watchNode(redisAt[0]), .watchNode(redisAt[1]), .watchSentinel(sentinelAt[1]),
                .watchNode(redisAt[2]), .watchSentinel(sentinelAt[2]),
            ])
    }

    @Test("no more than the limits, however much is told")
    func limits() {
        var script = ResolverScript(.sentinels([sentinelAt[0]], group: "g", nodes: [redisAt[0]])) {
            $0.nodesMax = 4
            $0.sentinelsMax = 3
        }
        script.does(.sentinelUp(sentinelAt[0], id: runID("a")))
        for number in 0..<500 {
            let endpoint = Endpoint(host: "h\(number)", port: 1)
            let id = runID(ResolverScript.ids[number % 4])
            script.time += 1
            script.does(
                .replicas(by: sentinelAt[0], [endpoint]),
                .sentinels(by: sentinelAt[0], [SentinelPeer(endpoint: endpoint, id: id)]))
            #expect(script.resolver.nodes.count <= 4)
            #expect(script.resolver.sentinels.count <= 3)
        }
        #expect(script.resolver.nodes.contains { $0.endpoint == redisAt[0] })
        #expect(script.resolver.counts.refused > 100)
    }

    @Test("and forgets what is told of no more and does not answer, but nothing given")
    func forgets() {
        var script = ResolverScript(.sentinels([sentinelAt[0]], group: "g", nodes: [redisAt[0]]))
        script.does(.sentinelUp(sentinelAt[0], id: runID("a")))
        script.does(
            .replicas(by: sentinelAt[0], [redisAt[1]]),
            .sentinels(by: sentinelAt[0], [SentinelPeer(endpoint: sentinelAt[1], id: runID("b"))]))
        script.does(.sentinelDown(sentinelAt[0]))
        script.passes(60_000)
        #expect(!script.actions.contains(.dropNode(redisAt[1])))
        script.passes(1_000)
        #expect(script.actions.contains(.dropNode(redisAt[1])))
        #expect(script.actions.contains(.dropSentinel(sentinelAt[1])))
        #expect(script.resolver.nodes.map(\.endpoint) == [redisAt[0]])
        #expect(script.resolver.sentinels.map(\.endpoint) == [sentinelAt[0]])
    }

    @Test("a Sentinel by its given address only, once it is known to be the same")
    func alias() {
        var script = ResolverScript(.sentinels(Array(sentinelAt[0..<2]), group: "g", nodes: []))
        script.does(.sentinelUp(sentinelAt[0], id: runID("a")))
        let other = Endpoint(host: "10.0.0.2", port: 26_379)
        script.does(.sentinels(by: sentinelAt[0], [SentinelPeer(endpoint: other, id: runID("b"))]))
        #expect(script.actions.contains(.watchSentinel(other)))
        script.does(.sentinelUp(sentinelAt[1], id: runID("b")))
        #expect(script.actions.contains(.dropSentinel(other)))
        script.actions = []
        script.does(.sentinels(by: sentinelAt[0], [SentinelPeer(endpoint: other, id: runID("b"))]))
        #expect(!script.actions.contains(.watchSentinel(other)))
        #expect(script.resolver.majority == 2)
    }

    @Test("a master that is known by two addresses is one master")
    func twoAddresses() {
        var script = ResolverScript(.sentinels([sentinelAt[0]], group: "g", nodes: [redisAt[3]]))
        script.does(.sentinelUp(sentinelAt[0], id: runID("a")))
        script.named(0, by: 0..<1)
        script.comes(3, .master, as: "1")
        script.comes(0, .master)
        script.passes(
            3_000, roles: [redisAt[0]: .master, redisAt[3]: .master],
            named: [sentinelAt[0]: redisAt[0]])
        #expect(script.targets().count == 2)
        #expect(script.resolver.counts.switches == [.majority: 1])
    }

    @Test("events about what is not watched are ignored")
    func strangers() {
        var script = ResolverScript.settled()
        script.actions = []
        let stranger = Endpoint(host: "stranger", port: 1)
        script.does(
            .sentinelUp(stranger, id: nil), .named(by: stranger, .endpoint(redisAt[3])),
            .replicas(by: stranger, [redisAt[3]]), .message(from: stranger, .replica(redisAt[3])),
            .nodeUp(stranger, runID("9")), .nodeRole(stranger, .master), .nodeDown(stranger),
            .sentinelDown(stranger))
        #expect(script.actions == [])
    }

    @Test("a hint of the present generation asks everyone now, an old one nobody")
    func hints() {
        var script = ResolverScript.settled()
        let roles = [
            redisAt[0]: NodeRole.master, redisAt[1]: ResolverScript.replica,
            redisAt[2]: ResolverScript.replica,
        ]
        let named = Dictionary(uniqueKeysWithValues: sentinelAt[0..<3].map { ($0, redisAt[0]) })
        script.passes(3_300, roles: roles, named: named)
        script.actions = []
        let generation = script.resolver.publication.generation
        script.does(.hint(.readOnly, generation: generation - 1))
        #expect(script.actions == [])
        script.does(.hint(.readOnly, generation: generation))
        #expect(script.actions.filter { $0 == .askRole(redisAt[0]) }.count == 1)
        #expect(script.actions.filter { $0 == .pollSentinel(sentinelAt[0]) }.count == 1)
        let count = script.actions.count
        for _ in 0..<50 { script.does(.hint(.timeout, generation: generation)) }
        #expect(script.actions.count == count)
        #expect(script.resolver.counts.hints == [.readOnly: 1, .timeout: 50])
    }

    @Test("calm: a poll each second, ROLE twice a second")
    func pace() {
        var script = ResolverScript.settled()
        let roles = [
            redisAt[0]: NodeRole.master, redisAt[1]: ResolverScript.replica,
            redisAt[2]: ResolverScript.replica,
        ]
        let named = Dictionary(uniqueKeysWithValues: sentinelAt[0..<3].map { ($0, redisAt[0]) })
        script.passes(3_000, roles: roles, named: named)
        script.actions = []
        script.passes(10_000, roles: roles, named: named)
        #expect((9...11).contains(script.actions.count { $0 == .pollSentinel(sentinelAt[0]) }))
        #expect((19...21).contains(script.actions.count { $0 == .askRole(redisAt[0]) }))
        #expect(script.targets() == [])
    }

    @Test("after a pause of the process, what Sentinels said is asked again")
    func pause() {
        var script = ResolverScript.settled()
        script.actions = []
        script.time += 10_000_000_000
        script.does(.tick)
        #expect(script.resolver.counts.pauses == 1)
        #expect(script.resolver.sentinels.allSatisfy { $0.vote == nil })
    }

    @Test("malformed answers are counted")
    func malformed() {
        var script = ResolverScript.settled()
        script.does(.malformed, .malformed)
        #expect(script.resolver.counts.malformed == 2)
    }
}
