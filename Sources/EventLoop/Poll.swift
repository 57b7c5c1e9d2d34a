internal import CUV

/// Watches a descriptor that another library owns (libcurl's, hiredis' sockets).
///
/// Must be stopped and closed before its descriptor is: the kernel reuses the number at once.
@safe public final class Poll {
    /// What a descriptor is ready for, or is to be watched for.
    public struct Events: OptionSet, Sendable {
        /// libuv's bits.
        public let rawValue: Int32
        /// From libuv's bits.
        public init(rawValue: Int32) { self.rawValue = rawValue }
        /// Bytes or end of stream can be read.
        public static let readable = Events(rawValue: 1)
        /// Bytes can be written.
        public static let writable = Events(rawValue: 2)
    }

    private let loop: Loop
    private let handle: UnsafeMutablePointer<uv_poll_t>
    private var ready: (Events) -> Void
    private var watched: Events = []
    private var isClosed = false

    /// Watches nothing yet. libuv holds a reference until `close` has run its course. `ready` is told
    /// both events when the descriptor is broken, so that the next system call says why.
    public init(
        on loop: Loop, descriptor: Int32, ready: @escaping (Events) -> Void
    ) throws(LoopError) {
        self.loop = loop
        self.ready = ready
        unsafe handle = .allocate(capacity: 1)
        let code = unsafe uv_poll_init(loop.uv, handle, descriptor)
        if code < 0 {
            unsafe handle.deallocate()
            isClosed = true
            throw LoopError(step: "watch a descriptor", code: code)
        }
        unsafe handle.pointee.data = Unmanaged.passRetained(self).toOpaque()
    }

    /// Watches for exactly `events`; for none, stops.
    public func watch(_ events: Events) {
        guard !isClosed, events != watched else { return }
        watched = events
        if events.isEmpty {
            unsafe uv_poll_stop(handle)
            return
        }
        unsafe uv_poll_start(handle, events.rawValue) { handle, status, events in
            guard let handle = unsafe handle else { return }
            // Retained by `init`, released by the close callback.
            let poll = unsafe Unmanaged<Poll>.fromOpaque(handle.pointee.data).takeUnretainedValue()
            poll.loop.workBegins()
            // libuv has stopped watching a broken descriptor: `watch` must be able to start again.
            if status < 0 { poll.watched = [] }
            poll.ready(status < 0 ? [.readable, .writable] : Events(rawValue: events))
            poll.loop.drain()
        }
    }

    /// Stops at once and for good.
    public func close() {
        if isClosed { return }
        isClosed = true
        ready = { _ in }
        unsafe uv_poll_stop(handle)
        unsafe handle.withMemoryRebound(to: uv_handle_t.self, capacity: 1) { handle in
            unsafe uv_close(handle) { handle in
                guard let handle = unsafe handle else { return }
                unsafe Unmanaged<Poll>.fromOpaque(handle.pointee.data).release()
                unsafe UnsafeMutableRawPointer(handle).deallocate()
            }
        }
    }
}
