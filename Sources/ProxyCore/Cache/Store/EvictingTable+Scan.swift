/// What becomes of an entry that a scan has looked at.
public enum ScanVerdict: Sendable {
    /// It stays.
    case keep
    /// It is taken out.
    case remove
}

extension EvictingTable {
    /// Shows `body` the entries in at most `count` slots from `cursor` on, 0 being the start, and returns
    /// where to go on; 0 once the end was reached. Does not count as a use.
    ///
    /// Over several calls every entry that was there all the time is seen, no matter what else came and
    /// went; one that came or was replaced meanwhile may be missed or be seen twice.
    public mutating func scan(
        from cursor: Int, count: Int, evicted: inout [Evicted<Value>],
        _ body: (_ slot: Int, inout Value) -> ScanVerdict
    ) -> Int {
        var slot = max(cursor, Int(Queue.main.rawValue) + 1)
        let end = slot + min(max(count, 0), max(nodes.count - slot, 0))
        while slot < end {
            // A free node is charged with nothing; no entry is.
            if nodes[slot].bytes > 0, body(slot, &self[slot]) == .remove {
                evicted.append(evict(slot, .removed))
            }
            slot += 1
        }
        return slot < nodes.count ? slot : 0
    }
}
