import ProxyCore
import Testing
import Time

private let second: UInt64 = 1_000_000_000
private let zero = Instant(nanoseconds: 1_000 * second)

@Suite("Retries: budget and pause")
struct RetryBudgetTests {
    /// Calls within one window, and the retries they allow.
    static let table: [Row<Int, Int>] = [
        Row(0, 30), Row(9, 30), Row(10, 31), Row(100, 40), Row(1_000, 130),
    ]

    @Test("a tenth of the calls and three a second", arguments: table)
    func most(_ row: Row<Int, Int>) {
        var budget = RetryBudget()
        for _ in 0..<row.input { budget.countCall(at: zero) }
        #expect(budget.left(at: zero) == row.output)
        var taken = 0
        while budget.take(at: zero) { taken += 1 }
        #expect(taken == row.output)
    }

    @Test("what was taken comes back when the window has passed it")
    func returns() {
        var budget = RetryBudget()
        while budget.take(at: zero) {}
        #expect(budget.take(at: zero.advanced(byNanoseconds: 9 * second)) == false)
        #expect(budget.take(at: zero.advanced(byNanoseconds: 10 * second)) == true)
    }

    @Test("without a budget there are no retries")
    func none() {
        var settings = RetryBudgetSettings()
        settings.perSecond = 0
        var budget = RetryBudget(settings)
        #expect(budget.take(at: zero) == false)
        for _ in 0..<10 { budget.countCall(at: zero) }
        #expect(budget.take(at: zero) == true)
        #expect(budget.take(at: zero) == false)
    }

    @Test("any history stays within a tenth and three a second", arguments: 0..<50 as Range<UInt64>)
    func model(seed: UInt64) {
        var random = Seeded(seed: seed)
        var budget = RetryBudget()
        var now = zero
        var (calls, retries) = (0, 0)
        for _ in 0..<5_000 {
            now = now.advanced(byNanoseconds: UInt64.random(in: 0..<20_000_000, using: &random))
            budget.countCall(at: now)
            calls += 1
            if Bool.random(using: &random), budget.take(at: now) { retries += 1 }
        }
        let seconds = Double(now.nanoseconds(since: zero)) / 1e9
        // One window's worth more at the edges.
        #expect(Double(retries) <= Double(calls) / 10 + 3 * (seconds + 10) + 1)
    }

    @Test("pauses are spread over their range")
    func pause() {
        let pause = RetryPause()
        #expect(pause.nanoseconds(chance: 0) == 20_000_000)
        #expect(pause.nanoseconds(chance: 1 << 63) == 60_000_000)
        #expect((99_000_000...100_000_000).contains(pause.nanoseconds(chance: .max)))
        var turned = RetryPause()
        turned.nanosecondsMax = 0
        #expect(turned.nanoseconds(chance: .max) == 20_000_000)
    }
}

@Suite("Pacing by a known quota")
struct PacerTests {
    @Test("without a quota nobody waits")
    func none() {
        var pacer = Pacer()
        for _ in 0..<100 { #expect(pacer.take(at: zero, waitNanosecondsMax: 0) == 0) }
    }

    @Test("evenly spread, a turn for each")
    func even() {
        var pacer = Pacer(PacingSettings(requests: 10, periodNanoseconds: second))
        let waits = (0..<5).map { _ in pacer.take(at: zero, waitNanosecondsMax: second) }
        #expect(waits == [0, 100_000_000, 200_000_000, 300_000_000, 400_000_000])
        #expect(pacer.take(at: zero, waitNanosecondsMax: 400_000_000) == nil)
        // What was refused took nothing.
        #expect(pacer.take(at: zero, waitNanosecondsMax: second) == 500_000_000)
        let later = zero.advanced(byNanoseconds: 10 * second)
        #expect(pacer.take(at: later, waitNanosecondsMax: 0) == 0)
    }

    @Test("a burst after a pause, and no more")
    func burst() {
        var pacer = Pacer(PacingSettings(requests: 10, periodNanoseconds: second, burst: 3))
        let taken = (0..<5).map { _ in pacer.take(at: zero, waitNanosecondsMax: 0) }
        #expect(taken == [0, 0, 0, nil, nil])
    }

    @Test("in no period more than the quota and one burst", arguments: 0..<50 as Range<UInt64>)
    func model(seed: UInt64) {
        var random = Seeded(seed: seed)
        let burst = UInt64.random(in: 1...5, using: &random)
        var pacer = Pacer(PacingSettings(requests: 7, periodNanoseconds: second, burst: burst))
        var now = zero
        var sent: [UInt64] = []
        for _ in 0..<500 {
            now = now.advanced(byNanoseconds: UInt64.random(in: 0..<100_000_000, using: &random))
            if let wait = pacer.take(at: now, waitNanosecondsMax: 300_000_000) {
                sent.append(now.nanoseconds + wait)
            }
        }
        for first in sent {
            let count = sent.count { $0 >= first && $0 < first + second }
            #expect(count <= 7 + Int(burst) + 1)
        }
    }
}
