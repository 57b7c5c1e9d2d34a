public import Time

/// The purges of the last 60 s, to be carried out again on every new master: replication is
/// asynchronous, and a failover may take the latest ones back.
///
/// Carrying one out twice does no harm. Bounded: more than `entriesMax` different ones become one purge of
/// everything.
public struct PurgeJournal<Entry: Hashable & Sendable>: Sendable {
    /// What a master has not been told yet.
    public struct Owed: Sendable, Equatable {
        /// Purges, oldest first.
        public let entries: [Entry]
        /// Everything is to be purged before them: there were too many to remember.
        public let isEverything: Bool
        let through: UInt64
    }

    private struct Item {
        let entry: Entry?
        let number: UInt64
        let at: Instant
        /// The latest generation whose master carried it out; 0 for none.
        var doneBy: UInt64 = 0
    }

    /// Purges that are remembered.
    public let entriesMax: Int
    /// For how long.
    public let keepNanoseconds: UInt64

    /// By number, and so by age.
    private var items: [Item] = []
    private var numbers: [Entry: UInt64] = [:]
    private var number: UInt64 = 0

    /// Remembers nothing yet.
    public init(entriesMax: Int = 4_096, keepNanoseconds: UInt64 = 60_000_000_000) {
        self.entriesMax = max(entriesMax, 1)
        self.keepNanoseconds = keepNanoseconds
    }

    /// Purges that are remembered now.
    public var count: Int { items.count }

    /// Writes a purge down, before it is sent: a master that dies over it cannot take it along.
    ///
    /// Returns its number, for `carriedOut`. The same purge again takes the place of the earlier one.
    public mutating func record(_ entry: Entry, at now: Instant) -> UInt64 {
        forget(now)
        number += 1
        if let earlier = numbers.updateValue(number, forKey: entry), let index = index(earlier) {
            items.remove(at: index)
        }
        if numbers.count > entriesMax {
            numbers.removeAll(keepingCapacity: true)
            items.removeAll(keepingCapacity: true)
            items.append(Item(entry: nil, number: number, at: now))
        } else {
            items.append(Item(entry: entry, number: number, at: now))
        }
        return number
    }

    /// What the master of this generation has not carried out; nil if nothing. To be asked for at every switch,
    /// and after a purge that failed.
    public func owed(to generation: UInt64, at now: Instant) -> Owed? {
        let owed = items.filter {
            $0.doneBy < generation && now.nanoseconds(since: $0.at) < keepNanoseconds
        }
        guard let last = owed.last else { return nil }
        return Owed(
            entries: owed.compactMap(\.entry), isEverything: owed.contains { $0.entry == nil },
            through: last.number)
    }

    /// The master of this generation carried out all of `owed`.
    public mutating func carriedOut(_ owed: Owed, by generation: UInt64) {
        for index in items.indices where items[index].number <= owed.through {
            items[index].doneBy = max(items[index].doneBy, generation)
        }
    }

    /// The master of this generation carried out the purge that `record` gave this number.
    public mutating func carriedOut(_ number: UInt64, by generation: UInt64) {
        guard let index = index(number) else { return }
        // Of a purge of everything it stands for others, too, that were not.
        if items[index].entry == nil { return }
        items[index].doneBy = max(items[index].doneBy, generation)
    }

    private func index(_ number: UInt64) -> Int? {
        var (low, high) = (0, items.count)
        while low < high {
            let middle = (low + high) / 2
            if items[middle].number < number { low = middle + 1 } else { high = middle }
        }
        return low < items.count && items[low].number == number ? low : nil
    }

    private mutating func forget(_ now: Instant) {
        let count =
            items.firstIndex { now.nanoseconds(since: $0.at) < keepNanoseconds } ?? items.count
        for item in items[..<count] {
            if let entry = item.entry { numbers.removeValue(forKey: entry) }
        }
        items.removeFirst(count)
    }
}
