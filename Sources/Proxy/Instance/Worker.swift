internal import EventLoop
internal import HTTP1
internal import Locking
internal import ProxyCore
internal import Telemetry
internal import Time
internal import Upstream

/// One thread's share of the instance: its loop, listeners, connections, pools, buffers, metric cells.
/// Touched by its own thread only; others reach it through `loop.post`.
final class Worker {
    let loop: Loop
    let index: Int
    let instance: Instance
    let shard: Shard
    let metrics: WorkerMetrics
    let log: LogBuffer?
    /// The worker's connection to Redis; nil without it.
    let link: SharedLink?
    /// Its leases on limits that all instances share; nil without Redis.
    let limits: LimitLink?
    private let context: DialContext

    private(set) var snapshot: Snapshot
    private(set) var routes: [Route] = []
    let unmatched: Route
    private var upstreams: [String: UpstreamHandle] = [:]
    private var routeMetrics: [String: RouteMetrics] = [:]
    private var upstreamMetrics: [String: UpstreamMetrics] = [:]

    /// Scratch for what is written to a client: never holds anything between two callbacks.
    var out = ByteWriter(capacity: 4096)
    var line = ByteWriter(capacity: 1024)
    var date = ByteWriter(capacity: 32)
    var dateSecond: Int64 = .min
    var random: Xoshiro

    /// What each rule of `limits` decided, in the order of the rules.
    private(set) var limitCounters: [CounterSet<RateLimitDecision>] = []

    let top: TrafficTop
    /// Scratch for the text of an address.
    var clientKey: [UInt8] = []

    /// Requests since the last one that was logged, where only one in so many is.
    var logTurn = 0

    private var listeners: [Listener] = []
    private var connections: [ObjectIdentifier: ClientConnection] = [:]
    private var spareRequests: [ClientRequest] = []
    private var parkedRunners: [Runner] = []
    private(set) var isDraining = false
    private var drained: (() -> Void)?

    /// Requests and runners kept for reuse; more than that are freed. As many as may be on their way to an
    /// upstream of the default size: with fewer, a busy worker would make and free them all the time.
    private static let spareRequestsMax = 1024

    init(
        _ instance: Instance, loop: Loop, index: Int, snapshot: Snapshot, seed: SeedWords
    ) {
        self.instance = instance
        self.loop = loop
        self.index = index
        self.snapshot = snapshot
        shard = instance.registry.makeShard()
        metrics = WorkerMetrics(shard, worker: index)
        log = instance.accessLog?.makeBuffer()
        context = DialContext(loop: loop)
        link = instance.shared.map {
            SharedLink($0, on: loop, SharedMetrics(instance.registry.makeShard()))
        }
        limits = instance.limitStore.map {
            LimitLink($0, on: loop, worker: index, instance.registry.makeShard())
        }
        random = Xoshiro(seed.a, seed.b, seed.c, seed.d)
        top = TrafficTop(seed: seed)
        instance.tops.withLock { [top] in $0.append(top) }
        unmatched = Route(unmatched: RouteMetrics(shard, route: "_other"))
        loop.onTurn = { [metrics] nanoseconds in
            metrics.busy.add(nanoseconds)
            metrics.lag.observe(nanoseconds: nanoseconds)
        }
        apply(snapshot)
        link?.start()
    }

    /// Takes over new settings. Requests under way keep the route they have; pools whose upstream has not
    /// changed are kept with their connections.
    func apply(_ snapshot: Snapshot) {
        self.snapshot = snapshot
        limitCounters = snapshot.settings.limits.map {
            shard.counters(Catalogue.rateLimitDecisions, [$0.name], by: RateLimitDecision.self)
        }
        limits?.adopt(snapshot.limits)
        let workers = instance.workerCount
        var kept: [String: UpstreamHandle] = [:]
        for settings in snapshot.settings.upstreams {
            if let handle = upstreams[settings.name], handle.settings == settings {
                kept[settings.name] = handle
                continue
            }
            kept[settings.name] = UpstreamHandle(
                settings, context, workers: workers, worker: index,
                metrics: metrics(upstream: settings.name), health: instance.health(of: settings))
        }
        for (name, handle) in upstreams where kept[name] !== handle { handle.pool.close() }
        upstreams = kept
        routes = snapshot.settings.routes.indices.map { index in
            let spec = snapshot.settings.routes[index]
            guard let upstream = kept[spec.upstream] else {
                preconditionFailure("validated settings name no upstream \(spec.upstream)")
            }
            return Route(
                snapshot, index: index, upstream: upstream, metrics: metrics(route: spec.name))
        }
    }

    private func metrics(route name: String) -> RouteMetrics {
        if let known = routeMetrics[name] { return known }
        let metrics = RouteMetrics(shard, route: name)
        routeMetrics[name] = metrics
        return metrics
    }

    private func metrics(upstream name: String) -> UpstreamMetrics {
        if let known = upstreamMetrics[name] { return known }
        let metrics = UpstreamMetrics(shard, upstream: name)
        upstreamMetrics[name] = metrics
        instance.upstreamViews.withLock { $0[name, default: []].append(metrics.view) }
        return metrics
    }

    // MARK: Connections

    func listen(_ socket: ListeningSocket, _ settings: ListenerSettings) throws(LoopError) {
        let listener = try Listener(
            on: loop, socket: socket,
            accepted: { [unowned self] in accept($0, settings) },
            refused: { [unowned self] in metrics.rejected[.fd].add() })
        listeners.append(listener)
    }

    private func accept(_ socket: ConnectedSocket, _ settings: ListenerSettings) {
        guard instance.admitConnection() else {
            metrics.rejected[.limit].add()
            socket.refuse(Worker.fullAnswer)
            return
        }
        do {
            let connection = try ClientConnection(
                self, socket, expectsPreamble: settings.proxyProtocol)
            connections[ObjectIdentifier(connection)] = connection
            metrics.accepted.add()
            metrics.active.add(1)
            connection.open()
        } catch {
            instance.releaseConnection()
            metrics.rejected[.fd].add()
        }
    }

    func connectionClosed(_ connection: ClientConnection, _ reason: ConnectionCloseReason) {
        guard connections.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
        instance.releaseConnection()
        metrics.closed[reason].add()
        metrics.active.add(-1)
        checkDrained()
    }

    /// What a client gets for whom there is no room: short, static, sent without reading anything.
    private static let fullAnswer = Array(
        ("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\n"
            + "Connection: close\r\n\r\n").utf8)

    // MARK: Requests

    func takeRunner() -> Runner { parkedRunners.popLast() ?? Runner(self) }

    /// Keeps a runner that has nothing to do; false if there are enough of them.
    func park(_ runner: Runner) -> Bool {
        guard parkedRunners.count < Worker.spareRequestsMax else { return false }
        parkedRunners.append(runner)
        return true
    }

    func takeRequest() -> ClientRequest { spareRequests.popLast() ?? ClientRequest(self) }

    func giveBack(_ request: ClientRequest) {
        request.trim()
        if spareRequests.count < Worker.spareRequestsMax { spareRequests.append(request) }
    }

    /// Renews `stored` without a client waiting, unless that is under way: one fetch for each key. `shared`: what
    /// the tier in Redis has said already, perhaps with a lease. False if it is not done.
    @discardableResult
    func refresh(
        _ stored: StoredResponse, for request: ClientRequest, under shared: SharedFetch? = nil
    ) -> Bool {
        guard let memory = instance.memory,
            let ticket = memory.leadRefresh(
                request.caching.key, hash: request.caching.hash, now: request.started)
        else { return false }
        let fetch = takeRequest()
        guard fetch.copyHead(forRefreshLike: request, limits: snapshot.headLimits) else {
            memory.settle(ticket, .alone)
            giveBack(fetch)
            return false
        }
        fetch.beginDetached(like: request)
        fetch.caching = request.caching
        fetch.caching.facts = CacheRequest.read(fetch.head, request.route.cacheReading)
        if shared == nil { fetch.caching.started = memory.fetchStart }
        fetch.caching.detail = nil
        fetch.caching.flight = ticket
        fetch.caching.candidate = stored
        fetch.caching.isValidating = stored.metadata.hasValidator
        fetch.caching.shared = shared
        shared?.isHeldUp = { false }
        fetch.step = .refresh
        takeRunner().run(fetch)
        return true
    }

    /// Invalidates what is stored for the target of an unsafe request: `target` is a host with the path behind
    /// it, in normal form.
    func invalidate(_ target: [UInt8], in memory: MemoryCache) {
        guard let slash = target.firstIndex(of: UInt8(ascii: "/")) else { return }
        let host = target.span.extracting(..<slash)
        let path = target.span.extracting(slash...)
        guard
            case .route(let index) = snapshot.table.match(
                path: path, method: Method.get.rawValue, host: host)
        else { return }
        let rules = routes[index].cache.key
        guard !routes[index].hasSelectedKey else {
            // Its keys cannot be made from the target alone.
            let hash = stableHash(path, from: stableHash(host))
            memory.purges.invalidate(hash)
            purgeShared(.target(hash: hash, bucketOf: stableHash(path)))
            return
        }
        var key = routes[index].keyPrefix
        key.append(copying: host)
        guard CacheKey.appendTarget(path, rules, to: &key) != nil else { return }
        memory.invalidate(key.span, hash: memory.hash(key.span))
        purgeShared(.keys([SharedKey(base: key.span)], notice: nil))
    }

    private func purgeShared(_ purge: SharedPurge) {
        instance.shared?.enqueue(JournaledPurge(purge: purge, mode: .hard))
    }

    // MARK: Stopping

    /// From now on every answer closes its connection.
    func beginDrain() { isDraining = true }

    /// Stops listening, then calls `done` when the last connection has ended.
    func stopListening(done: @escaping () -> Void) {
        for listener in listeners { listener.drainAndClose() }
        listeners.removeAll()
        drained = done
        checkDrained()
    }

    /// Closes connections on which no request is under way.
    func closeIdle() { for connection in connections.values { connection.drain() } }

    /// Closes everything that is left.
    func abortAll() { for connection in connections.values { connection.abort() } }

    private func checkDrained() {
        guard connections.isEmpty, let drained else { return }
        self.drained = nil
        for upstream in upstreams.values { upstream.pool.close() }
        if let limits { limits.drain(drained) } else { drained() }
    }
}

/// Four random words, the seed of a worker's identifiers.
struct SeedWords: Sendable {
    let a, b, c, d: UInt64

    /// From the system's source of randomness.
    init() {
        var source = SystemRandomNumberGenerator()
        a = source.next()
        b = source.next()
        c = source.next()
        d = source.next()
    }
}
