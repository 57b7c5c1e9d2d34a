internal import EventLoop
internal import HTTP1
internal import ProxyCore
internal import Telemetry
internal import Time
internal import Upstream

/// One request and its answer: everything that must outlive a wait. Reused by its worker, so that a
/// request allocates nothing that an earlier one had already.
final class ClientRequest {
    let head = RequestHead()
    let worker: Worker
    /// The connection that the request came on; nil while unused.
    var connection: ClientConnection?
    var route: Route
    private(set) lazy var relay = ResponseRelay(self)
    private(set) lazy var upload = RequestUpload(self)
    let interrupt = Interrupt()
    let bodyArrived = Suspension<Void>()
    let drained = Suspension<Void>()
    /// Where the request waits for another one's fetch.
    let joined = Suspension<FollowerWake>()
    /// Where the request waits for the store of limits.
    let storeAnswered = Suspension<Bool>()
    /// What its task is to do.
    var step = Step.fetch
    var caching = CacheUse()
    var admission = AdmissionUse()
    var limiting = LimitUse()
    /// Whether it goes on without a client, for the cache: it is counted and logged already, or never is.
    private(set) var isDetached = false

    // What `finish` counts and logs.
    var started = Instant(nanoseconds: 0)
    var startedWall = Timestamp(nanoseconds: 0)
    var client = ClientAddress(ipv4: 0)
    var trace = RequestTrace()
    var status: UInt16 = 0
    var origin = Origin.proxy
    var attempts = 0
    var upstreamNanoseconds: UInt64 = 0
    var bytesOut: UInt64 = 0
    /// The word for what went wrong, for the log; empty if nothing did.
    var error: StaticString = "" { didSet { hasError = true } }
    private(set) var hasError = false
    /// More about it, for the log only.
    var detail: String?
    /// The protocol-level reason to count, if the request was refused or broken off.
    var errorReason: RequestErrorReason?

    /// Bytes of the first send that the upstream's socket took.
    var sentBytes = 0
    /// Whether `relay` and `upload` hold something of this request: answers from memory need neither.
    var isExchangeUsed = false
    /// Whether the upstream's connection had carried an earlier request.
    var wasReused = false
    /// When the upstream last sent something, or was last waited for on the client's behalf.
    var lastProgress = Instant(nanoseconds: 0)
    /// Whether the peer is one of `trusted_proxies`.
    var isFromTrustedPeer = false

    /// Whether the head of the final response has gone to the client.
    var isAnswered = false
    /// Whether the connection ends after this answer, and why.
    var closeReason: ConnectionCloseReason?
    private(set) var isClientGone = false
    private var pendingAtLastCheck = 0
    private var isFinished = false
    /// What `peerText` was when there still was a client.
    private var detachedPeer: [UInt8] = []

    init(_ worker: Worker) {
        self.worker = worker
        route = worker.unmatched
    }

    /// Starts the clock. The head is complete, or refused, or was given up.
    func begin(on connection: ClientConnection, at now: Instant) {
        self.connection = connection
        route = worker.unmatched
        started = now
        startedWall = worker.loop.wallClock(at: now)
        client = connection.source
        trace = RequestTrace()
        status = 0
        origin = .proxy
        attempts = 0
        upstreamNanoseconds = 0
        bytesOut = 0
        hasError = false
        detail = nil
        errorReason = nil
        sentBytes = 0
        wasReused = false
        isFromTrustedPeer = false
        isAnswered = false
        closeReason = nil
        isClientGone = false
        isFinished = false
        pendingAtLastCheck = 0
        step = .fetch
        isDetached = false
        caching.reset()
        admission.reset()
        limiting.reset()
        interrupt.reset()
        if isExchangeUsed {
            relay.reset()
            upload.reset()
            isExchangeUsed = false
        }
        worker.metrics.inFlight.add(1)
    }

    /// Makes ready for fetching on the cache's own account what `other` asked for.
    func beginDetached(like other: ClientRequest) {
        guard let connection = other.connection else { return }
        let peer = other.peerText
        begin(on: connection, at: other.started)
        worker.metrics.inFlight.add(-1)
        self.connection = nil
        isDetached = true
        detachedPeer = peer
        route = other.route
        client = other.client
        isFromTrustedPeer = other.isFromTrustedPeer
        trace.start(random: &worker.random)
    }

    /// Takes over the head of another request as a GET of all there is, whatever the client wanted for itself.
    /// False if it is larger than allowed by now.
    func copyHead(forRefreshLike other: ClientRequest, limits: HeadLimits) -> Bool {
        let source = other.head
        var writer = ByteWriter(capacity: source.bytes.count)
        writer.append("GET ")
        writer.append(source.bytes, source.target)
        writer.append(source.version == .http10 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n")
        for field in source.fields {
            switch field.known {
            case .range, .ifRange, .ifNoneMatch, .ifModifiedSince, .ifMatch, .ifUnmodifiedSince,
                .cacheControl, .pragma:
                continue
            default: writer.appendField(field, of: source.bytes)
            }
        }
        writer.appendLineEnd()
        var parser = RequestParser(limits: limits)
        let bytes = writer.bytes
        guard case .complete = parser.parse(bytes.span, into: head) else { return false }
        return true
    }

    /// The client is gone, and others can use the answer: counts and logs the request now, and lets its
    /// fetch go on.
    func detach() {
        errorReason = closeReason == .writeTimeout ? .timeout : .clientAbort
        error = closeReason == .writeTimeout ? "write_timeout" : "client_abort"
        if status == 0 { status = 499 }
        detachedPeer = peerText
        isDetached = true
        isClientGone = false
        interrupt.reset()
        finish(.abort(closeReason ?? .client))
        drained.resume(())
    }

    /// Gives back what an unusually large request took, before the object waits for its next one.
    func trim() {
        if isExchangeUsed {
            upload.trim()
            relay.trim()
        }
        caching.reset()
        limiting.reset()
    }

    /// The client is gone: whoever waits for anything on its behalf stops.
    func clientLeft() {
        if isOfUseToOthers { return detach() }
        isClientGone = true
        isExchangeUsed = true
        interrupt.raise()
        upload.stop()
        joined.resume(.left)
        storeAnswered.resume(false)
        drained.resume(())
    }

    /// The answer is complete, refused or broken off. The only place that counts, times and logs, exactly
    /// once for every request; nothing is sent after it.
    func finish(_ disposition: ClientConnection.Disposition) {
        precondition(!isFinished, "a request was finished twice")
        isFinished = true
        guard let connection else { return }
        settleLimits()
        let now = Instant.now()
        worker.record(self, durationNanoseconds: now.nanoseconds(since: started))
        self.connection = nil
        connection.ended(self, disposition, at: now)
    }

    /// The address of whoever sent us the request, and that of the client behind it, as text.
    var peerText: [UInt8] { connection?.sourceText ?? detachedPeer }
    var clientText: [UInt8] {
        guard isFromTrustedPeer else { return peerText }
        var text: [UInt8] = []
        client.append(to: &text)
        return text
    }

    /// The upstream's first byte is there.
    func observeFirstByte() {
        let since = max(lastProgress, upload.completed)
        route.upstream.metrics.firstByte.observe(
            nanoseconds: Instant.now().nanoseconds(since: since))
    }

    // MARK: Deadlines

    /// The client has taken nothing of the answer for a while; or has it?
    func stallDeadlinePassed() {
        guard let connection else { return }
        connection.deadlines.stall = .never
        if connection.pendingBytes < pendingAtLastCheck {
            watchForStall()
        } else {
            closeReason = .writeTimeout
            clientLeft()
        }
    }

    /// Whether the client has yet to take so much that nothing more is written for it.
    var isBackedUp: Bool {
        guard let connection, !isClientGone else { return false }
        return connection.pendingBytes > ClientConnection.pendingBytesMax
    }

    /// Whether the upstream's answer is not read on because of that.
    var isHeldUpByClient: Bool { isBackedUp && !relay.isBehind }

    /// Waits until the client has taken what was written; false if it never will.
    func waitDrained() async -> Bool {
        watchForStall()
        if !isClientGone { await drained.wait() }
        connection?.deadlines.stall = .never
        return !isClientGone
    }

    private func watchForStall() {
        guard let connection else { return }
        pendingAtLastCheck = connection.pendingBytes
        connection.arm(.stall, in: connection.limits.writeStallTimeoutNanoseconds)
    }
}
