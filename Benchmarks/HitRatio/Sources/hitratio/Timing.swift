import Store

/// Nanoseconds of the table's and the hash's operations, on one thread.
enum Timing {
    private static let rounds = 20

    static func report() {
        var random = Seeded(seed: 1)
        print("| operation | ns |\n|---|---|")
        for length in [20, 60, 200] {
            let seeded = hash(length) { seededHash($0, seed: ($1, 1)) }
            print("| `seededHash`, \(length) bytes | \(seeded) |")
            let stable = hash(length) { stableHash($0, from: $1) }
            print("| `stableHash`, \(length) bytes | \(stable) |")
        }
        for count in [1_000, 100_000] {
            var table = Table(keys: count, &random)
            for (name, time) in table.times() {
                print("| \(name), \(count) keys of 60 bytes | \(time) |")
            }
        }
    }

    private static func hash(_ length: Int, _ body: (Span<UInt8>, UInt64) -> UInt64) -> String {
        let key = [UInt8](repeating: 0x61, count: length)
        let count = 200_000
        var last: UInt64 = 1
        let time = best(count) {
            // Each hash waits for the one before.
            for _ in 0..<count { last = body(key.span, last) }
        }
        precondition(last != 0)
        return time
    }

    /// The shortest of several rounds, in nanoseconds for each of `count`.
    static func best(_ count: Int, _ body: () -> Void) -> String {
        var best = Double.infinity
        for _ in 0..<rounds {
            let time = ContinuousClock().measure(body)
            best = min(best, Double(time.components.attoseconds) / 1e9 / Double(count))
        }
        return rounded(best, 1)
    }
}

/// A value as the proxy has it: a reference.
final class Stored: Sendable {}

/// A full table, and the order in which it is asked.
struct Table: ~Copyable {
    private static let keyBytes = 60
    private var table = EvictingTable<Stored>(bytesMax: 1 << 30)
    /// All keys one after the other, as if they had come in on a connection.
    private var keys: [UInt8] = []
    private var hashes: [UInt64] = []
    private let seed: (UInt64, UInt64) = (11, 12)

    init(keys count: Int, _ random: inout Seeded) {
        var evicted: [Evicted<Stored>] = []
        for number in 0..<count {
            let text = "GET api.example.test/items/\(number)"
            let key = Array((text + String(repeating: "x", count: 60 - text.utf8.count)).utf8)
            let hash = seededHash(key.span, seed: seed)
            _ = table.insert(
                key: key, hash: hash, value: Stored(), valueBytes: 1_000, evicted: &evicted)
        }
        // Asked for in another order than they were stored in.
        for number in Array(0..<count).shuffled(using: &random) {
            let text = "GET api.example.test/items/\(number)"
            let key = Array((text + String(repeating: "x", count: 60 - text.utf8.count)).utf8)
            keys += key
            hashes.append(seededHash(key.span, seed: seed))
        }
    }

    /// Each operation with its time.
    mutating func times() -> [(String, String)] {
        let hits = hashes
        let misses = hashes.map { ~$0 }
        var found = 0
        let result = [
            ("`find`, hit", Timing.best(hits.count) { found &+= find(hits) }),
            ("`seededHash` and `find`, hit", Timing.best(hits.count) { found &+= hashAndFind() }),
            ("`find`, miss", Timing.best(hits.count) { found &+= find(misses) }),
        ]
        precondition(found > 0)
        return result
    }

    @inline(never)
    private mutating func find(_ hashes: [UInt64]) -> Int {
        var found = 0
        let keys = keys
        for index in hashes.indices {
            let range = (index &* Self.keyBytes)..<((index &+ 1) &* Self.keyBytes)
            if let slot = table.find(keys.span.extracting(range), hash: hashes[index]) {
                found &+= slot
            }
        }
        return found
    }

    @inline(never)
    private mutating func hashAndFind() -> Int {
        var found = 0
        let keys = keys
        for index in hashes.indices {
            let range = (index &* Self.keyBytes)..<((index &+ 1) &* Self.keyBytes)
            let key = keys.span.extracting(range)
            if let slot = table.find(key, hash: seededHash(key, seed: seed)) { found &+= slot }
        }
        return found
    }
}
