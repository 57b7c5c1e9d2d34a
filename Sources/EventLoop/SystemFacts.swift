internal import CUV
internal import Glibc

/// What the operating system says about this process and its limits. Blocking, but only of files that
/// the kernel makes up: for the control loop.
public enum SystemFacts {
    /// The contents of a small file, at most 64 KiB; nil when it cannot be read.
    public static func contents(of path: String) -> [UInt8]? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { _ = Glibc.close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 64 * 1024)
        var used = 0
        while used < bytes.count {
            let count = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe read(descriptor, buffer.baseAddress?.advanced(by: used), buffer.count - used)
            }
            if count <= 0 { break }
            used += count
        }
        bytes.removeLast(bytes.count - used)
        return bytes
    }

    /// The number of entries of a directory besides `.` and `..`.
    public static func entryCount(of path: String) -> Int? {
        guard let directory = unsafe opendir(path) else { return nil }
        defer { unsafe closedir(directory) }
        var count = -2
        while unsafe readdir(directory) != nil { count += 1 }
        return max(0, count)
    }

    /// Raises the soft limit of open descriptors to the hard one; returns what it is then.
    public static func raiseDescriptorLimit() -> Int {
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard unsafe getrlimit(resource, &limit) == 0 else { return 1024 }
        if limit.rlim_cur < limit.rlim_max {
            let before = limit
            limit.rlim_cur = limit.rlim_max
            if unsafe setrlimit(resource, &limit) != 0 { limit = before }
        }
        return Int(min(limit.rlim_cur, 1 << 30))
    }

    /// Makes the allocator map every block from 64 KiB on by itself, and give it back when it is freed. By
    /// default glibc moves that border up to 32 MiB with what is freed, and bodies of all sizes then leave
    /// holes in its arenas that nothing fits into. One arena for all threads, for the same reason: small
    /// blocks come from each thread's own cache in any case.
    public static func tuneAllocator() {
        cuv_tune_allocator(64 * 1024, 1024 * 1024)
    }

    /// Processors that this process may run on.
    public static var processorCount: Int { max(1, Int(uv_available_parallelism())) }

    /// Bytes of a memory page.
    public static var pageBytes: Int { Int(sysconf(Int32(_SC_PAGESIZE))) }

    /// Clock ticks a second, the unit of /proc/self/stat.
    public static var ticksPerSecond: Int { Int(sysconf(Int32(_SC_CLK_TCK))) }

    /// This machine's name.
    public static var hostName: String {
        var buffer = [UInt8](repeating: 0, count: 256)
        let code = unsafe buffer.withUnsafeMutableBytes { bytes in
            guard let base = unsafe bytes.bindMemory(to: CChar.self).baseAddress else {
                return Int32(-1)
            }
            return unsafe gethostname(base, bytes.count)
        }
        guard code == 0 else { return "localhost" }
        return String(decoding: buffer.prefix { $0 != 0 }, as: UTF8.self)
    }

    /// Blocks the calling thread: only at the very end of the process.
    public static func pause(milliseconds: Int) { usleep(UInt32(milliseconds) * 1000) }

    /// Ends the process at once, without running anything more.
    public static func exitNow(_ code: Int32) -> Never { _exit(code) }

    /// What asking the resolver for `host` says. Blocks: only before anything is served.
    public static func lookUp(_ host: String) -> LookUp {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let code = unsafe getaddrinfo(host, nil, &hints, &found)
        if let found = unsafe found { unsafe freeaddrinfo(found) }
        switch code {
        case 0: return .found
        case EAI_NONAME: return .unknown
        default: return .undecided(unsafe String(cString: gai_strerror(code)))
        }
    }

    /// The outcome of a look-up.
    public enum LookUp: Sendable, Equatable {
        /// The name has an address.
        case found
        /// There is no such name.
        case unknown
        /// The resolver could not say; in its own words.
        case undecided(String)
    }
}
