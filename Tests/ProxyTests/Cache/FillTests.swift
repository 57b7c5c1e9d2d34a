import HTTP1
import ProxyCore
import Support
import Testing

@testable import Proxy

extension FillBudget {
    /// Bytes that could be taken now: takes and gives back to find out.
    var free: Int {
        var (low, high) = (0, 1 << 30)
        while low < high {
            let middle = low + (high - low + 1) / 2
            if take(middle) {
                giveBack(middle)
                low = middle
            } else {
                high = middle - 1
            }
        }
        return low
    }
}

@Suite("Fill")
struct FillTests {
    private func fill(length: UInt64?, max: Int, _ budget: FillBudget) throws -> Fill {
        let (metadata, head) = try policy(["Cache-Control: max-age=60"], to: request())
        return Fill(metadata, head, length: length, bytesMax: max, budget)
    }

    private func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0) }
    }

    @Test("the budget is taken as a whole or not at all")
    func budget() {
        let budget = FillBudget(bytesMax: 10)
        #expect(budget.take(4) && budget.take(6))
        #expect(!budget.take(1))
        budget.giveBack(6)
        #expect(!budget.take(7) && budget.take(6) && budget.take(0))
        budget.giveBack(10)
        #expect(budget.free == 10)
    }

    @Test("an announced length is taken at once and exactly, and given back at the end")
    func announced() throws {
        let budget = FillBudget(bytesMax: 1000)
        do {
            let fill = try fill(length: 300, max: 500, budget)
            #expect(budget.free == 700)
            let content = bytes(300)
            for start in stride(from: 0, to: 300, by: 70) {
                fill.append(content.span.extracting(start..<min(300, start + 70)))
            }
            #expect(fill.body == content && !fill.isAbandoned)
            #expect(budget.free == 700)
        }
        #expect(budget.free == 1000)
    }

    @Test("without a length the budget follows the content, at most by as much again")
    func unannounced() throws {
        let budget = FillBudget(bytesMax: 10_000)
        do {
            let fill = try fill(length: nil, max: 5000, budget)
            #expect(budget.free == 10_000)
            var content: [UInt8] = []
            for count in [1, 10, 0, 500, 3, 700] {
                fill.append(bytes(count).span)
                content += bytes(count)
                let taken = 10_000 - budget.free
                #expect(content.count <= taken && taken <= 2 * content.count)
            }
            #expect(fill.body == content && !fill.isAbandoned)
        }
        #expect(budget.free == 10_000)
    }

    @Test(
        "the limit is the last byte that fits, announced or not",
        arguments: [nil, 100, 60] as [UInt64?])
    func limit(length: UInt64?) throws {
        let budget = FillBudget(bytesMax: 1000)
        let fill = try fill(length: length, max: 100, budget)
        fill.append(bytes(60).span)
        fill.append(bytes(1).span)
        fill.append(bytes(39).span)
        #expect(fill.body.count == 100 && !fill.isAbandoned)
        // Not more than may ever be needed.
        #expect(budget.free == 900)
        fill.append(bytes(0).span)
        #expect(!fill.isAbandoned)
        fill.append(bytes(1).span)
        #expect(fill.isAbandoned && fill.body.isEmpty)
    }

    @Test("more than the limit announced: nothing is taken for it")
    func announcedTooMuch() throws {
        let budget = FillBudget(bytesMax: 1000)
        for length in [101, UInt64(Int.max), UInt64.max] {
            let fill = try fill(length: length, max: 100, budget)
            #expect(budget.free == 1000)
            fill.append(bytes(101).span)
            #expect(fill.isAbandoned)
        }
    }

    @Test("what is abandoned holds on to nothing and takes nothing more")
    func abandoned() throws {
        let budget = FillBudget(bytesMax: 1000)
        do {
            let fill = try fill(length: nil, max: 100, budget)
            fill.append(bytes(80).span)
            fill.append(bytes(80).span)
            #expect(fill.isAbandoned && fill.body.isEmpty)
            #expect(budget.free == 1000)
            fill.append(bytes(1).span)
            #expect(fill.isAbandoned && fill.body.isEmpty)
            #expect(budget.free == 1000)
        }
        #expect(budget.free == 1000)
    }

    @Test("others' bytes are the limit too, to the last one that is left")
    func shared() throws {
        let budget = FillBudget(bytesMax: 100)
        let other = try fill(length: 30, max: 100, budget)
        let fill = try fill(length: nil, max: 100, budget)
        fill.append(bytes(60).span)
        fill.append(bytes(10).span)
        #expect(!fill.isAbandoned && fill.body.count == 70)
        #expect(budget.free == 0)
        fill.append(bytes(1).span)
        #expect(fill.isAbandoned)
        #expect(budget.free == 70)
        #expect(!other.isAbandoned)
    }

    @Test("an announced length that there is no room for is tried byte by byte")
    func announcedWithoutRoom() throws {
        let budget = FillBudget(bytesMax: 100)
        var other: Fill? = try fill(length: 80, max: 100, budget)
        let fill = try fill(length: 50, max: 100, budget)
        #expect(budget.free == 20 && !fill.isAbandoned)
        fill.append(bytes(20).span)
        other = nil
        fill.append(bytes(30).span)
        #expect(other == nil && !fill.isAbandoned && fill.body.count == 50)
    }

    @Test(
        "whatever comes, the budget is never exceeded and ends as it began",
        arguments: UInt64(0)..<20)
    func random(seed: UInt64) throws {
        var chance = Seeded(seed: seed)
        let budget = FillBudget(bytesMax: 4000)
        var fills: [Fill] = []
        for _ in 0..<400 {
            switch Int.random(in: 0..<10, using: &chance) {
            case 0...1:
                let length = UInt64.random(in: 0...3000, using: &chance)
                fills.append(try fill(length: length > 1500 ? nil : length, max: 1000, budget))
            case 2 where !fills.isEmpty:
                fills.remove(at: Int.random(in: fills.indices, using: &chance))
            default:
                guard let fill = fills.randomElement(using: &chance) else { continue }
                fill.append(bytes(Int.random(in: 0...300, using: &chance)).span)
            }
            #expect(fills.allSatisfy { $0.body.count <= 1000 })
            #expect(fills.reduce(0) { $0 + $1.body.count } <= 4000 - budget.free)
        }
        fills.removeAll()
        #expect(budget.free == 4000)
    }
}
