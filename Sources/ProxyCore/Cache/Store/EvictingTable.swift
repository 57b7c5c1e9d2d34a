/// One shard of a cache in memory: values by key, bounded by bytes, which resists scans.
///
/// Who stays is decided by S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction",
/// SOSP 2023): a new entry goes into a *small* queue with a tenth of the bytes. One that was used more
/// than once by the time it reaches the end moves to the *main* queue; the others go, and only
/// their hashes are kept for a while (`GhostTable`): what comes back that soon goes straight to main. In
/// main an entry gets another round for each use, up to three. A hit moves nothing: it counts.
///
/// The caller hashes, with `seededHash`; the table uses the upper 32 bits, so that shards can be chosen by
/// lower ones. Nothing here locks. A slot is good until the next call that may take entries out; those have
/// an `evicted` parameter or say so. What they let go of is appended to `evicted`, each value once, for
/// the caller to drop when the lock is open again.
///
/// Charged for an entry: its key, its value as told by the caller, and `overheadBytes`.
public struct EvictingTable<Value>: ~Copyable {
    /// An entry, or a free place for one, or the end of a queue.
    struct Node {
        var value: Value?
        var key: [UInt8] = []
        var hash: UInt64 = 0
        var bytes = 0
        /// The next older entry of the queue; in a free node the next free one.
        var older: Int32 = 0
        var newer: Int32 = 0
        var queue = Queue.small
        /// Uses since it entered its queue, at most `usesMax`.
        var uses: UInt8 = 0
    }

    /// A queue, numbered by the node that closes it to a ring: `older` of that is the newest entry.
    enum Queue: Int32 {
        /// Entries on probation.
        case small = 0
        /// Entries that were used again.
        case main = 1
    }

    /// What one entry costs beside its key and value, bytes: node, index and ghost cells, and the
    /// 32 bytes before the elements of an array.
    public static var overheadBytes: Int {
        MemoryLayout<Node>.stride + SlotIndex.bytesPerEntry + GhostTable.bytesPerEntry + 32
    }

    /// The bound of `bytes`.
    public internal(set) var bytesMax: Int
    /// What a single entry may be charged with.
    public let entryBytesMax: Int
    /// What all entries are charged with.
    public internal(set) var bytes = 0
    /// Number of entries.
    public var count: Int { index.count }

    var index = SlotIndex()
    var ghosts = GhostTable()
    var nodes: [Node]
    /// What the entries of the small queue are charged with.
    var smallBytes = 0
    /// The first free node, 0 if there is none.
    var free: Int32 = 0

    /// An empty table. `bytesMax` is cut to 64 GiB, which keeps slots within 31 bits.
    public init(bytesMax: Int, entryBytesMax: Int = .max) {
        self.bytesMax = Self.clamped(bytesMax)
        self.entryBytesMax = Self.clamped(entryBytesMax)
        var main = Node()
        main.older = Queue.main.rawValue
        main.newer = Queue.main.rawValue
        nodes = [Node(), main]
    }

    static func clamped(_ bytes: Int) -> Int { min(max(bytes, 0), 64 << 30) }

    /// The slot of `key`. Counts as a use.
    public mutating func find(_ key: Span<UInt8>, hash: UInt64) -> Int? {
        guard let slot = peek(key, hash: hash) else { return nil }
        // Most hits find the counter full and write nothing.
        if nodes[slot].uses < Self.usesMax { nodes[slot].uses &+= 1 }
        return slot
    }

    /// The slot of `key`. Does not count as a use.
    public func peek(_ key: Span<UInt8>, hash: UInt64) -> Int? {
        index.first(hash) { slot in
            nodes[slot].hash == hash && key.isEqual(to: nodes[slot].key)
        }
    }

    /// The value in `slot`.
    public subscript(slot: Int) -> Value {
        _read {
            guard let value = nodes[slot].value else { preconditionFailure("slot \(slot) is free") }
            yield value
        }
        _modify {
            // Moved out and in again: a value is never copied for being changed.
            guard var value = nodes[slot].value.take() else {
                preconditionFailure("slot \(slot) is free")
            }
            defer { nodes[slot].value = value }
            yield &value
        }
    }

    /// The key in `slot`.
    public func key(of slot: Int) -> [UInt8] { nodes[slot].key }

    /// The hash of the key in `slot`.
    public func hash(of slot: Int) -> UInt64 { nodes[slot].hash }

    /// What the entry in `slot` is charged with.
    public func bytes(of slot: Int) -> Int { nodes[slot].bytes }

    /// Stores `value`, in the place of an earlier one for the same key, and returns its slot; nil, and
    /// nothing is changed, if the entry would be larger than `entryBytesMax` or the table.
    public mutating func insert(
        key: [UInt8], hash: UInt64, value: consuming Value, valueBytes: Int,
        evicted: inout [Evicted<Value>]
    ) -> Int? {
        guard let bytes = charge(keyBytes: key.count, valueBytes: valueBytes) else { return nil }
        if let slot = peek(key.span, hash: hash) {
            evicted.append(
                Evicted(
                    value: exchange(slot, value), key: nodes[slot].key, bytes: nodes[slot].bytes,
                    reason: .replaced))
            recharge(slot, bytes, &evicted)
            return slot
        }
        let isKnown = ghosts.remove(hash, count: count)
        makeRoom(for: bytes, &evicted)
        let slot = allocate()
        nodes[slot].value = value
        nodes[slot].key = key
        nodes[slot].hash = hash
        nodes[slot].bytes = bytes
        self.bytes += bytes
        link(slot, isKnown ? .main : .small)
        for crowded in index.insert(slot, hash: hash) {
            evicted.append(takeOut(crowded, .crowded))
        }
        return slot
    }

    /// Takes note that the value in `slot` has another size now. Others may go for it. False, and the
    /// entry itself is gone, if it has become too large.
    public mutating func resize(
        _ slot: Int, valueBytes: Int, evicted: inout [Evicted<Value>]
    ) -> Bool {
        guard let bytes = charge(keyBytes: nodes[slot].key.count, valueBytes: valueBytes) else {
            evicted.append(evict(slot, .outgrown))
            return false
        }
        recharge(slot, bytes, &evicted)
        return true
    }

    /// Takes the entry in `slot` out.
    public mutating func remove(_ slot: Int) -> Evicted<Value> {
        evict(slot, .removed)
    }

    /// Sets the bound; entries go until it holds.
    public mutating func setBytesMax(_ bytesMax: Int, evicted: inout [Evicted<Value>]) {
        self.bytesMax = Self.clamped(bytesMax)
        makeRoom(for: 0, &evicted)
    }

    private func charge(keyBytes: Int, valueBytes: Int) -> Int? {
        let limit = min(bytesMax, entryBytesMax)
        guard keyBytes <= limit, valueBytes <= limit else { return nil }
        let bytes = keyBytes + max(valueBytes, 0) + Self.overheadBytes
        return bytes <= limit ? bytes : nil
    }

    private mutating func exchange(_ slot: Int, _ value: consuming Value) -> Value {
        swap(&self[slot], &value)
        return value
    }
}

extension EvictingTable: Sendable where Value: Sendable {}
extension EvictingTable.Node: Sendable where Value: Sendable {}
