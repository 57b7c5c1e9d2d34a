internal import CUV
internal import Glibc
internal import Time

/// A TCP connection on a loop. What speaks over it subclasses it and overrides the events.
///
/// Reading is always on unless paused, into the loop's shared buffer: an idle stream owns no buffer.
/// Writing goes straight to the kernel; what that does not take is kept and sent when it can be, and
/// the writer is expected to watch `pendingBytes` and to wait for `writeDrained`.
@safe open class Stream {
    /// The loop that the stream lives on.
    public let loop: Loop
    /// The other end.
    public let peer: SocketAddress
    private let tcp: UnsafeMutablePointer<uv_tcp_t>
    /// Owned by `tcp`: valid until `close` or `reset`.
    private let descriptor: Int32
    /// Whether `close` or `reset` was called. No event but `closed` comes after that.
    public private(set) var isClosed = false
    private var isReading = false
    private var hasFailed = false

    /// The read buffer's size: the most bytes that one `received` can carry.
    public static let readBytesMax = Loop.readBufferBytes

    /// Takes over a connected, non-blocking socket. From here on libuv holds a reference to the stream,
    /// released by the close callback.
    public init(on loop: Loop, socket: ConnectedSocket) throws(LoopError) {
        self.loop = loop
        self.peer = socket.peer
        descriptor = socket.descriptor
        unsafe tcp = .allocate(capacity: 1)
        unsafe uv_tcp_init(loop.uv, tcp)
        let code = unsafe uv_tcp_open(tcp, socket.descriptor)
        unsafe tcp.pointee.data = Unmanaged.passRetained(self).toOpaque()
        if code < 0 {
            Glibc.close(socket.descriptor)
            close()
            throw LoopError(step: "take over a socket", code: code)
        }
        unsafe uv_tcp_nodelay(tcp, 1)
    }

    deinit { unsafe tcp.deallocate() }

    // MARK: Events

    /// Bytes have come in; they are valid during the call only.
    open func received(_ bytes: Span<UInt8>) {}
    /// The peer will send no more (FIN).
    open func endReceived() {}
    /// The connection broke; `close` is to be called. Comes once, whatever else goes wrong after it.
    open func failed(_ error: LoopError) {}
    /// Everything written so far is in the kernel's hands.
    open func writeDrained() {}
    /// The socket is closed and the last reference that libuv held is being dropped.
    open func closed() {}

    // MARK: Reading

    /// Starts or resumes reading.
    public func startReading() {
        guard !isReading, !isClosed else { return }
        isReading = true
        unsafe tcp.withMemoryRebound(to: uv_stream_t.self, capacity: 1) { stream in
            _ = unsafe uv_read_start(
                stream,
                { handle, _, buffer in
                    // Without a buffer libuv reports ENOBUFS.
                    guard let handle = unsafe handle, let buffer = unsafe buffer else { return }
                    let loop = unsafe Loop.of(handle.pointee.loop)
                    loop.workBegins()
                    unsafe buffer.pointee = uv_buf_t(
                        base: loop.readBuffer, len: Loop.readBufferBytes)
                },
                { handle, count, buffer in
                    guard let handle = unsafe handle, let buffer = unsafe buffer else { return }
                    let stream = unsafe Stream.of(handle.pointee.data)
                    unsafe stream.completeRead(count, buffer.pointee.base)
                })
        }
    }

    /// Stops reading until `startReading`: what the peer sends meanwhile fills the kernel's window.
    public func pauseReading() {
        guard isReading else { return }
        isReading = false
        unsafe tcp.withMemoryRebound(to: uv_stream_t.self, capacity: 1) {
            _ = unsafe uv_read_stop($0)
        }
    }

    private func completeRead(_ count: Int, _ base: UnsafeMutablePointer<CChar>?) {
        if count > 0, let base = unsafe base {
            let bytes = unsafe UnsafeRawBufferPointer(start: base, count: count)
            received(unsafe Span<UInt8>(_unsafeBytes: bytes))
        } else if count == Int(UV_EOF.rawValue) {
            pauseReading()
            endReceived()
        } else if count < 0 {
            pauseReading()
            fail("read", Int32(count))
        }
        loop.drain()
    }

    // MARK: Writing

    /// Bytes accepted by `write` that the kernel has not taken yet.
    public var pendingBytes: Int {
        unsafe tcp.withMemoryRebound(to: uv_stream_t.self, capacity: 1) {
            unsafe uv_stream_get_write_queue_size($0)
        }
    }

    /// Sends `first`, then `second`, in one system call if the kernel takes them; keeps a copy of the
    /// rest otherwise. A broken connection is reported through `failed`, later.
    public func write(_ first: Span<UInt8>, _ second: Span<UInt8> = Span()) {
        if isClosed { return }
        unsafe first.withUnsafeBytes { first in
            unsafe second.withUnsafeBytes { second in
                let sent = unsafe tryWrite(first, second)
                if sent < first.count {
                    unsafe enqueue(
                        UnsafeRawBufferPointer(rebasing: first[sent...]), second)
                } else if sent < first.count + second.count {
                    unsafe enqueue(
                        UnsafeRawBufferPointer(rebasing: second[(sent - first.count)...]),
                        UnsafeRawBufferPointer(start: nil, count: 0))
                }
            }
        }
    }

    /// Sends `first`, then the bytes of `body` in `range`, in one system call if the kernel takes them. What
    /// it does not take of `first` is copied; `body` is kept alive until it is sent, and never copied.
    public func write(_ first: Span<UInt8>, _ body: SharedBytes, _ range: Range<Int>) {
        let range = range.clamped(to: 0..<body.count)
        if isClosed { return }
        unsafe first.withUnsafeBytes { first in
            let shared = unsafe UnsafeRawBufferPointer(
                start: body.base + range.lowerBound, count: range.count)
            let sent = unsafe tryWrite(first, shared)
            if sent >= first.count + shared.count { return }
            let head = unsafe UnsafeRawBufferPointer(rebasing: first[min(sent, first.count)...])
            let rest = unsafe UnsafeRawBufferPointer(
                rebasing: shared[max(0, sent - first.count)...])
            unsafe enqueue(head, UnsafeRawBufferPointer(start: nil, count: 0), rest, of: body)
        }
    }

    /// Bytes that the kernel took at once; 0 when it takes none now or the connection is broken (the
    /// queued write then reports why). One piece goes by `send`, which costs the kernel less than `writev`.
    private func tryWrite(_ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer) -> Int
    {
        if unsafe second.isEmpty {
            guard pendingBytes == 0 else { return 0 }
            return max(
                0, unsafe Glibc.send(descriptor, first.baseAddress, first.count, Stream.sendFlags))
        }
        return unsafe withUnsafeTemporaryAllocation(of: uv_buf_t.self, capacity: 2) { buffers in
            unsafe buffers[0] = Stream.buffer(first)
            unsafe buffers[1] = Stream.buffer(second)
            let sent = unsafe tcp.withMemoryRebound(to: uv_stream_t.self, capacity: 1) {
                unsafe uv_try_write($0, buffers.baseAddress, 2)
            }
            return max(0, Int(sent))
        }
    }

    private static let sendFlags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)

    private static func buffer(_ bytes: UnsafeRawBufferPointer) -> uv_buf_t {
        let base = unsafe UnsafeMutableRawPointer(mutating: bytes.baseAddress)
        return unsafe uv_buf_t(
            base: base?.assumingMemoryBound(to: CChar.self), len: bytes.count)
    }

    /// A write that the kernel has not taken yet, at the start of one block with the bytes copied for it.
    @safe private struct PendingWrite {
        var request = unsafe uv_write_t()
        /// Whose bytes follow the copied ones: retained by `enqueue`, released by the completion.
        var body: Unmanaged<SharedBytes>?
    }

    /// Queues copies of `first` and `second`, then `rest`, which belongs to `body`.
    private func enqueue(
        _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer,
        _ rest: UnsafeRawBufferPointer = unsafe UnsafeRawBufferPointer(start: nil, count: 0),
        of body: SharedBytes? = nil
    ) {
        // One block: the request, then the bytes. Freed by its own completion callback.
        let header = MemoryLayout<PendingWrite>.stride
        let count = first.count + second.count
        let block = UnsafeMutableRawPointer.allocate(byteCount: header + count, alignment: 16)
        let pending = unsafe block.bindMemory(to: PendingWrite.self, capacity: 1)
        unsafe pending.initialize(to: PendingWrite())
        let payload = unsafe block + header
        unsafe UnsafeMutableRawBufferPointer(start: payload, count: first.count)
            .copyMemory(from: first)
        unsafe UnsafeMutableRawBufferPointer(start: payload + first.count, count: second.count)
            .copyMemory(from: second)
        let copied = unsafe UnsafeRawBufferPointer(start: payload, count: count)
        if let body { unsafe pending.pointee.body = .passRetained(body) }
        let code = unsafe withUnsafeTemporaryAllocation(of: uv_buf_t.self, capacity: 2) { buffers in
            unsafe buffers[0] = Stream.buffer(copied)
            unsafe buffers[1] = Stream.buffer(rest)
            return unsafe tcp.withMemoryRebound(to: uv_stream_t.self, capacity: 1) { stream in
                unsafe block.withMemoryRebound(to: uv_write_t.self, capacity: 1) { request in
                    unsafe uv_write(
                        request, stream, buffers.baseAddress, rest.isEmpty ? 1 : 2,
                        Stream.writeCompleted)
                }
            }
        }
        if code < 0 {
            unsafe pending.pointee.body?.release()
            unsafe block.deallocate()
            postFailure(code)
        }
    }

    private static let writeCompleted: uv_write_cb = { request, status in
        guard let request = unsafe request else { return }
        let stream = unsafe Stream.of(request.pointee.handle.pointee.data)
        // The request is the first member of its `PendingWrite`.
        let block = UnsafeMutableRawPointer(request)
        unsafe block.assumingMemoryBound(to: PendingWrite.self).pointee.body?.release()
        unsafe block.deallocate()
        stream.completeWrite(status)
    }

    private func completeWrite(_ status: Int32) {
        loop.workBegins()
        if status < 0 {
            fail("write", status)
        } else if pendingBytes == 0, !isClosed {
            writeDrained()
        }
        loop.drain()
    }

    private func postFailure(_ code: Int32) {
        let stream = UncheckedStream(stream: self)
        loop.post {
            stream.stream.fail("write", code)
        }
    }

    private func fail(_ step: String, _ code: Int32) {
        if isClosed || hasFailed { return }
        hasFailed = true
        failed(LoopError(step: step, code: code))
    }

    // MARK: Closing

    /// Sends FIN after what was written, and keeps reading: the first half of a lingering close.
    public func finishWriting() {
        if isClosed { return }
        let request = UnsafeMutablePointer<uv_shutdown_t>.allocate(capacity: 1)
        let code = unsafe tcp.withMemoryRebound(to: uv_stream_t.self, capacity: 1) {
            unsafe uv_shutdown(request, $0) { request, _ in unsafe request?.deallocate() }
        }
        if code < 0 { unsafe request.deallocate() }
    }

    /// Closes the socket; what the kernel has not taken is dropped.
    public func close() {
        if isClosed { return }
        isClosed = true
        isReading = false
        unsafe tcp.withMemoryRebound(to: uv_handle_t.self, capacity: 1) {
            unsafe uv_close($0, Stream.handleClosed)
        }
    }

    /// Closes with RST, so that the peer cannot take what it has for the whole.
    public func reset() {
        if isClosed { return }
        isClosed = true
        isReading = false
        // Not uv_tcp_close_reset: that refuses while a shutdown waits for bytes that are still to be sent,
        // which is when an ordinary close would make a cut answer look whole.
        var descriptor: Int32 = -1
        var option = linger(l_onoff: 1, l_linger: 0)
        unsafe tcp.withMemoryRebound(to: uv_handle_t.self, capacity: 1) { handle in
            if unsafe uv_fileno(handle, &descriptor) == 0 {
                unsafe setsockopt(
                    descriptor, SOL_SOCKET, SO_LINGER, &option,
                    socklen_t(MemoryLayout<linger>.size))
            }
            unsafe uv_close(handle, Stream.handleClosed)
        }
    }

    private static let handleClosed: uv_close_cb = { handle in
        guard let handle = unsafe handle else { return }
        let loop = unsafe Loop.of(handle.pointee.loop)
        let reference = unsafe Unmanaged<Stream>.fromOpaque(handle.pointee.data)
        unsafe reference.takeUnretainedValue().closed()
        unsafe reference.release()
        loop.drain()
    }

    private static func of(_ data: UnsafeMutableRawPointer) -> Stream {
        // Retained by `init`, released by `handleClosed`: alive while the handle is.
        unsafe Unmanaged<Stream>.fromOpaque(data).takeUnretainedValue()
    }
}

/// Carries a stream through `Loop.post` from and to the loop's own thread.
private struct UncheckedStream: @unchecked Sendable { let stream: Stream }
