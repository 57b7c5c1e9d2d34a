internal import Glibc
internal import Locking
internal import Synchronization

/// A thread of its own for something that blocks.
public final class BlockingThread: Sendable {
    private let thread: pthread_t

    /// Starts `body`.
    public init(_ body: @escaping @Sendable () -> Void) {
        final class Box: Sendable {
            let body: @Sendable () -> Void
            init(_ body: @escaping @Sendable () -> Void) { self.body = body }
        }
        let box = unsafe Unmanaged.passRetained(Box(body))
        var thread = pthread_t()
        let code = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                unsafe Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body()
                return nil
            }, unsafe box.toOpaque())
        precondition(code == 0, "no thread for a test")
        self.thread = thread
    }

    /// Waits for the end of the body. Once.
    public func join() { pthread_join(thread, nil) }
}

/// A listening socket of a test, on a free port of the loopback interface.
public final class RawListener: Sendable {
    /// The port that was bound.
    public let port: UInt16
    private let descriptor: Int32

    /// Listens on `host`, 127.0.0.1 or ::1; without a `backlog` it only keeps the port, so that whoever
    /// connects is refused.
    public init(host: String = "127.0.0.1", port: UInt16 = 0, backlog: Int32? = 128) throws {
        let family = host == "::1" ? AF_INET6 : AF_INET
        descriptor = socket(family, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw SocketError("socket") }
        var on: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, size)
        let number = descriptor
        guard unsafe withLoopback(host, port, { unsafe bind(number, $0, $1) }) == 0,
            backlog.map({ listen(number, $0) == 0 }) ?? true
        else { throw SocketError("listen on \(host):\(port)") }
        var address = sockaddr_in6()
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = unsafe getsockname(number, $0, &length)
            }
        }
        // The port lies at the same place in both families.
        self.port = UInt16(bigEndian: address.sin6_port)
    }

    /// The next connection; nil after `stop`.
    public func accept() -> RawSocket? {
        let connected = Glibc.accept(descriptor, nil, nil)
        return connected >= 0 ? RawSocket(adopting: connected) : nil
    }

    /// Wakes whoever waits in `accept`.
    public func stop() { _ = shutdown(descriptor, Int32(SHUT_RDWR)) }

    deinit { _ = Glibc.close(descriptor) }
}

/// A server that answers each connection with a script, on a thread of its own.
public final class ScriptedServer: Sendable {
    private struct State {
        var sockets: [RawSocket] = []
        var threads: [BlockingThread] = []
    }

    private let listener: RawListener
    private let state = Locked(State())
    private let acceptor: Locked<BlockingThread?> = Locked(nil)

    /// Where it listens.
    public var port: UInt16 { listener.port }

    /// Connections accepted so far.
    public var connectionCount: Int { state.withLock { $0.sockets.count } }

    /// Runs `script` for each connection; what it throws ends that connection only.
    public init(
        host: String = "127.0.0.1", _ script: @escaping @Sendable (RawSocket) throws -> Void
    ) throws {
        let listener = try RawListener(host: host)
        self.listener = listener
        let state = state
        let thread = BlockingThread {
            while let socket = listener.accept() {
                state.withLock { state in
                    state.sockets.append(socket)
                    state.threads.append(
                        BlockingThread {
                            try? script(socket)
                            socket.close()
                        })
                }
            }
        }
        acceptor.withLock { $0 = thread }
    }

    /// Answers every request that has no body with `body`, on as many connections as are made.
    public static func answering(_ body: String, host: String = "127.0.0.1") throws
        -> ScriptedServer
    {
        try ScriptedServer(host: host) { socket in
            while try !socket.receive(until: "\r\n\r\n").isEmpty {
                try socket.send(
                    "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
            }
        }
    }

    /// Ends all connections and waits for the scripts.
    public func stop() {
        guard let acceptor = acceptor.withLock({ $0.take() }) else { return }
        listener.stop()
        acceptor.join()
        let (sockets, threads) = state.withLock { ($0.sockets, $0.threads) }
        for socket in sockets { socket.abandon() }
        for thread in threads { thread.join() }
    }

    deinit { stop() }
}
