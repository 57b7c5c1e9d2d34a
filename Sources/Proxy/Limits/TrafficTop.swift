internal import HTTP1
internal import Locking
internal import ProxyCore

/// One worker's count of who asks most and for what. Counted by the worker, read by the admin API; the lock is
/// nearly always free.
final class TrafficTop: Sendable {
    /// Counters of each sketch.
    static let countersMax = 128

    struct Sketches: Sendable {
        var clients = HeavyHitters(countersMax: TrafficTop.countersMax)
        var paths = HeavyHitters(countersMax: TrafficTop.countersMax)
    }

    private let sketches = Locked(Sketches())
    private let seed: (UInt64, UInt64)

    init(seed: SeedWords) { self.seed = (seed.c, seed.d) }

    /// Counts a request. `client`: its address as text.
    func count(client: Span<UInt8>, path: Span<UInt8>) {
        let hashes = (seededHash(client, seed: seed), seededHash(path, seed: seed))
        sketches.withLock { sketches in
            sketches.clients.add(client, hash: hashes.0)
            sketches.paths.add(path, hash: hashes.1)
        }
    }

    /// What was counted so far.
    func snapshot() -> Sketches { sketches.withLock { $0 } }
}
