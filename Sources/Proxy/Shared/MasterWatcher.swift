internal import EventLoop
internal import ProxyCore
internal import Redis
internal import Telemetry
internal import Time

/// Counts and logs what the search for the master comes to.
final class MasterWatcher: MasterObserver {
    private let shard: Shard
    private let diagnostics: Diagnostics
    private let switches: Counter
    private let lastSwitch: Gauge
    private let reconnects: CounterSet<RedisReconnectReason>
    private var known: PublishedTarget?
    /// Who refuses us, as logged: once, not at every attempt.
    private var refusing: Set<Redis.Endpoint> = []

    init(_ shard: Shard, _ diagnostics: Diagnostics) {
        self.shard = shard
        self.diagnostics = diagnostics
        switches = shard.counter(Catalogue.redisMasterSwitches)
        lastSwitch = shard.gauge(Catalogue.redisMasterLastSwitch)
        reconnects = shard.counters(Catalogue.redisReconnects, by: RedisReconnectReason.self)
    }

    func published(_ publication: Publication) {
        switch publication.target {
        case .master(let endpoint, _):
            refusing.remove(endpoint)
            diagnostics.log(
                .info, "Redis master is \(endpoint) (\(publication.cause.rawValue))")
            if let known, known != publication.target {
                switches.add()
                lastSwitch.set(Double(Timestamp.now().nanoseconds) / 1e9)
            }
            known = publication.target
        case .none:
            diagnostics.log(.warning, "no Redis master (\(publication.cause.rawValue))")
        }
    }

    func sentinel(_ endpoint: Redis.Endpoint, isAnswering: Bool) {
        shard.gauge(Catalogue.sentinelUp, [endpoint.description]).set(isAnswering ? 1 : 0)
    }

    func lost(_ endpoint: Redis.Endpoint, isSentinel: Bool, _ failure: ConnectionFailure) {
        if !isSentinel { reconnects[RedisReconnectReason(failure.reason)].add() }
        guard failure.reason == .authentication, refusing.insert(endpoint).inserted else { return }
        let kind = isSentinel ? "Sentinel" : "Redis"
        diagnostics.log(.error, "\(kind) \(endpoint) refuses us: \(failure)")
    }
}

extension ResolverSettings.Mode {
    /// The mode for a place in the settings.
    init(_ place: RedisSettings.Place) {
        switch place {
        case .address(let address), .haproxy(let address, nil):
            self = .address(Redis.Endpoint(address))
        case .sentinels(let sentinels), .haproxy(_, let sentinels?):
            self = .sentinels(
                sentinels.addresses.map { Redis.Endpoint($0) }, group: sentinels.group, nodes: [])
        }
    }
}

extension DriverOptions {
    /// The options that the settings give.
    init(_ settings: RedisSettings) {
        self.init(
            nodeCredentials: settings.credentials.map(Credentials.init),
            sentinelCredentials: settings.sentinelCredentials.map(Credentials.init),
            name: "meliproxy-watch", connectNanoseconds: settings.connectTimeoutNanoseconds)
        if case .haproxy(let address, .some) = settings.place { via = Redis.Endpoint(address) }
    }
}

extension Redis.Endpoint {
    /// The same in the client's terms.
    init(_ address: ServerAddress) { self.init(host: address.host, port: address.port) }
}
