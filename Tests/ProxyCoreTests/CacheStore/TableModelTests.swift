import ProxyCore
import Testing

/// Random operations on a table and on a dictionary, which must agree after each.
@Suite("EvictingTable and a dictionary")
struct TableModelTests {
    private static let bytesMax = 24_000
    private static let entryBytesMax = 3_000

    @Test("agree after 100,000 operations", arguments: Spread.allCases)
    func agree(spread: Spread) {
        var run = Run(spread: spread, seed: 1, bytesMax: Self.bytesMax)
        for number in 0..<100_000 {
            run.step(number)
            let isSound =
                run.table.bytes == run.model.bytes && run.table.bytes <= run.table.bytesMax
                && run.table.count == run.model.entries.count
            guard isSound else {
                Issue.record("after operation \(number)")
                return
            }
            if number % 500 == 0 {
                guard run.model.agrees(with: run.table, spread) else {
                    Issue.record("entries differ after operation \(number)")
                    return
                }
            }
        }
        #expect(run.done.values.allSatisfy { $0 > 50 }, "\(run.done)")
    }

    /// A table, its model, and how often what was done.
    struct Run: ~Copyable {
        let spread: Spread
        var random: Seeded
        var table: EvictingTable<Int>
        var model = TableModel()
        var done: [String: Int] = [:]
        var evicted: [Evicted<Int>] = []
        var cursor = 0

        init(spread: Spread, seed: UInt64, bytesMax: Int) {
            self.spread = spread
            random = Seeded(seed: seed)
            table = EvictingTable(bytesMax: bytesMax, entryBytesMax: entryBytesMax)
        }

        mutating func key() -> [UInt8] {
            // Few keys are asked for often, many seldom.
            let number = Int.random(
                in: 0..<(Bool.random(using: &random) ? 30 : 600), using: &random)
            return Array("\(number)".utf8) + [UInt8](repeating: 1, count: number % 40)
        }

        mutating func step(_ number: Int) {
            evicted.removeAll(keepingCapacity: true)
            switch Int.random(in: 0..<1_000, using: &random) {
            case 0..<400: find()
            case 400..<800: insert(number)
            case 800..<900: resize()
            case 900..<960: remove()
            case 960..<990: scan()
            case 990..<995: bound()
            default: change(number)
            }
        }

        mutating func find() {
            let key = key()
            let slot = table.find(key.span, hash: spread.hash(key))
            #expect((slot != nil) == (model.entries[key] != nil))
            done[slot == nil ? "miss" : "hit", default: 0] += 1
        }

        mutating func insert(_ number: Int) {
            let key = key()
            let valueBytes = Int.random(in: 0..<1_000, using: &random) * (number % 20 == 0 ? 4 : 1)
            let before = model.entries[key]
            let slot = table.insert(
                key: key, hash: spread.hash(key), value: number, valueBytes: valueBytes,
                evicted: &evicted)
            model.apply(evicted)
            let replaced = evicted.filter { $0.reason == .replaced }
            guard let slot else {
                #expect(evicted.isEmpty)
                done["refused", default: 0] += 1
                return
            }
            #expect(replaced.map(\.value) == (before.map { [$0.value] } ?? []))
            #expect(replaced.map(\.bytes) == (before.map { [$0.bytes] } ?? []))
            #expect(table[slot] == number)
            model.set(key, number, valueBytes: valueBytes)
            done[before == nil ? "new" : "replaced", default: 0] += 1
        }

        mutating func resize() {
            let key = key()
            guard let slot = table.peek(key.span, hash: spread.hash(key)) else { return }
            let valueBytes = Int.random(in: 0..<3_500, using: &random)
            let stays = table.resize(slot, valueBytes: valueBytes, evicted: &evicted)
            model.apply(evicted)
            #expect(stays == !evicted.contains { $0.reason == .outgrown })
            if stays, let value = model.entries[key]?.value {
                model.set(key, value, valueBytes: valueBytes)
            }
            done[stays ? "resized" : "outgrown", default: 0] += 1
        }

        mutating func remove() {
            let key = key()
            guard let slot = table.peek(key.span, hash: spread.hash(key)) else { return }
            model.apply([table.remove(slot)])
            #expect(model.entries[key] == nil)
            done["removed", default: 0] += 1
        }

        mutating func scan() {
            cursor = table.scan(from: cursor, count: 10, evicted: &evicted) { _, value in
                value % 17 == 0 ? .remove : .keep
            }
            #expect(evicted.allSatisfy { $0.reason == .removed && $0.value % 17 == 0 })
            model.apply(evicted)
            done["scanned", default: 0] += 1
        }

        mutating func bound() {
            table.setBytesMax(Int.random(in: 5_000...bytesMax, using: &random), evicted: &evicted)
            model.apply(evicted)
            done["bounded", default: 0] += 1
        }

        mutating func change(_ number: Int) {
            let key = key()
            guard let slot = table.peek(key.span, hash: spread.hash(key)) else { return }
            table[slot] += 1
            model.entries[key]?.value += 1
            done["changed", default: 0] += 1
        }
    }
}
