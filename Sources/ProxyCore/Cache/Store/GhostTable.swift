/// Remembers the hashes of what was evicted lately without having been used.
///
/// A fixed number of cells in sets of eight (one cache line); a full set forgets its oldest. Nothing is
/// ever moved or swept: a cell counts for nothing once more than `count` others came after it.
struct GhostTable: Sendable {
    /// One remembered hash.
    struct Cell: Sendable {
        /// The upper half of the hash.
        var tag: UInt32
        /// The number of the eviction, counted from 1 and wrapping; 0 in a cell never used.
        var stamp: UInt32
    }

    /// Memory of an entry, bytes, right after the table has doubled: two cells for each entry.
    static let bytesPerEntry = 2 * MemoryLayout<Cell>.stride
    private static let ways = 8

    private var cells: [Cell] = []
    private var stamp: UInt32 = 0

    /// Remembers `hash`, in a table fit for `count` hashes.
    mutating func insert(_ hash: UInt64, count: Int) {
        if cells.count < count || cells.isEmpty { grow(to: count) }
        stamp = stamp == .max ? 1 : stamp &+ 1
        place(Cell(tag: SlotIndex.tag(of: hash), stamp: stamp))
    }

    /// Whether `hash` is among the last `count` that were remembered; it is forgotten at that.
    mutating func remove(_ hash: UInt64, count: Int) -> Bool {
        guard !cells.isEmpty else { return false }
        let tag = SlotIndex.tag(of: hash)
        let start = set(of: tag)
        for position in start..<(start &+ Self.ways) {
            let cell = cells[position]
            if cell.tag == tag, cell.stamp != 0 {
                cells[position] = Cell(tag: 0, stamp: 0)
                return age(cell) < UInt32(clamping: count)
            }
        }
        return false
    }

    private func age(_ cell: Cell) -> UInt32 { cell.stamp == 0 ? .max : stamp &- cell.stamp }

    private func set(of tag: UInt32) -> Int {
        Int(tag) & (cells.count &- 1) & ~(Self.ways &- 1)
    }

    private mutating func place(_ cell: Cell) {
        let start = set(of: cell.tag)
        var oldest = start
        for position in start..<(start &+ Self.ways) {
            if cells[position].tag == cell.tag, cells[position].stamp != 0 {
                oldest = position
                break
            }
            if age(cells[position]) > age(cells[oldest]) { oldest = position }
        }
        cells[oldest] = cell
    }

    private mutating func grow(to count: Int) {
        let old = cells
        var size = max(cells.count, Self.ways * 2)
        while size < count { size *= 2 }
        cells = [Cell](repeating: Cell(tag: 0, stamp: 0), count: size)
        for cell in old where cell.stamp != 0 { place(cell) }
    }
}
