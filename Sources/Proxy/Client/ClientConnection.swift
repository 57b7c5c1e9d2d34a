internal import EventLoop
internal import HTTP1
internal import ProxyCore
internal import Telemetry
internal import Time

/// One client's connection: takes bytes, finds requests in them, and answers one after the other.
///
/// While idle it owns no buffer and no task. A request that must wait for an upstream gets a task
/// (`forward`), and until that ends the connection only collects what the client sends meanwhile.
final class ClientConnection: Stream {
    /// What the next bytes from the client are.
    enum Phase {
        /// A PROXY protocol header, which must come first on this listener.
        case preamble
        /// The head of a request, or nothing yet.
        case head
        /// The body of the request that is being answered, then perhaps further requests.
        case exchange
        /// Of no interest: the last answer is out and the client gets time to read it.
        case lingering
    }

    /// Bytes from the client that are kept while a request is being answered; beyond, TCP pushes back.
    static let inboundBytesMax = 64 * 1024
    /// Answer bytes that may wait for a slow client before the upstream is read no further.
    static let pendingBytesMax = 64 * 1024
    /// Reads from an upstream in one turn of the loop.
    static let readsPerTurn = 16
    /// How long a kept-alive connection may be idle while the instance stops.
    private static let drainNanoseconds: UInt64 = 1_000_000_000
    /// Bytes that are read and dropped after a refusal.
    static let lingeringBytesMax = 1024 * 1024

    let worker: Worker
    var phase: Phase
    /// Bytes not interpreted yet. Starts at a message's first byte in phase `head`.
    var inbound: [UInt8] = []
    /// The request that is being read or answered; nil between requests.
    var request: ClientRequest?
    /// Who sent it: the peer, or whom the PROXY header names.
    var source: ClientAddress
    /// `source` as text, made when first asked for.
    private(set) lazy var sourceText: [UInt8] = {
        var text: [UInt8] = []
        source.append(to: &text)
        return text
    }()
    /// Whether the client has sent its last byte (FIN).
    var inputEnded = false
    var deadlines = ClientDeadlines()
    private var parser: RequestParser
    private var timer: Timer?
    var closeReason = ConnectionCloseReason.client
    private var lingered = 0
    var pendingAtLastCheck = 0
    /// Whether `takeHeads` is at work, perhaps further up the stack.
    private var isTaking = false
    /// Requests that began on this connection.
    private var requests = 0

    init(_ worker: Worker, _ socket: ConnectedSocket, expectsPreamble: Bool) throws(LoopError) {
        self.worker = worker
        phase = expectsPreamble ? .preamble : .head
        source = ClientAddress(high: socket.peer.high, low: socket.peer.low)
        parser = RequestParser(limits: worker.snapshot.headLimits)
        try super.init(on: worker.loop, socket: socket)
        timer = Timer(on: worker.loop) { [unowned self] in deadlinePassed(at: .now()) }
    }

    /// Starts reading. A client that connects and says nothing is treated like an idle one.
    func open() {
        arm(.head, in: phase == .preamble ? limits.headTimeoutNanoseconds : nil)
        arm(.idle, in: limits.idleTimeoutNanoseconds)
        startReading()
    }

    var limits: ClientSettings { worker.snapshot.settings.client }

    // MARK: Bytes

    override func received(_ bytes: Span<UInt8>) {
        worker.metrics.receivedBytes.add(UInt64(bytes.count))
        switch phase {
        case .head:
            if inbound.isEmpty {
                let taken = takeHeads(bytes)
                if taken < bytes.count, !isClosed {
                    inbound.append(copying: bytes.extracting(taken...))
                }
                holdBackIfFull()
            } else {
                inbound.append(copying: bytes)
                takeInbound()
            }
        case .exchange:
            inbound.append(copying: bytes)
            holdBackIfFull()
            request?.bodyArrived.resume(())
        case .preamble:
            inbound.append(copying: bytes)
            takePreamble()
        case .lingering:
            // While the answer is still on its way the client may have reasons to go on sending.
            if pendingBytes == 0 { lingered += bytes.count }
            if lingered > ClientConnection.lingeringBytesMax { end(.rejectedRequest) }
        }
    }

    /// Interprets what `inbound` holds, and goes on reading if there is room for more.
    private func takeInbound() {
        guard !isTaking else { return }
        if !inbound.isEmpty {
            // Moved out for the call, so that nothing changes it under the parser.
            var bytes: [UInt8] = []
            swap(&bytes, &inbound)
            let taken = takeHeads(bytes.span)
            if isClosed || phase == .lingering || taken == bytes.count {
                bytes.removeAll(keepingCapacity: phase == .exchange)
            } else if taken > 0 {
                bytes.removeSubrange(..<taken)
            }
            swap(&bytes, &inbound)
        }
        // An idle connection owns no buffer.
        if inbound.isEmpty, phase != .exchange { inbound = [] }
        // After a FIN what is left of a request will never be whole.
        if phase == .head, inputEnded, !isBackedUp { return linger(.client) }
        if inbound.count < ClientConnection.inboundBytesMax, !isBackedUp, !inputEnded {
            startReading()
        }
        holdBackIfFull()
    }

    /// Starts every request whose head is complete in `bytes`, until one must wait, or the client has not
    /// taken enough of its answers. Returns how many bytes were used up.
    private func takeHeads(_ bytes: Span<UInt8>) -> Int {
        isTaking = true
        defer { isTaking = false }
        var offset = 0
        while phase == .head, !isClosed, offset < bytes.count, !isBackedUp {
            let request = self.request ?? worker.takeRequest()
            self.request = request
            switch parser.parse(bytes.extracting(offset...), into: request.head) {
            case .needMore:
                if !isBlank(bytes, from: offset) { headHasBegun() }
                return offset
            case .complete(let consumed):
                offset += consumed
                begin(request)
            case .reject(let rejection):
                begin(request, refused: rejection)
                return bytes.count
            }
        }
        return phase == .lingering ? bytes.count : offset
    }

    private func headHasBegun() {
        guard deadlines.head == .never else { return }
        deadlines.idle = .never
        arm(.head, in: limits.headTimeoutNanoseconds)
    }

    /// Whether there is no more than the empty line that is tolerated before a request (RFC 9112 §2.2).
    private func isBlank(_ bytes: Span<UInt8>, from offset: Int) -> Bool {
        bytes.count - offset <= 2 && bytes[offset] == UInt8(ascii: "\r")
            && (bytes.count - offset == 1 || bytes[offset + 1] == UInt8(ascii: "\n"))
    }

    /// Whether the client is too slow with taking its answers for more of them to be made.
    private var isBackedUp: Bool { pendingBytes > ClientConnection.pendingBytesMax }

    /// Lets TCP push back on a client that sends faster than it is answered, or that does not read.
    private func holdBackIfFull() {
        if inbound.count >= ClientConnection.inboundBytesMax || isBackedUp { pauseReading() }
    }

    private func begin(_ request: ClientRequest, refused rejection: Rejection? = nil) {
        requests += 1
        phase = .exchange
        deadlines.head = .never
        deadlines.idle = .never
        request.begin(on: self, at: .now())
        if let rejection {
            request.refuse(rejection)
        } else {
            handle(request)
        }
    }

    /// Shows what the client has sent beyond the head of the request that is being answered.
    func withInbound(_ body: (Span<UInt8>) -> Void) {
        let bytes = inbound
        body(bytes.span)
    }

    /// Forgets the first `count` bytes of that.
    func dropInbound(_ count: Int) {
        if count == inbound.count {
            inbound.removeAll(keepingCapacity: true)
        } else {
            inbound.removeSubrange(..<count)
        }
        if inbound.count < ClientConnection.inboundBytesMax, !inputEnded { startReading() }
    }

    private func takePreamble() {
        let bytes = inbound
        switch ProxyProtocol.parse(bytes.span) {
        case .needMore:
            return
        case .complete(let consumed, let address, _):
            if let address { source = address }
            inbound.removeFirst(consumed)
            phase = .head
            deadlines.head = .never
            takeInbound()
        case .reject:
            worker.metrics.proxyProtocolErrors.add()
            end(.protocol)
        }
    }

    // MARK: Between requests

    /// The answer to `request` is out: goes on with the next one, or ends the connection.
    func ended(_ request: ClientRequest, _ disposition: Disposition, at now: Instant) {
        self.request = nil
        if !request.isDetached { worker.giveBack(request) }
        deadlines.clear()
        switch disposition {
        case .keep:
            phase = .head
            // While the instance stops, a client that was not told to close yet is not waited for long.
            arm(
                .idle,
                in: worker.isDraining
                    ? ClientConnection.drainNanoseconds : limits.idleTimeoutNanoseconds,
                from: now)
            takeInbound()
        case .close(let reason):
            linger(reason)
        case .abort(let reason):
            closeReason = reason
            reset()
        }
    }

    /// What becomes of a connection after an answer.
    enum Disposition {
        /// It waits for the next request.
        case keep
        /// The answer said so: closed, once the client had the chance to read it.
        case close(ConnectionCloseReason)
        /// The answer is not whole and must not look so.
        case abort(ConnectionCloseReason)
    }

    /// The grace period is over: what is under way is broken off, and counted as such.
    func abort() {
        guard phase == .exchange, let request else { return end(.drain) }
        request.closeReason = .drain
        request.clientLeft()
    }

    /// Closes at once.
    func end(_ reason: ConnectionCloseReason) {
        closeReason = reason
        timer?.cancel()
        if let request, phase != .exchange {
            self.request = nil
            worker.giveBack(request)
        }
        close()
    }

    override func endReceived() {
        inputEnded = true
        switch phase {
        case .preamble: end(.client)
        case .head: takeInbound()
        case .lingering:
            if pendingBytes == 0 { end(closeReason) }
        case .exchange:
            // The client may have closed only its sending side and still want the answer.
            arm(.halfClose, in: limits.halfCloseTimeoutNanoseconds)
            request?.bodyArrived.resume(())
        }
    }

    override func failed(_ error: LoopError) {
        closeReason = .error
        if phase == .exchange, let request {
            request.clientLeft()
        } else {
            end(.error)
        }
    }

    override func writeDrained() {
        if phase == .exchange {
            request?.drained.resume(())
        } else if phase == .head {
            takeInbound()
        } else if phase == .lingering {
            lingerFlushed()
        }
    }

    override func closed() {
        // Armed or not: its action must not come after us.
        timer?.cancel()
        worker.connectionClosed(self, closeReason)
    }

    // MARK: Deadlines

    /// Sets one of the deadlines; nil leaves it unset.
    func arm(
        _ which: ClientDeadlines.Kind, in nanoseconds: UInt64?, from now: Instant = .now()
    ) {
        guard let nanoseconds else { return }
        deadlines.set(which, to: now.advanced(byNanoseconds: nanoseconds))
        timer?.arm(at: deadlines.earliest)
    }

    /// Makes the timer follow a deadline that was changed by hand.
    func rearm() { timer?.arm(at: deadlines.earliest) }

    private func deadlinePassed(at now: Instant) {
        if phase == .lingering {
            if deadlines.lingering <= now { return end(closeReason) }
            if deadlines.stall <= now { lingeringStalled() }
        }
        if deadlines.idle <= now, phase == .head || phase == .preamble {
            return finish(.idleTimeout)
        }
        if deadlines.head <= now { return headTookTooLong() }
        if let request, phase == .exchange {
            if deadlines.halfClose <= now {
                deadlines.halfClose = .never
                request.clientLeft()
            }
            if deadlines.body <= now {
                deadlines.body = .never
                request.upload.deadlinePassed()
            }
            if deadlines.stall <= now { request.stallDeadlinePassed() }
        }
        if deadlines.earliest != .never { timer?.arm(at: deadlines.earliest) }
    }

    private func headTookTooLong() {
        deadlines.head = .never
        guard phase == .head, let request else { return end(.requestTimeout) }
        phase = .exchange
        request.begin(on: self, at: .now())
        request.refuse(408, .timeout, "the request's head did not arrive in time")
    }

    /// The instance is stopping: an idle connection is closed, a busy one after its answer.
    func drain() {
        switch phase {
        case .head where request == nil: finish(.drain)
        case .preamble where inbound.isEmpty: end(.drain)
        default: break
        }
    }
}
