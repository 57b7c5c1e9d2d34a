import Redis
import Testing
import Time

let redisAt = (1...4).map { Endpoint(host: "redis-\($0)", port: 6379) }
let sentinelAt = (1...4).map { Endpoint(host: "sentinel-\($0)", port: 26_379) }

/// A resolver, and what a test does to it.
struct ResolverScript {
    var resolver: MasterResolver
    var time: UInt64 = 1_000_000_000
    /// What was to be done since the last look.
    var actions: [ResolverAction] = []
    /// Questions that nobody has answered.
    private var asked: [ResolverAction] = []

    var now: Instant { Instant(nanoseconds: time) }

    init(_ mode: ResolverSettings.Mode, _ change: (inout ResolverSettings) -> Void = { _ in }) {
        var settings = ResolverSettings(mode)
        change(&settings)
        resolver = MasterResolver(settings, at: Instant(nanoseconds: 1_000_000_000))
        resolver.start(at: now, into: &actions)
    }

    mutating func does(_ events: ResolverEvent...) {
        for event in events { does(event) }
    }

    private mutating func does(_ event: ResolverEvent) {
        var new: [ResolverAction] = []
        resolver.handle(event, at: now, into: &new)
        actions += new
        asked += new.filter {
            switch $0 {
            case .askRole, .pollSentinel: true
            default: false
            }
        }
    }

    /// Lets time pass, as the resolver wakes; what it asks is answered by nobody.
    mutating func passes(_ milliseconds: UInt64) {
        let end = time + milliseconds * 1_000_000
        while resolver.wake.nanoseconds <= end {
            time = max(time, resolver.wake.nanoseconds)
            does(.tick)
        }
        time = end
    }

    /// The same; nodes go on to answer `roles`, and Sentinels to name `named`.
    mutating func passes(
        _ milliseconds: UInt64, roles: [Endpoint: NodeRole], named: [Endpoint: Endpoint] = [:]
    ) {
        let end = time + milliseconds * 1_000_000
        answer(roles, named)
        while resolver.wake.nanoseconds <= end {
            time = max(time, resolver.wake.nanoseconds)
            does(.tick)
            answer(roles, named)
        }
        time = end
    }

    private mutating func answer(_ roles: [Endpoint: NodeRole], _ named: [Endpoint: Endpoint]) {
        while !asked.isEmpty {
            switch asked.removeFirst() {
            case .askRole(let node): if let role = roles[node] { does(.nodeRole(node, role)) }
            case .pollSentinel(let one):
                if let name = named[one] { does(.named(by: one, .endpoint(name))) }
            default: break
            }
        }
    }

    /// What was published since the last call.
    mutating func published() -> [Publication] {
        defer { actions = [] }
        return actions.compactMap {
            if case .publish(let publication) = $0 { publication } else { nil }
        }
    }

    /// Targets of the same.
    mutating func targets() -> [PublishedTarget] { published().map(\.target) }

    /// Three Sentinels that name the first node, which is the master of the second and third.
    static func settled() -> ResolverScript {
        var script = ResolverScript(.sentinels(Array(sentinelAt[0..<3]), group: "main", nodes: []))
        for index in 0..<3 { script.does(.sentinelUp(sentinelAt[index], id: runID(ids[index]))) }
        for index in 0..<3 {
            script.does(.named(by: sentinelAt[index], .endpoint(redisAt[0])))
            script.does(.replicas(by: sentinelAt[index], Array(redisAt[1..<3])))
        }
        script.comes(0, .master)
        script.comes(1, replica)
        script.comes(2, replica)
        return script
    }

    /// A node is connected to, and answers.
    mutating func comes(_ index: Int, _ role: NodeRole, as id: Character? = nil) {
        does(.nodeUp(redisAt[index], runID(id ?? Character("\(index + 1)"))))
        does(.nodeRole(redisAt[index], role))
    }

    /// The majority of three names a node.
    mutating func named(_ index: Int, by sentinels: Range<Int> = 0..<2) {
        for one in sentinels { does(.named(by: sentinelAt[one], .endpoint(redisAt[index]))) }
    }

    static let ids: [Character] = ["a", "b", "c", "d"]
    static let replica = NodeRole.replica(of: redisAt[0], link: .connected, offset: 10)
}

/// What is published when the node of this index becomes master.
func masterTarget(_ index: Int, as id: Character? = nil) -> PublishedTarget {
    .master(redisAt[index], runID(id ?? Character("\(index + 1)")))
}
