internal import ProxyCore
internal import Telemetry
internal import Time

/// One shard of the memory cache. Its lock (`Locked`, in `MemoryCache`) is held for every touch.
final class CacheShard {
    private(set) var table: EvictingTable<CacheEntry>
    var flights = Flights()
    /// Where the sweeper goes on.
    private var cursor = 0
    /// Evictions so far, by the index of their reason.
    private(set) var evicted = [UInt64](repeating: 0, count: CacheEvictionReason.allCases.count)
    /// The last invalidations, oldest first.
    private var invalidated: [(hash: UInt64, moment: UInt64)] = []
    /// Moment of the last invalidation that `invalidated` has forgotten.
    private var forgotten: UInt64 = 0

    /// Until when requests for a key fetch without waiting for each other, by its hash.
    private var unshared: [UInt64: Instant] = [:]

    private static let unsharedMax = 16_384
    /// Invalidations remembered. A fetch that was under way during so many later ones is not stored.
    private static let invalidationsMax = 256

    init(bytesMax: Int) { table = EvictingTable(bytesMax: bytesMax) }

    /// The slot of `key`; `counts`: whether this is a use.
    func slot(_ key: Span<UInt8>, hash: UInt64, counts: Bool) -> Int? {
        counts ? table.find(key, hash: hash) : table.peek(key, hash: hash)
    }

    /// Changes the entry in `slot`, and what it is charged with. False if it went, being too large by now.
    /// What has to make room is added to `gone`, to be dropped without the lock.
    func update(
        _ slot: Int, _ gone: inout [Evicted<CacheEntry>], _ change: (inout CacheEntry) -> Void
    ) -> Bool {
        change(&table[slot])
        return settle(&gone) { table.resize(slot, valueBytes: table[slot].bytes, evicted: &$0) }
    }

    /// Applies purges to an entry that is about to be changed and charged anew. Returns how many went.
    func purge(_ slot: Int, _ purges: Purges, _ epoch: UInt64) -> Int {
        table[slot].apply(purges, epoch)
    }

    /// Adds an entry; false if it is too large.
    func insert(
        _ entry: CacheEntry, _ key: [UInt8], _ hash: UInt64, _ gone: inout [Evicted<CacheEntry>]
    ) -> Bool {
        settle(&gone) {
            table.insert(
                key: key, hash: hash, value: entry, valueBytes: entry.bytes, evicted: &$0) != nil
        }
    }

    /// Takes an entry out.
    func remove(_ slot: Int, _ gone: inout [Evicted<CacheEntry>]) {
        gone.append(table.remove(slot))
    }

    /// Sets the bound.
    func setBytesMax(_ bytesMax: Int, _ gone: inout [Evicted<CacheEntry>]) {
        if table.bytesMax == bytesMax { return }
        settle(&gone) { table.setBytesMax(bytesMax, evicted: &$0) }
    }

    /// Counts what `change` lets go for want of room.
    private func settle<Result>(
        _ gone: inout [Evicted<CacheEntry>], _ change: (inout [Evicted<CacheEntry>]) -> Result
    ) -> Result {
        let before = gone.count
        let result = change(&gone)
        for entry in gone[before...] {
            evicted[CacheEvictionReason.size.index] += UInt64(entry.value.variants.count)
        }
        return result
    }

    /// Goes on through the table by `count` slots: applies purges and drops what is past every use.
    func sweep(
        count: Int, _ purges: Purges, now: Timestamp, _ gone: inout [Evicted<CacheEntry>]
    ) {
        let epoch = purges.epoch
        var shrunk: [Int] = []
        var (expired, invalidated) = (0, 0)
        cursor = table.scan(from: cursor, count: count, evicted: &gone) { slot, entry in
            let purged = entry.checked == epoch ? 0 : entry.apply(purges, epoch)
            let useless = entry.dropUseless(at: now)
            expired += useless
            invalidated += purged
            if entry.variants.isEmpty { return .remove }
            if purged + useless > 0 { shrunk.append(slot) }
            return .keep
        }
        evicted[CacheEvictionReason.expired.index] += UInt64(expired)
        evicted[CacheEvictionReason.invalidated.index] += UInt64(invalidated)
        for slot in shrunk { _ = update(slot, &gone) { _ in } }
    }

    /// Counts `count` responses that went for `reason`.
    func count(_ reason: CacheEvictionReason, _ count: Int) {
        evicted[reason.index] += UInt64(count)
    }

    /// Whether answers for the key of that hash are not to be shared (hit-for-miss).
    func isUnshared(_ hash: UInt64, now: Instant) -> Bool {
        unshared.isEmpty ? false : unshared[hash].map { now < $0 } ?? false
    }

    /// Notes that they are not, until `until`. Should there be too many, those past their time go, or all:
    /// some requests then wait for each other once more.
    func noteUnshared(_ hash: UInt64, until: Instant, now: Instant) {
        if unshared.count >= CacheShard.unsharedMax {
            unshared = unshared.filter { now < $0.value }
        }
        if unshared.count >= CacheShard.unsharedMax { unshared.removeAll() }
        unshared[hash] = until
    }

    /// An answer was stored: it is to be shared.
    func forgetUnshared(_ hash: UInt64) {
        if !unshared.isEmpty { unshared[hash] = nil }
    }

    /// Notes an invalidation, for what is being fetched now.
    func noteInvalidation(_ hash: UInt64, _ moment: UInt64) {
        invalidated.append((hash, moment))
        if invalidated.count > CacheShard.invalidationsMax {
            forgotten = invalidated.removeFirst().moment
        }
    }

    /// Whether the key may have been invalidated after `moment`.
    func wasInvalidated(_ hash: UInt64, since moment: UInt64) -> Bool {
        forgotten > moment || invalidated.contains { $0.hash == hash && $0.moment > moment }
    }
}

/// What the cache holds for one key: its variants, newest first.
struct CacheEntry {
    struct Variant {
        let response: StoredResponse
        var isSoft: Bool
    }

    private(set) var variants: [Variant] = []
    /// The epoch of purges up to which this was checked.
    var checked: UInt64
    let target: PurgeTarget

    private static let variantsMax = 32

    init(_ target: PurgeTarget, checked: UInt64) {
        self.target = target
        self.checked = checked
    }

    /// Bytes of memory, key and table apart.
    var bytes: Int {
        variants.reduce(target.host.count + target.path.count + CacheEntry.overheadBytes) {
            $0 &+ $1.response.bytes
        }
    }

    /// What three arrays cost beside their contents.
    private static let overheadBytes = 144

    /// The variant that a request selects: the newest one, should several fit (RFC 9111 §4.1).
    func select(_ selects: (StoredResponse) -> Bool) -> MemoryCache.Found? {
        for index in variants.indices where selects(variants[index].response) {
            return .response(variants[index].response, isSoft: variants[index].isSoft)
        }
        return variants.isEmpty ? .nothing : nil
    }

    /// Adds a variant in place of those that the same requests select. Returns how many those were.
    mutating func put(_ response: StoredResponse, isSoft: Bool) -> Int {
        let before = variants.count
        variants.removeAll { $0.response.metadata.vary == response.metadata.vary }
        if variants.count == CacheEntry.variantsMax { variants.removeLast() }
        let replaced = before - variants.count
        variants.insert(Variant(response: response, isSoft: isSoft), at: 0)
        return replaced
    }

    /// Applies purges: drops what was purged hard, marks what was purged softly. Returns how many went.
    mutating func apply(_ purges: Purges, _ epoch: UInt64) -> Int {
        checked = epoch
        let before = variants.count
        let target = target
        variants.removeAll { purges.verdict(on: $0.response, target) == .hard }
        for index in variants.indices
        where purges.verdict(on: variants[index].response, target) == .soft {
            variants[index].isSoft = true
        }
        return before - variants.count
    }

    /// Drops what can neither be served, stale or not, nor validated. Returns how many went.
    mutating func dropUseless(at now: Timestamp) -> Int {
        let before = variants.count
        variants.removeAll { !$0.response.isUseful(at: now) }
        return before - variants.count
    }
}

/// What purges of an entry go by.
struct PurgeTarget: Sendable {
    /// The stable hash of the route's name.
    let route: UInt64
    /// The stable hash of host and target.
    let hostAndTarget: UInt64
    /// The stable hash of the target alone.
    let target: UInt64
    /// The normalised host, and path with query, themselves: for purges by prefix.
    let host: [UInt8]
    let path: [UInt8]
}
