internal import EventLoop
internal import HTTP1
internal import Time

/// One connection of a small server: reads a request with its body, asks the handler, answers.
final class ResponderConnection: Stream {
    static let bodyBytesMax: UInt64 = 64 * 1024
    /// Bytes of answers that the client has not taken, above which its next request has to wait.
    private static let pendingBytesMax = 256 * 1024

    private let responder: Responder
    private let head = RequestHead()
    private var parser = RequestParser()
    private var decoder = BodyDecoder(.none)
    private var inbound: [UInt8] = []
    private var body: [UInt8] = []
    private var phase = Phase.head
    private var peerHasEnded = false
    private var timer: Timer?

    private enum Phase {
        case head
        case body
        case answering
        case draining
        case lingering
    }

    init(_ responder: Responder, _ socket: ConnectedSocket) throws(LoopError) {
        self.responder = responder
        try super.init(on: responder.loop, socket: socket)
        timer = Timer(on: responder.loop) { [unowned self] in close() }
        waitPatiently()
    }

    private func waitPatiently() { timer?.arm(afterNanoseconds: responder.patienceNanoseconds) }

    override func received(_ bytes: Span<UInt8>) {
        if phase == .lingering { return }
        inbound.append(copying: bytes)
        if inbound.count > Int(ResponderConnection.bodyBytesMax) * 2 { pauseReading() }
        interpret()
    }

    override func endReceived() {
        peerHasEnded = true
        // Whoever closes its side early may still read the answer, and all of it.
        if phase == .answering { return }
        if pendingBytes == 0 { return close() }
        phase = .lingering
        finishWriting()
    }

    override func writeDrained() {
        if phase == .lingering, peerHasEnded {
            close()
        } else if phase == .draining {
            nextRequest()
        }
    }

    override func failed(_ error: LoopError) { close() }

    override func closed() {
        timer?.cancel()
        responder.connectionClosed(self)
    }

    private func interpret() {
        while !isClosed {
            switch phase {
            case .head:
                guard !inbound.isEmpty else { return }
                let bytes = inbound
                switch parser.parse(bytes.span, into: head) {
                case .needMore: return
                case .reject(let rejection):
                    return answer(.problem(rejection.status, rejection.rawValue), keeps: false)
                case .complete(let consumed):
                    inbound.removeFirst(consumed)
                    decoder = BodyDecoder(
                        head.body,
                        limits: BodyLimits(bodyBytesMax: ResponderConnection.bodyBytesMax))
                    body = []
                    phase = .body
                    if head.expectsContinue, !isRefused(head.body) {
                        let text = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)
                        write(text.span)
                    }
                }
            case .body:
                let bytes = inbound
                switch decoder.next(bytes.span) {
                case .data(let consumed, let range):
                    body += inbound[range]
                    inbound.removeFirst(consumed)
                case .needMore(let consumed):
                    inbound.removeFirst(consumed)
                    return
                case .reject(let rejection):
                    return answer(.problem(rejection.status, rejection.rawValue), keeps: false)
                case .end(let consumed):
                    inbound.removeFirst(consumed)
                    ask()
                }
            case .answering, .draining, .lingering:
                return
            }
        }
    }

    /// Whether the head alone says that the body is too large: that client needs no 100 (Continue).
    private func isRefused(_ framing: BodyFraming) -> Bool {
        if case .length(let length) = framing {
            length > ResponderConnection.bodyBytesMax
        } else {
            false
        }
    }

    private func ask() {
        phase = .answering
        waitPatiently()
        let inquiry = Inquiry(head, body: body)
        let keeps = head.isPersistent
        loop.spawn { [self] in
            let reply = await responder.handler(inquiry)
            answer(reply, keeps: keeps)
        }
    }

    private func answer(_ reply: Reply, keeps: Bool) {
        if isClosed { return }
        var out = ByteWriter(capacity: 512 + reply.body.count)
        out.appendStatusLine(reply.status)
        out.append("Date: ")
        HTTPDate.append(.now(), to: &out)
        out.appendLineEnd()
        for field in reply.fields {
            out.append(utf8: "\(field.name): \(field.value)\r\n")
        }
        let hasBody = reply.status != 204 && reply.status != 304
        if hasBody { out.appendField("Content-Length", decimal: UInt64(reply.body.count)) }
        if !keeps {
            out.appendField("Connection", "close")
        } else if head.version == .http10 {
            out.appendField("Connection", "keep-alive")
        }
        out.appendLineEnd()
        if hasBody, head.method != .head {
            let part = reply.breaksOff ? reply.body.count / 2 : reply.body.count
            out.append(reply.body.span.extracting(..<part))
        }
        out.withSpan { write($0) }
        waitPatiently()
        if keeps && !reply.breaksOff {
            if pendingBytes <= ResponderConnection.pendingBytesMax { return nextRequest() }
            // Pipelined requests for large answers would pile these up.
            phase = .draining
            pauseReading()
        } else {
            // Our side first, so that the answer can be read; the peer's close or the timer ends it.
            phase = .lingering
            finishWriting()
            startReading()
        }
    }

    private func nextRequest() {
        phase = .head
        startReading()
        interpret()
    }
}
