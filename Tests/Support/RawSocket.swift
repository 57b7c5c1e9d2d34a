internal import Glibc
internal import Synchronization

/// What a blocking socket of a test could not do.
public struct SocketError: Error, CustomStringConvertible {
    /// The system call that failed.
    public let step: String
    /// Its errno; `EAGAIN` when the peer was silent for ten seconds.
    public let code: Int32

    /// The step and the system's words.
    public var description: String {
        guard let text = unsafe strerror(code) else { return step }
        return unsafe "\(step): \(String(cString: text))"
    }

    init(_ step: String) {
        self.step = step
        code = errno
    }
}

/// A blocking TCP socket: the client, or one side of a scripted server. No call blocks for more than
/// ten seconds.
public final class RawSocket: Sendable {
    private let number: Atomic<Int32>

    /// The descriptor, -1 after `close`.
    public var descriptor: Int32 { number.load(ordering: .relaxed) }

    /// Takes over a connected socket.
    public init(adopting descriptor: Int32) {
        number = Atomic(descriptor)
        var patience = timeval(tv_sec: 10, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, size)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, size)
    }

    /// Connects to `port` of a loopback address, with a receive buffer of `receiveBytes` if given.
    public convenience init(
        port: UInt16, host: String = "127.0.0.1", receiveBytes: Int32? = nil
    ) throws {
        let family = host == "::1" ? AF_INET6 : AF_INET
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw SocketError("socket") }
        self.init(adopting: descriptor)
        if var receiveBytes {
            let size = socklen_t(MemoryLayout<Int32>.size)
            unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receiveBytes, size)
        }
        let code = unsafe withLoopback(host, port) { unsafe connect(descriptor, $0, $1) }
        guard code == 0 else { throw SocketError("connect to \(host):\(port)") }
    }

    deinit { close() }

    /// Sends all of `text`.
    public func send(_ text: String) throws { try send(Array(text.utf8)) }

    /// Sends all of `bytes`.
    public func send(_ bytes: [UInt8]) throws {
        try unsafe bytes.withUnsafeBytes { bytes in
            var offset = 0
            while offset < bytes.count {
                let count = unsafe Glibc.send(
                    descriptor, bytes.baseAddress?.advanced(by: offset), bytes.count - offset,
                    Int32(MSG_NOSIGNAL))
                if count < 0 { throw SocketError("send") }
                offset += count
            }
        }
    }

    /// What is there, at most `count` bytes, waiting for the first; empty at the end.
    public func receive(atMost count: Int = 65_536) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let got = unsafe bytes.withUnsafeMutableBytes { buffer in
            unsafe recv(descriptor, buffer.baseAddress, buffer.count, 0)
        }
        if got < 0 { throw SocketError("receive") }
        bytes.removeLast(count - got)
        return bytes
    }

    /// Exactly `count` bytes, fewer only when the peer ends before.
    public func receive(exactly count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let more = try receive(atMost: min(65_536, count - bytes.count))
            if more.isEmpty { break }
            bytes += more
        }
        return bytes
    }

    /// Everything up to the peer's end.
    public func receiveAll() throws -> [UInt8] {
        var bytes: [UInt8] = []
        while case let more = try receive(), !more.isEmpty { bytes += more }
        return bytes
    }

    /// Everything up to the end of `mark`, or of the stream.
    public func receive(until mark: String) throws -> String {
        var bytes: [UInt8] = []
        let mark = Array(mark.utf8)
        while !bytes.suffix(mark.count).elementsEqual(mark) {
            let more = try receive(atMost: 1)
            if more.isEmpty { break }
            bytes += more
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// A response with a Content-Length: its head and its body.
    public func receiveResponse(toHead: Bool = false) throws -> (head: String, body: [UInt8]) {
        let head = try receive(until: "\r\n\r\n")
        let length = toHead ? 0 : contentLength(of: head)
        return (head, try receive(exactly: length))
    }

    /// Sends FIN.
    public func finishWriting() { _ = shutdown(descriptor, Int32(SHUT_WR)) }

    /// Ends both directions; whoever is blocked in a call here goes on.
    public func abandon() { _ = shutdown(descriptor, Int32(SHUT_RDWR)) }

    /// Closes with RST.
    public func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        let size = socklen_t(MemoryLayout<linger>.size)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, size)
        close()
    }

    /// Closes.
    public func close() {
        let descriptor = number.exchange(-1, ordering: .relaxed)
        if descriptor >= 0 { _ = Glibc.close(descriptor) }
    }
}

/// The Content-Length of a head, 0 when it has none.
public func contentLength(of head: String) -> Int {
    for line in head.split(separator: "\r\n") {
        let parts = line.split(separator: ":", maxSplits: 1)
        if parts.count == 2, parts[0].lowercased() == "content-length" {
            return Int(parts[1].drop { $0 == " " }) ?? 0
        }
    }
    return 0
}

/// Calls `body` with the socket address of `port` on 127.0.0.1 or ::1.
func withLoopback<Result>(
    _ host: String, _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
) -> Result {
    var four = sockaddr_in()
    four.sin_family = sa_family_t(AF_INET)
    four.sin_port = port.bigEndian
    four.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var six = sockaddr_in6()
    six.sin6_family = sa_family_t(AF_INET6)
    six.sin6_port = port.bigEndian
    six.sin6_addr = in6addr_loopback
    func call<Address>(_ address: inout Address) -> Result {
        unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(MemoryLayout<Address>.size))
            }
        }
    }
    return host == "::1" ? call(&six) : call(&four)
}
