internal import CUV
internal import Glibc

/// One question to the name service, asked on libuv's thread pool so that the loop never waits for it.
///
/// libuv holds a reference until the answer is there; a look-up that nobody wants any more runs to its
/// end unheard. A loop that ends meanwhile waits for it.
@safe final class Lookup {
    private let request: UnsafeMutablePointer<uv_getaddrinfo_t>
    private let loop: Loop
    private let port: UInt16
    private let step: String
    private var finished: ((Result<[SocketAddress], LoopError>) -> Void)?

    /// Asks for the addresses of `host`. `finished` is called later, at most once, on the loop's thread.
    init(
        on loop: Loop, host: String, port: UInt16,
        finished: @escaping (Result<[SocketAddress], LoopError>) -> Void
    ) throws(LoopError) {
        self.loop = loop
        self.port = port
        self.finished = finished
        step = "look up \(host)"
        unsafe request = .allocate(capacity: 1)
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        unsafe hints.ai_family = AF_UNSPEC
        let code = unsafe uv_getaddrinfo(loop.uv, request, Lookup.answered, host, nil, &hints)
        try LoopError.check(code, step)
        unsafe request.pointee.data = Unmanaged.passRetained(self).toOpaque()
    }

    deinit { unsafe request.deallocate() }

    /// The answer is not wanted any more.
    func cancel() {
        finished = nil
        // Fails when a thread is at it already: then the answer comes and is not heard.
        unsafe request.withMemoryRebound(to: uv_req_t.self, capacity: 1) {
            _ = unsafe uv_cancel($0)
        }
    }

    private static let answered: uv_getaddrinfo_cb = { request, status, list in
        guard let request = unsafe request else { return }
        // Retained by `init`.
        let lookup = unsafe Unmanaged<Lookup>.fromOpaque(request.pointee.data).takeRetainedValue()
        unsafe lookup.complete(status, list)
    }

    private func complete(_ status: Int32, _ list: UnsafeMutablePointer<addrinfo>?) {
        loop.workBegins()
        var addresses: [SocketAddress] = []
        var next = unsafe list
        while let entry = unsafe next {
            if let address = unsafe Lookup.address(entry.pointee, port: port) {
                if !addresses.contains(address) { addresses.append(address) }
            }
            unsafe next = entry.pointee.ai_next
        }
        unsafe uv_freeaddrinfo(list)
        if status < 0 {
            finished?(.failure(LoopError(step: step, code: status)))
        } else {
            finished?(.success(addresses))
        }
        finished = nil
        loop.drain()
    }

    private static func address(_ entry: addrinfo, port: UInt16) -> SocketAddress? {
        guard let source = unsafe entry.ai_addr,
            unsafe entry.ai_family == AF_INET || entry.ai_family == AF_INET6
        else { return nil }
        var storage = sockaddr_storage()
        let length = unsafe min(Int(entry.ai_addrlen), MemoryLayout<sockaddr_storage>.size)
        unsafe withUnsafeMutableBytes(of: &storage) { bytes in
            unsafe bytes.copyMemory(from: UnsafeRawBufferPointer(start: source, count: length))
        }
        var address = SocketAddress(storage)
        address.port = port
        return address
    }
}

extension Loop {
    /// The addresses of `host`, a name or an address in numbers, each with `port`; at least one. Only from
    /// a task of this loop. Names are looked up on another thread.
    public func resolve(
        _ host: String, port: UInt16
    ) async throws(LoopError) -> [SocketAddress] {
        if let address = SocketAddress(numeric: host, port: port) { return [address] }
        let answer = Suspension<Result<[SocketAddress], LoopError>>()
        let lookup = try Lookup(on: self, host: host, port: port) { answer.resume($0) }
        let result = await answer.wait()
        withExtendedLifetime(lookup) {}
        return try result.get()
    }
}
