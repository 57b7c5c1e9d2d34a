/// Finds slots by hash: an open table with linear probing, at most half full.
///
/// A removal moves later cells back instead of leaving a mark, so that the table never has to be
/// cleaned. No look-up reads more than `probesMax` cells: where so many lie side by side, a new entry
/// takes the place of one of them. With well-spread hashes this does not happen (less than once in
/// 10^10 insertions at half load); with hashes that somebody managed to choose, it costs entries, not time.
struct SlotIndex: Sendable {
    /// Part of an entry's hash, and where the entry is.
    struct Cell: Sendable {
        /// The upper half of the hash.
        var tag: UInt32
        /// 0 in a free cell.
        var slot: Int32
    }

    /// Cells that a look-up reads at most.
    static let probesMax = 128
    /// Memory of an entry, bytes, right after the table has doubled: four cells for each entry.
    static let bytesPerEntry = 4 * MemoryLayout<Cell>.stride

    private var cells = [Cell](repeating: Cell(tag: 0, slot: 0), count: 16)
    private(set) var count = 0

    @inline(__always)
    static func tag(of hash: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: hash &>> 32) }

    /// The first slot under `hash` that `matches`.
    @inline(__always)
    func first(_ hash: UInt64, where matches: (Int) -> Bool) -> Int? {
        let tag = Self.tag(of: hash)
        let mask = cells.count &- 1
        var position = Int(tag) & mask
        for _ in 0..<Self.probesMax {
            let cell = cells[position]
            if cell.slot == 0 { return nil }
            if cell.tag == tag, matches(Int(cell.slot)) { return Int(cell.slot) }
            position = (position &+ 1) & mask
        }
        return nil
    }

    /// Adds `slot` (not 0) under `hash`. Returns the slots that lost their place: as a rule none.
    mutating func insert(_ slot: Int, hash: UInt64) -> [Int] {
        var crowded: [Int] = []
        if count &* 2 >= cells.count { grow(&crowded) }
        place(Cell(tag: Self.tag(of: hash), slot: Int32(slot)), &crowded)
        return crowded
    }

    /// Takes out `slot`, which was added under `hash`.
    mutating func remove(_ slot: Int, hash: UInt64) {
        let mask = cells.count &- 1
        var hole = Int(Self.tag(of: hash)) & mask
        var probes = 0
        while cells[hole].slot != Int32(slot) {
            probes += 1
            precondition(probes < Self.probesMax, "slot \(slot) is not in the index")
            hole = (hole &+ 1) & mask
        }
        var next = (hole &+ 1) & mask
        while cells[next].slot != 0 {
            let home = Int(cells[next].tag) & mask
            // A cell may move back into the hole unless its home lies behind the hole.
            if (next &- home) & mask >= (next &- hole) & mask {
                cells[hole] = cells[next]
                hole = next
            }
            next = (next &+ 1) & mask
        }
        cells[hole] = Cell(tag: 0, slot: 0)
        count -= 1
    }

    private mutating func grow(_ crowded: inout [Int]) {
        let old = cells
        cells = [Cell](repeating: Cell(tag: 0, slot: 0), count: old.count * 2)
        count = 0
        for cell in old where cell.slot != 0 { place(cell, &crowded) }
    }

    private mutating func place(_ cell: Cell, _ crowded: inout [Int]) {
        let mask = cells.count &- 1
        var position = Int(cell.tag) & mask
        for probe in 1...Self.probesMax {
            if cells[position].slot == 0 {
                count += 1
                break
            }
            if probe == Self.probesMax {
                crowded.append(Int(cells[position].slot))
                break
            }
            position = (position &+ 1) & mask
        }
        cells[position] = cell
    }
}
