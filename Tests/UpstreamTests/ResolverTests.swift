import EventLoop
import Glibc
import Locking
import Support
import Telemetry
import Testing
import Time

@testable import Upstream

/// A name server that never answers, seen by one thread and those that it starts: they have a mount
/// namespace of their own, with another /etc/resolv.conf.
private enum SilentResolver {
    private typealias Unshare = @convention(c) (Int32) -> Int32
    private typealias Mount =
        @convention(c) (
            UnsafePointer<CChar>?, UnsafePointer<CChar>, UnsafePointer<CChar>?, UInt,
            UnsafeRawPointer?
        ) -> Int32

    private static let newNamespace: Int32 = 0x2_0000
    private static let bind: UInt = 4096
    private static let privateRecursively: UInt = (1 << 18) | 16384

    /// Puts the calling thread in front of it; false without the privilege to do so.
    static func use(_ path: String) -> Bool {
        // Behind _GNU_SOURCE, which Swift's Glibc module is built without.
        guard let unshare = unsafe dlsym(nil, "unshare"), let mount = unsafe dlsym(nil, "mount")
        else { return false }
        let newNamespace = unsafe unsafeBitCast(unshare, to: Unshare.self)
        let attach = unsafe unsafeBitCast(mount, to: Mount.self)
        return unsafe newNamespace(Self.newNamespace) == 0
            && attach(nil, "/", nil, privateRecursively, nil) == 0
            && attach(path, "/etc/resolv.conf", nil, bind, nil) == 0
    }

    /// Whether this process may have mount namespaces.
    static let isAllowed: Bool = {
        let result = Locked(false)
        BlockingThread {
            result.withLock { $0 = use("/etc/resolv.conf") }
        }.join()
        return result.withLock { $0 }
    }()
}

@Suite("A resolver that hangs", .timeLimit(.minutes(1)))
struct ResolverTests {
    @Test(
        "the loop goes on, the dial ends when it is to end, and nothing waits for the resolver",
        .enabled(if: SilentResolver.isAllowed, "needs CAP_SYS_ADMIN"))
    func hanging() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/resolv.conf"
        // A socket that takes the questions: without one the kernel would refuse them, which is an answer.
        let server = try SilentServer()
        try FileSink(appendingTo: path).write(
            Array("nameserver 127.0.0.2\noptions timeout:20 attempts:2\n".utf8).span)
        let isReady = Locked(false)
        let start = Instant.now()
        let facts = try onDialLoop(prepare: { _ in
            isReady.withLock { $0 = SilentResolver.use(path) }
        }) { context in
            let loop = context.loop
            var reasons: [UpstreamErrorReason?] = []
            var worstTurn: UInt64 = 0
            loop.onTurn = { worstTurn = max(worstTurn, $0) }
            let endpoint = plain(1, host: "name.example")
            // By its deadline.
            reasons.append(
                await reason {
                    _ = try await UpstreamConnection.dial(
                        endpoint, index: 0, context,
                        until: .now().advanced(byNanoseconds: 100_000_000), Interrupt())
                })
            // By an interrupt, from within a pool that is closed meanwhile.
            let pool = UpstreamPool(context, endpoints: [endpoint], limits: PoolLimits())
            let interrupt = Interrupt()
            let lease = loop.spawn {
                reasons.append(
                    await reason {
                        _ = try await pool.lease(fresh: false, until: .patience, interrupt)
                    })
            }
            await loop.sleep(nanoseconds: 20_000_000)
            pool.close()
            interrupt.raise()
            await lease.value
            // By libcurl's own limit.
            var short = endpoint
            short.connectTimeoutMilliseconds = 100
            reasons.append(
                await reason {
                    _ = try await UpstreamConnection.dial(
                        short, index: 0, context, until: .patience, Interrupt())
                })
            loop.onTurn = nil
            return (reasons, worstTurn, pool.active)
        }
        let whole = Instant.now().nanoseconds(since: start)
        #expect(isReady.withLock { $0 })
        #expect(server.hasQuestions, "the resolver was asked")
        #expect(facts.0 == [.timeout, .canceled, .timeout])
        #expect(facts.2 == 0)
        // The resolver would have taken 40 s; a turn that waited for it would be that long.
        #expect(facts.1 < 1_000_000_000)
        #expect(whole < 10_000_000_000)
    }
}

/// A UDP socket on 127.0.0.2:53 that reads nothing.
private final class SilentServer {
    private let descriptor: Int32

    init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(53).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0002).bigEndian
        let code = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard code == 0 else { throw NoServer() }
    }

    deinit { close(descriptor) }

    /// Whether a question has come.
    var hasQuestions: Bool {
        var byte: UInt8 = 0
        return unsafe recv(descriptor, &byte, 1, Int32(MSG_DONTWAIT)) == 1
    }
}
