internal import Locking
internal import ProxyCore
internal import Time

/// The keys of one rule, shared by all workers and kept through reloads. Sharded by the key's hash; each shard
/// has a lock of its own, held for one decision.
final class LimitTable: Sendable {
    /// What must not change for the state to go on.
    struct Shape: Equatable {
        let variants: [LimitVariant]
        let key: [LimitKeyPart]
        let keysMax: Int

        init(_ plan: LimitPlan) {
            variants = plan.variants
            key = plan.rule.key
            keysMax = plan.rule.trackedKeysMax
        }
    }

    private static let shardsMax = 16
    private static let shardKeysMin = 1024

    /// Its place in the order in which locks are taken.
    let ordinal: UInt64
    let shape: Shape
    private let shards: [Locked<LimitShard>]

    init(_ shape: Shape, ordinal: UInt64) {
        self.shape = shape
        self.ordinal = ordinal
        let wanted = shape.keysMax / LimitTable.shardKeysMin
        let count = max(1, min(wanted, LimitTable.shardsMax))
        shards = (0..<count).map { _ in
            Locked(LimitShard(shape.variants, keysMax: shape.keysMax / count))
        }
    }

    /// The shard of a hash, by its low bits: the table takes the high ones.
    func shard(_ hash: UInt64) -> Locked<LimitShard> {
        shards[Int(truncatingIfNeeded: ((hash & 0xffff) &* UInt64(shards.count)) &>> 16)]
    }

    /// Keys that have a state, and those forgotten so far although theirs still said something.
    var counts: (keys: Int, forgotten: UInt64) {
        var counts = (keys: 0, forgotten: UInt64(0))
        for shard in shards {
            shard.withLock { shard in
                counts.keys += shard.count
                counts.forgotten += shard.forgotten
            }
        }
        return counts
    }

    /// Looks at `count` slots of each shard and forgets what says nothing any more.
    func sweep(count: Int, now: Instant) {
        for shard in shards { shard.withLock { $0.sweep(count: count, now: now) } }
    }

    /// Up to `count` keys.
    func keys(count: Int) -> [[UInt8]] {
        var keys: [[UInt8]] = []
        for shard in shards where keys.count < count {
            keys += shard.withLock { $0.keys(count: count - keys.count) }
        }
        return keys
    }

    /// Forgets all; how many there were.
    func removeAll() -> Int {
        shards.reduce(0) { $0 + $1.withLock { $0.removeAll() } }
    }
}
