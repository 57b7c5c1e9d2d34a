import ProxyCore
import Redis

/// What goes wrong in a simulation.
enum Fault: String, CaseIterable {
    /// A Redis server is killed, and restarted later with the role it had.
    case kill
    /// The same, and it starts as master whatever it was.
    case killAndRestartAsMaster
    /// A Redis server is killed and restarted before anyone thinks it down.
    case quickRestart
    /// A Redis server is stopped (SIGSTOP) and goes on later.
    case stop
    /// An instance is cut off from a Redis server.
    case cutFromNode
    /// An instance is cut off from everything.
    case cutFromAll
    /// A Redis server is cut off from everything but one instance.
    case cutWithInstance
    /// The servers cannot replicate.
    case cutReplication
    /// A Sentinel is cut off from a server.
    case cutSentinel
    /// A Sentinel is killed, and restarted later.
    case killSentinel
    /// A Sentinel is stopped; after 2 s it does not trust its clock any more.
    case stopSentinel
    /// A Sentinel does not trust its clock.
    case tilt
    /// An operator's SENTINEL FAILOVER.
    case sentinelFailover
    /// An operator's FAILOVER TO.
    case failoverTo
    /// FLUSHALL.
    case flushAll
    /// A Sentinel tells again of a switch of long ago.
    case oldSwitch
    /// Links of an instance are slow.
    case slow
    /// Replication lags.
    case replicationLag
    /// An instance is stopped.
    case stopInstance
    /// What a server sends to an instance's listener does not arrive any more, and nobody is told.
    case muteListener
    /// A connection of an instance breaks.
    case dropConnection
}

/// A cluster with instances, and a plan of what goes wrong, all made of one number.
final class Simulation {
    let seed: UInt64
    let world: World
    let network: Network
    let judge: Judge
    private(set) var nodes: [RedisNode] = []
    private(set) var sentinels: [SentinelNode] = []
    private(set) var instances: [Instance] = []
    private(set) var faults: [Fault: Int] = [:]
    private var fetches = 0
    /// Faults happen until then.
    private let troubleUntil: UInt64
    private let settleMax = ms(60_000)

    init(seed: UInt64, flaws: Flaws = [], isTracing: Bool = false) {
        self.seed = seed
        world = World(seed: seed, isTracing: isTracing)
        network = Network(world: world)
        judge = Judge(world: world)
        troubleUntil = world.time + ms(9_000)
        for number in 0..<3 {
            nodes.append(
                RedisNode(
                    number, role: number == 0 ? .master : .replica(of: 0), network: network,
                    judge: judge))
            sentinels.append(
                SentinelNode(
                    number, downAfter: ms(world.chance(2) == 0 ? 500 : 1_000), network: network,
                    judge: judge))
        }
        judge.nodes = nodes
        for number in 0..<3 {
            // One Sentinel is not in the settings: it has to be heard of.
            let seeds = sentinels.prefix(2).map(\.endpoint)
            instances.append(
                Instance(number, seeds: seeds, network: network, judge: judge, flaws: flaws))
        }
        let purgeOneIn = [4, 12, 40][world.chance(3)]
        for instance in instances { instance.purgeOneIn = purgeOneIn }
        judge.instances = instances
        connect()
    }

    private func connect() {
        for node in nodes { node.peers = { [unowned self] in nodes } }
        for sentinel in sentinels {
            sentinel.nodes = { [unowned self] in nodes }
            sentinel.others = { [unowned self, unowned sentinel] in
                sentinels.filter { $0 !== sentinel }
            }
        }
        for instance in instances {
            for node in nodes { instance.nodes[node.endpoint] = node }
            for sentinel in sentinels { instance.sentinels[sentinel.endpoint] = sentinel }
            instance.origin = { [unowned self] in
                fetches += 1
                return fetches
            }
        }
    }

    /// Runs it to its end. What was wrong, or nil.
    func run() -> String? {
        defer { end() }
        for node in nodes { node.begin() }
        for sentinel in sentinels { sentinel.begin() }
        for instance in instances { instance.begin() }
        world.run(until: world.time + ms(1_500))
        plan()
        world.run(until: troubleUntil)
        heal()
        settle()
        return world.violation
    }

    private func plan() {
        for _ in 0..<world.between(2, 8) {
            let fault = Fault.allCases[world.chance(Fault.allCases.count)]
            let at = world.time + ms(world.chance(6_000))
            world.at(at) { [self] in inject(fault) }
        }
    }

    /// Those who take part let go of each other.
    private func end() {
        world.end()
        for process in nodes as [Process] + sentinels + instances { process.end() }
    }

    /// All faults end.
    private func heal() {
        world.note("all faults end")
        for a in nodes.indices {
            for b in sentinels.indices {
                cut(nodes[a].host, sentinels[b].host, false)
                cut(nodes[a].host, instances[b].host, false)
                cut(nodes[a].host, nodes[b].host, false)
                cut(sentinels[a].host, instances[b].host, false)
                network.setSlow(nodes[a].host, instances[b].host, false)
                network.setSlow(sentinels[a].host, instances[b].host, false)
            }
        }
        for process in nodes as [Process] + sentinels + instances { process.goOn() }
        for node in nodes {
            node.replicationLag = 20
            node.restart(asMaster: false)
        }
        for sentinel in sentinels { sentinel.restart() }
    }

    /// The one master that all agree on; nil as long as they do not.
    private var agreed: RedisNode? {
        let masters = nodes.filter { $0.role == .master }
        guard masters.count == 1, let master = masters.first else { return nil }
        return instances.allSatisfy {
            $0.target == .master(master.endpoint, master.runID) && $0.coherence.phase == .live
        } ? master : nil
    }

    private func settle() {
        let end = world.time + settleMax
        var since: UInt64?
        while world.violation == nil, world.time < end {
            world.run(until: world.time + ms(100))
            if agreed == nil { since = nil } else { since = since ?? world.time }
            if let since, world.time - since >= ms(500) { break }
        }
        guard world.violation == nil else { return }
        guard agreed != nil else { return world.violated("no agreement: \(standing)") }
        for instance in instances { instance.isBusy = false }
        world.run(until: world.time + ms(3_000))
        if let master = agreed, world.violation == nil { judge.settled(instances, on: master) }
    }

    private var standing: String {
        let roles = nodes.map { "redis-\($0.number) \($0.role)" }
        let names = sentinels.map { "sentinel-\($0.number) names \($0.named)" }
        let all = instances.map { "instance-\($0.number) \($0.target) \($0.coherence.phase)" }
        return (roles + names + all).joined(separator: ", ")
    }
}

/// Doing harm.
extension Simulation {
    private func cut(_ a: Int, _ b: Int, _ value: Bool) {
        if a != b { network.setCut(a, b, value) }
    }

    private var node: RedisNode {
        // The master is hit more often than others.
        if world.chance(2) == 0, let master = nodes.first(where: { $0.role == .master }) {
            return master
        }
        return nodes[world.chance(nodes.count)]
    }

    private func inject(_ fault: Fault) {
        faults[fault, default: 0] += 1
        let node = node
        let sentinel = sentinels[world.chance(sentinels.count)]
        let instance = instances[world.chance(instances.count)]
        let length = ms(world.chance(3) == 0 ? world.between(50, 700) : world.between(500, 5_000))
        world.note(
            "FAULT \(fault.rawValue): redis-\(node.number) sentinel-\(sentinel.number) "
                + "instance-\(instance.number) \(length / 1_000_000) ms")
        switch fault {
        case .kill, .killAndRestartAsMaster, .quickRestart, .stop, .flushAll, .failoverTo,
            .replicationLag:
            harm(fault, node, length)
        case .killSentinel, .stopSentinel, .tilt, .sentinelFailover, .oldSwitch:
            harm(fault, sentinel, length)
        case .cutFromNode: cutLinks([(instance.host, node.host)], length)
        case .cutFromAll:
            cutLinks((nodes + sentinels).map { (instance.host, $0.host) }, length)
        case .cutWithInstance:
            let others = (nodes + sentinels + instances) as [Process]
            cutLinks(
                others.filter { $0 !== node && $0 !== instance }.map { (node.host, $0.host) },
                length)
        case .cutReplication:
            cutLinks([(0, 1), (0, 2), (1, 2)], length)
        case .cutSentinel: cutLinks([(sentinel.host, node.host)], length)
        case .slow:
            for other in (nodes + sentinels) as [Process] {
                network.setSlow(instance.host, other.host, true)
                world.after(length) { [self] in
                    network.setSlow(instance.host, other.host, false)
                }
            }
        case .stopInstance:
            instance.stop()
            world.after(length) { instance.goOn() }
        case .muteListener:
            guard let listener = instance.listener else { return }
            if world.chance(2) == 0 {
                listener.isMute = true
            } else {
                // This one breaks, and the next is mute as soon as it is set up.
                instance.isNextListenerMute = true
                network.close(listener, by: listener.server)
            }
        case .dropConnection:
            var open = instance.connections
            // Of ten connections these two matter most.
            if world.chance(2) == 0 { open = [instance.listener, instance.data].compactMap { $0 } }
            guard !open.isEmpty else { return }
            let connection = open[world.chance(open.count)]
            network.close(connection, by: connection.server)
        }
    }

    private func cutLinks(_ links: [(Int, Int)], _ length: UInt64) {
        for (a, b) in links { cut(a, b, true) }
        world.after(length) { [self] in for (a, b) in links { cut(a, b, false) } }
    }

    private func harm(_ fault: Fault, _ node: RedisNode, _ length: UInt64) {
        switch fault {
        case .kill, .killAndRestartAsMaster, .quickRestart:
            let wait = fault == .quickRestart ? ms(world.between(20, 250)) : length
            node.die()
            world.after(wait) { node.restart(asMaster: fault == .killAndRestartAsMaster) }
        case .stop:
            node.stop()
            world.after(length) { node.goOn() }
        case .flushAll: node.flushAll()
        case .failoverTo:
            guard let master = nodes.first(where: { $0.role == .master && $0.responds }),
                let other = nodes.first(where: { $0.isFollowing(master) })
            else { return }
            master.handOver(to: other)
        case .replicationLag:
            for other in nodes { other.replicationLag = 4_000 }
            world.after(length) { [self] in for other in nodes { other.replicationLag = 20 } }
        default: break
        }
    }

    private func harm(_ fault: Fault, _ sentinel: SentinelNode, _ length: UInt64) {
        switch fault {
        case .killSentinel:
            sentinel.die()
            world.after(length) { sentinel.restart() }
        case .stopSentinel:
            sentinel.stop()
            world.after(length) { sentinel.goOn() }
        case .tilt: if sentinel.responds { sentinel.enterTilt(length) }
        case .sentinelFailover: if sentinel.responds { sentinel.forceFailover() }
        case .oldSwitch: if sentinel.responds { sentinel.repeatOldSwitch() }
        default: break
        }
    }
}
