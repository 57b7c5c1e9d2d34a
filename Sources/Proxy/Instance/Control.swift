internal import EventLoop
internal import Locking
internal import ProxyCore
internal import Responder
internal import Telemetry
internal import Time

/// The control loop's state: signals, admin listener, reload, drain. Lives on the thread that started the
/// instance; nothing on the way of a request touches it.
final class Control {
    enum Phase {
        case serving
        case draining
    }

    let loop: Loop
    let instance: Instance
    let version: BuildVersion
    private(set) var snapshot: Snapshot
    private(set) var phase = Phase.serving
    private let load: () -> Result<Settings, SettingsProblems>
    private let workers: [WorkerThread]
    private var admin: Responder?
    private var timers: [Timer] = []
    private var workersLeft = 0
    let gauges: ControlGauges
    /// What keeps the tier in Redis coherent; nil without it.
    let shared: SharedControl?
    /// Finds out who is the master where only limits are shared.
    private let search: MasterSearch?
    lazy var pages = MetricsPages(instance.registry, gauges)

    init(
        _ loop: Loop, _ instance: Instance, _ snapshot: Snapshot, _ workers: [WorkerThread],
        version: BuildVersion, load: @escaping () -> Result<Settings, SettingsProblems>
    ) {
        self.loop = loop
        self.instance = instance
        self.snapshot = snapshot
        self.workers = workers
        self.version = version
        self.load = load
        gauges = ControlGauges(instance.registry.makeShard(), version)
        if let tier = instance.shared, let memory = instance.memory {
            shared = SharedControl(
                tier, memory, on: loop, instance.registry.makeShard(), instance.diagnostics,
                instance: SeedWords().a)
            search = nil
        } else {
            shared = nil
            search = instance.limitStore.map {
                MasterSearch($0, on: loop, instance.registry.makeShard(), instance.diagnostics)
            }
        }
    }

    /// Starts the admin listener and watches signals.
    func start(_ socket: ListeningSocket, token: String?) throws(LoopError) {
        let service = AdminService(self, token: token)
        admin = try Responder(on: loop, socket) { await service.answer($0) }
        for signal in [SignalWatch.Signal.terminate, .interrupt] {
            _ = try SignalWatch(on: loop, signal) { [unowned self] in stop() }
        }
        _ = try SignalWatch(on: loop, .hangUp) { [unowned self] in
            loop.spawn { [self] in _ = await reload() }
        }
        sweep()
        shared?.start()
        search?.start()
        gauges.ready.set(1)
        gauges.reloaded(true, at: .now())
    }

    /// Drops what is past every use from the cache and the limits, a little each second.
    private func sweep() {
        let timer = Timer(on: loop) {}
        timer.action = { [unowned timer, instance] in
            instance.limitTables.sweep(count: Control.sweptSlots, now: .now())
            instance.memory?.sweep(count: Control.sweptSlots, now: .now())
            timer.arm(afterNanoseconds: Control.sweepNanoseconds)
        }
        timer.arm(afterNanoseconds: Control.sweepNanoseconds)
        timers.append(timer)
    }

    private static let sweepNanoseconds: UInt64 = 1_000_000_000
    /// Slots of each of the cache's shards that one sweep looks at.
    private static let sweptSlots = 256

    /// Runs `body` with each worker, on its thread.
    func onWorkers(_ body: @escaping @Sendable (Worker) -> Void) {
        for worker in workers { worker.post(body) }
    }

    // MARK: Reload

    /// Reads the configuration again and, if all of it is valid, makes every worker use it. The outcome in
    /// one text: nil for success.
    func reload() async -> String? {
        switch load() {
        case .failure(let problems):
            return refuseReload(problems.description)
        case .success(let settings):
            if let problem = SettingsCheck.problem(settings, resolving: false) {
                return refuseReload(problem)
            }
            for key in Control.fixedKeys(snapshot.settings, settings) {
                instance.diagnostics.log(.warning, "\(key) changed: takes effect at the next start")
            }
            await adopt(settings)
            gauges.reloaded(true, at: .now())
            instance.diagnostics.log(.info, "configuration reloaded")
            return nil
        }
    }

    /// Makes every worker use `settings`.
    func adopt(_ settings: Settings) async {
        let next = Snapshot(settings, limits: instance.limitTables.makeSet(settings))
        instance.announce(settings)
        await applyEverywhere(next)
        snapshot = next
    }

    private func refuseReload(_ text: String) -> String {
        gauges.reloaded(false, at: .now())
        instance.diagnostics.log(.error, "configuration not reloaded, the old one stays: \(text)")
        return text
    }

    private func applyEverywhere(_ snapshot: Snapshot) async {
        let applied = Suspension<Void>()
        let left = Locked(workers.count)
        let control = loop
        let resume = ConfinedCall(loop: control) { applied.resume(()) }
        for worker in workers {
            worker.post { worker in
                worker.apply(snapshot)
                if left.withLock({
                    $0 -= 1; return $0 == 0
                }) {
                    resume.run()
                }
            }
        }
        await applied.wait()
    }

    /// What a reload cannot change, because sockets and threads are made once.
    private static func fixedKeys(_ old: Settings, _ new: Settings) -> [String] {
        var keys: [String] = []
        if old.listeners != new.listeners { keys.append("listen") }
        if old.admin != new.admin { keys.append("admin") }
        if old.workers != new.workers { keys.append("workers") }
        if old.memory != new.memory || old.sharedCache != new.sharedCache { keys.append("cache") }
        if old.redis != new.redis { keys.append("redis") }
        if old.log.access.target != new.log.access.target { keys.append("log.access.path") }
        return keys
    }

    // MARK: Stopping

    /// The first signal starts the drain; a second one ends the process at once.
    private func stop() {
        if phase == .draining {
            instance.diagnostics.log(.warning, "second signal: ending at once")
            SystemFacts.exitNow(130)
        }
        phase = .draining
        gauges.ready.set(0)
        gauges.draining.set(1)
        for worker in workers { worker.post { $0.beginDrain() } }
        let delay = snapshot.settings.shutdown.drainDelayNanoseconds
        instance.diagnostics.log(.info, "draining")
        after(nanoseconds: delay) { [unowned self] in stopListening() }
    }

    private func stopListening() {
        let grace = snapshot.settings.shutdown.graceNanoseconds
        workersLeft = workers.count
        let ended = ConfinedCall(loop: loop) { [unowned self] in workerEnded() }
        for worker in workers { worker.post { $0.stopListening { ended.run() } } }
        // A client that is about to send on a connection it holds open gets a moment to do so.
        after(nanoseconds: min(grace, Control.idleGraceNanoseconds)) { [unowned self] in
            for worker in workers { worker.post { $0.closeIdle() } }
        }
        after(nanoseconds: grace) { [unowned self] in
            instance.diagnostics.log(
                .warning, "requests were still under way after the grace period")
            for worker in workers { worker.post { $0.abortAll() } }
            after(nanoseconds: Control.idleGraceNanoseconds) { [unowned self] in end() }
        }
    }

    private static let idleGraceNanoseconds: UInt64 = 1_000_000_000

    private func workerEnded() {
        workersLeft -= 1
        if workersLeft == 0 { end() }
    }

    private func end() {
        instance.diagnostics.log(.info, "stopped")
        instance.accessLog?.finish()
        SystemFacts.exitNow(0)
    }

    private func after(nanoseconds: UInt64, _ action: @escaping () -> Void) {
        if nanoseconds == 0 { return action() }
        let timer = Timer(on: loop, action: action)
        timers.append(timer)
        timer.arm(afterNanoseconds: nanoseconds)
    }
}

/// The cells that only the control loop writes.
struct ControlGauges {
    let ready: Gauge
    let draining: Gauge
    let series: Gauge
    let renderSeconds: Gauge
    private let reloadSuccessful: Gauge
    private let reloadTimestamp: Gauge
    private let shard: Shard

    init(_ shard: Shard, _ version: BuildVersion) {
        self.shard = shard
        ready = shard.gauge(Catalogue.ready)
        draining = shard.gauge(Catalogue.draining)
        series = shard.gauge(Catalogue.metricsSeries)
        renderSeconds = shard.gauge(Catalogue.metricsRenderDuration)
        reloadSuccessful = shard.gauge(Catalogue.configLastReloadSuccessful)
        reloadTimestamp = shard.gauge(Catalogue.configLastReloadTimestamp)
        shard.gauge(Catalogue.buildInfo, [version.version, version.revision, version.swift]).set(1)
    }

    func reloaded(_ isSuccess: Bool, at now: Timestamp) {
        reloadSuccessful.set(isSuccess ? 1 : 0)
        if isSuccess { reloadTimestamp.set(Double(now.nanoseconds) / 1e9) }
    }

    func countPurge(_ kind: CachePurgeKind) {
        shard.counter(Catalogue.cachePurges, [kind.rawValue]).add()
    }

    func countAdmin(_ endpoint: String, _ status: UInt16) {
        shard.counter(Catalogue.adminRequests, [endpoint, String(status)]).add()
    }
}
