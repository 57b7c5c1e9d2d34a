import Store

/// A cache that is asked for keys by number.
protocol Policy: ~Copyable {
    /// `charges` are bytes of every key's entry, all told.
    init(bytesMax: Int, charges: [Int])
    /// Whether `key` was there. It is stored if it was not.
    mutating func request(_ key: Int) -> Bool
}

/// The table of the proxy.
struct S3FIFO: Policy, ~Copyable {
    /// Keys are 8 bytes: what an entry costs beside its value.
    static let overheadBytes = 8 + EvictingTable<Int32>.overheadBytes

    private var table: EvictingTable<Int32>
    private let charges: [Int]
    private var evicted: [Evicted<Int32>] = []

    init(bytesMax: Int, charges: [Int]) {
        table = EvictingTable(bytesMax: bytesMax)
        self.charges = charges
    }

    mutating func request(_ number: Int) -> Bool {
        let key = (0..<8).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
        let hash = seededHash(key.span, seed: (1, 2))
        if table.find(key.span, hash: hash) != nil { return true }
        evicted.removeAll(keepingCapacity: true)
        _ = table.insert(
            key: key, hash: hash, value: 0, valueBytes: charges[number] - Self.overheadBytes,
            evicted: &evicted)
        return false
    }
}

/// Keys in an order, newest first. A ring: the last place stands for both ends.
struct Order {
    private var next: [Int32]
    private var previous: [Int32]
    private(set) var bytes = 0
    private let end = Int32(Trace.allKeys)

    init() {
        next = [Int32](repeating: -1, count: Trace.allKeys + 1)
        previous = next
        next[Int(end)] = end
        previous[Int(end)] = end
    }

    func contains(_ key: Int) -> Bool { next[key] >= 0 }

    /// The oldest key, nil if there is none.
    var oldest: Int? { previous[Int(end)] == end ? nil : Int(previous[Int(end)]) }

    /// The key that came next after `key`, nil if it is the newest.
    func newer(than key: Int) -> Int? { previous[key] == end ? nil : Int(previous[key]) }

    mutating func append(_ key: Int, _ bytes: Int) {
        let first = next[Int(end)]
        next[key] = first
        previous[key] = end
        previous[Int(first)] = Int32(key)
        next[Int(end)] = Int32(key)
        self.bytes += bytes
    }

    mutating func remove(_ key: Int, _ bytes: Int) {
        next[Int(previous[key])] = next[key]
        previous[Int(next[key])] = previous[key]
        next[key] = -1
        self.bytes -= bytes
    }

    /// Makes `key` the newest.
    mutating func renew(_ key: Int, _ bytes: Int) {
        remove(key, bytes)
        append(key, bytes)
    }
}

/// The one that came first goes first.
struct FIFO: Policy {
    private var order = Order()
    private let bytesMax: Int
    private let charges: [Int]

    init(bytesMax: Int, charges: [Int]) {
        self.bytesMax = bytesMax
        self.charges = charges
    }

    mutating func request(_ key: Int) -> Bool {
        if order.contains(key) { return true }
        order.append(key, charges[key])
        while order.bytes > bytesMax, let oldest = order.oldest {
            order.remove(oldest, charges[oldest])
        }
        return false
    }
}

/// The least recently used goes first.
struct LRU: Policy {
    private var order = Order()
    private let bytesMax: Int
    private let charges: [Int]

    init(bytesMax: Int, charges: [Int]) {
        self.bytesMax = bytesMax
        self.charges = charges
    }

    mutating func request(_ key: Int) -> Bool {
        if order.contains(key) {
            order.renew(key, charges[key])
            return true
        }
        order.append(key, charges[key])
        while order.bytes > bytesMax, let oldest = order.oldest {
            order.remove(oldest, charges[oldest])
        }
        return false
    }
}
