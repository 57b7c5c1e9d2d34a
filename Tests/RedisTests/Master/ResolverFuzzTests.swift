import Testing
import Time

@testable import Redis

/// Events without sense, the same ones in each run.
private struct Nonsense {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func number(below bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(bound))
    }

    private mutating func endpoint() -> Endpoint {
        Endpoint(host: "h\(number(below: number(below: 8) == 0 ? 80 : 4))", port: 1)
    }

    private mutating func id() -> RunID {
        runID(["a", "b", "c", "d"][number(below: 4)])
    }

    private mutating func role() -> NodeRole {
        number(below: 2) == 0
            ? .master : .replica(of: endpoint(), link: .connected, offset: Int64(number(below: 9)))
    }

    private mutating func message() -> SentinelMessage {
        switch number(below: 6) {
        case 0: .failover(newMaster: endpoint())
        case 1: .failover(newMaster: nil)
        case 2: .suspicion
        case 3: .replica(endpoint())
        case 4: .sentinel(SentinelPeer(endpoint: endpoint(), id: id()))
        default: .tilt(isEntered: number(below: 2) == 0)
        }
    }

    mutating func event() -> ResolverEvent {
        switch number(below: 12) {
        case 0: .sentinelUp(endpoint(), id: number(below: 3) == 0 ? nil : id())
        case 1: .sentinelDown(endpoint())
        case 2: .named(by: endpoint(), number(below: 5) == 0 ? .nobody : .endpoint(endpoint()))
        case 3: .replicas(by: endpoint(), [endpoint(), endpoint()])
        case 4: .sentinels(by: endpoint(), [SentinelPeer(endpoint: endpoint(), id: id())])
        case 5: .message(from: endpoint(), message())
        case 6: .nodeUp(endpoint(), id())
        case 7, 8: .nodeRole(endpoint(), role())
        case 9: .nodeDown(endpoint())
        case 10: .hint(.timeout, generation: UInt64(number(below: 50)))
        default: .tick
        }
    }
}

@Suite("Events without sense")
struct ResolverFuzzTests {
    @Test(
        "never trap; limits hold, generations rise, what is watched is what was said",
        arguments: 0..<6)
    func fuzz(seed: Int) {
        var nonsense = Nonsense(seed: UInt64(seed) &* 7_919 &+ 1)
        let seeds = (0..<3).map { Endpoint(host: "h\($0)", port: 1) }
        var resolver = MasterResolver(
            ResolverSettings(.sentinels(seeds, group: "g", nodes: [])),
            at: Instant(nanoseconds: 0))
        var actions: [ResolverAction] = []
        resolver.start(at: Instant(nanoseconds: 0), into: &actions)
        var time: UInt64 = 0
        var generation: UInt64 = 0
        var nodes: Set<Endpoint> = []
        var sentinels: Set<Endpoint> = []
        var isSound = true
        for number in 0..<3_000 {
            time += UInt64(nonsense.number(below: number % 100 == 0 ? 70_000 : 50)) * 1_000_000
            for action in actions {
                switch action {
                case .watchNode(let one): isSound = nodes.insert(one).inserted && isSound
                case .dropNode(let one): isSound = nodes.remove(one) != nil && isSound
                case .watchSentinel(let one): isSound = sentinels.insert(one).inserted && isSound
                case .dropSentinel(let one): isSound = sentinels.remove(one) != nil && isSound
                case .redialNode(let one), .askRole(let one):
                    isSound = nodes.contains(one) && isSound
                case .redialSentinel(let one), .pollSentinel(let one):
                    isSound = sentinels.contains(one) && isSound
                case .publish(let publication):
                    isSound = publication.generation == generation + 1 && isSound
                    generation = publication.generation
                }
            }
            isSound = isSound && nodes.count <= 16 && sentinels.count <= 16
            actions = []
            resolver.handle(nonsense.event(), at: Instant(nanoseconds: time), into: &actions)
            isSound = isSound && resolver.wake.nanoseconds > time
            guard isSound else {
                Issue.record("after event \(number)")
                return
            }
        }
        #expect(generation > 5)
    }
}
