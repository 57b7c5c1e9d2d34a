internal import EventLoop
internal import HTTP1
internal import Time

/// One connection of a small server: reads a request with its body, asks the handler, answers.
final class ResponderConnection: Stream {
    static let bodyBytesMax: UInt64 = 64 * 1024
    private static let patienceNanoseconds: UInt64 = 30_000_000_000

    private let responder: Responder
    private let head = RequestHead()
    private var parser = RequestParser()
    private var decoder = BodyDecoder(.none)
    private var inbound: [UInt8] = []
    private var body: [UInt8] = []
    private var phase = Phase.head
    private var timer: Timer?

    private enum Phase {
        case head
        case body
        case answering
        case lingering
    }

    init(_ responder: Responder, _ socket: ConnectedSocket) throws(LoopError) {
        self.responder = responder
        try super.init(on: responder.loop, socket: socket)
        timer = Timer(on: responder.loop) { [unowned self] in close() }
        timer?.arm(afterNanoseconds: ResponderConnection.patienceNanoseconds)
    }

    override func received(_ bytes: Span<UInt8>) {
        if phase == .lingering { return }
        inbound.append(copying: bytes)
        if inbound.count > Int(ResponderConnection.bodyBytesMax) * 2 { pauseReading() }
        interpret()
    }

    override func endReceived() {
        // Whoever closes its side early may still read the answer.
        if phase != .answering { close() }
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
                    if head.expectsContinue {
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
            case .answering, .lingering:
                return
            }
        }
    }

    private func ask() {
        phase = .answering
        timer?.arm(afterNanoseconds: ResponderConnection.patienceNanoseconds)
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
        write(out.bytes.span)
        timer?.arm(afterNanoseconds: ResponderConnection.patienceNanoseconds)
        if keeps && !reply.breaksOff {
            phase = .head
            startReading()
            interpret()
        } else {
            // Our side first, so that the answer can be read; the peer's close or the timer ends it.
            phase = .lingering
            finishWriting()
            startReading()
        }
    }
}
