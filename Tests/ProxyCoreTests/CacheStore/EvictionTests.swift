import ProxyCore
import Testing

/// S3-FIFO: who stays.
@Suite("EvictingTable: eviction")
struct EvictionTests {
    @Test("a set in use survives a scan ten times the capacity")
    func scan() {
        let shelf = Shelf(entries: 1_000)
        let hot = (0..<500).map { "hot-\($0)" }
        for key in hot {
            _ = shelf.put(key)
            _ = shelf.use(key, times: 2)
        }
        shelf.flood(10_000)
        // One call moves 256 entries to main at most, and then takes the next one.
        let left = hot.count { shelf.has($0) }
        #expect(left >= hot.count - 2)
    }

    @Test("used twice on probation is in, used once is out", arguments: [0, 1, 2, 3, 10])
    func probation(uses: Int) {
        let shelf = Shelf(entries: 100)
        _ = shelf.put("probe")
        _ = shelf.use("probe", times: uses)
        shelf.flood(1_000)
        #expect(shelf.has("probe") == (uses >= 2))
    }

    @Test("a look that is no use does not count")
    func peek() {
        let shelf = Shelf(entries: 100)
        _ = shelf.put("probe")
        for _ in 0..<10 { #expect(shelf.has("probe")) }
        shelf.flood(1_000)
        #expect(!shelf.has("probe"))
    }

    @Test("what comes back soon after it went is in")
    func ghost() {
        let shelf = Shelf(entries: 100)
        _ = shelf.put("back")
        shelf.flood(120, "a")
        #expect(!shelf.has("back"))
        _ = shelf.put("back")
        _ = shelf.put("new")
        shelf.flood(1_000, "b")
        #expect(shelf.has("back") && !shelf.has("new"))
    }

    @Test("a ghost counts once")
    func ghostOnce() throws {
        let shelf = Shelf(entries: 100)
        _ = shelf.put("back")
        shelf.flood(120, "a")
        _ = shelf.put("back")
        _ = shelf.table.remove(try #require(shelf.use("back")))
        _ = shelf.put("back")
        shelf.flood(1_000, "b")
        #expect(!shelf.has("back"))
    }

    @Test("what comes back late is new")
    func lateGhost() {
        let shelf = Shelf(entries: 100)
        _ = shelf.put("back")
        shelf.flood(400, "a")
        _ = shelf.put("back")
        shelf.flood(1_000, "b")
        #expect(!shelf.has("back"))
    }

    @Test("what was taken out leaves no ghost")
    func removed() throws {
        let shelf = Shelf(entries: 100)
        _ = shelf.put("back")
        _ = shelf.table.remove(try #require(shelf.use("back")))
        _ = shelf.put("back")
        shelf.flood(1_000)
        #expect(!shelf.has("back"))
    }

    @Test("main evicts in the order of entry, with another round for each use")
    func rounds() {
        let shelf = Shelf(entries: 20, keyBytes: 3)
        func put(_ number: Int, uses: Int) -> [String] {
            let evicted = shelf.put("\(100 + number)")
            _ = shelf.use("\(100 + number)", times: uses)
            return evicted.map { String(decoding: $0.key.dropFirst(), as: UTF8.self) }
        }
        // What was used on probation does not count in main.
        for number in 0..<20 { #expect(put(number, uses: number == 0 ? 3 : 2) == []) }
        #expect(put(20, uses: 2) == ["00"])
        _ = shelf.use("101")
        #expect(put(21, uses: 2) == ["02"])
        #expect(put(22, uses: 2) == ["03"])
        let later = (23..<40).flatMap { put($0, uses: 2) }
        #expect(later.first == "04" && later.last == "19")
        #expect(later.firstIndex(of: "01") == later.firstIndex(of: "18").map { $0 + 1 })
    }

    @Test("one call moves 256 entries on, and then takes the next")
    func bounded() {
        let shelf = Shelf(entries: 1_000, keyBytes: 4)
        for number in 1_000..<2_000 {
            #expect(shelf.put("\(number)").isEmpty)
            _ = shelf.use("\(number)", times: 2)
        }
        #expect(shelf.put("2000").map(\.key) == [Array("1256".utf8)])
    }

    @Test("slots are used again")
    func slots() {
        let shelf = Shelf(entries: 100)
        var highest = 0
        for number in 0..<10_000 {
            _ = shelf.put("key-\(number)")
            highest = max(highest, shelf.use("key-\(number)") ?? 0)
        }
        #expect(highest < 120)
    }

    @Test("used entries alone do not keep a new one out")
    func allUsed() {
        let shelf = Shelf(entries: 1_000)
        for number in 0..<990 {
            _ = shelf.put("old-\(number)")
            _ = shelf.use("old-\(number)", times: 3)
        }
        for number in 0..<50 {
            let evicted = shelf.put("new-\(number)")
            #expect(shelf.has("new-\(number)") && evicted.count <= 2)
        }
    }

    @Test("one that replaces keeps its place in main")
    func replaced() {
        let shelf = Shelf(entries: 100)
        _ = shelf.put("a")
        _ = shelf.use("a", times: 2)
        shelf.flood(200)
        #expect(shelf.put("a", 1).map(\.reason) == [.replaced])
        shelf.flood(1_000)
        #expect(shelf.has("a"))
    }

    @Test("one large entry pushes out as many as it needs")
    func large() {
        let shelf = Shelf(entries: 100)
        shelf.flood(200)
        let evicted = shelf.put("large", 7, valueBytes: shelf.table.bytesMax / 2)
        #expect(evicted.count > 45 && evicted.count < 60)
        #expect(evicted.allSatisfy { $0.reason == .capacity })
        #expect(shelf.has("large") && shelf.table.bytes <= shelf.table.bytesMax)
    }
}
