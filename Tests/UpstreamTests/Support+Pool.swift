import EventLoop
import Time

@testable import Upstream

let millisecond: UInt64 = 1_000_000

/// Runs `body` with a pool of connections to servers on `ports`.
@discardableResult
func withPool<Success: Sendable>(
    _ ports: [UInt16], _ limits: PoolLimits = PoolLimits(),
    _ body: @escaping @Sendable (UpstreamPool, Loop) async throws -> Success
) throws -> Success {
    try onDialLoop { context in
        let pool = UpstreamPool(context, endpoints: ports.map { plain($0) }, limits: limits)
        defer { pool.close() }
        return try await body(pool, context.loop)
    }
}

extension UpstreamPool {
    func lease(fresh: Bool = false) async throws -> UpstreamConnection {
        try await lease(fresh: fresh, until: .patience, Interrupt())
    }

    var counts: [Int] { [active, idle] }
}
