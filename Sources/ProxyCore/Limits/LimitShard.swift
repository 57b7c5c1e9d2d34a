internal import HTTP1
public import Time

/// The state of one key of a rule.
struct LimitEntry: Sendable {
    /// Which of the rule's variants.
    var variant: Int
    /// Laid out by it.
    var words: [UInt32]
    /// Whether it was not used since a sweep found that it says nothing.
    var isIdle = false

    mutating func take(_ variants: [LimitVariant], cost: UInt32, now: Instant) -> LimitVerdict {
        let variant = variants[variant]
        let verdict = variant.check(&words, cost: cost, now: now)
        if verdict.isAllowed {
            variant.spend(&words, cost: cost, now: now)
        } else if !verdict.isPenalized {
            variant.strike(&words, now: now)
        }
        return verdict
    }
}

/// A part of the keys of one rule, with their states. Bounded: for a new key one goes that was not used for long
/// (S3-FIFO, see `EvictingTable`), and begins anew should it come back.
///
/// Nothing here locks. Known keys are decided on without allocation.
public struct LimitShard: ~Copyable {
    /// Longest key, its variant's byte included.
    public static let keyBytesMax = LimitKey.bytesMax + 1

    /// What each entry is charged with: the same, so that bytes count entries.
    private static let entryBytes = keyBytesMax + EvictingTable<LimitEntry>.overheadBytes

    private let variants: [LimitVariant]
    private var table: EvictingTable<LimitEntry>
    private var evicted: [Evicted<LimitEntry>] = []
    private var cursor = 0
    /// Keys forgotten so far whose state still said something.
    public private(set) var forgotten: UInt64 = 0

    /// An empty shard for at most `keysMax` keys of a rule with these variants.
    public init(_ variants: [LimitVariant], keysMax: Int) {
        self.variants = variants
        table = EvictingTable(bytesMax: max(1, keysMax) * Self.entryBytes)
    }

    /// Number of keys.
    public var count: Int { table.count }

    /// The slot of a key, made if there is none. Good until the next call of this, `sweep` or `remove`.
    public mutating func slot(_ key: Span<UInt8>, hash: UInt64, now: Instant) -> Int {
        if let slot = table.find(key, hash: hash) {
            table[slot].isIdle = false
            return slot
        }
        let variant = min(Int(key.isEmpty ? 0 : key[0]), variants.count - 1)
        let entry = LimitEntry(
            variant: variant,
            words: [UInt32](repeating: 0, count: variants[variant].wordCount))
        let slot = table.insert(
            key: [UInt8](copying: key), hash: hash, value: entry,
            valueBytes: Self.keyBytesMax - key.count, evicted: &evicted)
        settle(now)
        guard let slot else { preconditionFailure("a key of \(key.count) bytes does not fit") }
        return slot
    }

    /// Counts what had to go although it still said something.
    private mutating func settle(_ now: Instant) {
        for gone in evicted where gone.reason != .removed {
            if !variants[gone.value.variant].isFresh(gone.value.words, now: now) { forgotten += 1 }
        }
        evicted.removeAll(keepingCapacity: true)
    }

    /// What the rule says about a request of the key in `slot`. Spends nothing.
    public mutating func check(_ slot: Int, cost: UInt32, now: Instant) -> LimitVerdict {
        let variant = table[slot].variant
        return variants[variant].check(&table[slot].words, cost: cost, now: now)
    }

    /// Asks and acts at once, for a rule that decides alone and has no rates on trial: charges what is allowed, takes
    /// note of what is refused. As `check`, then `spend` or `strike`.
    public mutating func take(
        _ key: Span<UInt8>, hash: UInt64, cost: UInt32, now: Instant
    ) -> LimitVerdict {
        let slot = slot(key, hash: hash, now: now)
        return table[slot].take(variants, cost: cost, now: now)
    }

    /// Charges the enforced rates; after a `check` that allowed it.
    public mutating func spend(_ slot: Int, cost: UInt32, now: Instant) {
        let variant = table[slot].variant
        variants[variant].spend(&table[slot].words, cost: cost, now: now)
    }

    /// Charges the rates on trial; after a `check` that found they allow it.
    public mutating func spendCandidate(_ slot: Int, cost: UInt32, now: Instant) {
        let variant = table[slot].variant
        variants[variant].spendCandidate(&table[slot].words, cost: cost, now: now)
    }

    /// Takes note that the rates refused a request.
    public mutating func strike(_ slot: Int, now: Instant) {
        let variant = table[slot].variant
        variants[variant].strike(&table[slot].words, now: now)
    }

    /// Returns what was charged at `chargedAt` for a key, if it is still known.
    public mutating func refund(
        _ key: Span<UInt8>, hash: UInt64, cost: UInt32, chargedAt: Instant, isEnforced: Bool,
        isCandidate: Bool
    ) {
        guard let slot = table.peek(key, hash: hash) else { return }
        let variant = table[slot].variant
        variants[variant].refund(
            &table[slot].words, cost: cost, chargedAt: chargedAt, isEnforced: isEnforced,
            isCandidate: isCandidate)
    }

    /// What the rule would say about a request of the key. Changes nothing.
    public func peek(
        _ key: Span<UInt8>, hash: UInt64, cost: UInt32, now: Instant
    ) -> LimitVerdict {
        let number = min(Int(key.isEmpty ? 0 : key[0]), variants.count - 1)
        var words = [UInt32](repeating: 0, count: variants[number].wordCount)
        if let slot = table.peek(key, hash: hash) { words = table[slot].words }
        return variants[number].check(&words, cost: cost, now: now)
    }

    /// Whether the key is known.
    public func knows(_ key: Span<UInt8>, hash: UInt64) -> Bool {
        table.peek(key, hash: hash) != nil
    }

    /// Forgets a key; whether it was known.
    public mutating func remove(_ key: Span<UInt8>, hash: UInt64) -> Bool {
        guard let slot = table.peek(key, hash: hash) else { return false }
        _ = table.remove(slot)
        return true
    }

    /// Forgets all keys; how many there were.
    public mutating func removeAll() -> Int {
        let count = table.count
        let bytesMax = table.bytesMax
        table = EvictingTable(bytesMax: bytesMax)
        cursor = 0
        return count
    }

    /// Looks at `count` slots and forgets keys whose state says nothing any more, if they were not used since the
    /// last look either: a key in steady use, far below its rate, would be made again and again.
    public mutating func sweep(count: Int, now: Instant) {
        let variants = self.variants
        cursor = table.scan(from: cursor, count: count, evicted: &evicted) { _, entry in
            guard variants[entry.variant].isFresh(entry.words, now: now) else { return .keep }
            defer { entry.isIdle = true }
            return entry.isIdle ? .remove : .keep
        }
        settle(now)
    }

    /// Up to `count` keys.
    public mutating func keys(count: Int) -> [[UInt8]] {
        var keys: [[UInt8]] = []
        var slots: [Int] = []
        var cursor = 0
        repeat {
            cursor = table.scan(from: cursor, count: 1024, evicted: &evicted) { slot, _ in
                slots.append(slot)
                return .keep
            }
        } while cursor != 0 && slots.count < count
        for slot in slots.prefix(count) { keys.append(table.key(of: slot)) }
        return keys
    }
}
