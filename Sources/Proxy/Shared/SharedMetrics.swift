internal import ProxyCore
internal import Redis
internal import Telemetry

/// One loop's cells of what it does with Redis.
struct SharedMetrics {
    private let commands: [CounterSet<RedisOutcome>]
    private let durations: HistogramSet<RedisOperation>
    /// Commands whose replies are awaited.
    let pending: Gauge
    let faults: CounterSet<RedisErrorReason>
    let reconnects: CounterSet<RedisReconnectReason>

    init(_ shard: Shard) {
        commands = RedisOperation.allCases.map {
            shard.counters(Catalogue.redisCommands, [$0.rawValue], by: RedisOutcome.self)
        }
        durations = shard.histograms(Catalogue.redisCommandDuration, by: RedisOperation.self)
        pending = shard.gauge(Catalogue.redisPendingCommands)
        faults = shard.counters(Catalogue.redisErrors, by: RedisErrorReason.self)
        reconnects = shard.counters(Catalogue.redisReconnects, by: RedisReconnectReason.self)
    }

    /// Counts and times a command.
    func count(_ operation: RedisOperation, _ outcome: RedisOutcome, nanoseconds: UInt64) {
        commands[operation.index][outcome].add()
        if outcome.hasReply { durations[operation].observe(nanoseconds: nanoseconds) }
    }
}

/// Counts what a client's commands come to.
final class SharedObserver: ClientObserver {
    private let metrics: SharedMetrics
    /// Told of each connection that is made, and of each that ends.
    var connectionChanged: (ConnectionFailure?) -> Void = { _ in }

    init(_ metrics: SharedMetrics) { self.metrics = metrics }

    func commandEnded(tag: UInt8, _ outcome: Outcome, nanoseconds: UInt64) {
        let operation = RedisOperation(tag: tag)
        metrics.count(operation, RedisOutcome(outcome), nanoseconds: nanoseconds)
    }

    func connected(to endpoint: Redis.Endpoint, isReadOnly: Bool) { connectionChanged(nil) }

    func disconnected(_ failure: ConnectionFailure) {
        metrics.reconnects[RedisReconnectReason(failure.reason)].add()
        connectionChanged(failure)
    }
}

extension RedisReconnectReason {
    /// The metrics' word for it. A test holds the two lists together.
    init(_ reason: ConnectionFailure.Reason) { self = Self(rawValue: reason.rawValue) ?? .network }
}

extension RedisOutcome {
    /// The client's word for it.
    init(_ outcome: Outcome) {
        switch outcome {
        case .ok: self = .ok
        case .timeout: self = .timeout
        case .error: self = .error
        case .readOnly: self = .readOnly
        case .notReady: self = .notReady
        case .notConnected: self = .notConnected
        case .connectionLost: self = .connectionLost
        case .queueFull: self = .queueFull
        case .breakerOpen: self = .breakerOpen
        case .protocolError: self = .protocolError
        }
    }
}

extension WorkerMetrics {
    /// Counts what became of a response that was offered to all instances; nil: Redis did not say.
    func count(fill outcome: SharedFillOutcome?) {
        switch outcome {
        case .stored, .storedSoft: sharedStores[.stored].add()
        case .noLease, .superseded:
            leases[.lost].add()
            sharedStores[.error].add()
        case .outdated:
            leases[.outdated].add()
            sharedStores[.error].add()
        case nil: sharedStores[.error].add()
        }
    }
}

extension RedisOperation {
    /// The number by which a client knows it. 0 is what a connection begins with.
    var tag: UInt8 { UInt8(truncatingIfNeeded: index + 1) }

    /// What a tag stands for.
    init(tag: UInt8) {
        let index = Int(tag) - 1
        self =
            RedisOperation.allCases.indices.contains(index)
            ? RedisOperation.allCases[index] : .other
    }
}
