internal import EventLoop
internal import ProxyCore
internal import Redis
internal import Telemetry
internal import Time

/// The control loop's part of the tier in Redis: listens to what others change, keeps a proof that it hears
/// (`Coherence`), carries purges out, and loads the functions.
final class SharedControl {
    let tier: SharedTier
    let loop: Loop
    private let memory: MemoryCache
    private let diagnostics: Diagnostics
    private let gauges: SharedGauges
    private let client: Client
    private let observer: SharedObserver
    /// Finds out who is the master.
    private let driver: MasterDriver
    private let watcher: MasterWatcher
    private let instance: [UInt8]
    private var coherence: Coherence
    private var listener: InvalidationListener?
    private var timer: Timer?
    /// When the next attempt to listen is made, and how long those after it wait.
    private var attemptTimer: Timer?
    private var backoff = Backoff()
    private var chance = SystemRandomNumberGenerator()
    private var journal = PurgeJournal<JournaledPurge>()
    private var isReplaying = false
    private var isLoading = false
    private var isLive = false

    init(
        _ tier: SharedTier, _ memory: MemoryCache, on loop: Loop, _ shard: Shard,
        _ diagnostics: Diagnostics, instance: UInt64
    ) {
        self.tier = tier
        self.memory = memory
        self.loop = loop
        self.diagnostics = diagnostics
        gauges = SharedGauges(shard)
        observer = SharedObserver(SharedMetrics(shard))
        var options = ClientOptions(tier.redis, name: "control")
        options.commandNanoseconds = tier.redis.writeTimeoutNanoseconds
        client = Client(on: loop, feed: tier.feed, options, observer: observer)
        watcher = MasterWatcher(shard, diagnostics)
        driver = MasterDriver(
            on: loop, ResolverSettings(ResolverSettings.Mode(tier.redis.place)),
            DriverOptions(tier.redis), feed: tier.feed, observer: watcher)
        self.instance = Array(String(instance, radix: 16).utf8)
        var settings = CoherenceSettings(instance: self.instance)
        settings.whileNotLive = tier.settings.coherence == .strict ? .flush : .keep
        coherence = Coherence(settings)
    }

    /// Begins to follow the master.
    func start() {
        timer = Timer(on: loop) { [unowned self] in tell(.tick) }
        observer.connectionChanged = { [unowned self] in connectionChanged($0) }
        tier.onLibraryMissing(ConfinedCall(loop: loop) { [unowned self] in loadLibrary() })
        tier.onPurge(ConfinedCall(loop: loop) { [unowned self] in carryOutPending() })
        _ = tier.feed.follow(on: loop) { [unowned self] in masterChanged() }
        client.start()
        driver.start()
        masterChanged()
    }

    private func masterChanged() {
        let snapshot = tier.feed.snapshot
        gauges.connected.set(snapshot.master == nil ? 0 : 1)
        backoff = Backoff()
        tell(snapshot.master == nil ? .noMaster : .master(generation: snapshot.generation))
    }

    private func connectionChanged(_ failure: ConnectionFailure?) {
        guard failure == nil else { return gauges.connected.set(0) }
        gauges.connected.set(tier.feed.snapshot.master == nil ? 0 : 1)
        loadLibrary()
        replay()
    }

    // MARK: Coherence

    private func tell(_ event: CoherenceEvent) {
        var actions: [CoherenceAction] = []
        coherence.handle(event, at: .now(), into: &actions)
        for action in actions { perform(action) }
        timer?.arm(at: coherence.wake)
    }

    private func perform(_ action: CoherenceAction) {
        switch action {
        case .listen(let attempt, _): listen(attempt)
        case .stopListening: stopListening()
        case .sendHeartbeat(let beat): send(beat)
        case .flush: flush()
        case .invalidate(let key): invalidate(tier.names.prefix + key)
        case .live(let until): becomeLive(until)
        case .notLive(let reason): endLive(reason)
        case .lag(let nanoseconds): gauges.lag.observe(nanoseconds: nanoseconds)
        }
    }

    private func send(_ beat: Heartbeat) {
        let arguments = tier.commands.heartbeat(beat, instance: instance)
        client.post(Command(arguments, .write, .other))
    }

    private func becomeLive(_ until: Instant) {
        tier.liveUntil = until
        backoff.succeeded()
        gauges.live.set(1)
        if !isLive { diagnostics.log(.info, "the shared cache is live") }
        isLive = true
    }

    private func endLive(_ reason: NotLiveReason) {
        tier.liveUntil = Instant(nanoseconds: 0)
        gauges.live.set(0)
        if isLive { diagnostics.log(.warning, "the shared cache is not live: \(reason.rawValue)") }
        isLive = false
    }

    private func flush() {
        tier.flushFills()
        memory.purges.record(.all, .hard)
        tier.copies.removeAll()
        gauges.invalidations[.flush].add()
    }

    // MARK: What is heard

    /// Never at once: an attempt that fails asks for the next one, and the machine that asks is at work.
    private func listen(_ attempt: UInt64) {
        stopListening()
        let timer = Timer(on: loop) { [unowned self] in beginListening(attempt) }
        timer.arm(afterNanoseconds: backoff.failed(chance: chance.next()))
        attemptTimer = timer
    }

    private func beginListening(_ attempt: UInt64) {
        let snapshot = tier.feed.snapshot
        guard let master = snapshot.master else { return tell(.lost(attempt: attempt)) }
        listener = InvalidationListener(
            tier, master: master, via: snapshot.via, on: loop, attempt: attempt
        ) { [weak self] event in
            // Not while the machine is at work.
            self?.loop.spawn { self?.tell(event) }
        }
    }

    private func stopListening() {
        attemptTimer?.cancel()
        attemptTimer = nil
        listener?.stop()
        listener = nil
    }

    private func invalidate(_ key: [UInt8]) {
        switch tier.names.meaning(of: key.span) {
        case .object(let name):
            gauges.invalidations[.object].add()
            tier.invalidateFill(name)
            dropCopy(name)
            tier.wake(name)
        case .purge(let purge, let mode):
            gauges.invalidations[.purge].add()
            memory.purges.record(purge, mode)
        case .heartbeat, .nothing: break
        }
    }

    /// The copy of a record that changed goes, unless the change was our own writing of just that record.
    private func dropCopy(_ name: SharedKey) {
        guard let copy = tier.copies.find(name) else { return }
        guard let own = tier.takeOwn(name), own == copy.writeID || own == 0 else {
            tier.copies.forget(name)
            return memory.dropCopies(copy.key.span)
        }
        loop.spawn { [self] in await verify(name, own, copy.key) }
    }

    private func verify(_ name: SharedKey, _ own: UInt64, _ key: [UInt8]) async {
        let command = Command(tier.commands.readHeader(name), .read, .cacheGet)
        if case .success(let reply) = await client.send(command), let bytes = reply.bytes,
            own == 0 ? bytes.isEmpty : EntryCodec.writeID(bytes.span) == own
        {
            return
        }
        tier.copies.forget(name)
        memory.dropCopies(key.span)
    }

    // MARK: Purges

    /// Purges in Redis, and so in all instances. Gives how many replicas have it; nil if there is no master that did
    /// it: it is done as soon as there is one, within a minute.
    func purge(_ purge: SharedPurge, _ mode: PurgeMode) async -> Int64? {
        let generation = client.generation
        let number = journal.record(JournaledPurge(purge: purge, mode: mode), at: .now())
        guard await carryOut(purge, mode) else { return nil }
        journal.carriedOut(number, by: generation)
        let wait = Command(
            SharedCommands.wait(replicas: 1, milliseconds: 50), .write, .other)
        guard case .success(let reply) = await client.send(wait) else { return 0 }
        return reply.number ?? 0
    }

    private func carryOut(_ purge: SharedPurge, _ mode: PurgeMode) async -> Bool {
        let command = Command(tier.commands.purge(purge, mode), .write, .cacheDelete)
        guard case .success(let reply) = await client.send(command) else { return false }
        if case .error(let error) = reply {
            gauges.faults[SharedFault(error: Array(error.description.utf8)).reason].add()
            loadLibrary()
            return false
        }
        return true
    }

    private func carryOutPending() {
        let pending = tier.takePurges()
        loop.spawn { [self] in
            for item in pending { _ = await carryOutJournaled(item) }
        }
    }

    private func carryOutJournaled(_ item: JournaledPurge) async -> Bool {
        let generation = client.generation
        let number = journal.record(item, at: .now())
        guard await carryOut(item.purge, item.mode) else { return false }
        journal.carriedOut(number, by: generation)
        return true
    }

    /// Another master may not have heard of the latest purges.
    private func replay() {
        guard !isReplaying else { return }
        isReplaying = true
        loop.spawn { [self] in
            defer { isReplaying = false }
            let generation = client.generation
            guard let owed = journal.owed(to: generation, at: .now()) else { return }
            if owed.isEverything {
                guard await carryOut(.name(.all), .hard) else { return }
            }
            for item in owed.entries {
                guard await carryOut(item.purge, item.mode) else { return }
                gauges.replays.add()
            }
            journal.carriedOut(owed, by: generation)
        }
    }

    // MARK: The functions

    private func loadLibrary() {
        guard !isLoading else { return }
        isLoading = true
        loop.spawn { [self] in
            defer { isLoading = false }
            gauges.functionLoads.add()
            let load = Command(SharedCommands.loadFunctions, .write, .other)
            guard case .success(let reply) = await client.send(load) else { return }
            guard case .error(let error) = reply else { return tier.use(.functions) }
            guard SharedFault(error: Array(error.description.utf8)) == .functionsUnsupported else {
                return diagnostics.log(.error, "Redis does not take our functions: \(error)")
            }
            let script = Command(SharedCommands.loadScript, .write, .other)
            if case .success(let reply) = await client.send(script), let hash = reply.bytes {
                tier.use(.script(hash: hash))
            }
        }
    }
}

/// A purge that may have to be carried out again.
struct JournaledPurge: Hashable, Sendable {
    let purge: SharedPurge
    let mode: PurgeMode
}

/// The cells that only the control loop writes.
struct SharedGauges {
    let connected: Gauge
    let live: Gauge
    let lag: Histogram
    let invalidations: CounterSet<CacheInvalidationKind>
    let replays: Counter
    let functionLoads: Counter
    let faults: CounterSet<RedisErrorReason>

    init(_ shard: Shard) {
        connected = shard.gauge(Catalogue.redisConnected)
        live = shard.gauge(Catalogue.cacheCoherenceLive)
        lag = shard.histogram(Catalogue.cacheInvalidationLag)
        invalidations = shard.counters(
            Catalogue.cacheInvalidations, by: CacheInvalidationKind.self)
        replays = shard.counter(Catalogue.cachePurgeReplays)
        functionLoads = shard.counter(Catalogue.redisFunctionLoads)
        faults = shard.counters(Catalogue.redisErrors, by: RedisErrorReason.self)
    }
}
