import EventLoop
import Support

/// A stream that tells closures what happens to it and keeps what it got.
final class RecordingStream: Stream {
    var bytes: [UInt8] = []
    var ends = 0
    var failures: [LoopError] = []
    var drains = 0
    var closes = 0
    var onReceived: (RecordingStream, Span<UInt8>) -> Void = { stream, bytes in
        unsafe bytes.withUnsafeBufferPointer { unsafe stream.bytes.append(contentsOf: $0) }
    }
    var onDrained: (RecordingStream) -> Void = { _ in }

    override func received(_ bytes: Span<UInt8>) { onReceived(self, bytes) }
    override func endReceived() { ends += 1 }
    override func failed(_ error: LoopError) { failures.append(error) }
    override func writeDrained() {
        drains += 1
        onDrained(self)
    }
    override func closed() { closes += 1 }
}

/// A listener on a free port of `loop` whose connections become streams.
final class StreamListener {
    var streams: [RecordingStream] = []
    let port: UInt16
    private var listener: Listener?

    init(on loop: Loop) throws {
        let socket = try ListeningSocket(.loopback(port: 0), named: "test", backlog: 128)
        port = socket.address.port
        listener = try Listener(
            on: loop, socket: socket,
            accepted: { [unowned self] socket in
                guard let stream = try? RecordingStream(on: loop, socket: socket) else { return }
                streams.append(stream)
                stream.startReading()
            }, refused: {})
    }

    /// A stream and the blocking socket at its other end.
    func pair(on loop: Loop, receiveBytes: Int32? = nil) async throws -> (
        RecordingStream, RawSocket
    ) {
        let before = streams.count
        let port = port
        let client = try await loop.blocking {
            try RawSocket(port: port, receiveBytes: receiveBytes)
        }
        try await loop.until("the connection") { self.streams.count > before }
        return (streams[before], client)
    }

    func pause() { listener?.pause() }
    func resume() { listener?.resume() }

    func close() {
        listener?.drainAndClose()
        listener = nil
        for stream in streams { stream.close() }
    }
}

/// Runs `body` with a stream on a loop and the blocking socket at its other end.
func withPair<Success: Sendable>(
    receiveBytes: Int32? = nil,
    _ body: @escaping @Sendable (Loop, RecordingStream, RawSocket) async throws -> Success
) throws -> Success {
    try onLoop { loop in
        let listener = try StreamListener(on: loop)
        defer { listener.close() }
        let (stream, client) = try await listener.pair(on: loop, receiveBytes: receiveBytes)
        return try await body(loop, stream, client)
    }
}

/// `count` bytes that tell where they belong.
func pattern(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
}
