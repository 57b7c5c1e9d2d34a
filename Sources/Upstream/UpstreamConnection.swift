internal import CCurl
internal import EventLoop
internal import Glibc
internal import Telemetry
public import Time

/// One connection to an upstream: dialled by libcurl, then read and written by us, kept by the pool.
///
/// Reading and writing never block and never suspend; waiting is a step of its own, under a deadline.
@safe public final class UpstreamConnection: Interruptible {
    /// What one `read` came to.
    public enum ReadOutcome: Equatable, Sendable {
        /// Bytes were handed over; there may be more.
        case bytes(Int)
        /// Nothing more for now: wait.
        case wouldBlock
        /// The upstream closed its side.
        case end
        /// The connection broke.
        case broken
    }

    private let context: DialContext
    private let transport: Transport
    private var dialer: Dialer?
    private var descriptor: Int32 = -1
    private var poll: Poll?
    private var watched: Poll.Events = []
    private let dialled = Suspension<Wake>()
    private var dialResult: CURLcode?
    private let readable = Suspension<Wake>()
    private let writable = Suspension<Wake>()
    private var timer: Timer?
    private var readDeadline = Instant.never
    private var writeDeadline = Instant.never
    private var interruption: Interrupt?

    /// When the connection was made.
    public let created: Instant
    /// Requests that were started on this connection.
    public private(set) var uses = 0
    /// Whether nothing is to be read, neither in the socket nor above it, unless the poll says so.
    private var isDrained = true
    /// How the stream ended, found out behind bytes that were handed over first.
    private var foreseen: ReadOutcome?
    /// Since when the connection is in the pool.
    var idleSince: Instant = .never
    /// Told when the connection is closed or spoken on by the upstream while it is idle.
    var idleEvent: (() -> Void)?
    /// Which of the upstream's addresses this is.
    public let endpointIndex: Int

    private init(_ context: DialContext, _ endpoint: Endpoint, index: Int) {
        self.context = context
        transport = endpoint.transport
        endpointIndex = index
        created = .now()
    }

    // MARK: Dialling

    /// Connects to `endpoint`. Fails with dns, connect, tls, timeout or canceled.
    static func dial(
        _ endpoint: Endpoint, index: Int, _ context: DialContext, until deadline: Instant,
        _ interrupt: Interrupt
    ) async throws(UpstreamFailure) -> UpstreamConnection {
        let connection = UpstreamConnection(context, endpoint, index: index)
        connection.timer = Timer(on: context.loop) { [unowned connection] in
            connection.deadlinePassed(at: .now())
        }
        try await connection.connect(endpoint, until: deadline, interrupt)
        return connection
    }

    private func connect(
        _ endpoint: Endpoint, until deadline: Instant, _ interrupt: Interrupt
    ) async throws(UpstreamFailure) {
        if interrupt.isRaised { throw .unwanted }
        let dialer = try Dialer(context, endpoint) { [unowned self] result in
            dialResult = result
            dialled.resume(.ready)
        }
        self.dialer = dialer
        begin(interrupt)
        dialer.start()
        timer?.arm(at: deadline)
        var wake = Wake.ready
        if dialResult == nil { wake = await dialled.wait() }
        timer?.cancel()
        end()
        guard let result = dialResult, wake == .ready else {
            close()
            throw wake == .interrupted
                ? .unwanted
                : UpstreamFailure(.timeout, "no connection in time")
        }
        guard result == CURLE_OK else {
            close()
            throw UpstreamFailure.dial(result)
        }
        try adopt(dialer)
    }

    /// Puts the connected socket under a poll of our own.
    private func adopt(_ dialer: Dialer) throws(UpstreamFailure) {
        descriptor = dialer.descriptor
        dialer.descriptorCloses = { [unowned self] closing in
            if closing != descriptor { return }
            poll?.close()
            poll = nil
        }
        do {
            let poll = try Poll(on: context.loop, descriptor: descriptor) { [unowned self] events in
                becameReady(events)
            }
            self.poll = poll
            watch(.readable)
        } catch {
            close()
            throw UpstreamFailure(.connect, error.description)
        }
    }

    // MARK: One exchange

    /// Marks the start of a request; `interrupt` can wake its waits.
    func begin(_ interrupt: Interrupt) {
        interruption = interrupt
        interrupt.target = self
    }

    /// Counts a request on this connection.
    func countUse() { uses += 1 }

    /// Marks the end of a request: no deadline, nobody to interrupt.
    func end() {
        timer?.cancel()
        interruption?.target = nil
        interruption = nil
    }

    /// Reads what is there, at most the context's buffer, and hands it to `consume` during the call.
    public func read(_ consume: (Span<UInt8>) -> Void) -> ReadOutcome {
        let buffer = unsafe context.receiveBuffer
        let outcome = unsafe transport == .plain ? readSocket(buffer) : readLibrary(buffer)
        if case .bytes(let count) = outcome {
            unsafe consume(Span(_unsafeBytes: UnsafeRawBufferPointer(buffer)[..<count]))
        }
        return outcome
    }

    /// The same bytes that curl_easy_recv would read, without its bookkeeping.
    private func readSocket(_ buffer: UnsafeMutableRawBufferPointer) -> ReadOutcome {
        let count = unsafe recv(descriptor, buffer.baseAddress, buffer.count, 0)
        if count < 0 {
            guard errno == EAGAIN || errno == EINTR else { return .broken }
            isDrained = true
            return .wouldBlock
        }
        // Short of the buffer means that the socket was emptied; the poll tells of what comes later.
        isDrained = count < buffer.count
        return count == 0 ? .end : .bytes(count)
    }

    /// Reads one record, and those that OpenSSL has read from the socket along with it.
    private func readLibrary(_ buffer: UnsafeMutableRawBufferPointer) -> ReadOutcome {
        guard let dialer else { return .broken }
        if let foreseen { return foreseen }
        var count = 0
        repeat {
            let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
            let (code, received) = unsafe dialer.receive(into: rest)
            // Until "again", bytes may wait inside the library while the socket is silent.
            isDrained = code == CURLE_AGAIN
            guard code == CURLE_OK, received > 0 else {
                let outcome: ReadOutcome =
                    isDrained ? .wouldBlock : code == CURLE_OK ? .end : .broken
                if count == 0 { return outcome }
                // What came before goes first. Asked again, a socket says "end" after it said "reset".
                if !isDrained { foreseen = outcome }
                break
            }
            count += received
        } while transport == .tls && count < buffer.count && dialer.holdsBytes == true
        return .bytes(count)
    }

    /// Waits until `read` may bring something; returns at once when it may already.
    public func waitReadable(until deadline: Instant) async throws(UpstreamFailure) {
        if !isDrained { return }
        try checkInterrupt()
        readDeadline = deadline
        timer?.arm(at: min(readDeadline, writeDeadline))
        watch(watched.union(.readable))
        let wake = await readable.wait()
        readDeadline = .never
        try UpstreamConnection.check(wake)
    }

    /// Waits until the upstream takes more.
    public func waitWritable(until deadline: Instant) async throws(UpstreamFailure) {
        try checkInterrupt()
        writeDeadline = deadline
        timer?.arm(at: min(readDeadline, writeDeadline))
        watch(watched.union(.writable))
        let wake = await writable.wait()
        writeDeadline = .never
        try UpstreamConnection.check(wake)
    }

    private func checkInterrupt() throws(UpstreamFailure) {
        if dialer == nil || interruption?.isRaised ?? false { throw .unwanted }
    }

    private static func check(_ wake: Wake) throws(UpstreamFailure) {
        switch wake {
        case .ready: return
        case .interrupted: throw .unwanted
        case .deadline: throw UpstreamFailure(.timeout, "the upstream did not go on in time")
        }
    }

    /// Wakes whoever's deadline this is; the other's stays.
    private func deadlinePassed(at now: Instant) {
        if dialled.isWaiting { dialled.resume(.deadline) }
        if readDeadline <= now { readable.resume(.deadline) }
        if writeDeadline <= now { writable.resume(.deadline) }
        let rest = [readDeadline, writeDeadline].filter { $0 > now }.min() ?? .never
        if rest != .never { timer?.arm(at: rest) }
    }

    /// Sends what the socket takes now of `bytes`; returns how much that is.
    ///
    /// What it does not take is to be offered again, at the same address, as TLS demands.
    public func sendSome(_ bytes: Span<UInt8>) throws(UpstreamFailure) -> Int {
        let outcome: (count: Int, isBroken: Bool) = unsafe bytes.withUnsafeBytes { rest in
            if transport == .plain {
                let count = unsafe Glibc.send(
                    descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
                return (max(0, count), count < 0 && errno != EAGAIN && errno != EINTR)
            }
            guard let dialer else { return (0, true) }
            let (code, count) = unsafe dialer.send(rest)
            return (count, code != CURLE_OK && code != CURLE_AGAIN)
        }
        if outcome.isBroken { throw UpstreamFailure(.reset, "the connection broke while sending") }
        return outcome.count
    }

    /// Lets whoever waits for bytes look at its deadline again.
    public func nudgeReader() { readable.resume(.ready) }

    private func watch(_ events: Poll.Events) {
        watched = events
        poll?.watch(events)
    }

    private func becameReady(_ events: Poll.Events) {
        if idleSince != .never {
            idleEvent?()
            return
        }
        if events.contains(.readable) {
            isDrained = false
            // Nobody wants to read now (the client is slower): stop being told until somebody waits.
            if !readable.isWaiting { watched.remove(.readable) }
        }
        if events.contains(.writable) { watched.remove(.writable) }
        watch(watched)
        if events.contains(.readable) { readable.resume(.ready) }
        if events.contains(.writable) { writable.resume(.ready) }
    }

    private func wake(_ reason: Wake) {
        dialled.resume(reason)
        readable.resume(reason)
        writable.resume(reason)
    }

    func interrupt() { wake(.interrupted) }

    // MARK: Keeping

    /// Whether nothing that belongs to no request is on the connection, above its socket at least: what is
    /// in the socket wakes a connection that rests, and is found by `awake`.
    func isQuiet() -> Bool {
        if isDrained || holdsNothing { return true }
        return read { _ in } == .wouldBlock
    }

    /// Whether OpenSSL has given out all that it has read.
    private var holdsNothing: Bool {
        transport == .tls && foreseen == nil && dialer?.holdsBytes == false
    }

    /// Starts watching for the upstream closing the connection while it is idle.
    func rest(at now: Instant) {
        idleSince = now
        watch(.readable)
    }

    /// Whether an idle connection that has something to say is still open and in order.
    func isStillIdle() -> Bool { transport != .plain && read { _ in } == .wouldBlock }

    /// Takes the connection out of its rest; false if it is not usable any more.
    func awake() -> Bool {
        idleSince = .never
        // Looked at before use: what an upstream sent unasked must not become somebody's answer.
        if holdsNothing, isSocketSilent() {
            isDrained = true
            return true
        }
        guard read({ _ in }) == .wouldBlock else { return false }
        // "Again" with bytes inside: a record of which the rest is still to come.
        return transport != .tls || dialer?.holdsBytes != true
    }

    /// Whether the socket is open and empty: then a read through libcurl would come to nothing.
    private func isSocketSilent() -> Bool {
        var byte: UInt8 = 0
        return unsafe recv(descriptor, &byte, 1, Int32(MSG_PEEK)) < 0 && errno == EAGAIN
    }

    /// Whether the connection was closed.
    public var isClosed: Bool { dialer == nil }

    /// Closes the connection; whoever still waits on it is told.
    public func close() {
        guard let dialer else { return }
        self.dialer = nil
        // The number is somebody else's as soon as libcurl has closed it.
        descriptor = -1
        end()
        idleEvent = nil
        poll?.close()
        poll = nil
        dialer.close()
        wake(.interrupted)
    }
}
