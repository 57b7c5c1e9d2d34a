internal import EventLoop
internal import ProxyCore
internal import Redis
internal import Telemetry
internal import Time

/// One worker's connection to the tier in Redis. Nothing here throws: what does not work out is counted, and
/// the request does without.
final class SharedLink {
    let tier: SharedTier
    private let client: Client
    private let metrics: SharedMetrics
    private let observer: SharedObserver

    init(_ tier: SharedTier, on loop: Loop, _ metrics: SharedMetrics) {
        self.tier = tier
        self.metrics = metrics
        observer = SharedObserver(metrics)
        client = Client(
            on: loop, feed: tier.feed, ClientOptions(tier.redis, name: "data"), observer: observer)
    }

    /// Connects, and stays connected.
    func start() { client.start() }

    /// What is asked about a record.
    enum Question {
        /// What is there.
        case peek
        /// The same, and unless it is fresh at that time the lease on fetching it.
        case lease(token: [UInt8], nanoseconds: UInt64, freshAt: Timestamp)
    }

    /// What is stored under `key`; nil if Redis is of no help. Without a master a replica is read, and grants
    /// nothing.
    func lookUp(_ key: SharedKey, _ question: Question, known: UInt64?) async -> SharedLookUp? {
        let arguments: [[UInt8]]
        var access = Command.Access.read
        switch question {
        case .lease(let token, let nanoseconds, let time) where tier.feed.snapshot.master != nil:
            access = .write
            arguments = tier.commands.getOrLease(
                key, token: token, leaseMilliseconds: nanoseconds / 1_000_000, now: time,
                known: known)
        case .lease, .peek:
            arguments = tier.commands.peek(key, known: known, readOnly: true)
        }
        guard let reply = await send(Command(arguments, access, .cacheGet)) else { return nil }
        return read(.cacheGet) { () throws(SharedFault) in try SharedLookUp(reply) }
    }

    /// Offers a record to the others; nil if it is not known what became of it.
    func fill(
        _ key: SharedKey, _ lease: SharedCommands.Lease, record: [UInt8], keepMilliseconds: UInt64,
        variant: SharedCommands.Variant?
    ) async -> SharedFillOutcome? {
        let arguments = tier.commands.fill(
            key, lease, record: record, keepMilliseconds: keepMilliseconds, variant: variant)
        let command = Command(arguments, .write, .cacheSet)
        guard let reply = await send(command, by: writeDeadline) else { return nil }
        return read(.cacheSet) { () throws(SharedFault) in try SharedFillOutcome(reply) }
    }

    /// Makes a lease last as long as at first from now on.
    func renew(_ lease: SharedCommands.Lease) async -> RenewalAnswer {
        let milliseconds = tier.settings.leaseNanoseconds / 1_000_000
        let arguments = tier.commands.renew(lease, milliseconds: milliseconds)
        guard let reply = await send(Command(arguments, .write, .cacheSet)),
            let held = read(.cacheSet, { () throws(SharedFault) in try reply.integer() })
        else { return .unknown }
        return held == 1 ? .renewed : .gone
    }

    /// Sends what nobody waits for.
    func post(_ arguments: [[UInt8]], _ operation: RedisOperation) {
        client.post(Command(arguments, .write, operation), by: writeDeadline)
    }

    private var writeDeadline: Instant {
        Instant.now().advanced(byNanoseconds: tier.redis.writeTimeoutNanoseconds)
    }

    private func send(_ command: Command, by deadline: Instant? = nil) async -> SharedReply? {
        metrics.pending.add(1)
        defer { metrics.pending.add(-1) }
        guard case .success(let reply) = await client.send(command, by: deadline) else {
            return nil
        }
        return SharedReply(reply)
    }

    private func read<Value>(
        _ operation: RedisOperation, _ body: () throws(SharedFault) -> Value
    ) -> Value? {
        do throws(SharedFault) {
            return try body()
        } catch {
            metrics.faults[error.reason].add()
            if error == .functionMissing || error == .scriptMissing
                || error == .functionsUnsupported
            {
                tier.requestLibrary()
            }
            return nil
        }
    }
}

extension Command {
    /// A command from its arguments, the first of which is its name.
    init(_ arguments: [[UInt8]], _ access: Access, _ operation: RedisOperation) {
        self.init(words: arguments, access: access, tag: operation.tag)
    }
}

extension ClientOptions {
    /// The options for one kind of connection.
    init(_ settings: RedisSettings, name: String) {
        var connection = ConnectionOptions(settings)
        connection.name = "meliproxy-" + name
        var breaker = CommandBreaker.Limits()
        breaker.timeoutsMax = settings.breaker.failuresMax
        breaker.windowNanoseconds = settings.breaker.windowNanoseconds
        breaker.openNanoseconds = settings.breaker.openNanoseconds
        self.init(
            connection: connection, commandNanoseconds: settings.commandTimeoutNanoseconds,
            breaker: breaker)
    }
}

extension ConnectionOptions {
    /// The options that all connections to data nodes have.
    init(_ settings: RedisSettings) {
        self.init()
        credentials = settings.credentials.map(Credentials.init)
        database = settings.database
        connectNanoseconds = settings.connectTimeoutNanoseconds
        pendingCommandsMax = settings.pendingMax
        pendingBytesMax = settings.pendingBytesMax
    }
}

extension Credentials {
    /// The same in the client's terms.
    init(_ credentials: RedisSettings.Credentials) {
        self.init(user: credentials.user, password: credentials.password)
    }
}

extension SharedReply {
    /// The same in the terms of the shared cache.
    init(_ reply: Redis.Reply) {
        switch reply {
        case .null: self = .null
        case .integer(let number): self = .integer(number)
        case .bulk(let bytes): self = .bytes(bytes)
        case .status(let text): self = .status(Array(text.utf8))
        case .error(let error): self = .error(Array(error.description.utf8))
        case .array(let parts): self = .array(parts.map(SharedReply.init))
        }
    }
}
