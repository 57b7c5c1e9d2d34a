internal import EventLoop

/// The socket of a connection; it tells its owner what happens.
@safe final class Wire: Stream {
    /// Set to nil by its owner before that is gone. Not weak: an object that was referred to weakly is slower
    /// to retain for the rest of its life.
    unowned(unsafe) var owner: Connection?

    override func received(_ bytes: Span<UInt8>) { unsafe owner?.received(bytes) }

    override func endReceived() { unsafe owner?.abort(ConnectionFailure(.peerClosed)) }

    override func failed(_ error: LoopError) {
        unsafe owner?.abort(ConnectionFailure(.network, error.description))
    }
}
