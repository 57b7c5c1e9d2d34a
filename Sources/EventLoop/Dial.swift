internal import CUV
internal import Glibc
public import Time

/// Makes one TCP connection: looks the name up off the loop, then tries its addresses one after the
/// other, each with its share of the time that is left.
public final class Dial {
    private let loop: Loop
    private let host: String
    private let port: UInt16
    private let step: String
    private var deadline: Instant = .never
    private var untried: [SocketAddress] = []
    private var lookup: Lookup?
    private var descriptor: Int32 = -1
    private var poll: Poll?
    private var timer: Timer?
    private var failure: LoopError?
    private var finished: ((Result<ConnectedSocket, LoopError>) -> Void)?

    /// Nothing happens before `start`. `finished` is called once, on the loop's thread and never from
    /// within `start`; not at all after `cancel`. It owns the socket that it is given.
    public init(
        on loop: Loop, host: String, port: UInt16,
        finished: @escaping (Result<ConnectedSocket, LoopError>) -> Void
    ) {
        self.loop = loop
        self.host = host
        self.port = port
        self.finished = finished
        step = "connect to \(host):\(port)"
        timer = Timer(on: loop) { [unowned self] in attemptTimedOut() }
    }

    deinit { release() }

    /// Starts; what is not connected at `deadline` has failed with `ETIMEDOUT`.
    public func start(until deadline: Instant) {
        self.deadline = deadline
        if let address = SocketAddress(numeric: host, port: port) {
            untried = [address]
            // Not from within: a refusal can be known at once.
            return ConfinedCall(loop: loop) { [weak self] in self?.tryNext() }.run()
        }
        timer?.arm(at: deadline)
        do {
            lookup = try Lookup(on: loop, host: host, port: port) { [weak self] answer in
                self?.lookedUp(answer)
            }
        } catch {
            failure = error
            ConfinedCall(loop: loop) { [weak self] in self?.tryNext() }.run()
        }
    }

    /// Gives up; `finished` will not be called.
    public func cancel() {
        finished = nil
        release()
    }

    private func lookedUp(_ answer: Result<[SocketAddress], LoopError>) {
        lookup = nil
        switch answer {
        case .success(let addresses): untried = addresses.reversed()
        case .failure(let error): failure = error
        }
        tryNext()
    }

    /// Tries addresses until one neither refuses nor accepts at once.
    private func tryNext() {
        guard finished != nil else { return }
        while let address = untried.popLast() {
            let now = Instant.now()
            if now >= deadline { return finish(.failure(timedOut)) }
            let share = deadline.nanoseconds(since: now) / UInt64(untried.count + 1)
            let code = connect(address)
            if code == 0 { return succeed() }
            if code == -EINPROGRESS, watch() {
                timer?.arm(at: deadline == .never ? .never : now.advanced(byNanoseconds: share))
                return
            }
            failure = LoopError(step: step, code: code)
            closeDescriptor()
        }
        let unknown = LoopError(step: step, code: UV_EAI_NONAME.rawValue)
        finish(.failure(failure ?? unknown))
    }

    private func connect(_ address: SocketAddress) -> Int32 {
        let family = address.isIPv4 ? AF_INET : AF_INET6
        let kind =
            Int32(SOCK_STREAM.rawValue) | Int32(bitPattern: SOCK_NONBLOCK.rawValue)
            | Int32(bitPattern: SOCK_CLOEXEC.rawValue)
        descriptor = socket(family, kind, 0)
        if descriptor < 0 { return -errno }
        let code = unsafe address.withSockaddr { unsafe Glibc.connect(descriptor, $0, $1) }
        return code == 0 ? 0 : -errno
    }

    private func watch() -> Bool {
        poll = try? Poll(on: loop, descriptor: descriptor) { [weak self] _ in self?.settled() }
        poll?.watch(.writable)
        return poll != nil
    }

    /// The kernel has made up its mind about the present address.
    private func settled() {
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size)
        if code == 0 { return succeed() }
        failure = LoopError(step: step, code: -code)
        closeDescriptor()
        tryNext()
    }

    private func attemptTimedOut() {
        failure = timedOut
        closeDescriptor()
        // A look-up that took all the time leaves nothing to try.
        tryNext()
    }

    private var timedOut: LoopError { LoopError(step: step, code: -ETIMEDOUT) }

    private func succeed() {
        // No poll outlives its descriptor's owner: the stream that takes over watches it anew.
        poll?.close()
        poll = nil
        let socket = ConnectedSocket(descriptor: descriptor)
        descriptor = -1
        finish(.success(socket))
    }

    private func finish(_ result: Result<ConnectedSocket, LoopError>) {
        let finished = finished
        self.finished = nil
        release()
        if let finished { return finished(result) }
        if case .success(let socket) = result { socket.discard() }
    }

    private func closeDescriptor() {
        poll?.close()
        poll = nil
        if descriptor >= 0 { _ = Glibc.close(descriptor) }
        descriptor = -1
    }

    private func release() {
        timer?.cancel()
        lookup?.cancel()
        lookup = nil
        closeDescriptor()
    }
}

extension LoopError {
    /// Whether time ran out, rather than that somebody refused.
    public var isTimeout: Bool { code == -ETIMEDOUT }
    /// Whether a name has no address, or the name service failed.
    public var isLookup: Bool { (UV_EAI_SOCKTYPE.rawValue...UV_EAI_ADDRFAMILY.rawValue) ~= code }
}
