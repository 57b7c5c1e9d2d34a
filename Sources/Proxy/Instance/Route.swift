internal import HTTP1
internal import ProxyCore
internal import Telemetry
internal import Upstream

/// One worker's view of a route: its settings made ready, its metric cells, its upstream's pool.
final class Route {
    let name: String
    let nameBytes: [UInt8]
    /// Position in the settings; -1 for what matches no route.
    let index: Int
    let spec: RouteSettings?
    let metrics: RouteMetrics
    let requestEdits: FieldEditor
    let responseEdits: FieldEditor
    let bodyBytesMax: UInt64
    let connectNanoseconds: UInt64
    let firstByteNanoseconds: UInt64
    let idleNanoseconds: UInt64
    let totalNanoseconds: UInt64?
    let retriesMax: Int
    let responseHeadLimits: HeadLimits
    /// What the cache does for the route.
    let cache: CacheSettings
    /// Start of the route's cache keys: differs where the same target may have another answer.
    let keyPrefix: [UInt8]
    /// What of that reading a request depends on.
    let cacheReading: CacheRequest.Rules
    /// Whether its keys hold request fields or cookies, so that they cannot be made from a target alone.
    let hasSelectedKey: Bool
    /// The name's stable hash, for purges.
    let nameHash: UInt64
    /// The table that rewrites the path, for routes that do.
    let rewritingTable: RouteTable?
    private let target: UpstreamHandle?

    /// The upstream; requests that match no route never ask for it.
    var upstream: UpstreamHandle {
        guard let target else { preconditionFailure("route \(name) has no upstream") }
        return target
    }

    /// The upstream's name, empty for what matches no route.
    var upstreamName: String { target?.name ?? "" }

    init(_ snapshot: Snapshot, index: Int, upstream: UpstreamHandle, metrics: RouteMetrics) {
        let spec = snapshot.settings.routes[index]
        name = spec.name
        nameBytes = Array(spec.name.utf8)
        self.index = index
        self.spec = spec
        self.metrics = metrics
        requestEdits = snapshot.requestEdits[index]
        responseEdits = snapshot.responseEdits[index]
        bodyBytesMax = spec.bodyBytesMax ?? .max
        connectNanoseconds = spec.connectTimeoutNanoseconds
        firstByteNanoseconds = spec.firstByteTimeoutNanoseconds
        totalNanoseconds = spec.totalTimeoutNanoseconds
        idleNanoseconds = upstream.settings.idleTimeoutNanoseconds
        retriesMax = upstream.settings.retriesMax
        responseHeadLimits = HeadLimits(
            headBytesMax: upstream.settings.responseHeadBytesMax, fieldsMax: 256)
        rewritingTable = snapshot.table.rewrites(index) ? snapshot.table : nil
        cache = spec.cache
        cacheReading = CacheRequest.Rules(cache)
        hasSelectedKey = !cache.key.fields.isEmpty || !cache.key.cookies.isEmpty
        keyPrefix = snapshot.keyPrefixes[index]
        nameHash = snapshot.nameHashes[index]
        target = upstream
    }

    /// What requests count as that match no route, or are refused before one is looked for.
    init(unmatched metrics: RouteMetrics) {
        name = "_other"
        nameBytes = Array("_other".utf8)
        index = -1
        spec = nil
        self.metrics = metrics
        requestEdits = .none
        responseEdits = .none
        bodyBytesMax = .max
        connectNanoseconds = 0
        firstByteNanoseconds = 0
        idleNanoseconds = 0
        totalNanoseconds = nil
        retriesMax = 0
        responseHeadLimits = HeadLimits()
        rewritingTable = nil
        var off = CacheSettings()
        off.isOn = false
        cache = off
        cacheReading = CacheRequest.Rules(off)
        hasSelectedKey = false
        keyPrefix = []
        nameHash = 0
        target = nil
    }

    /// Appends the parts of a request's cache key; nil if it must bypass the cache.
    func appendKey(of head: RequestHead, to key: inout [UInt8]) -> KeyParts? {
        // Most requests need no rules, and to hand them over takes a retain for each of their arrays.
        if head.query == nil, !hasSelectedKey { return CacheKey.append(plain: head, to: &key) }
        return CacheKey.append(head, cache.key, to: &key)
    }
}

/// One worker's connections to one upstream, with what is written towards it.
final class UpstreamHandle {
    let name: String
    let settings: UpstreamSettings
    let pool: UpstreamPool
    let metrics: UpstreamMetrics
    /// What all workers know about the upstream's health.
    let health: UpstreamHealth
    /// The field that carries the time left; nil: none does.
    let deadlineField: DeadlineField?
    /// `Host` values, one per URL.
    let hosts: [[UInt8]]
    /// Path prefixes, one per URL.
    let prefixes: [[UInt8]]
    let preservesHost: Bool

    init(
        _ settings: UpstreamSettings, _ context: DialContext, workers: Int, worker: Int,
        metrics: UpstreamMetrics, health: UpstreamHealth
    ) {
        name = settings.name
        self.settings = settings
        self.metrics = metrics
        self.health = health
        deadlineField = settings.resilience.deadlineField.map(DeadlineField.init)
        prefixes = settings.urls.map { Array($0.prefix.utf8) }
        if case .literal(let host) = settings.host {
            hosts = settings.urls.map { _ in Array(host.utf8) }
        } else {
            hosts = settings.urls.map { Array($0.authority.utf8) }
        }
        preservesHost = settings.host == .preserve
        func share(_ whole: Int) -> Int { max(1, (whole + workers - 1) / workers) }
        pool = UpstreamPool(
            context, endpoints: settings.urls.map { Endpoint($0, settings) },
            limits: PoolLimits(
                connectionsMax: share(settings.pool.connectionsMax),
                idleMax: share(settings.pool.idleMax),
                idleNanoseconds: settings.pool.idleTimeoutNanoseconds,
                ageNanoseconds: settings.pool.ageMaxNanoseconds ?? .max,
                pendingMax: share(settings.pool.pendingMax)),
            firstTurn: worker)
        pool.opened = { nanoseconds in
            metrics.opened.add()
            metrics.connectDuration.observe(nanoseconds: nanoseconds)
        }
        // As differences: after a reload an old pool and its successor share the cells for a while.
        var known = (active: 0, idle: 0)
        pool.changed = { [unowned pool] in
            metrics.active.add(pool.active - known.active)
            metrics.idle.add(pool.idle - known.idle)
            known = (pool.active, pool.idle)
        }
    }
}

extension Endpoint {
    /// The place of one of an upstream's URLs.
    init(_ url: UpstreamURL, _ settings: UpstreamSettings) {
        self.init(
            isTLS: url.scheme == .https, host: url.host, port: url.port,
            serverName: settings.tls.serverName, verifies: settings.tls.verify,
            caFile: settings.tls.caFile, proxy: settings.proxy?.secretText,
            connectTimeoutMilliseconds: Int(settings.connectTimeoutNanoseconds / 1_000_000),
            dnsCacheSeconds: Int(settings.dnsCacheNanoseconds / 1_000_000_000))
    }
}
