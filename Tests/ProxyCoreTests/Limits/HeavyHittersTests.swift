import ProxyCore
import Testing

@Suite("Heavy hitters")
struct HeavyHittersTests {
    private static func add(_ sketch: inout HeavyHitters, _ text: String, times: Int = 1) {
        let key = Array(text.utf8)
        for _ in 0..<times { sketch.add(key.span, hash: stableHash(key.span)) }
    }

    @Test("few keys are counted exactly")
    func exact() {
        var sketch = HeavyHitters(countersMax: 8)
        for number in 1...8 { Self.add(&sketch, "k\(number)", times: number) }
        let items = HeavyHitters.merged([sketch], count: 3)
        #expect(items.map { String(decoding: $0.key, as: UTF8.self) } == ["k8", "k7", "k6"])
        #expect(items.map(\.count) == [8, 7, 6] && items.allSatisfy { $0.error == 0 })
        #expect(sketch.events == 36)
    }

    @Test("bounds hold against exact counts", arguments: 1...8 as ClosedRange<UInt64>)
    func bounds(seed: UInt64) {
        var chance = Seeded(seed: seed)
        let counters = 32
        var sketch = HeavyHitters(countersMax: counters)
        var exact: [String: UInt64] = [:]
        for _ in 0..<20_000 {
            // A few frequent keys, and a long tail.
            let number = chance.next() % 4 == 0 ? chance.next() % 4 : chance.next() % 5_000
            Self.add(&sketch, "k\(number)")
            exact["k\(number)", default: 0] += 1
        }
        let items = sketch.items
        #expect(items.count == counters && Set(items.map(\.key)).count == counters)
        for item in items {
            let real = exact[String(decoding: item.key, as: UTF8.self)] ?? 0
            #expect(item.count >= real && item.count - item.error <= real)
        }
        #expect(items.reduce(0) { $0 + $1.count } == 20_000)
        let shown = Set(items.map { String(decoding: $0.key, as: UTF8.self) })
        for (key, count) in exact where count > 20_000 / UInt64(counters) {
            #expect(shown.contains(key))
        }
    }

    @Test("sketches of several workers are added up; long keys are cut")
    func merged() {
        var one = HeavyHitters(countersMax: 4)
        var other = HeavyHitters(countersMax: 4)
        Self.add(&one, "a", times: 3)
        Self.add(&one, "b", times: 2)
        Self.add(&other, "b", times: 2)
        Self.add(&other, String(repeating: "x", count: 1_000))
        let items = HeavyHitters.merged([one, other], count: 10)
        #expect(items.map(\.count) == [4, 3, 1])
        #expect(items.last?.key.count == HeavyHitters.keyBytesMax)
        #expect(HeavyHitters.merged([], count: 3).isEmpty)
    }
}
