import Redis

/// A Sentinel: detects, votes, promotes, tells. Times as measured of Redis 7.0's (down-after 500 ms),
/// other timeouts shortened.
final class SentinelNode: Process {
    private enum Stage { case selecting, promoting, reconfiguring }

    private struct Failover {
        var stage = Stage.selecting
        var target = -1
        let epoch: Int
        let startedAt: UInt64
    }

    let number: Int
    let id: RunID
    let endpoint: Endpoint
    let downAfter: UInt64
    private(set) var config: (epoch: Int, master: Int) = (0, 0)
    private var votedEpoch = 0
    private var nextAttempt: UInt64 = 0
    private var failover: Failover?
    private var lastAnswer: [Int: UInt64] = [:]
    /// The role a server reports, and since when.
    private var reported: [Int: (role: RedisNode.Role, since: UInt64)] = [:]
    private var isDown: Set<Int> = []
    private var tiltUntil: UInt64 = 0
    private var lastTick: UInt64 = 0
    private var subscribers: [Connection] = []
    private var lastSwitch: String?
    private var ticks = 0
    var nodes: () -> [RedisNode] = { [] }
    var others: () -> [SentinelNode] = { [] }
    unowned let judge: Judge
    private static let period = ms(100)
    private static let timeout = ms(3_000)

    init(_ number: Int, downAfter: UInt64, network: Network, judge: Judge) {
        self.number = number
        self.downAfter = downAfter
        self.judge = judge
        id = RunID.numbered(network.world.chance())
        endpoint = Endpoint(host: "sentinel-\(number)", port: 26_379)
        super.init(host: 10 + number, network: network)
    }

    func begin() {
        lastTick = world.time
        for node in nodes() { lastAnswer[node.number] = world.time }
        later(UInt64(world.chance(Int(Self.period)))) { [self] in tick() }
    }

    func restart() {
        guard !isAlive else { return }
        revive()
        subscribers = []
        failover = nil
        isDown = []
        tiltUntil = 0
        begin()
    }

    /// Whom it names: a leader names the one it promoted before it says so.
    var named: Int {
        if let failover, failover.stage == .reconfiguring { failover.target } else { config.master }
    }

    private var namedEpoch: Int {
        if let failover, failover.stage == .reconfiguring { failover.epoch } else { config.epoch }
    }

    private func node(_ number: Int) -> RedisNode? { nodes().first { $0.number == number } }

    // MARK: Watching

    private func tick() {
        later(Self.period) { [self] in tick() }
        if world.time - lastTick > ms(2_000), tiltUntil <= world.time {
            tiltUntil = world.time + ms(30_000)
            publish("+tilt", "#tilt mode entered")
            later(ms(30_000)) { [self] in publish("-tilt", "#tilt mode exited") }
        }
        lastTick = world.time
        ticks += 1
        let isInfoDue = ticks % 10 == number
        for node in nodes() { look(at: node, isInfoDue) }
        if ticks % 20 == number * 5 { hello() }
        guard tiltUntil <= world.time else { return }
        if failover != nil { return proceed(isInfoDue) }
        if opinion(config.master), world.time >= nextAttempt { tryFailover(isForced: false) }
        if isInfoDue { correct() }
    }

    private func look(at node: RedisNode, _ isInfoDue: Bool) {
        if network.reaches(self, node) {
            lastAnswer[node.number] = world.time
            if isInfoDue, reported[node.number]?.role != node.role {
                reported[node.number] = (node.role, world.time)
            }
        }
        let silence = world.time - (lastAnswer[node.number] ?? 0)
        var isSilent = silence > downAfter
        if node.number == config.master, let report = reported[node.number],
            report.role != .master, world.time - report.since > downAfter + ms(20_000)
        {
            isSilent = true
        }
        guard isSilent != isDown.contains(node.number) else { return }
        if isSilent { isDown.insert(node.number) } else { isDown.remove(node.number) }
        if node.number == config.master {
            publish(isSilent ? "+sdown" : "-sdown", masterText(node))
        }
    }

    /// Whether two of the Sentinels think it down, this one included.
    private func opinion(_ number: Int) -> Bool {
        guard isDown.contains(number) else { return false }
        return others().contains { network.reaches(self, $0) && $0.isDown.contains(number) }
    }

    /// Demotes masters that are none, and turns replicas of others to the master.
    private func correct() {
        guard let master = node(config.master), network.reaches(self, master),
            master.role == .master
        else { return }
        for node in nodes() where node.number != config.master {
            guard network.reaches(self, node), let report = reported[node.number],
                report.role != .replica(of: config.master), report.role == node.role,
                world.time - report.since > ms(8_000)
            else { continue }
            node.slaveOf(config.master)
        }
    }

    // MARK: Failover

    /// What an operator does with SENTINEL FAILOVER.
    func forceFailover() { if failover == nil { tryFailover(isForced: true) } }

    private func tryFailover(isForced: Bool) {
        let voters = others().filter { network.reaches(self, $0) && $0.tiltUntil <= world.time }
        let epoch =
            (voters.map(\.votedEpoch) + [votedEpoch, config.epoch]).max().map { $0 + 1 } ?? 1
        nextAttempt = world.time + ms(4_000 + world.chance(1_000))
        guard let master = node(config.master) else { return }
        publish("+try-failover", masterText(master))
        votedEpoch = epoch
        var votes = 1
        for voter in voters where voter.votedEpoch < epoch {
            voter.votedEpoch = epoch
            voter.nextAttempt = world.time + ms(4_000 + world.chance(1_000))
            votes += 1
        }
        guard votes >= 2 || isForced else { return }
        publish("+elected-leader", masterText(master))
        failover = Failover(epoch: epoch, startedAt: world.time)
        later(ms(world.between(50, 150))) { [self] in select() }
    }

    private func select() {
        guard var current = failover, current.stage == .selecting else { return }
        let candidates = nodes().filter {
            $0.number != config.master && network.reaches(self, $0) && !isDown.contains($0.number)
        }
        let best = candidates.max { $0.store.offset < $1.store.offset }
        guard let best else {
            failover = nil
            return
        }
        current.target = best.number
        current.stage = .promoting
        failover = current
        best.slaveOf(nil)
    }

    private func proceed(_ isInfoDue: Bool) {
        guard var current = failover else { return }
        guard current.stage == .promoting else { return }
        if world.time - current.startedAt > Self.timeout {
            failover = nil
            return
        }
        guard isInfoDue, let target = node(current.target), network.reaches(self, target),
            target.role == .master
        else { return }
        current.stage = .reconfiguring
        failover = current
        publish("+promoted-slave", replicaText(target))
        for node in nodes() where node.number != target.number && node.number != config.master {
            if network.reaches(self, node) { node.slaveOf(target.number) }
        }
        later(ms(80)) { [self] in hello() }
        // The leader tells after all replicas are turned: later than everyone else.
        later(ms(world.between(900, 2_500))) { [self] in
            guard let done = failover, done.epoch == current.epoch else { return }
            adopt(done.epoch, done.target)
        }
    }

    private func adopt(_ epoch: Int, _ master: Int) {
        let old = config.master
        config = (epoch, master)
        failover = nil
        guard old != master, let before = node(old), let after = node(master) else { return }
        let text =
            "main \(before.endpoint.host) \(before.endpoint.port) "
            + "\(after.endpoint.host) \(after.endpoint.port)"
        lastSwitch = text
        publish("+switch-master", text)
    }

    private func hello() {
        for other in others() where network.reaches(self, other) {
            if namedEpoch > other.namedEpoch { other.adopt(namedEpoch, named) }
        }
    }

    /// What a Sentinel that comes back may do: tell of a switch of long ago.
    func repeatOldSwitch() { if let lastSwitch { publish("+switch-master", lastSwitch) } }

    /// As after a jump of its clock.
    func enterTilt(_ nanoseconds: UInt64) {
        tiltUntil = world.time + nanoseconds
        publish("+tilt", "#tilt mode entered")
        later(nanoseconds) { [self] in publish("-tilt", "#tilt mode exited") }
    }

    // MARK: Clients

    private func masterText(_ node: RedisNode) -> String {
        "master main \(node.endpoint.host) \(node.endpoint.port)"
    }

    private func replicaText(_ node: RedisNode) -> String {
        let master = self.node(config.master)?.endpoint ?? node.endpoint
        return "slave \(node.endpoint) \(node.endpoint.host) \(node.endpoint.port)"
            + " @ main \(master.host) \(master.port)"
    }

    private func publish(_ channel: String, _ payload: String) {
        world.note("sentinel-\(number) \(channel) \(payload)")
        for subscriber in subscribers {
            network.send(.published(channel: channel, payload: payload), subscriber, from: self)
        }
    }

    override func closed(_ connection: Connection) { subscribers.removeAll { $0 === connection } }

    override func receive(_ message: Message, on connection: Connection, sentAt: UInt64) {
        switch message {
        case .myID:
            subscribers.append(connection)
            network.send(.idIs(id), connection, from: self)
        case .poll:
            if let master = node(named) {
                judge.named(master.number, by: number)
                network.send(.named(.endpoint(master.endpoint)), connection, from: self)
            }
            let replicas = nodes().filter { $0.number != named }.map(\.endpoint)
            network.send(.replicas(replicas), connection, from: self)
            let peers = others().map { SentinelPeer(endpoint: $0.endpoint, id: $0.id) }
            network.send(.sentinels(peers), connection, from: self)
        default: break
        }
    }
}
