internal import ProxyCore
internal import Telemetry
internal import Time

/// One shard of the memory cache. Its lock (`Locked`, in `MemoryCache`) is held for every touch.
final class CacheShard {
    private(set) var table: EvictingTable<CacheEntry>
    /// Bytes of the stored responses alone; the table's own count has keys and overhead as well.
    private(set) var responseBytes = 0
    var flights = Flights()
    var unshared = UnsharedKeys()
    var invalidated = InvalidatedKeys()
    /// Where the sweeper goes on.
    private var cursor = 0
    /// Evictions so far, by the index of their reason.
    private(set) var evicted = [UInt64](repeating: 0, count: CacheEvictionReason.allCases.count)

    init(bytesMax: Int) { table = EvictingTable(bytesMax: bytesMax) }

    /// What a change lets go of: to be let go of after the lock is.
    struct Dropped {
        var entries: [Evicted<CacheEntry>] = []
        var responses: [StoredResponse] = []
    }

    /// The slot of `key`; `counts`: whether this is a use.
    func slot(_ key: Span<UInt8>, hash: UInt64, counts: Bool) -> Int? {
        counts ? table.find(key, hash: hash) : table.peek(key, hash: hash)
    }

    /// Most bytes that an entry under a key of that length may take.
    func entryBytesMax(keyBytes: Int) -> Int {
        table.bytesMax - keyBytes - EvictingTable<CacheEntry>.overheadBytes
    }

    /// Changes the entry in `slot`, and what it is charged with. Others may have to make room; it does not go
    /// itself, as long as it keeps to `entryBytesMax`.
    func update(
        _ slot: Int, _ dropped: inout Dropped,
        _ change: (inout CacheEntry, inout [StoredResponse]) -> Void
    ) {
        let before = table[slot].responseBytes
        change(&table[slot], &dropped.responses)
        responseBytes += table[slot].responseBytes - before
        _ = settle(&dropped) { table.resize(slot, valueBytes: table[slot].bytes, evicted: &$0) }
    }

    /// Keeps refreshes of the entry in `slot` from being started until `end`.
    func noRefresh(_ slot: Int, until end: Instant) { table[slot].refreshAfter = end }

    /// Applies the purges up to `now`, if any may concern the entry in `slot`.
    func purge(_ slot: Int, _ purges: Purges, until now: PurgeMoment, _ dropped: inout Dropped) {
        guard purges.mayConcern(table[slot].target, since: table[slot].checked, until: now) else {
            return
        }
        update(slot, &dropped) { entry, responses in
            count(.invalidated, entry.apply(purges, until: now, &responses))
        }
    }

    /// Adds an entry; false if it is too large.
    func insert(
        _ entry: CacheEntry, _ key: [UInt8], _ hash: UInt64, _ dropped: inout Dropped
    ) -> Bool {
        let isIn = settle(&dropped) {
            table.insert(
                key: key, hash: hash, value: entry, valueBytes: entry.bytes, evicted: &$0) != nil
        }
        if isIn { responseBytes += entry.responseBytes }
        return isIn
    }

    /// Takes an entry out.
    func remove(_ slot: Int, _ dropped: inout Dropped) {
        responseBytes -= table[slot].responseBytes
        dropped.entries.append(table.remove(slot))
    }

    /// Sets the bound.
    func setBytesMax(_ bytesMax: Int, _ dropped: inout Dropped) {
        if table.bytesMax == bytesMax { return }
        settle(&dropped) { table.setBytesMax(bytesMax, evicted: &$0) }
    }

    /// Counts what `change` lets go for want of room.
    private func settle<Result>(
        _ dropped: inout Dropped, _ change: (inout [Evicted<CacheEntry>]) -> Result
    ) -> Result {
        let before = dropped.entries.count
        let result = change(&dropped.entries)
        for entry in dropped.entries[before...] {
            count(.size, entry.value.variants.count)
            responseBytes -= entry.value.responseBytes
        }
        return result
    }

    /// Goes on through the table by `count` slots: applies purges and drops what is past every use.
    func sweep(count slots: Int, _ purges: Purges, now: Timestamp, _ dropped: inout Dropped) {
        let moment = purges.now
        var shrunk: [Int] = []
        var (expired, invalidated, freed) = (0, 0, 0)
        var responses: [StoredResponse] = []
        cursor = table.scan(from: cursor, count: slots, evicted: &dropped.entries) { slot, entry in
            let before = entry.responseBytes
            let purged =
                purges.mayConcern(entry.target, since: entry.checked, until: moment)
                ? entry.apply(purges, until: moment, &responses) : 0
            let useless = entry.dropUseless(at: now, &responses)
            expired += useless
            invalidated += purged
            freed += before - entry.responseBytes
            if entry.variants.isEmpty { return .remove }
            if purged + useless > 0 { shrunk.append(slot) }
            return .keep
        }
        responseBytes -= freed
        dropped.responses += responses
        count(.expired, expired)
        count(.invalidated, invalidated)
        for slot in shrunk { update(slot, &dropped) { _, _ in } }
    }

    /// Counts `number` responses that went for `reason`.
    func count(_ reason: CacheEvictionReason, _ number: Int) {
        evicted[reason.index] += UInt64(number)
    }
}

/// Keys whose answers are not to be shared for a while (hit-for-miss), by their hashes.
struct UnsharedKeys {
    private var ends: [UInt64: Instant] = [:]
    private static let countMax = 16_384

    /// Whether requests for the key of that hash fetch without waiting for each other.
    func contains(_ hash: UInt64, at now: Instant) -> Bool {
        ends.isEmpty ? false : ends[hash].map { now < $0 } ?? false
    }

    /// Notes that they do, until `end`. Should there be too many, those past their time go, or all: some
    /// requests then wait for each other once more.
    mutating func insert(_ hash: UInt64, until end: Instant, now: Instant) {
        if ends.count >= UnsharedKeys.countMax { ends = ends.filter { now < $0.value } }
        if ends.count >= UnsharedKeys.countMax { ends.removeAll() }
        ends[hash] = end
    }

    /// An answer was stored: it is to be shared.
    mutating func remove(_ hash: UInt64) { if !ends.isEmpty { ends[hash] = nil } }
}

/// When keys were last invalidated by unsafe requests, for what was being fetched then.
struct InvalidatedKeys {
    private var moments: [UInt64: UInt64] = [:]
    /// The latest moment that was forgotten: what began before it may have been invalidated.
    private var forgotten: UInt64 = 0
    /// Keys remembered. A fetch that is under way while so many others are invalidated is not stored.
    private static let countMax = 4096

    /// Notes that the key of that hash was invalidated.
    mutating func insert(_ hash: UInt64, at moment: UInt64) {
        if moments.count >= InvalidatedKeys.countMax {
            forgotten = moments.values.reduce(forgotten, max)
            moments.removeAll(keepingCapacity: true)
        }
        moments[hash] = max(moment, moments[hash] ?? 0)
    }

    /// Whether the key may have been invalidated after `moment`.
    func contains(_ hash: UInt64, after moment: UInt64) -> Bool {
        if forgotten > moment { return true }
        return moments.isEmpty ? false : moments[hash].map { $0 > moment } ?? false
    }
}
