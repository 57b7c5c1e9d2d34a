import ProxyCore
import Testing

@Suite("EvictingTable: entries")
struct EvictingTableTests {
    @Test("an entry is charged with its key, its value and the overhead")
    func charge() throws {
        let shelf = Shelf(bytesMax: 10_000)
        _ = shelf.put("abcd", valueBytes: 100)
        let slot = try #require(shelf.use("abcd"))
        #expect(shelf.table.bytes == 104 + EvictingTable<Int>.overheadBytes)
        #expect(shelf.table.bytes(of: slot) == shelf.table.bytes)
        // A node, four cells of the index and two of the ghosts, and what comes before an array.
        #expect(EvictingTable<Int>.overheadBytes == 56 + 4 * 8 + 2 * 8 + 32)
        let gone = shelf.table.remove(slot)
        #expect(gone.bytes == 104 + EvictingTable<Int>.overheadBytes && gone.reason == .removed)
        #expect(shelf.table.bytes == 0 && shelf.table.count == 0 && !shelf.has("abcd"))
    }

    @Test("what is larger than a bound is refused, and changes nothing")
    func refused() {
        let shelf = Shelf(bytesMax: 10_000, entryBytesMax: 1_000)
        _ = shelf.put("a", 1)
        var evicted: [Evicted<Int>] = []
        for valueBytes in [1_000, 10_000, .max] {
            for key in ["a", "b"].map({ Array($0.utf8) }) {
                let slot = shelf.table.insert(
                    key: key, hash: Spread.good.hash(key), value: 2, valueBytes: valueBytes,
                    evicted: &evicted)
                #expect(slot == nil)
            }
        }
        #expect(evicted.isEmpty && shelf.table.count == 1)
        #expect(shelf.use("a").map { shelf.table[$0] } == 1)
        let largest = 1_000 - 1 - EvictingTable<Int>.overheadBytes
        #expect(shelf.put("c", valueBytes: largest).isEmpty)
    }

    @Test("a bound of nothing holds nothing", arguments: [0, -1, .min])
    func nothing(bytesMax: Int) {
        var table = EvictingTable<Int>(bytesMax: bytesMax)
        var evicted: [Evicted<Int>] = []
        let slot = table.insert(key: [], hash: 0, value: 1, valueBytes: 0, evicted: &evicted)
        #expect(slot == nil && evicted.isEmpty)
    }

    @Test("a new value takes the old one's slot, and the old one is handed out")
    func replaced() throws {
        let shelf = Shelf(bytesMax: 10_000)
        _ = shelf.put("a", 1, valueBytes: 10)
        let slot = try #require(shelf.use("a"))
        let evicted = shelf.put("a", 2, valueBytes: 20)
        #expect(evicted.map(\.value) == [1] && evicted.map(\.reason) == [.replaced])
        #expect(evicted.map(\.bytes) == [11 + EvictingTable<Int>.overheadBytes])
        #expect(shelf.use("a") == slot && shelf.table[slot] == 2)
        #expect(shelf.table.bytes == 21 + EvictingTable<Int>.overheadBytes)
    }

    @Test("a value is changed in place, without a copy")
    func inPlace() throws {
        final class Held {}
        struct Value {
            var held = Held()
            var numbers = [1]
        }
        var table = EvictingTable<Value>(bytesMax: 10_000)
        var evicted: [Evicted<Value>] = []
        let slot = try #require(
            table.insert(key: [1], hash: 1, value: Value(), valueBytes: 1, evicted: &evicted))
        table[slot].numbers.append(2)
        #expect(table[slot].numbers == [1, 2])
        #expect(isKnownUniquelyReferenced(&table[slot].held))
        _ = table.scan(from: 0, count: 10, evicted: &evicted) { _, value in
            #expect(isKnownUniquelyReferenced(&value.held))
            return .keep
        }
    }

    @Test("values are let go of")
    func released() throws {
        final class Held {}
        var table = EvictingTable<Held>(bytesMax: 2_000)
        var watched: [() -> Held?] = []
        for number in 0..<100 {
            let held = Held()
            watched.append { [weak held] in held }
            var evicted: [Evicted<Held>] = []
            let key = [UInt8(number)]
            _ = table.insert(
                key: key, hash: UInt64(number) << 32, value: held, valueBytes: 1, evicted: &evicted)
        }
        #expect(watched.count { $0() != nil } == table.count)
        #expect(table.count > 5 && table.count < 20)
    }

    @Test("keys are told apart under one hash", arguments: Spread.allCases)
    func collisions(spread: Spread) {
        var table = EvictingTable<Int>(bytesMax: 1 << 20)
        var evicted: [Evicted<Int>] = []
        for length in 0..<60 {
            for last in [0, 1] as [UInt8] {
                let key = [UInt8](repeating: 7, count: length) + [last]
                let slot = table.insert(
                    key: key, hash: spread.hash(key), value: length * 2 + Int(last), valueBytes: 1,
                    evicted: &evicted)
                #expect(slot != nil)
            }
        }
        for length in 0..<60 {
            for last in [0, 1, 2] as [UInt8] {
                let key = [UInt8](repeating: 7, count: length) + [last]
                let found = table.peek(key.span, hash: spread.hash(key)).map { table[$0] }
                #expect(found == (last == 2 ? nil : length * 2 + Int(last)))
            }
        }
        #expect(evicted.isEmpty)
    }

    @Test("equal hashes without end cost entries, not time")
    func crowded() {
        var table = EvictingTable<Int>(bytesMax: 1 << 20)
        var evicted: [Evicted<Int>] = []
        for number in 0..<1_000 {
            let key = Array("\(number)".utf8)
            let slot = table.insert(
                key: key, hash: 0, value: number, valueBytes: 1, evicted: &evicted)
            #expect(slot.map { table[$0] } == number)
        }
        #expect(table.count == 128)
        #expect(evicted.count == 1_000 - 128)
        #expect(evicted.allSatisfy { $0.reason == .crowded })
        #expect(Set(evicted.map(\.value)).count == evicted.count)
        for entry in evicted {
            #expect(table.peek(entry.key.span, hash: 0) == nil)
        }
    }

    @Test("a grown entry stays, and others go")
    func grown() throws {
        let shelf = Shelf(entries: 10, keyBytes: 1)
        for key in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"] { _ = shelf.put(key) }
        let slot = try #require(shelf.use("a"))
        var evicted: [Evicted<Int>] = []
        let wasKept = shelf.table.resize(slot, valueBytes: 150, evicted: &evicted)
        #expect(wasKept && shelf.has("a"))
        #expect(evicted.map(\.key) == [Array("b".utf8)] && evicted.map(\.reason) == [.capacity])
        // All of the table, exactly: it is the only one left.
        let all = shelf.table.bytesMax - 1 - EvictingTable<Int>.overheadBytes
        let fits = shelf.table.resize(slot, valueBytes: all, evicted: &evicted)
        #expect(
            fits && shelf.table.count == 1 && evicted.count == 9
                && shelf.table.bytes == shelf.table.bytesMax)
    }

    @Test("an entry that outgrows the bound goes itself")
    func outgrown() throws {
        let shelf = Shelf(bytesMax: 10_000, entryBytesMax: 1_000)
        _ = shelf.put("a", 1)
        _ = shelf.put("b", 2)
        let slot = try #require(shelf.use("a"))
        var evicted: [Evicted<Int>] = []
        let wasKept = shelf.table.resize(slot, valueBytes: 1_000, evicted: &evicted)
        #expect(!wasKept && !shelf.has("a") && shelf.has("b"))
        #expect(evicted.map(\.value) == [1] && evicted.map(\.reason) == [.outgrown])
        #expect(evicted.map(\.bytes) == [101 + EvictingTable<Int>.overheadBytes])
    }

    @Test("a lower bound holds at once, and a higher one gives room")
    func bound() {
        let shelf = Shelf(entries: 100)
        shelf.flood(100, "a")
        #expect(shelf.table.count > 90)
        var evicted: [Evicted<Int>] = []
        let before = shelf.table.count
        shelf.table.setBytesMax(shelf.table.bytesMax / 4, evicted: &evicted)
        #expect(
            shelf.table.bytes <= shelf.table.bytesMax && shelf.table.count + evicted.count == before
        )
        #expect(shelf.table.count > 20)
        evicted = []
        shelf.table.setBytesMax(0, evicted: &evicted)
        #expect(shelf.table.count == 0 && shelf.table.bytes == 0 && evicted.count > 20)
        shelf.table.setBytesMax(10_000, evicted: &evicted)
        _ = shelf.put("b")
        #expect(shelf.has("b"))
    }
}
