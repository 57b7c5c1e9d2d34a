internal import EventLoop
internal import ProxyCore
internal import Redis
internal import Telemetry
internal import Time

/// The one connection that hears of all changes below our prefixes: tracking by broadcast, redirected to itself.
final class InvalidationListener {
    private let connection: Connection
    private let attempt: UInt64
    private let tell: (CoherenceEvent) -> Void
    private var isStopped = false

    init(
        _ tier: SharedTier, master: Redis.Endpoint, via: Redis.Endpoint?, on loop: Loop,
        attempt: UInt64, _ tell: @escaping (CoherenceEvent) -> Void
    ) {
        self.attempt = attempt
        self.tell = tell
        var options = ConnectionOptions(tier.redis)
        options.name = "meliproxy-listener"
        options.isListener = true
        options.mustReach = via == nil ? nil : master
        connection = Connection(to: via ?? master, options, on: loop)
        let prefix = tier.names.prefix
        connection.received = { [unowned self] message in heard(message, prefix) }
        connection.ended = { [unowned self] _, _ in report(.lost(attempt: attempt)) }
        loop.spawn { [self] in await open(tier) }
    }

    /// Ends it; nothing is told any more.
    func stop() {
        isStopped = true
        connection.abort(ConnectionFailure(.shutdown))
    }

    private func report(_ event: CoherenceEvent) { if !isStopped { tell(event) } }

    private func open(_ tier: SharedTier) async {
        do throws(ConnectionFailure) {
            try await connection.open()
        } catch {
            // `ended` has told.
            return
        }
        let deadline = Instant.now().advanced(
            byNanoseconds: tier.redis.connectTimeoutNanoseconds)
        guard
            case .success(let reply) = await connection.send(
                Command("CLIENT", ["ID"]), by: deadline), let id = reply.number,
            case .success(let tracking) = await connection.send(
                Command(tier.commands.track(connection: id), .write, .other), by: deadline),
            tracking == .status("OK"),
            case .success = await connection.subscribe("__redis__:invalidate", by: deadline)
        else { return connection.abort(ConnectionFailure(.protocolError, "no tracking")) }
        report(.listening(attempt: attempt))
    }

    private func heard(_ message: Message, _ prefix: [UInt8]) {
        switch message.payload {
        case .array(let elements):
            let keys = elements.compactMap(\.bytes).compactMap { key in
                key.starts(with: prefix) ? Array(key.dropFirst(prefix.count)) : nil
            }
            report(.invalidated(attempt: attempt, keys: keys))
        case .null:
            report(.invalidated(attempt: attempt, keys: nil))
        default: break
        }
    }
}
