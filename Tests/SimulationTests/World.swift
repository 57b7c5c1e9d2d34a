import Time

/// SplitMix64 (Steele et al., "Fast splittable pseudorandom number generators", OOPSLA 2014).
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 0x1234_5678 }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// Nanoseconds of a number of milliseconds.
func ms(_ milliseconds: Int) -> UInt64 { UInt64(milliseconds) * 1_000_000 }

/// Simulated time, chance, and what is to happen when. Whatever happens, happens in `run`, one thing after
/// the other, and the same for the same seed.
final class World {
    private struct Due {
        let at: UInt64
        let order: UInt64
        let body: () -> Void

        func isBefore(_ other: Due) -> Bool {
            at != other.at ? at < other.at : order < other.order
        }
    }

    private(set) var time: UInt64 = ms(100_000)
    private var heap: [Due] = []
    private var order: UInt64 = 0
    private var random: SplitMix
    let isTracing: Bool
    private(set) var trace: [String] = []
    /// The first invariant that did not hold.
    private(set) var violation: String?

    init(seed: UInt64, isTracing: Bool) {
        random = SplitMix(seed: seed)
        self.isTracing = isTracing
    }

    var now: Instant { Instant(nanoseconds: time) }

    func note(_ text: @autoclosure () -> String) {
        if isTracing { trace.append("\(Double(time / 1_000) / 1_000) ms  \(text())") }
    }

    func violated(_ text: @autoclosure () -> String) {
        guard violation == nil else { return }
        let line = text()
        violation = "\(line) (at \(time / 1_000_000) ms)"
        note("VIOLATION \(line)")
    }

    func chance(_ bound: Int) -> Int { Int(random.next() % UInt64(max(bound, 1))) }

    func chance() -> UInt64 { random.next() }

    func between(_ low: Int, _ high: Int) -> Int { low + chance(high - low + 1) }

    func after(_ nanoseconds: UInt64, _ body: @escaping () -> Void) {
        at(time + nanoseconds, body)
    }

    func at(_ at: UInt64, _ body: @escaping () -> Void) {
        order += 1
        heap.append(Due(at: max(at, time), order: order, body: body))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            if heap[parent].isBefore(heap[child]) { break }
            heap.swapAt(parent, child)
            child = parent
        }
    }

    /// Lets time pass until then, or until an invariant does not hold.
    func run(until end: UInt64) {
        while violation == nil, let first = heap.first, first.at <= end {
            let last = heap.removeLast()
            if !heap.isEmpty {
                heap[0] = last
                siftDown()
            }
            time = first.at
            first.body()
        }
        time = max(time, end)
    }

    /// What was to happen does not: it holds those to whom it would have happened, and they hold the world.
    func end() { heap = [] }

    private func siftDown() {
        var parent = 0
        while true {
            var least = parent * 2 + 1
            guard least < heap.count else { return }
            if least + 1 < heap.count, heap[least + 1].isBefore(heap[least]) { least += 1 }
            if heap[parent].isBefore(heap[least]) { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
