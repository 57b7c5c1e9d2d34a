import ProxyCore
import Testing

/// How well the hashes of a test are spread.
enum Spread: String, CaseIterable {
    /// As in the proxy.
    case good
    /// Eight different hashes for all keys.
    case eight
    /// One hash for all keys.
    case one

    func hash(_ key: [UInt8]) -> UInt64 {
        let hash = seededHash(key.span, seed: (1, 2))
        switch self {
        case .good: return hash
        case .eight: return hash & 7 << 32
        case .one: return 0
        }
    }
}

/// A table of numbers whose keys are words.
final class Shelf {
    var table: EvictingTable<Int>

    init(bytesMax: Int, entryBytesMax: Int = .max) {
        table = EvictingTable(bytesMax: bytesMax, entryBytesMax: entryBytesMax)
    }

    /// Room for about `entries` entries as `put` stores them.
    convenience init(entries: Int, keyBytes: Int = 8) {
        self.init(bytesMax: entries * (100 + keyBytes + EvictingTable<Int>.overheadBytes))
    }

    /// Stores `value` under `key`, which must fit.
    func put(_ key: String, _ value: Int = 0, valueBytes: Int = 100) -> [Evicted<Int>] {
        var evicted: [Evicted<Int>] = []
        let key = Array(key.utf8)
        let slot = table.insert(
            key: key, hash: Spread.good.hash(key), value: value, valueBytes: valueBytes,
            evicted: &evicted)
        #expect(slot != nil)
        return evicted
    }

    /// The slot of `key`, with as many uses.
    func use(_ key: String, times: Int = 1) -> Int? {
        let key = Array(key.utf8)
        var slot: Int?
        for _ in 0..<times { slot = table.find(key.span, hash: Spread.good.hash(key)) }
        return slot
    }

    /// Whether `key` is there; not a use.
    func has(_ key: String) -> Bool {
        let key = Array(key.utf8)
        return table.peek(key.span, hash: Spread.good.hash(key)) != nil
    }

    /// Stores `count` entries that are asked for once.
    func flood(_ count: Int, _ name: String = "scan") {
        for number in 0..<count { _ = put("\(name)-\(number)") }
    }
}

/// What a table must say after any operations: a dictionary, and sums. Which entries go when room is
/// needed is the table's affair; that it tells of each of them once is not.
struct TableModel {
    var entries: [[UInt8]: (value: Int, bytes: Int)] = [:]
    var bytes = 0

    mutating func set(_ key: [UInt8], _ value: Int, valueBytes: Int) {
        let charged = key.count + valueBytes + EvictingTable<Int>.overheadBytes
        bytes += charged - (entries[key]?.bytes ?? 0)
        entries[key] = (value, charged)
    }

    /// Takes out what the table said it let go of.
    mutating func apply(_ evicted: [Evicted<Int>]) {
        for entry in evicted where entry.reason != .replaced {
            let known = entries.removeValue(forKey: entry.key)
            #expect(known?.value == entry.value)
            #expect(known?.bytes == entry.bytes)
            bytes -= entry.bytes
        }
    }

    /// Whether the table holds exactly these entries. Costs a look-up for each.
    func agrees(with table: borrowing EvictingTable<Int>, _ spread: Spread) -> Bool {
        var isEqual = table.count == entries.count
        for (key, entry) in entries {
            guard let slot = table.peek(key.span, hash: spread.hash(key)) else { return false }
            isEqual =
                isEqual && table[slot] == entry.value && table.bytes(of: slot) == entry.bytes
                && table.key(of: slot) == key && table.hash(of: slot) == spread.hash(key)
        }
        return isEqual
    }
}
