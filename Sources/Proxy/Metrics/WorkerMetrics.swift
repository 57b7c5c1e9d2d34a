internal import HTTP1
internal import ProxyCore
internal import Telemetry

/// One worker's cells of the families that have no route and no upstream.
struct WorkerMetrics {
    let receivedBytes: Counter
    let sentBytes: CounterSet<CacheOutcome>
    let responseSize: Histogram
    let inFlight: Gauge
    let requestErrors: CounterSet<RequestErrorReason>
    let accepted: Counter
    let closed: CounterSet<ConnectionCloseReason>
    let rejected: CounterSet<ConnectionRejectReason>
    let active: Gauge
    let proxyProtocolErrors: Counter
    let busy: Counter
    let lag: Histogram
    let logDropped: Counter
    let cacheRequests: CacheRequestCounters
    let stores: CounterSet<CacheStoreOutcome>
    let staleServed: CounterSet<CacheStaleReason>
    let revalidations: CounterSet<CacheRevalidationOutcome>
    let flights: CounterSet<CacheFlightRole>
    let sharedStores: CounterSet<CacheStoreOutcome>
    let leases: CounterSet<CacheLeaseOutcome>
    let recordFaults: CounterSet<SharedEntryFault>

    init(_ shard: Shard, worker: Int) {
        receivedBytes = shard.counter(Catalogue.httpReceivedBytes)
        sentBytes = shard.counters(Catalogue.httpSentBytes, by: CacheOutcome.self)
        responseSize = shard.histogram(Catalogue.httpResponseSize)
        inFlight = shard.gauge(Catalogue.httpRequestsInFlight)
        requestErrors = shard.counters(Catalogue.httpRequestErrors, by: RequestErrorReason.self)
        accepted = shard.counter(Catalogue.connectionsAccepted)
        closed = shard.counters(Catalogue.connectionsClosed, by: ConnectionCloseReason.self)
        rejected = shard.counters(Catalogue.connectionsRejected, by: ConnectionRejectReason.self)
        active = shard.gauge(Catalogue.connectionsActive)
        proxyProtocolErrors = shard.counter(Catalogue.proxyProtocolErrors)
        busy = shard.counter(Catalogue.workerBusy, [String(worker)])
        lag = shard.histogram(Catalogue.workerLoopLag)
        logDropped = shard.counter(Catalogue.logDropped)
        cacheRequests = CacheRequestCounters(shard)
        stores = shard.counters(
            Catalogue.cacheStores, [CacheTier.local.rawValue], by: CacheStoreOutcome.self)
        staleServed = shard.counters(Catalogue.cacheStaleServed, by: CacheStaleReason.self)
        revalidations = shard.counters(
            Catalogue.cacheRevalidations, by: CacheRevalidationOutcome.self)
        flights = shard.counters(Catalogue.cacheFlights, by: CacheFlightRole.self)
        sharedStores = shard.counters(
            Catalogue.cacheStores, [CacheTier.redis.rawValue], by: CacheStoreOutcome.self)
        leases = shard.counters(Catalogue.cacheLeases, by: CacheLeaseOutcome.self)
        recordFaults = shard.counters(Catalogue.cacheRecordFaults, by: SharedEntryFault.self)
    }

    /// Counts the answer to a conditional request of the cache's own.
    func count(revalidation status: UInt16) {
        switch status {
        case 304: revalidations[.notModified].add()
        case 500...: revalidations[.error].add()
        default: revalidations[.modified].add()
        }
    }
}

/// One worker's cells of `cache_requests_total`.
struct CacheRequestCounters {
    private let tiers: [CounterSet<CacheResult>]

    init(_ shard: Shard) {
        tiers = CacheTier.allCases.map {
            shard.counters(Catalogue.cacheRequests, [$0.rawValue], by: CacheResult.self)
        }
    }

    /// Counts a request.
    func count(_ result: CacheResult, _ tier: CacheTier) { tiers[tier.index][result].add() }
}

/// One worker's cells of one route.
final class RouteMetrics {
    let requests: RequestCounters
    let durations: HistogramSet<CacheOutcome>

    init(_ shard: Shard, route: String) {
        requests = RequestCounters(
            shard: shard, route: route,
            methods: Method.allCases.dropLast().map { "\($0.name)" } + ["_other"])
        durations = shard.histograms(
            Catalogue.httpRequestDuration, [route], by: CacheOutcome.self)
    }
}

/// One worker's cells of one upstream.
final class UpstreamMetrics {
    let answers: CodeCounters
    let errors: CounterSet<UpstreamErrorReason>
    let retries: CounterSet<RetryOutcome>
    let duration: Histogram
    let connectDuration: Histogram
    let firstByte: Histogram
    let opened: Counter
    let active: Gauge
    let idle: Gauge

    init(_ shard: Shard, upstream: String) {
        answers = CodeCounters(
            shard: shard, family: Catalogue.upstreamRequests, labels: [upstream])
        errors = shard.counters(
            Catalogue.upstreamErrors, [upstream], by: UpstreamErrorReason.self)
        retries = shard.counters(Catalogue.upstreamRetries, [upstream], by: RetryOutcome.self)
        duration = shard.histogram(Catalogue.upstreamRequestDuration, [upstream])
        connectDuration = shard.histogram(Catalogue.upstreamConnectDuration, [upstream])
        firstByte = shard.histogram(Catalogue.upstreamFirstByte, [upstream])
        opened = shard.counter(Catalogue.upstreamConnectionsOpened, [upstream])
        active = shard.gauge(
            Catalogue.upstreamConnections, [upstream, UpstreamConnectionState.active.rawValue])
        idle = shard.gauge(
            Catalogue.upstreamConnections, [upstream, UpstreamConnectionState.idle.rawValue])
    }

    /// Counts an attempt's duration, whatever came of it.
    func observe(_ nanoseconds: UInt64, _ trace: TraceID) {
        duration.observe(nanoseconds: nanoseconds, traceID: trace)
    }

    /// What the admin API shows of one worker's pool.
    struct View: Sendable {
        let active: Gauge
        let idle: Gauge
    }

    var view: View { View(active: active, idle: idle) }
}
