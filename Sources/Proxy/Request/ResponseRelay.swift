internal import EventLoop
internal import HTTP1
internal import ProxyCore
internal import Telemetry
internal import Time
internal import Upstream

/// Turns the upstream's bytes into the client's answer, piece by piece, in the same turn in which they
/// came. Holds bytes back only where a head is not complete.
final class ResponseRelay {
    private enum Phase {
        case head
        case body
        case complete
    }

    /// How the client is told where the body ends.
    private enum Framing {
        /// By Content-Length, or there is none.
        case length
        /// By chunks.
        case chunked
        /// By the end of the connection (HTTP/1.0 clients).
        case close
    }

    private unowned let request: ClientRequest
    private let worker: Worker
    private let head = ResponseHead()
    private var parser = ResponseParser()
    private var decoder = BodyDecoder(.none)
    private var phase = Phase.head
    private var framing = Framing.length
    private var partial: [UInt8] = []
    private var interims = 0
    private var method = Method.get
    private var hasExcess = false
    private var isPersistent = false
    private var hasReceived = false
    /// Bytes of the content so far.
    private var received: UInt64 = 0
    /// From where on the client has yet to get the content, which is only collected: `fallBehind`.
    private var behindFrom: Int?
    /// Whether the answer is not for the client.
    private var isWithheld = false

    /// Set when the upstream's answer cannot be used, or not to its end.
    private(set) var failure: UpstreamFailure?

    init(_ request: ClientRequest) {
        self.request = request
        worker = request.worker
    }

    /// Makes ready for an attempt.
    func begin(_ requestHead: RequestHead) {
        reset()
        parser = ResponseParser(limits: request.route.responseHeadLimits)
        method = requestHead.method
    }

    /// Lets go of a large buffer.
    func trim() {
        if partial.capacity > 4096 { partial = [] }
    }

    /// Forgets the last answer.
    func reset() {
        phase = .head
        partial.removeAll(keepingCapacity: true)
        interims = 0
        hasExcess = false
        isPersistent = false
        hasReceived = false
        received = 0
        behindFrom = nil
        isWithheld = false
        failure = nil
    }

    /// Whether the upstream has not sent a byte.
    var hasNothing: Bool { !hasReceived }
    /// Whether the whole answer has been passed on.
    var isComplete: Bool { phase == .complete }
    /// Whether the upstream's connection can carry another exchange (RFC 9112 §9.3).
    var isReusable: Bool { phase == .complete && isPersistent && !hasExcess }
    /// The upstream's final status, 0 while there is none.
    var status: UInt16 { phase == .head ? 0 : head.status }

    /// Takes bytes from the upstream.
    func consume(_ bytes: Span<UInt8>) {
        if !hasReceived {
            hasReceived = true
            request.observeFirstByte()
        }
        switch phase {
        case .head where partial.isEmpty:
            consumeHead(bytes)
        case .head:
            partial.append(copying: bytes)
            var buffered: [UInt8] = []
            swap(&buffered, &partial)
            consumeHead(buffered.span)
        case .body:
            worker.out.removeAll()
            consumeBody(bytes)
        case .complete:
            hasExcess = true
        }
    }

    /// The upstream has closed its side.
    func endOfStream() {
        switch phase {
        case .head:
            failure = UpstreamFailure(
                .reset, hasReceived ? "the answer's head was cut off" : "closed without an answer")
        case .body:
            isPersistent = false
            guard decoder.end() == .complete else {
                failure = UpstreamFailure(.reset, "the answer's body was cut off")
                return
            }
            worker.out.removeAll()
            finishBody()
        case .complete:
            isPersistent = false
        }
    }

    // MARK: Heads

    private func consumeHead(_ bytes: Span<UInt8>) {
        var offset = 0
        while phase == .head, failure == nil {
            switch parser.parse(bytes.extracting(offset...), requestMethod: method, into: head) {
            case .needMore:
                partial.append(copying: bytes.extracting(offset...))
                return
            case .reject(let rejection):
                failure = UpstreamFailure(.protocol, rejection.rawValue)
            case .complete(let consumed):
                offset += consumed
                if head.isInterim { relayInterim() } else { beginAnswer() }
            }
        }
        if failure == nil { consumeBody(bytes.extracting(offset...)) }
    }

    /// RFC 9110 §15.2: forwarded to HTTP/1.1 clients in order, dropped for HTTP/1.0 ones.
    private func relayInterim() {
        interims += 1
        let most = worker.snapshot.settings.client.interimResponsesMax
        guard head.status != 101, interims <= most else {
            // 101 answers an Upgrade that was never forwarded.
            failure = UpstreamFailure(.protocol, "unexpected_interim_response")
            return
        }
        if head.status == 100 {
            guard request.upload.takeContinue() else { return }
        }
        guard request.head.version == .http11, let connection = request.connection else { return }
        worker.out.removeAll()
        worker.writeInterim(head)
        worker.sendOut(to: connection)
        request.bytesOut += UInt64(worker.out.count)
    }

    private func beginAnswer() {
        isPersistent = head.isPersistent
        decoder = BodyDecoder(head.body)
        phase = .body
        worker.out.removeAll()
        request.judge(head)
        isWithheld = request.caching.isWithheld || request.connection == nil
        // Read to its end, so that the connection can be kept, and dropped.
        if isWithheld { return framing = .length }
        framing = chooseFraming()
        request.isAnswered = true
        request.status = head.status
        request.origin = .upstream
        request.decidePersistence()
        if framing == .close { request.closeReason = request.closeReason ?? .responseDelimited }
        worker.out.removeAll()
        worker.writeClientHead(
            head, for: request,
            contentLength: framing == .length ? announcedLength : nil,
            isChunked: framing == .chunked)
    }

    private func chooseFraming() -> Framing {
        switch head.body {
        case .none, .length: .length
        case .chunked, .untilClose: request.head.version == .http11 ? .chunked : .close
        }
    }

    /// The length to announce: the upstream's, also where no body follows (HEAD, 304); RFC 9110 §8.6
    /// forbids it on 204.
    private var announcedLength: UInt64? {
        head.status == 204 ? nil : head.contentLength
    }

    // MARK: Bodies

    /// Passes on what `bytes` hold of the body, behind whatever `worker.out` holds already.
    private func consumeBody(_ bytes: Span<UInt8>) {
        var offset = 0
        while true {
            switch decoder.next(bytes.extracting(offset...)) {
            case .data(let consumed, let range):
                let data = bytes.extracting(
                    (offset + range.lowerBound)..<(offset + range.upperBound))
                offset += consumed
                if let content = request.take(content: data) { catchUp(content) }
                received &+= UInt64(data.count)
                // Stored before the client can have seen the last byte: whoever has finds it stored.
                if received == head.contentLength {
                    request.contentIsComplete(version: head.version)
                }
                if isWithheld || behindFrom != nil { continue }
                if framing == .chunked {
                    appendChunk(data)
                } else {
                    flush(data)
                }
            case .needMore:
                if isWithheld, received > ResponseRelay.withheldBytesMax {
                    failure = UpstreamFailure(.canceled, "the rest of an error is of no use")
                }
                return flush()
            case .end(let consumed):
                offset += consumed
                finishBody()
                if offset < bytes.count { hasExcess = true }
                return
            case .reject(let rejection):
                flush()
                failure = UpstreamFailure(.protocol, rejection.rawValue)
                return
            }
        }
    }

    /// The pieces of one read are gathered: one write for all of them.
    private func appendChunk(_ data: Span<UInt8>) {
        worker.out.appendChunkHeader(UInt64(data.count))
        worker.out.append(data)
        worker.out.appendLineEnd()
    }

    /// Whether the client gets the rest of the content when it is whole.
    var isBehind: Bool { behindFrom != nil }

    /// From now on the content is only collected: the client, who takes it too slowly for those who wait for
    /// it, gets the rest from where it is stored, and nothing is copied for it meanwhile.
    func fallBehind() {
        guard behindFrom == nil, phase == .body, framing != .close, request.caching.fill != nil
        else { return }
        behindFrom = Int(received)
    }

    /// The content is not collected any more: the client gets what it has missed.
    private func catchUp(_ content: [UInt8]) {
        guard let from = behindFrom else { return }
        behindFrom = nil
        let missed = content.span.extracting(min(from, content.count)...)
        if missed.isEmpty { return }
        if framing == .chunked { appendChunk(missed) } else { flush(missed) }
    }

    /// Sends what the client has missed of the content, from where it is stored now.
    private func sendMissed(from start: Int) {
        guard let stored = request.caching.landed, let connection = request.connection else {
            return
        }
        let missed = min(start, stored.body.count)..<stored.body.count
        if framing == .chunked, !missed.isEmpty {
            worker.out.appendChunkHeader(UInt64(missed.count))
        }
        request.bytesOut += UInt64(worker.out.count + missed.count)
        worker.out.withSpan { connection.write($0, stored.body, missed) }
        worker.out.removeAll()
        if framing == .chunked, !missed.isEmpty { worker.out.appendLineEnd() }
    }

    /// Bytes of a withheld answer that are read, so that its connection can be kept.
    private static let withheldBytesMax: UInt64 = 64 * 1024

    private func finishBody() {
        request.contentIsComplete(version: head.version)
        if let behindFrom { sendMissed(from: behindFrom) }
        if framing == .chunked, !isWithheld {
            worker.writeLastChunk(decoder.trailers, for: request)
        }
        flush()
        phase = .complete
    }

    private func flush(_ data: Span<UInt8> = Span()) {
        let count = worker.out.count + data.count
        if count > 0 {
            request.bytesOut += UInt64(count)
            if let connection = request.connection { worker.sendOut(to: connection, data) }
        }
        worker.out.removeAll()
    }

    /// The upstream stayed silent about the client's expectation: the body may come (RFC 9110 §10.1.1).
    func sendContinue() {
        guard phase == .head, let connection = request.connection else { return }
        worker.out.removeAll()
        worker.out.append("HTTP/1.1 100 Continue\r\n\r\n")
        request.bytesOut += UInt64(worker.out.count)
        worker.sendOut(to: connection)
    }
}
