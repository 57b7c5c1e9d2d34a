public import EventLoop
internal import Time

/// Finds the master and follows it: carries out what a `MasterResolver` decides, on one loop, and
/// publishes the result to a feed.
///
/// It keeps two connections to each Sentinel, one for questions and one subscribed, and one to each
/// data node. It holds no policy: every decision is the resolver's.
public final class MasterDriver {
    /// Loop of the driver; everything here is to be called on its thread.
    public let loop: Loop
    private let feed: MasterFeed
    private let options: DriverOptions
    private let group: String
    private weak var observer: (any MasterObserver)?
    private var resolver: MasterResolver
    private var sentinels: [Endpoint: SentinelLinks] = [:]
    private var nodes: [Endpoint: Link] = [:]
    private var answering: Set<Endpoint> = []
    private var timer: Timer?
    private var chance: any RandomNumberGenerator
    private var isRunning = false
    /// Events that came while another one was being acted upon.
    private var events: [ResolverEvent] = []
    private var isHandling = false

    /// Questions are given up after this; the resolver loses patience earlier.
    private static let questionNanoseconds: UInt64 = 2_000_000_000

    /// Nothing happens before `start`.
    public init(
        on loop: Loop, _ settings: ResolverSettings, _ options: DriverOptions = DriverOptions(),
        feed: MasterFeed, observer: (any MasterObserver)? = nil,
        chance: any RandomNumberGenerator = SystemRandomNumberGenerator()
    ) {
        self.loop = loop
        self.feed = feed
        self.options = options
        self.observer = observer
        self.chance = chance
        group =
            if case .sentinels(_, let group, _) = settings.mode { group } else { "" }
        resolver = MasterResolver(settings, at: .now())
        timer = Timer(on: loop) { [unowned self] in handle(.tick) }
    }

    deinit { close() }

    /// Starts to look, and goes on until `close`.
    public func start() {
        guard !isRunning else { return }
        isRunning = true
        feed.answerRequests(on: loop) { [weak self] in self?.takeHints() }
        isHandling = true
        var actions: [ResolverAction] = []
        resolver.start(at: .now(), into: &actions)
        for action in actions { perform(action) }
        isHandling = false
        handleQueued()
        timer?.arm(at: resolver.wake)
    }

    /// Ends all connections. What was published last stays.
    public func close() {
        guard isRunning else { return }
        isRunning = false
        feed.answerRequests(on: loop, nil)
        timer?.cancel()
        for links in sentinels.values { links.close() }
        for node in nodes.values { node.close() }
        sentinels = [:]
        nodes = [:]
    }

    /// What has happened so far.
    public var counts: MasterResolver.Counts { resolver.counts }
    /// What was published last.
    public var publication: Publication { resolver.publication }

    // MARK: Events in, actions out

    func handle(_ event: ResolverEvent) {
        guard isRunning else { return }
        events.append(event)
        handleQueued()
    }

    /// What an action leads to at once (a connection that is closed) waits for its turn.
    private func handleQueued() {
        if isHandling { return }
        isHandling = true
        var actions: [ResolverAction] = []
        while !events.isEmpty, isRunning {
            let batch = events
            events.removeAll()
            for event in batch {
                resolver.handle(event, at: .now(), into: &actions)
                for action in actions { perform(action) }
                actions.removeAll()
            }
        }
        isHandling = false
        if isRunning { timer?.arm(at: resolver.wake) }
    }

    private func perform(_ action: ResolverAction) {
        switch action {
        case .watchSentinel(let endpoint): watchSentinel(endpoint)
        case .dropSentinel(let endpoint):
            sentinels.removeValue(forKey: endpoint)?.close()
            heard(endpoint, answers: false)
        case .redialSentinel(let endpoint):
            sentinels[endpoint]?.questions.redial()
            heard(endpoint, answers: false)
        case .pollSentinel(let endpoint): poll(endpoint)
        case .watchNode(let endpoint): watchNode(endpoint)
        case .dropNode(let endpoint): nodes.removeValue(forKey: endpoint)?.close()
        case .redialNode(let endpoint): nodes[endpoint]?.redial()
        case .askRole(let endpoint): askRole(endpoint)
        case .publish(let publication):
            feed.publish(MasterSnapshot(publication, via: options.via))
            observer?.published(publication)
        }
    }

    private func takeHints() {
        for (hint, generation) in feed.takeHints() { handle(.hint(hint, generation: generation)) }
    }

    // MARK: Sentinels

    private func watchSentinel(_ endpoint: Endpoint) {
        guard sentinels[endpoint] == nil else { return }
        let questions = Link(to: endpoint, options.sentinel, on: loop, chance: chance)
        let subscription = Link(to: endpoint, options.subscription, on: loop, chance: chance)
        let links = SentinelLinks(questions, subscription, options.heartbeatNanoseconds, on: loop)
        sentinels[endpoint] = links
        questions.prepare = { [weak self] connection in
            guard let reply = await self?.ask(connection, ["MYID"]), connection.isOpen else {
                return false
            }
            self?.heard(endpoint, answers: true)
            self?.handle(.sentinelUp(endpoint, id: reply.bytes.flatMap { RunID($0) }))
            return true
        }
        questions.failed = { [weak self] failure in
            self?.observer?.lost(endpoint, isSentinel: true, failure)
            self?.heard(endpoint, answers: false)
            self?.handle(.sentinelDown(endpoint))
        }
        subscription.received = { [weak self] message in self?.heard(endpoint, message) }
        links.start()
    }

    private func heard(_ endpoint: Endpoint, answers: Bool) {
        if answers { answering.insert(endpoint) } else { answering.remove(endpoint) }
        observer?.sentinel(endpoint, isAnswering: answers)
    }

    private func heard(_ endpoint: Endpoint, _ message: Message) {
        let reading = SentinelMessage.parse(
            channel: Array(message.channel.utf8), payload: message.payload.bytes ?? [],
            group: Array(group.utf8))
        switch reading {
        case .message(let message): handle(.message(from: endpoint, message))
        case .irrelevant: break
        case .malformed: handle(.malformed)
        }
    }

    /// The reply to `SENTINEL …`; nil if there is none.
    private func ask(_ connection: Connection, _ words: [String]) async -> Reply? {
        let deadline = Instant.now().advanced(byNanoseconds: Self.questionNanoseconds)
        return try? await connection.send(Command("SENTINEL", words), by: deadline).get()
    }

    private func poll(_ endpoint: Endpoint) {
        let group = group
        inquire(endpoint, ["GET-MASTER-ADDR-BY-NAME", group]) { answer in
            SentinelAnswer.master(answer).map { .named(by: endpoint, $0) }
        }
        inquire(endpoint, ["REPLICAS", group]) { answer in
            SentinelAnswer.replicas(answer).map { .replicas(by: endpoint, $0) }
        }
        inquire(endpoint, ["SENTINELS", group]) { answer in
            SentinelAnswer.sentinels(answer).map { .sentinels(by: endpoint, $0) }
        }
    }

    private func inquire(
        _ endpoint: Endpoint, _ words: [String],
        _ event: @escaping (TopologyValue) -> ResolverEvent?
    ) {
        guard let connection = sentinels[endpoint]?.questions.connection else { return }
        loop.spawn { [weak self] in
            guard let reply = await self?.ask(connection, words) else { return }
            self?.handle(event(TopologyValue(reply)) ?? .malformed)
        }
    }

    // MARK: Data nodes

    private func watchNode(_ endpoint: Endpoint) {
        guard nodes[endpoint] == nil else { return }
        let link = Link(to: endpoint, options.node, on: loop, chance: chance)
        nodes[endpoint] = link
        link.prepare = { [weak self] connection in
            let deadline = Instant.now().advanced(byNanoseconds: Self.questionNanoseconds)
            let info = await connection.send(Command("INFO", ["server"]), by: deadline)
            guard let bytes = try? info.get().bytes, let id = RunID(info: bytes) else {
                if connection.isOpen { self?.handle(.malformed) }
                return false
            }
            // Dropped in the same turn: then it is not up.
            guard connection.isOpen else { return false }
            self?.handle(.nodeUp(endpoint, id))
            return true
        }
        link.failed = { [weak self] failure in
            self?.observer?.lost(endpoint, isSentinel: false, failure)
            self?.handle(.nodeDown(endpoint))
        }
        link.dial()
    }

    private func askRole(_ endpoint: Endpoint) {
        guard let connection = nodes[endpoint]?.connection else { return }
        loop.spawn { [weak self] in
            let deadline = Instant.now().advanced(byNanoseconds: Self.questionNanoseconds)
            let answer = await connection.send(Command("ROLE"), by: deadline)
            guard case .success(let reply) = answer else { return }
            let role = NodeRole(TopologyValue(reply))
            self?.handle(role.map { .nodeRole(endpoint, $0) } ?? .malformed)
        }
    }
}
