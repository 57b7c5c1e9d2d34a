internal import EventLoop
internal import Locking
internal import ProxyCore
internal import Redis
internal import Synchronization
internal import Telemetry
internal import Time

/// What the workers and the control loop of one running proxy share. Everything in it is immutable,
/// atomic or behind a lock that is held for moments.
final class Instance: Sendable {
    let registry: Registry
    let accessLog: AccessLog?
    let diagnostics: Diagnostics
    let name: String
    let nameBytes: [UInt8]
    let workerCount: Int
    let connectionsMax: Int
    /// The memory tier of the cache; nil if it is off.
    let memory: MemoryCache?
    /// The tier of the cache that is shared by all instances; nil without Redis.
    let shared: SharedTier?
    /// The states of rate limits.
    let limitTables: LimitTables
    /// What is shared of them; nil without Redis.
    let limitStore: LimitStore?
    /// Each worker's count of who asks most.
    let tops = Locked<[TrafficTop]>([])
    /// The gauges of each upstream's pools, for the admin API.
    let upstreamViews = Locked<[String: [UpstreamMetrics.View]]>([:])
    /// What is known about each upstream's health; kept as long as the process, counters included.
    let healths = Locked<[String: UpstreamHealth]>([:])
    private let connections = Atomic<Int>(0)

    init(
        _ settings: Settings, name: String, workerCount: Int, connectionsMax: Int,
        accessLog: AccessLog?, diagnostics: Diagnostics
    ) {
        limitTables = LimitTables(
            seed: SeedWords(), clock: LimitClock(monotonic: .now(), wall: .now()))
        // Copies of what is in Redis are kept in memory; without a memory cache there is nothing to share.
        shared = settings.redis.flatMap { redis in
            settings.sharedCache.map { SharedTier($0, redis) }
        }
        limitStore = settings.redis.map { [shared] redis in
            LimitStore(
                redis, feed: shared?.feed ?? MasterFeed(), name: SeedWords().a,
                workerCount: workerCount)
        }
        memory = settings.memory.map { [shared] in
            MemoryCache($0, seed: SeedWords(), copies: shared?.copies)
        }
        var limits = CardinalityLimits()
        limits.routesMax = settings.telemetry.routeLabelsMax
        limits.upstreamsMax = settings.telemetry.upstreamLabelsMax
        registry = Registry(limits: limits)
        self.accessLog = accessLog
        self.diagnostics = diagnostics
        self.name = name
        nameBytes = Array(name.utf8)
        self.workerCount = workerCount
        self.connectionsMax = connectionsMax
        registry.register { [diagnostics, memory, healths, limitTables] sink in
            limitTables.collect(into: &sink)
            memory?.collect(into: &sink)
            for (name, health) in healths.withLock({ $0 }) {
                health.view(at: .now()).collect(name, into: &sink)
            }
            diagnostics.collect(into: &sink)
            ProcessMetrics.collect(into: &sink)
            sink.set(Catalogue.connectionsMax, to: Double(connectionsMax))
        }
    }

    /// Makes the counters of known routes and upstreams exist before their first event.
    func announce(_ settings: Settings) {
        registry.createKnown(
            routes: settings.routes.map(\.name), upstreams: settings.upstreams.map(\.name))
        for upstream in settings.upstreams { health(of: upstream).apply(upstream.resilience) }
    }

    /// The health of an upstream, by its name.
    func health(of upstream: UpstreamSettings) -> UpstreamHealth {
        healths.withLock { known in
            if let health = known[upstream.name] { return health }
            let health = UpstreamHealth(upstream.resilience)
            known[upstream.name] = health
            return health
        }
    }

    /// Counts a new connection; false when there are as many as allowed.
    func admitConnection() -> Bool {
        let count = connections.add(1, ordering: .relaxed).newValue
        if count <= connectionsMax { return true }
        releaseConnection()
        return false
    }

    /// Counts a connection's end.
    func releaseConnection() { connections.subtract(1, ordering: .relaxed) }
}
