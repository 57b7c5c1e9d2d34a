import ProxyCore
import Redis

/// Mistakes that a harness can make on purpose. Each has to be found.
struct Flaws: OptionSet, Hashable {
    let rawValue: Int

    /// The flush before `live` is left out.
    static let noFlushBeforeLive = Flaws(rawValue: 1 << 0)
    /// All runs of a server have the same identity.
    static let noRunIdentity = Flaws(rawValue: 1 << 1)
    /// Whoever says master is taken for a replica that was promoted.
    static let mereMasters = Flaws(rawValue: 1 << 2)
    /// Fills are plain SETs.
    static let fillsWithoutToken = Flaws(rawValue: 1 << 3)
    /// Invalidations do not delete placeholders.
    static let fillsIgnoreInvalidations = Flaws(rawValue: 1 << 4)
    /// Data connections of earlier generations are used until they break.
    static let keepsOldConnections = Flaws(rawValue: 1 << 5)
    /// The purge journal is not replayed.
    static let noReplay = Flaws(rawValue: 1 << 6)
    /// Heartbeats are taken for seen once they are sent.
    static let fakesHeartbeats = Flaws(rawValue: 1 << 7)
    /// What is in memory is served whether or not it is proved.
    static let servesUnproved = Flaws(rawValue: 1 << 8)
    /// What one Sentinel says is taken for the word of all.
    static let oneSentinelIsAll = Flaws(rawValue: 1 << 9)
    /// Invalidations are not applied to memory.
    static let ignoresInvalidations = Flaws(rawValue: 1 << 10)
    /// Generations of publications are not told to the coherence machine: it goes on with its listener.
    static let ignoresGenerations = Flaws(rawValue: 1 << 11)
}

/// Knows everything, and says what must not be.
final class Judge {
    let world: World
    var nodes: [RedisNode] = []
    private var lastNamed: [Int: UInt64] = [:]
    var instances: [Instance] = []
    /// When the latest purge of a key was carried out that was confirmed to an instance.
    private var purgedAt: [Int: [Int: UInt64]] = [:]
    private(set) var counts: [String: Int] = [:]

    init(world: World) { self.world = world }

    func count(_ name: String) { counts[name, default: 0] += 1 }

    /// A Sentinel answered with a master.
    func named(_ master: Int, by sentinel: Int) {
        lastNamed[sentinel * 100 + master] = world.time
    }

    private func node(_ endpoint: Endpoint) -> RedisNode? {
        nodes.first { $0.endpoint == endpoint }
    }

    /// A server carried out a client's write.
    func write(by connection: Connection, to node: RedisNode, sentAt: UInt64) {
        guard let instance = connection.client as? Instance else { return }
        count("writes")
        if connection.generation != instance.generation, sentAt > instance.publishedAt {
            world.violated(
                "instance-\(instance.number) wrote to redis-\(node.number) of generation "
                    + "\(connection.generation) in generation \(instance.generation)")
        }
    }

    /// A server is about to carry out a fill.
    func filled(_ node: RedisNode, _ value: Value, token: UInt64) {
        count("fills")
        if node.store.holder[value.key] != token {
            world.violated("redis-\(node.number) took a fill of r:\(value.key) without its lease")
        }
        if let purgedAt = node.store.purgedAt[value.key], value.fetchedFrom < purgedAt {
            world.violated("redis-\(node.number) took a fill of r:\(value.key) from before a purge")
        }
    }

    /// An instance published something.
    func published(_ publication: Publication, by instance: Instance) {
        count("publication \(publication.cause.rawValue)")
        if publication.generation <= instance.generation {
            world.violated("generation \(publication.generation) after \(instance.generation)")
        }
        guard case .master(let endpoint, let run) = publication.target,
            let node = node(endpoint)
        else { return }
        switch publication.cause {
        case .promotion:
            if node.runID == run, !node.isPromoted {
                world.violated(
                    "instance-\(instance.number) follows redis-\(node.number): nobody promoted it")
            }
        case .majority:
            let since = world.time - ms(4_000)
            let voters = (0..<3).count { (lastNamed[$0 * 100 + node.number] ?? 0) > since }
            if voters < 2 {
                world.violated(
                    "instance-\(instance.number) follows redis-\(node.number): \(voters) named it")
            }
        default: world.violated("a master because of \(publication.cause)")
        }
    }

    /// An instance answers from memory as if it were fresh.
    func served(_ value: Value, by instance: Instance) {
        count("hits")
        let bound = ms(1_000)
        if world.time > instance.provedAt + bound {
            world.violated(
                "instance-\(instance.number) is live, and its last heartbeat "
                    + "\((world.time - instance.provedAt) / 1_000_000) ms old")
        }
        guard case .master(let endpoint, let run) = instance.target, let node = node(endpoint)
        else { return world.violated("instance-\(instance.number) is live without a master") }
        if value.readIn != run {
            return world.violated("instance-\(instance.number) serves what another master had")
        }
        // A millisecond is for what one turn of the server's loop tells together.
        guard node.runID == run, let changedAt = node.changedAt[value.key],
            value.readAt < changedAt, world.time > changedAt + bound + ms(1)
        else { return }
        world.violated(
            "instance-\(instance.number) serves r:\(value.key), changed "
                + "\((world.time - changedAt) / 1_000_000) ms ago")
    }

    /// An instance puts an answer of the shared cache into memory.
    func kept(_ value: Value, by instance: Instance) {
        if let toldOf = instance.toldOf[value.key], value.readAt < toldOf {
            world.violated(
                "instance-\(instance.number) keeps r:\(value.key), of whose end it was told")
        }
        // Who purged it has had time to say so again to this master.
        for other in instances {
            guard let purgedAt = purgedAt[other.number]?[value.key],
                other.target == instance.target,
                value.fetchedFrom < purgedAt, value.readAt > purgedAt, other.data != nil,
                value.readAt > other.connectedAt + ms(700), !other.isStopped
            else { continue }
            world.violated("r:\(value.key) came back after instance-\(other.number) purged it")
        }
    }

    /// A purge was confirmed to an instance.
    func purged(_ key: Int, appliedAt: UInt64, by instance: Instance) {
        count("purges")
        purgedAt[instance.number, default: [:]][key] = appliedAt
    }

    /// When all has calmed down: what was purged is gone, and memory is what the master has.
    func settled(_ instances: [Instance], on master: RedisNode) {
        for (key, at) in purgedAt.values.joined() where at + ms(50_000) > world.time {
            if let value = master.store.values[key], value.fetchedFrom < at {
                world.violated("r:\(key) came back after a purge")
            }
        }
        for instance in instances {
            for (key, value) in instance.memory where instance.isLive {
                if master.store.values[key]?.number != value.number {
                    world.violated("instance-\(instance.number) keeps another r:\(key)")
                }
            }
        }
    }
}
