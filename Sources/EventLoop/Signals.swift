internal import CUV
internal import Glibc

/// Delivers one kind of signal on a loop. Never closed: signals are watched until the process ends.
@safe public final class SignalWatch {
    private let handle: UnsafeMutablePointer<uv_signal_t>
    private let received: () -> Void

    /// Signals that an instance reacts to.
    public enum Signal: Sendable {
        /// Stop after finishing what is under way.
        case terminate
        /// Ctrl-C.
        case interrupt
        /// Read the configuration again.
        case hangUp

        var number: Int32 {
            switch self {
            case .terminate: SIGTERM
            case .interrupt: SIGINT
            case .hangUp: SIGHUP
            }
        }
    }

    /// Calls `received` on the loop's thread for each `signal`. libuv holds a reference for ever.
    public init(
        on loop: Loop, _ signal: Signal, received: @escaping () -> Void
    ) throws(LoopError) {
        self.received = received
        unsafe handle = .allocate(capacity: 1)
        unsafe uv_signal_init(loop.uv, handle)
        unsafe handle.pointee.data = Unmanaged.passRetained(self).toOpaque()
        let code = unsafe uv_signal_start(
            handle,
            { handle, _ in
                guard let handle = unsafe handle else { return }
                let watch = unsafe Unmanaged<SignalWatch>.fromOpaque(handle.pointee.data)
                unsafe Loop.of(handle.pointee.loop).workBegins()
                unsafe watch.takeUnretainedValue().received()
                unsafe Loop.of(handle.pointee.loop).drain()
            }, signal.number)
        try LoopError.check(code, "watch a signal")
    }

    /// Makes writes to closed sockets and pipes return an error and not end the process.
    public static func ignoreBrokenPipes() { Glibc.signal(SIGPIPE, SIG_IGN) }
}
