import ProxyCore
import Redis
import Time

/// An instance of the proxy as far as the shared cache goes: the machines under test, and a driver that does
/// what they say.
final class Instance: Process {
    let number: Int
    unowned let judge: Judge
    let flaws: Flaws
    var nodes: [Endpoint: RedisNode] = [:]
    var sentinels: [Endpoint: SentinelNode] = [:]
    /// What happened, by machine: `from>to`.
    var transitions: Set<String> = []

    // The resolver and its watches.
    var resolver: MasterResolver
    var watches: [Endpoint: Watch] = [:]
    private var wakeAt: UInt64 = .max

    // What was published.
    private(set) var generation: UInt64 = 0
    private(set) var publishedAt: UInt64 = 0
    private(set) var target = PublishedTarget.none(emergency: nil)

    // Data.
    var data: Connection?
    /// A data connection that has not said yet where it leads.
    var candidate: Connection?
    var isDialling = false
    var backoff = Backoff()
    var pending: [Int: Pending] = [:]
    var nextRequest = 0
    /// What to do when the last purge of a replay is confirmed.
    var replays: [Int: () -> Void] = [:]

    // Coherence.
    var coherence: Coherence
    var coherenceWakeAt: UInt64 = .max
    var listener: Connection?
    var isNextListenerMute = false
    var attempt: UInt64 = 0
    var listenerBackoff = Backoff()
    var liveUntil: UInt64 = 0
    var sentBeats: [[UInt8]: UInt64] = [:]
    /// When the newest heartbeat that really came back was sent.
    var provedAt: UInt64 = 0

    // The cache.
    var memory: [Int: Value] = [:]
    var fills = FillGuard(pendingMax: 8)
    var journal = PurgeJournal<Int>()
    var flights: [Int: Flight] = [:]
    var origin: () -> Int = { 0 }
    /// One request of so many is a purge.
    var purgeOneIn = 12
    /// Since when `data` is there.
    var connectedAt: UInt64 = 0
    /// When what an invalidation told of had happened, by key.
    var toldOf: [Int: UInt64] = [:]
    /// Identities that the flaw `noRunIdentity` goes by.
    var pinned: [Endpoint: RunID] = [:]
    /// Whether requests come.
    var isBusy = true

    init(_ number: Int, seeds: [Endpoint], network: Network, judge: Judge, flaws: Flaws) {
        self.number = number
        self.judge = judge
        self.flaws = flaws
        resolver = MasterResolver(
            ResolverSettings(.sentinels(seeds, group: "main", nodes: [])), at: network.world.now)
        coherence = Coherence(CoherenceSettings(instance: Array("i\(number)".utf8)))
        super.init(host: 20 + number, network: network)
    }

    /// Whether memory may be served now.
    var isLive: Bool {
        flaws.contains(.servesUnproved) ? liveUntil > 0 : world.time < liveUntil
    }

    func begin() {
        var actions: [ResolverAction] = []
        resolver.start(at: world.now, into: &actions)
        perform(actions)
        arm()
        later(ms(world.between(1, 50))) { [self] in work() }
    }

    // MARK: Resolver

    func tell(_ event: ResolverEvent) {
        var actions: [ResolverAction] = []
        resolver.handle(event, at: world.now, into: &actions)
        perform(actions)
        arm()
    }

    private func arm() {
        let wake = resolver.wake.nanoseconds
        guard wake < wakeAt || wakeAt <= world.time else { return }
        wakeAt = wake
        later(wake > world.time ? wake - world.time : 0) { [self] in
            guard wakeAt == wake else { return }
            wakeAt = .max
            tell(ResolverEvent.tick)
        }
    }

    private func perform(_ actions: [ResolverAction]) {
        for action in actions {
            switch action {
            case .watchSentinel(let endpoint):
                if let server = sentinels[endpoint] { watch(endpoint, server) }
            case .watchNode(let endpoint):
                if let server = nodes[endpoint] { watch(endpoint, server) }
            case .dropSentinel(let endpoint), .dropNode(let endpoint):
                if let watch = watches.removeValue(forKey: endpoint) { watch.drop() }
            case .redialSentinel(let endpoint), .redialNode(let endpoint):
                watches[endpoint]?.redial()
            case .pollSentinel(let endpoint): watches[endpoint]?.send(.poll)
            case .askRole(let endpoint): watches[endpoint]?.send(.role)
            case .publish(let publication): publish(publication)
            }
        }
        if watches.count > 32 { world.violated("\(watches.count) watches") }
    }

    /// The identity that the resolver is told.
    func identity(_ run: RunID, at endpoint: Endpoint) -> RunID {
        guard flaws.contains(.noRunIdentity) else { return run }
        if pinned[endpoint] == nil { pinned[endpoint] = run }
        return pinned[endpoint] ?? run
    }

    private func watch(_ endpoint: Endpoint, _ server: Process) {
        guard watches[endpoint] == nil else { return world.violated("\(endpoint) watched twice") }
        let watch = Watch(endpoint, server, self)
        watches[endpoint] = watch
        watch.dial()
    }

    private func publish(_ publication: Publication) {
        world.note(
            "instance-\(number) generation \(publication.generation): \(publication.target) "
                + "(\(publication.cause.rawValue))")
        judge.published(publication, by: self)
        generation = publication.generation
        publishedAt = world.time
        target = publication.target
        if let data, !flaws.contains(.keepsOldConnections) { abort(data) }
        if let candidate { network.close(candidate, by: self) }
        candidate = nil
        switch target {
        case .master:
            if !flaws.contains(.ignoresGenerations) || coherence.phase == .off {
                tell(.master(generation: generation))
            }
            backoff.succeeded()
            dialData()
        case .none:
            tell(CoherenceEvent.noMaster)
        }
    }

    // MARK: Connections

    override func closed(_ connection: Connection) {
        if connection === data {
            lostData(.disconnected)
        } else if connection === candidate {
            refuse(connection)
        } else if connection === listener {
            listener = nil
            tell(.lost(attempt: connection.attempt))
        } else {
            watches.values.first { $0.connection === connection }?.broke()
        }
    }

    override func receive(_ message: Message, on connection: Connection, sentAt: UInt64) {
        if connection === data {
            answered(message, connection)
        } else if connection === candidate {
            if case .run(let run) = message { introduced(run, connection) }
        } else if connection === listener {
            heard(message, connection, sentAt)
        } else {
            watches.values.first { $0.connection === connection }?.received(message)
        }
    }
}

/// A connection to a Sentinel or to a node, for the resolver.
final class Watch {
    let endpoint: Endpoint
    let server: Process
    unowned let owner: Instance
    var connection: Connection?
    private var backoff = Backoff()
    private var isDropped = false
    private var isDialling = false

    init(_ endpoint: Endpoint, _ server: Process, _ owner: Instance) {
        self.endpoint = endpoint
        self.server = server
        self.owner = owner
    }

    private var isSentinel: Bool { server is SentinelNode }

    func dial() {
        guard !isDropped, !isDialling, connection == nil else { return }
        isDialling = true
        owner.network.dial(owner, server) { [self] connection in
            isDialling = false
            guard let connection else { return broke() }
            guard !isDropped else { return owner.network.close(connection, by: owner) }
            self.connection = connection
            send(isSentinel ? .myID : .info)
            // The first answer has a limit, too; later ones are the resolver's.
            owner.later(ms(300)) { [self] in
                if self.connection === connection, backoff.failures > 0 { redial() }
            }
            if backoff.failures == 0 { _ = backoff.failed(chance: 0) }
        }
    }

    func send(_ message: Message) {
        if let connection { owner.network.send(message, connection, from: owner) }
    }

    func drop() {
        isDropped = true
        if let connection { owner.network.close(connection, by: owner) }
        connection = nil
    }

    func redial() {
        if let connection { owner.network.close(connection, by: owner) }
        connection = nil
        again()
    }

    func broke() {
        connection = nil
        guard !isDropped else { return }
        owner.tell(isSentinel ? .sentinelDown(endpoint) : .nodeDown(endpoint))
        again()
    }

    private func again() {
        owner.later(backoff.failed(chance: owner.world.chance())) { [self] in dial() }
    }

    func received(_ message: Message) {
        switch message {
        case .idIs(let id):
            backoff.succeeded()
            owner.tell(.sentinelUp(endpoint, id: id))
        case .run(let run):
            backoff.succeeded()
            owner.tell(.nodeUp(endpoint, owner.identity(run, at: endpoint)))
            if owner.flaws.contains(.mereMasters) {
                let replica = NodeRole.replica(of: endpoint, link: .connected, offset: 0)
                owner.tell(.nodeRole(endpoint, replica))
            }
        case .roleIs(let role): owner.tell(.nodeRole(endpoint, role))
        case .named(let master):
            owner.tell(.named(by: endpoint, master))
            guard owner.flaws.contains(.oneSentinelIsAll) else { return }
            for other in owner.sentinels.keys where other != endpoint {
                owner.tell(.named(by: other, master))
            }
        case .replicas(let list): owner.tell(.replicas(by: endpoint, list))
        case .sentinels(let list): owner.tell(.sentinels(by: endpoint, list))
        case .published(let channel, let payload):
            let reading = SentinelMessage.parse(
                channel: Array(channel.utf8), payload: Array(payload.utf8),
                group: Array("main".utf8))
            switch reading {
            case .message(let message): owner.tell(.message(from: endpoint, message))
            case .malformed: owner.world.violated("malformed: \(channel) \(payload)")
            case .irrelevant: break
            }
        default: break
        }
    }
}
