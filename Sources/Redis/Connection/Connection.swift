public import EventLoop
public import Time

/// One TCP connection to a Redis server or a Sentinel, on one loop and for one life: it is opened once,
/// and once it has ended it stays so.
///
/// Commands are pipelined: any number of tasks may await replies, which come in the order of the
/// commands. What is sent during one turn of the loop leaves in one write. A command whose deadline
/// passes ends the connection, since the place of its reply would be taken for another's.
public final class Connection {
    /// Loop of the connection; everything here is to be called on its thread.
    public let loop: Loop
    /// Where it was to be connected to.
    public let endpoint: Endpoint
    /// Whether the server has answered, and the connection has not ended.
    public private(set) var isOpen = false
    /// Why it ended; nil while it has not.
    public private(set) var failure: ConnectionFailure?
    /// Told once of the end, and how many commands had passed their deadlines by then.
    public var ended: (ConnectionFailure, _ expiredCommands: Int) -> Void = { _, _ in }
    /// Told of each message on a listener.
    public var received: (Message) -> Void = { _ in }
    /// Told of each error reply, after the command's own task was.
    var refused: (ServerError) -> Void = { _ in }

    let options: ConnectionOptions
    private weak var observer: (any CommandObserver)?
    private var dial: Dial?
    private let dialed = Suspension<Result<ConnectedSocket, ConnectionFailure>>()
    private var wire: Wire?
    private let reader: ReplyReader
    private var pending = Ring<PendingCommand>()
    private var outgoing: [UInt8] = []
    private var isFlushDue = false
    private var timer: Timer?

    /// Grown output memory above this is given back after it was sent.
    private static let idleOutputBytesMax = 64 * 1024

    /// Nothing happens before `open`.
    public init(
        to endpoint: Endpoint, _ options: ConnectionOptions, on loop: Loop,
        observer: (any CommandObserver)? = nil
    ) {
        self.loop = loop
        self.endpoint = endpoint
        self.options = options
        self.observer = observer
        reader = ReplyReader(options.replyLimits)
        timer = Timer(on: loop) { [unowned self] in deadlineComes() }
    }

    deinit {
        timer?.cancel()
        closeWire()
    }

    private func closeWire() {
        unsafe wire?.owner = nil
        wire?.reset()
        wire = nil
    }

    /// Commands whose replies are awaited.
    public var pendingCommands: Int { pending.count }

    // MARK: Opening

    /// Connects and introduces itself (`handshake`); throws what `failure` then says. Once.
    public func open() async throws(ConnectionFailure) {
        let deadline = Instant.now().advanced(byNanoseconds: options.connectNanoseconds)
        do throws(ConnectionFailure) {
            try takeOver(try await dial(until: deadline))
        } catch {
            abort(error)
        }
        if failure == nil { await handshake(until: deadline) }
        isOpen = failure == nil
        if let failure { throw failure }
    }

    private func dial(until deadline: Instant) async throws(ConnectionFailure) -> ConnectedSocket {
        if let failure { throw failure }
        let dialed = dialed
        let dial = Dial(on: loop, host: endpoint.host, port: endpoint.port) { result in
            dialed.resume(result.mapError { ConnectionFailure(dialing: $0) })
        }
        self.dial = dial
        dial.start(until: deadline)
        let result = await dialed.wait()
        self.dial = nil
        return try result.get()
    }

    private func takeOver(_ socket: ConnectedSocket) throws(ConnectionFailure) {
        do {
            let wire = try Wire(on: loop, socket: socket)
            unsafe wire.owner = self
            self.wire = wire
            wire.startReading()
        } catch {
            throw ConnectionFailure(dialing: error)
        }
    }

    // MARK: Sending

    /// Sends a command and waits for its reply, which may be an error reply. A command that cannot be sent
    /// fails at once.
    public func send(
        _ command: Command, by deadline: Instant
    ) async -> Result<Reply, RedisFailure> {
        let now = Instant.now()
        return unsafe await withUnsafeContinuation { waiter in
            unsafe start(command, by: deadline, at: now, waiter)
        }
    }

    /// Sends a command whose reply nobody waits for; its outcome reaches the observer only. False if it could
    /// not be sent.
    @discardableResult
    public func post(_ command: Command, by deadline: Instant) -> Bool {
        unsafe start(command, by: deadline, at: .now(), nil)
    }

    /// Queues a command; `waiter` is resumed with what comes of it, from within if it cannot be sent, which
    /// is when this returns false.
    @discardableResult
    func start(
        _ command: Command, by deadline: Instant, at now: Instant,
        _ waiter: UnsafeContinuation<Result<Reply, RedisFailure>, Never>?
    ) -> Bool {
        if let failure = obstacle(command) {
            observer?.commandEnded(tag: command.tag, Outcome(failure), nanoseconds: 0)
            unsafe waiter?.resume(returning: .failure(failure))
            return false
        }
        unsafe enqueue(command, by: deadline, at: now, waiter)
        return true
    }

    private func obstacle(_ command: Command) -> RedisFailure? {
        guard let wire else { return .notConnected }
        let bytes = outgoing.count + wire.pendingBytes + command.bytesMax
        let isFull =
            pending.count >= options.pendingCommandsMax || bytes > options.pendingBytesMax
        return isFull ? .queueFull : nil
    }

    private func enqueue(
        _ command: Command, by deadline: Instant, at now: Instant,
        _ waiter: UnsafeContinuation<Result<Reply, RedisFailure>, Never>?
    ) {
        command.encode(into: &outgoing)
        unsafe pending.append(
            PendingCommand(started: now, deadline: deadline, tag: command.tag, waiter: waiter))
        if let timer, deadline < timer.deadline { timer.arm(at: deadline) }
        if !isFlushDue {
            isFlushDue = true
            loop.atTurnEnd(self)
        }
    }

    // MARK: Receiving

    func received(_ bytes: Span<UInt8>) {
        let now = Instant.now()
        let violation = reader.feed(bytes) { reply in
            accept(reply, at: now)
            return failure == nil
        }
        if let violation { abort(ConnectionFailure(.protocolError, violation.rawValue)) }
    }

    private func accept(_ reply: Reply, at now: Instant) {
        if options.isListener, let message = Message(reply) { return received(message) }
        guard let command = pending.popFirst() else {
            return abort(ConnectionFailure(.protocolError, "a reply to no command"))
        }
        observer?.commandEnded(
            tag: command.tag, Outcome(reply), nanoseconds: now.nanoseconds(since: command.started))
        unsafe command.waiter?.resume(returning: .success(reply))
        if case .error(let error) = reply { refused(error) }
    }

    // MARK: Ending

    private var earliestDeadline: Instant {
        var earliest = Instant.never
        pending.forEach { earliest = min(earliest, $0.deadline) }
        return earliest
    }

    /// The earliest deadline that was armed for has come; its command may be done long since.
    private func deadlineComes() {
        if earliestDeadline > .now() { return armTimer() }
        // The reply may have come while this thread was busy or not scheduled: it counts as late only if
        // a whole turn of I/O does not bring it. The first call may run before the socket is looked at
        // in the same turn, the second cannot.
        let check = ConfinedCall(loop: loop) { [weak self] in self?.checkDeadlines() }
        ConfinedCall(loop: loop) { check.run() }.run()
    }

    private func checkDeadlines() {
        guard failure == nil else { return }
        if earliestDeadline > .now() { return armTimer() }
        abort(ConnectionFailure(isOpen ? .timeout : .connectTimeout))
    }

    private func armTimer() {
        let earliest = earliestDeadline
        if earliest < timer?.deadline ?? .never { timer?.arm(at: earliest) }
    }

    /// Ends the connection at once, at whatever step it is; commands without a reply fail. What the kernel
    /// has not sent yet is dropped.
    public func abort(_ failure: ConnectionFailure) {
        if self.failure != nil { return }
        self.failure = failure
        isOpen = false
        timer?.cancel()
        dial?.cancel()
        closeWire()
        outgoing = []
        let now = Instant.now()
        let isViolation = failure.reason == .protocolError
        let isTimeout = failure.reason == .timeout || failure.reason == .connectTimeout
        var expired = 0
        while let command = pending.popFirst() {
            let isExpired = isTimeout && command.deadline <= now
            if isExpired { expired += 1 }
            let failure: RedisFailure =
                isExpired ? .timeout : isViolation ? .protocolError : .connectionLost
            observer?.commandEnded(
                tag: command.tag, Outcome(failure),
                nanoseconds: now.nanoseconds(since: command.started))
            unsafe command.waiter?.resume(returning: .failure(failure))
        }
        dialed.resume(.failure(failure))
        ended(failure, expired)
        (ended, received, refused) = ({ _, _ in }, { _ in }, { _ in })
    }
}

extension Connection: TurnEnd {
    /// Sends what the turn brought together.
    public func turnEnds() {
        isFlushDue = false
        guard let wire, !outgoing.isEmpty else { return }
        // Taken out and put back: a span of a class's property is bound to an access of it.
        var bytes: [UInt8] = []
        swap(&bytes, &outgoing)
        wire.write(bytes.span)
        bytes.removeAll(keepingCapacity: bytes.capacity <= Self.idleOutputBytesMax)
        swap(&bytes, &outgoing)
    }
}

/// A command on its way, with who waits for its reply.
@safe private struct PendingCommand {
    let started: Instant
    let deadline: Instant
    let tag: UInt8
    let waiter: UnsafeContinuation<Result<Reply, RedisFailure>, Never>?
}

/// Told how each command ended. On the connection's loop; must be quick.
public protocol CommandObserver: AnyObject {
    /// `tag` is the command's own; `nanoseconds` from being sent to the end, 0 when it never left.
    func commandEnded(tag: UInt8, _ outcome: Outcome, nanoseconds: UInt64)
}
