/// The most frequent of many keys, in bounded memory: the space-saving sketch (Metwally, Agrawal and El Abbadi, 2005).
/// With m counters and n events, a key with more than n/m events is among them, and no count is too high by
/// more than the error that is kept beside it.
public struct HeavyHitters: Sendable {
    /// A key with its count.
    public struct Item: Sendable, Equatable {
        /// The key.
        public var key: [UInt8]
        /// Events counted for it, at most `error` of which were others'.
        public var count: UInt64
        /// What the counter held when the key came to it.
        public var error: UInt64
    }

    /// Longest part of a key that is kept, in bytes.
    public static let keyBytesMax = 128

    private let countersMax: Int
    private var keys: [[UInt8]] = []
    private var hashes: [UInt64] = []
    private var counts: [UInt64] = []
    private var errors: [UInt64] = []
    /// Counters by the low bits of their hash, open addressing; 0: free, else the counter and 1.
    private var table: [UInt16]
    /// All events.
    public private(set) var events: UInt64 = 0

    /// A sketch of that many counters (1 to 1024).
    public init(countersMax: Int) {
        self.countersMax = min(max(countersMax, 1), 1024)
        var size = 16
        while size < self.countersMax * 4 { size *= 2 }
        table = [UInt16](repeating: 0, count: size)
    }

    /// Counts an event of the key whose hash that is. Allocates only when a key comes to its counter.
    public mutating func add(_ key: Span<UInt8>, hash: UInt64) {
        events &+= 1
        let mask = table.count - 1
        var place = Int(truncatingIfNeeded: hash) & mask
        while table[place] != 0 {
            let index = Int(table[place]) - 1
            if hashes[index] == hash {
                counts[index] &+= 1
                return
            }
            place = (place + 1) & mask
        }
        guard keys.count == countersMax else {
            keys.append(Self.kept(key))
            hashes.append(hash)
            counts.append(1)
            errors.append(0)
            table[place] = UInt16(keys.count)
            return
        }
        replaceLeast(key, hash)
    }

    /// The key takes the counter of the least frequent one over, count and all.
    private mutating func replaceLeast(_ key: Span<UInt8>, _ hash: UInt64) {
        var least = 0
        for index in counts.indices where counts[index] < counts[least] { least = index }
        forget(least)
        errors[least] = counts[least]
        counts[least] &+= 1
        keys[least] = Self.kept(key)
        hashes[least] = hash
        let mask = table.count - 1
        var place = Int(truncatingIfNeeded: hash) & mask
        while table[place] != 0 { place = (place + 1) & mask }
        table[place] = UInt16(least + 1)
    }

    /// Takes a counter out of the table, and closes the gap.
    private mutating func forget(_ index: Int) {
        let mask = table.count - 1
        var hole = Int(truncatingIfNeeded: hashes[index]) & mask
        while table[hole] != UInt16(index + 1) { hole = (hole + 1) & mask }
        var next = (hole + 1) & mask
        while table[next] != 0 {
            let home = Int(truncatingIfNeeded: hashes[Int(table[next]) - 1]) & mask
            if (next - home) & mask >= (next - hole) & mask {
                table[hole] = table[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        table[hole] = 0
    }

    private static func kept(_ key: Span<UInt8>) -> [UInt8] {
        var bytes: [UInt8] = []
        let count = min(key.count, keyBytesMax)
        bytes.reserveCapacity(count)
        for index in 0..<count { bytes.append(key[index]) }
        return bytes
    }

    /// All keys that are counted, in no order.
    public var items: [Item] {
        keys.indices.map { Item(key: keys[$0], count: counts[$0], error: errors[$0]) }
    }

    /// The most frequent keys of several sketches, those first that are most; each key once.
    public static func merged(_ sketches: [HeavyHitters], count: Int) -> [Item] {
        var sums: [[UInt8]: Item] = [:]
        for item in sketches.flatMap(\.items) {
            sums[item.key, default: Item(key: item.key, count: 0, error: 0)].count += item.count
            sums[item.key]?.error += item.error
        }
        let sorted = sums.values.sorted {
            $0.count == $1.count ? $0.key.lexicographicallyPrecedes($1.key) : $0.count > $1.count
        }
        return Array(sorted.prefix(count))
    }
}
