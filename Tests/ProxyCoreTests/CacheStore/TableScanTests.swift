import ProxyCore
import Testing

@Suite("EvictingTable: scan")
struct TableScanTests {
    @Test("sees every entry once in steps of any size", arguments: [1, 3, 7, 100, 1_000, .max])
    func all(step: Int) {
        let shelf = Shelf(entries: 100)
        for number in 0..<80 { _ = shelf.put("\(number)", number) }
        var seen: [Int] = []
        var evicted: [Evicted<Int>] = []
        var cursor = 0
        var steps = 0
        repeat {
            cursor = shelf.table.scan(from: cursor, count: step, evicted: &evicted) { slot, value in
                seen.append(value)
                return .keep
            }
            steps += 1
        } while cursor != 0
        #expect(seen.sorted() == Array(0..<80))
        #expect(evicted.isEmpty && steps == (80 + min(step, 80) - 1) / min(step, 80))
    }

    @Test("takes out what it is told to, and may change the rest")
    func removes() {
        let shelf = Shelf(entries: 100)
        for number in 0..<80 { _ = shelf.put("\(number)", number) }
        var evicted: [Evicted<Int>] = []
        let end = shelf.table.scan(from: 0, count: 1_000, evicted: &evicted) { _, value in
            guard value.isMultiple(of: 2) else { return .remove }
            value += 1_000
            return .keep
        }
        #expect(end == 0)
        #expect(evicted.map(\.value).sorted() == Array(stride(from: 1, to: 80, by: 2)))
        #expect(evicted.allSatisfy { $0.reason == .removed })
        #expect(shelf.table.count == 40)
        #expect(shelf.use("4").map { shelf.table[$0] } == 1_004)
        #expect(!shelf.has("5"))
        var left = 0
        _ = shelf.table.scan(from: 0, count: 1_000, evicted: &evicted) { _, _ in
            left += 1
            return .keep
        }
        #expect(left == 40)
    }

    @Test("knows no cursor that is out of bounds", arguments: [-1, 0, 3, 500, .max])
    func cursors(cursor: Int) {
        let shelf = Shelf(entries: 100)
        _ = shelf.put("a")
        var evicted: [Evicted<Int>] = []
        for count in [-1, 0, 1, .max] {
            let next = shelf.table.scan(from: cursor, count: count, evicted: &evicted) { _, _ in
                .keep
            }
            #expect(next >= 0 && next <= 3)
        }
    }

    @Test("is not a use")
    func noUse() {
        let shelf = Shelf(entries: 100)
        _ = shelf.put("probe")
        var evicted: [Evicted<Int>] = []
        for _ in 0..<5 {
            _ = shelf.table.scan(from: 0, count: 10, evicted: &evicted) { _, _ in .keep }
        }
        shelf.flood(1_000)
        #expect(!shelf.has("probe"))
    }
}
