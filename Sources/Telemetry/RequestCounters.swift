/// The counters of `http_requests_total` for one route in one shard, found by method, code and
/// origin. Made when a combination first occurs; after that a look-up is a compare with the last
/// one, or a probe of a small table. Belongs to the thread of its shard.
public final class RequestCounters {
    @usableFromInline var table = CounterTable()
    private let shard: Shard
    private let route: String
    private let methods: [String]
    @usableFromInline let methodCount: Int

    /// The counters of `route`. `methods` are the label values of the method indices; an index
    /// beyond them counts as `_other`.
    public init(shard: Shard, route: String, methods: [String]) {
        self.shard = shard
        self.route = route
        self.methods = methods
        methodCount = min(methods.count, 255)
    }

    /// Counts a request. `code` outside of 100 to 599 counts as `_other`.
    @inlinable
    public func add(method: Int, code: Int, origin: Origin) {
        let known = (100...599).contains(code) ? UInt32(truncatingIfNeeded: code) : 0
        let verb = UInt32(truncatingIfNeeded: (0..<methodCount).contains(method) ? method : 255)
        let key = verb << 16 | known << 2 | UInt32(truncatingIfNeeded: origin.index)
        let position = table.find(key) ?? create(key, method, known, origin)
        table.counters[position].add()
    }

    @usableFromInline
    func create(_ key: UInt32, _ method: Int, _ code: UInt32, _ origin: Origin) -> Int {
        let verb = methods.indices.contains(method) ? methods[method] : Label.other
        let status = code == 0 ? Label.other : String(code)
        let counter = shard.counter(
            Catalogue.httpRequests, [route, verb, status, origin.rawValue])
        return table.insert(key, counter)
    }
}

/// The counters of a family whose last label is `code`, such as `upstream_requests_total`, found by
/// the code. Belongs to the thread of its shard.
public final class CodeCounters {
    @usableFromInline var table = CounterTable()
    private let shard: Shard
    private let family: Family
    private let labels: [String]

    /// The counters of `family`; `labels` are the values before the code.
    public init(shard: Shard, family: Family, labels: [String]) {
        self.shard = shard
        self.family = family
        self.labels = labels
    }

    /// Counts an answer. `code` outside of 100 to 599 counts as `_other`.
    @inlinable
    public func add(code: Int) {
        let key = (100...599).contains(code) ? UInt32(truncatingIfNeeded: code) : 0
        let position = table.find(key) ?? create(key)
        table.counters[position].add()
    }

    @usableFromInline
    func create(_ key: UInt32) -> Int {
        let counter = shard.counter(family, labels + [key == 0 ? Label.other : String(key)])
        return table.insert(key, counter)
    }
}

/// Counters by a number: open addressing with linear probing, at most half full. A look-up gives a
/// position instead of a counter, since handing out an object costs more than finding it.
@usableFromInline
struct CounterTable {
    // Far above every key: methods end at 255.
    @usableFromInline static let empty = UInt32.max

    @usableFromInline var keys: [UInt32]
    @usableFromInline var positions: [Int]
    @usableFromInline var counters: [Counter] = []
    @usableFromInline var lastKey = Self.empty
    @usableFromInline var lastPosition = 0

    @usableFromInline
    init() {
        keys = Array(repeating: Self.empty, count: 16)
        positions = Array(repeating: 0, count: 16)
    }

    /// The position of `key` in `counters`, `nil` if there is none yet.
    @inlinable
    mutating func find(_ key: UInt32) -> Int? {
        if key == lastKey { return lastPosition }
        let slot = slot(of: key)
        guard keys[slot] == key else { return nil }
        lastKey = key
        lastPosition = positions[slot]
        return lastPosition
    }

    /// The position of the added counter.
    @usableFromInline
    mutating func insert(_ key: UInt32, _ counter: Counter) -> Int {
        if (counters.count + 1) * 2 > keys.count { grow() }
        let slot = slot(of: key)
        keys[slot] = key
        positions[slot] = counters.count
        counters.append(counter)
        return positions[slot]
    }

    /// Where `key` is, or the empty slot it belongs into.
    @inlinable
    func slot(of key: UInt32) -> Int {
        let mask = keys.count &- 1
        // Fibonacci hashing: the keys differ in a few low and a few high bits.
        var slot = Int(truncatingIfNeeded: (key &* 0x9e37_79b9) >> 16) & mask
        while keys[slot] != key, keys[slot] != Self.empty { slot = (slot &+ 1) & mask }
        return slot
    }

    private mutating func grow() {
        let old = zip(keys, positions)
        let size = keys.count * 2
        keys = Array(repeating: Self.empty, count: size)
        positions = Array(repeating: 0, count: size)
        for (key, position) in old where key != Self.empty {
            let slot = slot(of: key)
            keys[slot] = key
            positions[slot] = position
        }
    }
}
