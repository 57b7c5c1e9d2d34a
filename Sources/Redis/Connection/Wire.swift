internal import EventLoop

/// The socket of a connection; it tells its owner what happens.
final class Wire: Stream {
    weak var owner: Connection?

    override func received(_ bytes: Span<UInt8>) { owner?.received(bytes) }

    override func endReceived() { owner?.abort(ConnectionFailure(.peerClosed)) }

    override func failed(_ error: LoopError) {
        owner?.abort(ConnectionFailure(.network, error.description))
    }
}
