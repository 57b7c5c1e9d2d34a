public import EventLoop
public import Time

/// Sends commands to whoever is the master, on one loop.
///
/// It has one connection, which it makes again when it ends: to the server that the feed names, and to
/// no other. Nothing waits for a connection: without one, commands fail at once. Clients that must not
/// delay each other (data, limits, listeners) are clients of their own.
public final class Client {
    /// A connection that lived for so long was a good one: the waits between dials start over.
    private static let goodNanoseconds: UInt64 = 1_000_000_000

    /// Loop of the client; everything here is to be called on its thread.
    public let loop: Loop
    private let feed: MasterFeed
    private let options: ClientOptions
    private weak var observer: (any ClientObserver)?
    private var follower: Int?
    private var target: MasterSnapshot.Target?
    /// Being opened, or open.
    private var connection: Connection?
    private var openSince: Instant?
    private var backoff = Backoff()
    private var breaker: CommandBreaker
    private var retry: Timer?
    private var chance: any RandomNumberGenerator
    private var waiting: [Suspension<Bool>] = []

    /// Follows `feed` from `start` on.
    public init(
        on loop: Loop, feed: MasterFeed, _ options: ClientOptions = ClientOptions(),
        observer: (any ClientObserver)? = nil,
        chance: any RandomNumberGenerator = SystemRandomNumberGenerator()
    ) {
        self.loop = loop
        self.feed = feed
        self.options = options
        self.observer = observer
        self.chance = chance
        breaker = CommandBreaker(options.breaker)
        retry = Timer(on: loop) { [unowned self] in connect() }
    }

    deinit { close() }

    /// Connects, and stays connected until `close`.
    public func start() {
        guard follower == nil else { return }
        follower = feed.follow(on: loop) { [weak self] in self?.retarget() }
        retarget()
    }

    /// Ends for good; commands without a reply fail.
    public func close() {
        if let follower { feed.unfollow(follower) }
        follower = nil
        target = nil
        retry?.cancel()
        connection?.abort(ConnectionFailure(.shutdown))
        connection = nil
        let waiting = waiting
        self.waiting = []
        for waiter in waiting { waiter.resume(false) }
    }

    /// Whether commands can be sent now.
    public var isConnected: Bool { connection?.isOpen == true }
    /// Commands whose replies are awaited.
    public var pendingCommands: Int { connection?.pendingCommands ?? 0 }
    /// The generation of the server that commands go to; 0 without one.
    public var generation: UInt64 { target?.generation ?? 0 }

    // MARK: Commands

    /// Sends a command and waits for its reply, which may be an error reply: at most until `deadline`, by
    /// default for `commandNanoseconds` (up to one tick of the loop's wheel, 4 ms, longer).
    public func send(
        _ command: Command, by deadline: Instant? = nil
    ) async -> Result<Reply, RedisFailure> {
        guard let connection = ready(for: command) else { return .failure(refusal(command)) }
        let now = Instant.now()
        let end = deadline ?? now.advanced(byNanoseconds: options.commandNanoseconds)
        // Not the connection's `send`: each further async function costs a command some 50 ns.
        return unsafe await withUnsafeContinuation { waiter in
            unsafe connection.start(command, by: end, at: now, waiter)
        }
    }

    /// Sends a command whose reply nobody waits for; its outcome reaches the observer only. False if it could
    /// not be sent.
    @discardableResult
    public func post(_ command: Command, by deadline: Instant? = nil) -> Bool {
        guard let connection = ready(for: command) else {
            _ = refusal(command)
            return false
        }
        let end = deadline ?? Instant.now().advanced(byNanoseconds: options.commandNanoseconds)
        return connection.post(command, by: end)
    }

    /// Waits until there is a connection, at most `nanoseconds`: for the start of a program.
    public func waitUntilConnected(nanoseconds: UInt64) async -> Bool {
        if isConnected { return true }
        let waiter = Suspension<Bool>()
        waiting.append(waiter)
        let timer = Timer(on: loop) { waiter.resume(false) }
        timer.arm(afterNanoseconds: nanoseconds)
        let isConnected = await waiter.wait()
        timer.cancel()
        waiting.removeAll { $0 === waiter }
        return isConnected
    }

    private func ready(for command: Command) -> Connection? {
        guard let connection, connection.isOpen else { return nil }
        // A replica is read from while there is no master, and never written to.
        if target?.isReadOnly == true, command.access == .write { return nil }
        return connection
    }

    private func refusal(_ command: Command) -> RedisFailure {
        let isBlocked = breaker.blockedUntil(.now()) != nil
        let failure: RedisFailure = isBlocked ? .breakerOpen : .notConnected
        observer?.commandEnded(tag: command.tag, Outcome(failure), nanoseconds: 0)
        return failure
    }

    // MARK: The connection

    private func retarget() {
        let target = feed.snapshot.target
        guard follower != nil, target != self.target else { return }
        self.target = target
        backoff.succeeded()
        breaker.reset()
        if let connection {
            // Its end makes the new connection.
            connection.abort(ConnectionFailure(.masterChanged))
        } else {
            connect()
        }
    }

    /// One dial at a time: there is none while there is a connection.
    private func connect() {
        guard let target, connection == nil else { return }
        if let until = breaker.blockedUntil(.now()) {
            retry?.arm(at: until)
            return
        }
        retry?.cancel()
        var connectionOptions = options.connection
        connectionOptions.mustReach = target.mustReach
        let connection = Connection(
            to: target.endpoint, connectionOptions, on: loop, observer: observer)
        self.connection = connection
        connection.ended = { [weak self] failure, expired in self?.ended(failure, expired) }
        connection.refused = { [weak self] error in self?.refused(error) }
        loop.spawn { [weak self] in
            do {
                try await connection.open()
                self?.opened(connection)
            } catch {
                // `ended` has been told.
            }
        }
    }

    private func opened(_ connection: Connection) {
        guard connection === self.connection, let target else { return }
        openSince = .now()
        breaker.answered()
        observer?.connected(to: connection.endpoint, isReadOnly: target.isReadOnly)
        let waiting = waiting
        self.waiting = []
        for waiter in waiting { waiter.resume(true) }
    }

    private func ended(_ failure: ConnectionFailure, _ expired: Int) {
        let now = Instant.now()
        connection = nil
        // One that ends as soon as it is open has not proved anything.
        if let openSince, now.nanoseconds(since: openSince) >= Self.goodNanoseconds {
            backoff.succeeded()
        }
        openSince = nil
        let isTimeout = failure.reason == .timeout || failure.reason == .connectTimeout
        if isTimeout { breaker.timedOut(max(1, expired), at: now) }
        observer?.disconnected(failure)
        guard target != nil else { return }
        if failure.reason == .masterChanged { return connect() }
        if let hint = DataHint(failure) { feed.requestResolve(hint, generation: generation) }
        retry?.arm(afterNanoseconds: backoff.failed(chance: chance.next()))
    }

    /// The server has answered with an error: is it still the one to ask?
    private func refused(_ error: ServerError) {
        switch error.kind {
        case .readOnly:
            // A demoted master. The feed will know better; until then, never write to it again.
            connection?.abort(ConnectionFailure(.readOnly, error.description))
        case .loading, .masterDown:
            connection?.abort(ConnectionFailure(.notReady, error.description))
        case .noReplicas: feed.requestResolve(.noReplicas, generation: generation)
        case .noAuthentication, .wrongPassword, .noPermission, .noScript, .busy, .outOfMemory,
            .other:
            break
        }
    }
}
