internal import EventLoop
internal import Locking
internal import ProxyCore
internal import Synchronization
internal import Telemetry
internal import Time

/// The memory tier (L1), shared by all workers: stored responses by key, and the fetches under way.
///
/// Sharded by the key's hash; each shard has one lock, held for one look-up or one change and never while
/// anything is sent, compressed or waited for.
final class MemoryCache: Sendable {
    /// What a look-up came to.
    enum Found {
        /// Nothing for this key.
        case nothing
        /// Something for this key, selected by other request fields (RFC 9111 §4.1).
        case otherVariants
        /// Nothing, and answers for this key are known not to be shared: fetch without waiting.
        case unshared
        /// A response that the request selects. `isSoft`: purged softly since, so stale.
        case response(StoredResponse, isSoft: Bool)
    }

    /// An entry must fit into its shard's share, which is at least this where the memory allows it.
    private static let shareBytesMin = 16 << 20
    private static let shardsMax = 64
    /// How long a key is known not to be shared (hit-for-miss).
    static let unsharedNanoseconds: UInt64 = 120_000_000_000
    /// How long no refresh is started after one that failed.
    static let refreshPauseNanoseconds: UInt64 = 1_000_000_000

    let bytesMax: Int
    let followersMax: Int
    let purges = Purges()
    /// Stored responses and bodies alive, in the tables or only on their way to slow clients.
    let alive = MemoryAccount()
    /// Those of them that are in the tables.
    private let tabled = MemoryAccount()
    /// Bytes of answers that are being collected.
    let fills: FillBudget
    let seed: (UInt64, UInt64)
    private let invalidations = Atomic<UInt64>(0)
    private let shards: [Locked<CacheShard>]
    /// Which of the responses are copies of what is in Redis; nil without it.
    private let copies: SharedCopies?

    init(_ settings: CacheMemorySettings, seed: SeedWords, copies: SharedCopies? = nil) {
        self.copies = copies
        bytesMax = settings.bytesMax
        followersMax = settings.followersMax
        fills = FillBudget(bytesMax: settings.fillBytesMax)
        self.seed = (seed.a, seed.b)
        let wanted = settings.bytesMax / MemoryCache.shareBytesMin
        let count = max(1, min(wanted, MemoryCache.shardsMax))
        shards = (0..<count).map { _ in Locked(CacheShard(bytesMax: settings.bytesMax / count)) }
    }

    func shard(_ hash: UInt64) -> Locked<CacheShard> {
        // By the high bits; the table takes the low ones.
        shards[Int(truncatingIfNeeded: hash.multipliedFullWidth(by: UInt64(shards.count)).high)]
    }

    /// Changes what is stored in a shard. What goes is let go of after the lock is.
    private func change<Result>(
        _ shard: Locked<CacheShard>,
        _ body: (CacheShard, inout CacheShard.Dropped) -> Result
    ) -> Result {
        var dropped = CacheShard.Dropped()
        let result = shard.withLock { shard in
            let before = shard.responseBytes
            let result = body(shard, &dropped)
            tabled.add(shard.responseBytes - before)
            return result
        }
        if let copies { copies.remove(dropped) }
        return result
    }

    /// What one table may take: its share of what is left of the budget by answers that are being collected
    /// and by responses that only slow clients hold on to. `incoming`: bytes of a response that is about to
    /// be stored, thus not one of them.
    private func shareNow(incoming: Int = 0) -> Int {
        let adrift = max(0, alive.bytes - incoming - tabled.bytes) + fills.used
        return max(0, bytesMax - adrift) / shards.count
    }

    /// The hash that all of this works with.
    func hash(_ key: Span<UInt8>) -> UInt64 { seededHash(key, seed: seed) }

    /// Where a fetch that starts now stands among purges and invalidations.
    var fetchStart: FetchStart {
        FetchStart(
            purges: purges.now, invalidations: invalidations.load(ordering: .acquiring))
    }

    // MARK: Look-up

    /// The stored response for `key` that a request selects. `counts`: whether it is a use, which keeps it
    /// from being evicted.
    func find(
        _ key: Span<UInt8>, hash: UInt64, counts: Bool = true, now: Instant,
        selects: (StoredResponse) -> Bool
    ) -> Found {
        let moment = purges.now
        return shard(hash).withLock { shard in
            guard let slot = shard.slot(key, hash: hash, counts: counts) else {
                return shard.unshared.contains(hash, at: now) ? .unshared : .nothing
            }
            check(shard, slot, moment)
            if let found = shard.table[slot].select(selects) { return found }
            if shard.unshared.contains(hash, at: now) { return .unshared }
            // Purges may have left nothing of it.
            return shard.table[slot].variants.isEmpty ? .nothing : .otherVariants
        }
    }

    /// Every variant of `key`, for `explain`.
    func variants(_ key: Span<UInt8>, hash: UInt64) -> [CacheEntry.Variant] {
        let moment = purges.now
        return shard(hash).withLock { shard in
            guard let slot = shard.slot(key, hash: hash, counts: false) else { return [] }
            check(shard, slot, moment)
            return shard.table[slot].variants
        }
    }

    /// Applies the purges recorded since the entry was last looked at.
    @inline(__always)
    private func check(_ shard: CacheShard, _ slot: Int, _ now: PurgeMoment) {
        if shard.table[slot].checked == now { return }
        var dropped = CacheShard.Dropped()
        let before = shard.responseBytes
        shard.purge(slot, purges, until: now, &dropped)
        tabled.add(shard.responseBytes - before)
    }

    /// Whether what was found at `start` may still be used: neither purged hard nor invalidated since.
    func isStillUsable(
        _ response: StoredResponse, hash: UInt64, target: PurgeTarget, since start: FetchStart
    ) -> Bool {
        let verdict = purges.verdict(
            since: start.purges, target, tags: response.metadata.tags)
        return verdict != .hard
            && !shard(hash).withLock { $0.invalidated.contains(hash, after: start.invalidations) }
    }

    // MARK: Changes

    /// What became of a response that was to be stored.
    enum StoreOutcome: Equatable {
        /// It is stored. `isSoft`: purged softly while it was fetched, so stale at once.
        case stored(isSoft: Bool)
        /// Its target was purged or invalidated after its fetch had started.
        case outdated
        /// It does not fit.
        case tooLarge
    }

    /// Stores `response`, unless it is outdated or does not fit.
    func store(
        _ response: StoredResponse, key: [UInt8], hash: UInt64, target: PurgeTarget
    ) -> StoreOutcome {
        let moment = purges.now
        let share = shareNow(incoming: response.bytes)
        // Noted first: what is heard of the record from now on finds the copy.
        if let copies, let identity = response.shared { copies.insert(identity, key: key) }
        return change(shard(hash)) { shard, dropped in
            if shard.invalidated.contains(hash, after: response.started.invalidations) {
                return .outdated
            }
            let verdict = purges.verdict(
                since: response.started.purges, target, tags: response.metadata.tags)
            if verdict == .hard { return .outdated }
            shard.setBytesMax(share, &dropped)
            shard.unshared.remove(hash)
            let isSoft = verdict == .soft
            let bytesMax = shard.entryBytesMax(keyBytes: key.count)
            var entry = CacheEntry(target, checked: moment)
            guard entry.canHold(response, bytesMax: bytesMax) else { return .tooLarge }
            if let slot = shard.slot(key.span, hash: hash, counts: false) {
                shard.purge(slot, purges, until: moment, &dropped)
                shard.update(slot, &dropped) { entry, responses in
                    let before = entry.variants.count + 1
                    let replaced = entry.put(
                        response, isSoft: isSoft, bytesMax: bytesMax, &responses)
                    shard.count(.replaced, replaced)
                    shard.count(.size, before - replaced - entry.variants.count)
                }
                return .stored(isSoft: isSoft)
            }
            _ = entry.put(response, isSoft: isSoft, bytesMax: bytesMax, &dropped.responses)
            return shard.insert(entry, key, hash, &dropped) ? .stored(isSoft: isSoft) : .tooLarge
        }
    }

    /// Notes that answers for the key of that hash are not to be shared for a while.
    func noteUnshared(_ hash: UInt64, now: Instant) {
        let end = now.advanced(byNanoseconds: MemoryCache.unsharedNanoseconds)
        shard(hash).withLock { $0.unshared.insert(hash, until: end, now: now) }
    }

    /// RFC 9111 §4.4: what is stored for `key` goes, and what is being fetched for it is not stored.
    func invalidate(_ key: Span<UInt8>, hash: UInt64) {
        let moment = invalidations.add(1, ordering: .acquiringAndReleasing).newValue
        change(shard(hash)) { shard, dropped in
            shard.invalidated.insert(hash, at: moment)
            guard let slot = shard.slot(key, hash: hash, counts: false) else { return }
            shard.count(.invalidated, shard.table[slot].variants.count)
            shard.remove(slot, &dropped)
        }
    }

    /// What is stored for `key` goes, because what all instances share has changed. What is being fetched is not
    /// touched: it has a lease, or is older than what it will find.
    func dropCopies(_ key: Span<UInt8>) {
        let hash = hash(key)
        change(shard(hash)) { shard, dropped in
            guard let slot = shard.slot(key, hash: hash, counts: false) else { return }
            shard.count(.invalidated, shard.table[slot].variants.count)
            shard.remove(slot, &dropped)
        }
    }

    /// Lets go of one variant, because a newer answer took its place that is not stored.
    func drop(_ response: StoredResponse, _ key: Span<UInt8>, hash: UInt64) {
        change(shard(hash)) { shard, dropped in
            guard let slot = shard.slot(key, hash: hash, counts: false) else { return }
            shard.update(slot, &dropped) { entry, responses in
                shard.count(.replaced, entry.remove(response, &responses))
            }
        }
    }

    /// Makes one variant stale.
    func soften(_ response: StoredResponse, _ key: Span<UInt8>, hash: UInt64) {
        change(shard(hash)) { shard, dropped in
            guard let slot = shard.slot(key, hash: hash, counts: false) else { return }
            shard.update(slot, &dropped) { entry, _ in entry.soften(response) }
        }
    }

    // MARK: Upkeep

    /// Looks at `count` slots of each shard and drops what is past every use.
    func sweep(count: Int, now: Timestamp) {
        let share = shareNow()
        for shard in shards {
            change(shard) { shard, dropped in
                shard.sweep(count: count, purges, now: now, &dropped)
                shard.setBytesMax(share, &dropped)
            }
        }
    }

    /// Shows `body` each shard under its lock, one after the other.
    func withShards(_ body: (CacheShard) -> Void) {
        for shard in shards { shard.withLock { body($0) } }
    }
}
