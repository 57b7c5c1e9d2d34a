internal import EventLoop
internal import Locking
internal import ProxyCore
internal import Synchronization
internal import Telemetry

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
    /// The states of rate limits.
    let limitTables: LimitTables
    /// Each worker's count of who asks most.
    let tops = Locked<[TrafficTop]>([])
    /// The gauges of each upstream's pools, for the admin API.
    let upstreamViews = Locked<[String: [UpstreamMetrics.View]]>([:])
    private let connections = Atomic<Int>(0)

    init(
        _ settings: Settings, name: String, workerCount: Int, connectionsMax: Int,
        accessLog: AccessLog?, diagnostics: Diagnostics
    ) {
        limitTables = LimitTables(
            seed: SeedWords(), clock: LimitClock(monotonic: .now(), wall: .now()))
        memory = settings.memory.map { MemoryCache($0, seed: SeedWords()) }
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
        registry.register { [diagnostics, memory, limitTables] sink in
            limitTables.collect(into: &sink)
            memory?.collect(into: &sink)
            diagnostics.collect(into: &sink)
            ProcessMetrics.collect(into: &sink)
            sink.set(Catalogue.connectionsMax, to: Double(connectionsMax))
        }
    }

    /// Makes the counters of known routes and upstreams exist before their first event.
    func announce(_ settings: Settings) {
        registry.createKnown(
            routes: settings.routes.map(\.name), upstreams: settings.upstreams.map(\.name))
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
