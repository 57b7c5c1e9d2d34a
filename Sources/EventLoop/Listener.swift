internal import CUV
internal import Glibc

/// A connected socket that no stream owns yet: its descriptor and who is at the other end.
public struct ConnectedSocket: Sendable {
    let descriptor: Int32
    /// The other end.
    public let peer: SocketAddress

    /// Closes a socket that nobody wants after saying so: `words` are sent if the kernel takes them now.
    public func refuse(_ words: [UInt8]) {
        _ = unsafe words.withUnsafeBytes { bytes in
            unsafe send(
                descriptor, bytes.baseAddress, bytes.count,
                Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
        }
        _ = shutdown(descriptor, Int32(SHUT_WR))
        discard()
    }

    /// Closes a socket that nobody wants.
    public func discard() { _ = Glibc.close(descriptor) }

    init(descriptor: Int32) {
        self.descriptor = descriptor
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = unsafe getpeername(descriptor, $0, &length)
            }
        }
        peer = SocketAddress(storage)
    }
}

/// A bound, listening socket that no loop polls yet. Made before any worker starts, so that a port in
/// use is one clear line and nothing was started.
public struct ListeningSocket: Sendable {
    let descriptor: Int32
    /// The address that was bound, with the port that port 0 became.
    public let address: SocketAddress

    /// Binds and listens with `SO_REUSEPORT`: each worker has a socket of its own on the same address and
    /// the kernel spreads connections over them. libuv 1.44 has no flag for the option, hence by hand.
    public init(_ address: SocketAddress, named name: String, backlog: Int32) throws(LoopError) {
        let family = address.isIPv4 ? AF_INET : AF_INET6
        let descriptor = socket(
            family, Int32(SOCK_STREAM.rawValue) | SOCK_NONBLOCK_FLAG | SOCK_CLOEXEC_FLAG, 0)
        let step = "listen on \(name)"
        guard descriptor >= 0 else { throw LoopError(step: step, code: -errno) }
        var on: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, size)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, size)
        let bound = unsafe address.withSockaddr { unsafe bind(descriptor, $0, $1) }
        guard bound == 0, Glibc.listen(descriptor, backlog) == 0 else {
            let code = -errno
            _ = Glibc.close(descriptor)
            throw LoopError(step: step, code: code)
        }
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = unsafe getsockname(descriptor, $0, &length)
            }
        }
        self.descriptor = descriptor
        self.address = SocketAddress(storage)
    }

    /// Throws if another process listens on `address` already. `SO_REUSEPORT` would let both bind it, so
    /// the first socket of an instance is tried without.
    public static func probe(_ address: SocketAddress, named name: String) throws(LoopError) {
        let family = address.isIPv4 ? AF_INET : AF_INET6
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue) | SOCK_CLOEXEC_FLAG, 0)
        let step = "listen on \(name)"
        guard descriptor >= 0 else { throw LoopError(step: step, code: -errno) }
        defer { _ = Glibc.close(descriptor) }
        var on: Int32 = 1
        unsafe setsockopt(
            descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        let bound = unsafe address.withSockaddr { unsafe bind(descriptor, $0, $1) }
        if bound != 0 { throw LoopError(step: step, code: -errno) }
    }

    /// Closes a socket that no listener took over.
    public func discard() { _ = Glibc.close(descriptor) }
}

private let SOCK_NONBLOCK_FLAG = Int32(bitPattern: SOCK_NONBLOCK.rawValue)
private let SOCK_CLOEXEC_FLAG = Int32(bitPattern: SOCK_CLOEXEC.rawValue)

/// Accepts connections on one loop.
public final class Listener {
    /// Connections taken in one turn, so that a flood of new ones does not starve those that are open.
    private static let acceptsPerTurn = 64
    /// More than any kernel's accept queue holds.
    private static let backlogMax = 65_536
    /// How long nothing is accepted when the system has no descriptor or memory left.
    private static let restNanoseconds: UInt64 = 50_000_000

    private let poll: Poll
    private let socket: ListeningSocket
    private var reserve = openReserve()
    private var isClosed = false
    private var isPaused = false
    private var rest: Timer?
    private let accepted: (ConnectedSocket) -> Void
    private let refused: () -> Void

    /// Starts accepting. `accepted` owns each socket it is given; `refused` counts connections that were
    /// turned away for want of a descriptor.
    public init(
        on loop: Loop, socket: ListeningSocket,
        accepted: @escaping (ConnectedSocket) -> Void, refused: @escaping () -> Void
    ) throws(LoopError) {
        self.socket = socket
        self.accepted = accepted
        self.refused = refused
        var ready: () -> Void = {}
        poll = try Poll(on: loop, descriptor: socket.descriptor) { _ in ready() }
        ready = { [unowned self] in acceptNow() }
        rest = Timer(on: loop) { [unowned self] in
            if !isPaused { poll.watch(.readable) }
        }
        poll.watch(.readable)
    }

    /// Stops accepting for a while; the kernel's backlog holds what comes.
    public func pause() {
        isPaused = true
        poll.watch([])
    }

    /// Accepts again after `pause`.
    public func resume() {
        isPaused = false
        poll.watch(.readable)
    }

    /// Stops accepting: takes every connection that the kernel has already established (a client must
    /// not find a connection reset that was open before), then closes.
    public func drainAndClose() {
        if isClosed { return }
        isClosed = true
        acceptWaiting(atMost: Listener.backlogMax)
        rest?.cancel()
        poll.close()
        socket.discard()
        if reserve >= 0 { _ = Glibc.close(reserve) }
    }

    /// One turn's worth of accepting.
    func acceptNow() { acceptWaiting(atMost: Listener.acceptsPerTurn) }

    private func acceptWaiting(atMost count: Int) {
        for _ in 0..<count {
            let descriptor = accept(socket.descriptor, nil, nil)
            if descriptor >= 0 {
                _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
                _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
                accepted(ConnectedSocket(descriptor: descriptor))
            } else if errno == EMFILE || errno == ENFILE {
                if !turnOneAway() { return restAWhile() }
            } else if errno == EAGAIN {
                return
            } else if errno != EINTR && errno != ECONNABORTED {
                return restAWhile()
            }
        }
    }

    /// Lets the backlog wait: the listener stays readable, and the loop would spin on it.
    private func restAWhile() {
        poll.watch([])
        if !isClosed { rest?.arm(afterNanoseconds: Listener.restNanoseconds) }
    }

    /// Out of descriptors: gives up the reserved one to take a waiting connection and close it, so that
    /// its client learns at once and the loop does not spin on a readable listener.
    private func turnOneAway() -> Bool {
        // Another thread may have been quicker to take what was given up last time.
        if reserve < 0 { reserve = openReserve() }
        guard reserve >= 0 else { return false }
        _ = Glibc.close(reserve)
        let descriptor = accept(socket.descriptor, nil, nil)
        if descriptor >= 0 { _ = Glibc.close(descriptor) }
        reserve = openReserve()
        guard descriptor >= 0 else { return false }
        refused()
        return true
    }
}

private func openReserve() -> Int32 { unsafe open("/dev/null", O_RDONLY | O_CLOEXEC) }
