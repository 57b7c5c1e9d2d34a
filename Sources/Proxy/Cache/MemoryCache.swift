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

    let bytesMax: Int
    let followersMax: Int
    let purges = Purges()
    /// Stored responses alive, in the tables or only on their way to slow clients.
    let alive = MemoryAccount()
    /// Bytes that the tables are charged with.
    private let tabled = MemoryAccount()
    /// Bytes of answers that are being collected.
    let fills: FillBudget
    let seed: (UInt64, UInt64)
    private let invalidations = Atomic<UInt64>(0)
    private let shards: [Locked<CacheShard>]

    init(_ settings: CacheMemorySettings, seed: SeedWords) {
        bytesMax = settings.bytesMax
        followersMax = settings.followersMax
        fills = FillBudget(bytesMax: settings.fillBytesMax)
        self.seed = (seed.a, seed.b)
        let wanted = settings.bytesMax / MemoryCache.shareBytesMin
        let count = max(1, min(wanted, MemoryCache.shardsMax))
        shards = (0..<count).map { _ in Locked(CacheShard(bytesMax: settings.bytesMax / count)) }
    }

    private func shard(_ hash: UInt64) -> Locked<CacheShard> {
        // By the high bits; the table takes the low ones.
        shards[Int(truncatingIfNeeded: hash.multipliedFullWidth(by: UInt64(shards.count)).high)]
    }

    /// Changes what is stored in a shard. What goes is let go of after the lock is.
    private func change<Result>(
        _ shard: Locked<CacheShard>,
        _ body: (CacheShard, inout [Evicted<CacheEntry>]) -> Result
    ) -> Result {
        var gone: [Evicted<CacheEntry>] = []
        return shard.withLock { shard in
            let before = shard.table.bytes
            let result = body(shard, &gone)
            tabled.add(shard.table.bytes - before)
            return result
        }
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
            purges: purges.epoch, invalidations: invalidations.load(ordering: .acquiring))
    }

    // MARK: Look-up

    /// The stored response for `key` that `request` selects. `counts`: whether it is a use, which keeps it
    /// from being evicted.
    func find(
        _ key: Span<UInt8>, hash: UInt64, counts: Bool = true, now: Instant,
        selects: (StoredResponse) -> Bool
    ) -> Found {
        let epoch = purges.epoch
        return shard(hash).withLock { shard in
            guard let slot = shard.slot(key, hash: hash, counts: counts) else {
                return shard.isUnshared(hash, now: now) ? .unshared : .nothing
            }
            if shard.table[slot].checked != epoch { check(shard, slot, epoch) }
            if let found = shard.table[slot].select(selects) { return found }
            if shard.isUnshared(hash, now: now) { return .unshared }
            // Purges may have left nothing of it.
            return shard.table[slot].variants.isEmpty ? .nothing : .otherVariants
        }
    }

    /// Every variant of `key`, for `explain`.
    func variants(_ key: Span<UInt8>, hash: UInt64) -> [CacheEntry.Variant] {
        let epoch = purges.epoch
        return shard(hash).withLock { shard in
            guard let slot = shard.slot(key, hash: hash, counts: false) else { return [] }
            if shard.table[slot].checked != epoch { check(shard, slot, epoch) }
            return shard.table[slot].variants
        }
    }

    /// Applies the purges recorded since the key was last looked at.
    private func check(_ shard: CacheShard, _ slot: Int, _ epoch: UInt64) {
        let before = shard.table.bytes
        var dropped = 0
        // It only shrinks: nothing has to make room.
        var gone: [Evicted<CacheEntry>] = []
        _ = shard.update(slot, &gone) { dropped = $0.apply(purges, epoch) }
        shard.count(.invalidated, dropped)
        tabled.add(shard.table.bytes - before)
    }

    // MARK: Changes

    /// Stores `response`. Refused, with false, if its target was invalidated or purged after its fetch
    /// started, or if it does not fit.
    func store(
        _ response: StoredResponse, key: [UInt8], hash: UInt64, target: PurgeTarget
    ) -> Bool {
        let epoch = purges.epoch
        let share = shareNow(incoming: response.bytes)
        return change(shard(hash)) { shard, gone in
            guard !shard.wasInvalidated(hash, since: response.started.invalidations) else {
                return false
            }
            let verdict = purges.verdict(on: response, target)
            if verdict == .hard { return false }
            shard.setBytesMax(share, &gone)
            shard.forgetUnshared(hash)
            if let slot = shard.slot(key.span, hash: hash, counts: false) {
                if shard.table[slot].checked != epoch {
                    shard.count(.invalidated, shard.purge(slot, purges, epoch))
                }
                return shard.update(slot, &gone) { entry in
                    let replaced = entry.put(response, isSoft: verdict == .soft)
                    shard.count(.replaced, replaced)
                }
            }
            var entry = CacheEntry(target, checked: epoch)
            _ = entry.put(response, isSoft: verdict == .soft)
            return shard.insert(entry, key, hash, &gone)
        }
    }

    /// Notes that answers for the key of that hash are not to be shared for a while.
    func noteUnshared(_ hash: UInt64, now: Instant) {
        let until = now.advanced(byNanoseconds: MemoryCache.unsharedNanoseconds)
        shard(hash).withLock { $0.noteUnshared(hash, until: until, now: now) }
    }

    /// RFC 9111 §4.4: what is stored for `key` goes, and what is being fetched for it is not stored.
    func invalidate(_ key: Span<UInt8>, hash: UInt64) {
        let moment = invalidations.add(1, ordering: .acquiringAndReleasing).newValue
        change(shard(hash)) { shard, gone in
            shard.noteInvalidation(hash, moment)
            guard let slot = shard.slot(key, hash: hash, counts: false) else { return }
            shard.count(.invalidated, shard.table[slot].variants.count)
            shard.remove(slot, &gone)
        }
    }

    // MARK: Flights

    /// See `Flights.join`.
    func join(_ key: [UInt8], hash: UInt64, _ follower: Follower) -> Flights.Role {
        let role = shard(hash).withLock {
            $0.flights.join(key, hash: hash, follower, followersMax: followersMax)
        }
        if case .follower(_, let leader?) = role { leader.tell() }
        return role
    }

    /// See `Flights.lead`.
    func lead(_ key: [UInt8], hash: UInt64) -> FlightTicket? {
        shard(hash).withLock { $0.flights.lead(key, hash: hash) }
    }

    /// See `Flights.leave`.
    func leave(_ ticket: FlightTicket, _ follower: Follower) -> Bool {
        shard(ticket.hash).withLock { $0.flights.leave(ticket, follower) }
    }

    /// See `Flights.hasFollowers`.
    func hasFollowers(_ ticket: FlightTicket) -> Bool {
        shard(ticket.hash).withLock { $0.flights.hasFollowers(ticket) }
    }

    /// Ends a flight and wakes its followers.
    func settle(_ ticket: FlightTicket, _ outcome: FlightOutcome) {
        let told = shard(ticket.hash).withLock { $0.flights.settle(ticket, outcome) }
        for follower in told { follower.tell() }
    }

    /// See `Flights.fail`.
    func fail(_ ticket: FlightTicket, _ failure: FlightFailure) {
        let told = shard(ticket.hash).withLock { $0.flights.fail(ticket, failure) }
        for follower in told { follower.tell() }
    }

    // MARK: Upkeep

    /// Looks at `count` slots of each shard and drops what is past every use.
    func sweep(count: Int, now: Timestamp) {
        let share = shareNow()
        for shard in shards {
            change(shard) { shard, gone in
                shard.sweep(count: count, purges, now: now, &gone)
                shard.setBytesMax(share, &gone)
            }
        }
    }

    /// Adds fill and evictions to a metrics page.
    func collect(into sink: inout SampleSink) {
        var (entries, bytes) = (0, 0)
        var evicted = [UInt64](repeating: 0, count: CacheEvictionReason.allCases.count)
        for shard in shards {
            shard.withLock { shard in
                entries += shard.table.count
                bytes += shard.table.bytes
                for index in evicted.indices { evicted[index] += shard.evicted[index] }
            }
        }
        let tier = CacheTier.local.rawValue
        sink.set(Catalogue.cacheEntries, [tier], to: Double(entries))
        sink.set(Catalogue.cacheSize, [tier], to: Double(bytes))
        sink.set(Catalogue.cacheMaxSize, [tier], to: Double(bytesMax))
        for reason in CacheEvictionReason.allCases {
            sink.set(
                Catalogue.cacheEvictions, [tier, reason.rawValue],
                to: Double(evicted[reason.index]))
        }
    }
}
