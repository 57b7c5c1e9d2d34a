internal import EventLoop
internal import HTTP1
internal import ProxyCore
internal import Time
internal import Upstream

/// Carries one request's bytes to the upstream: first the head, then the body, framed anew.
///
/// What fits into the first buffer is sent by the request's own task. Anything more runs as a second task
/// on the same thread, so that the upstream may answer before it has read everything.
final class RequestUpload {
    /// What the client did wrong in the middle of its body.
    enum Fault {
        /// The body breaks its framing or its limit.
        case refused(Rejection)
        /// The body comes slower than allowed.
        case tooSlow
        /// The client closed its side before the body was whole.
        case cutShort
    }

    private static let bufferBytesMax = 64 * 1024

    /// Bytes to be sent, in order. Not changed while a send of them is under way.
    var buffer = ByteWriter(capacity: 2048)
    private unowned let request: ClientRequest
    private let worker: Worker
    private var decoder = BodyDecoder(.none)
    private var isChunked = false
    private var isStopped = false
    private var isRunning = false
    private var awaitsContinue = false
    private let settling = Suspension<Void>()
    /// Bytes of the body as they came from the client, framing included.
    private(set) var received: UInt64 = 0
    private var bodyStarted = Instant.never
    private var hasSentContinue = false

    /// Bytes of the head at the start of `buffer`, and which of the upstream's URLs it was written for.
    private var head: (count: Int, endpoint: Int) = (0, 0)
    /// How long the upstream's window was full: time that is not the client's.
    private var blockedNanoseconds: UInt64 = 0

    /// Whether all of the request has been handed to the upstream's socket.
    private(set) var isComplete = false
    /// When that was.
    private(set) var completed = Instant(nanoseconds: 0)
    /// Whether bytes were taken from the client that are no longer in `buffer`.
    private(set) var hasMoved = false
    /// Set when the upstream takes no more of the request. It may have answered all the same.
    private(set) var failure: UpstreamFailure?
    /// Set when the client is at fault.
    private(set) var fault: Fault?

    init(_ request: ClientRequest) {
        self.request = request
        worker = request.worker
    }

    /// Makes ready for sending a request.
    func begin(_ head: RequestHead, bodyBytesMax: UInt64) {
        decoder = BodyDecoder(head.body, limits: BodyLimits(bodyBytesMax: bodyBytesMax))
        isChunked = head.body == .chunked
        awaitsContinue = head.expectsContinue
    }

    /// Lets go of a large buffer.
    func trim() {
        if buffer.capacity > 8192 { buffer = ByteWriter(capacity: 2048) }
    }

    /// Forgets the last request.
    func reset() {
        buffer.removeAll()
        isChunked = false
        isStopped = false
        isRunning = false
        isComplete = false
        completed = Instant(nanoseconds: 0)
        hasMoved = false
        fault = nil
        failure = nil
        received = 0
        bodyStarted = .never
        awaitsContinue = false
        hasSentContinue = false
        isDecoded = false
        blockedNanoseconds = 0
    }

    /// Writes the head for one of the upstream's URLs, in front of what was taken of the body.
    func prepare(endpoint: Int) {
        if buffer.isEmpty {
            worker.writeUpstreamHead(request, endpoint: endpoint)
            head = (buffer.count, endpoint)
            return fill()
        }
        guard endpoint != head.endpoint else { return }
        let body = buffer.withSpan { [UInt8](copying: $0.extracting(head.count...)) }
        buffer.removeAll()
        worker.writeUpstreamHead(request, endpoint: endpoint)
        head = (buffer.count, endpoint)
        buffer.append(body)
    }

    /// Whether the body's last byte has been taken from the client.
    private(set) var isDecoded = false

    /// Moves what the client has sent of its body into `buffer`, as far as there is room.
    func fill() {
        guard !isDecoded, fault == nil else { return }
        guard let connection = request.connection else {
            // Only requests without a body go on without a client.
            isDecoded = true
            return
        }
        var taken = 0
        connection.withInbound { bytes in
            while buffer.count < Self.bufferBytesMax {
                switch decoder.next(bytes.extracting(taken...)) {
                case .data(let consumed, let range):
                    append(
                        bytes.extracting((taken + range.lowerBound)..<(taken + range.upperBound)))
                    taken += consumed
                case .needMore(let consumed):
                    taken += consumed
                    return
                case .end(let consumed):
                    taken += consumed
                    if isChunked { buffer.appendLastChunk() }
                    isDecoded = true
                    return
                case .reject(let rejection):
                    fault = .refused(rejection)
                    return
                }
            }
        }
        guard taken > 0 else { return }
        if bodyStarted == .never { bodyStarted = .now() }
        received += UInt64(taken)
        awaitsContinue = false
        connection.dropInbound(taken)
    }

    private func append(_ data: Span<UInt8>) {
        if data.isEmpty { return }
        if isChunked { buffer.appendChunkHeader(UInt64(data.count)) }
        buffer.append(data)
        if isChunked { buffer.appendLineEnd() }
    }

    private func complete() {
        isComplete = true
        completed = .now()
        request.connection?.deadlines.body = .never
    }

    /// The first `sent` bytes of `buffer` are with the upstream: what remains, if anything, is carried by
    /// a second task.
    func start(on upstream: UpstreamConnection, sent: Int) {
        if isDecoded, sent == buffer.count { return complete() }
        isRunning = true
        worker.loop.spawn { [self] in
            await send(on: upstream, from: sent)
            isRunning = false
            // The answer's deadline counts from now: let the reader look at it again.
            upstream.nudgeReader()
            settling.resume(())
        }
    }

    /// Makes ready for sending `buffer` once more, on another connection.
    func rewind() {
        isStopped = false
        isComplete = false
        failure = nil
        completed = Instant(nanoseconds: 0)
        // The head says how much time is left: to be written anew.
        if request.route.upstream.deadlineField != nil { head.endpoint = -1 }
    }

    /// Sends what is in `buffer` from `offset` on, waiting as often as the upstream's window is full.
    private func sendAll(
        on upstream: UpstreamConnection, from offset: Int
    ) async throws(UpstreamFailure) {
        var sent = offset
        while sent < buffer.count {
            sent += try buffer.withSpan { bytes throws(UpstreamFailure) in
                try upstream.sendSome(bytes.extracting(sent...))
            }
            if sent == buffer.count { return }
            try await upstream.waitWritable(
                until: Instant.now().advanced(byNanoseconds: request.route.idleNanoseconds))
        }
    }

    private func send(on upstream: UpstreamConnection, from sent: Int) async {
        var offset = sent
        while !isStopped, fault == nil {
            let start = Instant.now()
            do throws(UpstreamFailure) {
                try await sendAll(on: upstream, from: offset)
            } catch {
                // The upstream may have answered before it stopped reading: the reader finds out.
                failure = error
                completed = .now()
                return
            }
            blockedNanoseconds += Instant.now().nanoseconds(since: start)
            if isDecoded { return complete() }
            hasMoved = true
            buffer.removeAll()
            offset = 0
            fill()
            while buffer.isEmpty, !isDecoded, fault == nil, !isStopped { await waitForBody() }
            if let fault { fail(fault) }
        }
    }

    private func waitForBody() async {
        guard let connection = request.connection else { return fail(.cutShort) }
        if connection.inputEnded { return fail(.cutShort) }
        if awaitsContinue {
            connection.arm(.body, in: connection.limits.expectTimeoutNanoseconds)
        } else {
            if bodyStarted == .never { bodyStarted = .now() }
            connection.deadlines.body = slowestAllowed(connection.limits)
            connection.rearm()
        }
        connection.startReading()
        await request.bodyArrived.wait()
        connection.deadlines.body = .never
        if !isStopped { fill() }
    }

    /// When the body must have gone on, at the slowest rate allowed: on average since its start, and with
    /// credit for what came early that does not last for more than a second grace period.
    func slowestAllowed(_ limits: ClientSettings) -> Instant {
        guard limits.bodyRateBytesPerSecondMin > 0, bodyStarted != .never else { return .never }
        let allowance = Double(received) / Double(limits.bodyRateBytesPerSecondMin) * 1e9
        let average = bodyStarted.advanced(byNanoseconds: limits.bodyGraceNanoseconds)
            .advanced(byNanoseconds: UInt64(min(allowance, 1e18)))
            .advanced(byNanoseconds: blockedNanoseconds)
        let patience = limits.bodyGraceNanoseconds.multipliedReportingOverflow(by: 2)
        return min(
            average,
            Instant.now().advanced(byNanoseconds: patience.overflow ? .max : patience.partialValue))
    }

    /// The deadline for the body has passed. While the client waits for a 100 it is ours to send.
    func deadlinePassed() {
        if awaitsContinue {
            awaitsContinue = false
            hasSentContinue = true
            request.relay.sendContinue()
            continueWaiting()
        } else {
            fail(.tooSlow)
        }
    }

    /// The upstream said 100: the body is to be expected from now on. False if the client had been told.
    func takeContinue() -> Bool {
        if awaitsContinue {
            awaitsContinue = false
            continueWaiting()
        }
        return !hasSentContinue
    }

    private func continueWaiting() {
        bodyStarted = .now()
        guard let connection = request.connection else { return }
        connection.deadlines.body = slowestAllowed(connection.limits)
        connection.rearm()
    }

    /// The client broke the rules: the upstream's side is given up.
    func fail(_ fault: Fault) {
        if self.fault == nil { self.fault = fault }
        stop()
        request.interrupt.raise()
    }

    /// No more is to be sent.
    func stop() {
        isStopped = true
        request.connection?.deadlines.body = .never
        request.bodyArrived.resume(())
    }

    /// Waits until the second task, if there is one, has ended.
    func settled() async {
        if isRunning { await settling.wait() }
    }
}
