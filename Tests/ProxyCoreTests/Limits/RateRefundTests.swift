import ProxyCore
import Testing

@Suite("Rate meters: returns, clocks, freshness")
struct RateRefundTests {
    static let rate = Rate(count: 10, periodNanoseconds: oneSecond, burst: 10)
    static let algorithms = LimitAlgorithm.allCases

    @Test("what is returned can be spent again, and no more", arguments: algorithms)
    func refund(_ algorithm: LimitAlgorithm) {
        let start = epoch / oneSecond * oneSecond
        var meter = Metered(Self.rate, algorithm, isUneven: true)
        for offset in 0..<10 { #expect(meter.take(at: start + UInt64(offset)).isAllowed) }
        #expect(!meter.take(at: start + 10).isAllowed)
        meter.refund(3, of: start + 4)
        #expect(meter.check(at: start + 10).remaining >= 1)
        var allowed = 0
        for _ in 0..<9 where meter.take(at: start + 11).isAllowed { allowed += 1 }
        // A sliding window returns to the entry of that time what it holds.
        #expect(allowed == (algorithm == .slidingWindow ? 1 : 3))
        #expect(meter.isIntact)
    }

    @Test("a return after its time changes nothing", arguments: algorithms)
    func lateRefund(_ algorithm: LimitAlgorithm) {
        let start = epoch / oneSecond * oneSecond
        var meter = Metered(Self.rate, algorithm)
        for _ in 0..<10 { _ = meter.take(at: start) }
        let later = start + 3 * oneSecond
        for _ in 0..<10 { #expect(meter.take(at: later).isAllowed) }
        meter.refund(10, of: start)
        #expect(!meter.take(at: later + 1).isAllowed)
    }

    @Test("a charge and its return leave what there was", arguments: algorithms)
    func exactRefund(_ algorithm: LimitAlgorithm) {
        var chance = Seeded(seed: 5)
        var meter = Metered(
            Rate(count: 500, periodNanoseconds: oneSecond, burst: 500), algorithm, isUneven: true)
        var now = epoch
        for _ in 0..<2_000 {
            now += chance.next() % (3 * millisecond)
            let cost = UInt32(chance.next() % 5 + 1)
            let before = meter.check(cost, at: now)
            if meter.take(cost, at: now).isAllowed, chance.next() % 2 == 0 {
                meter.refund(cost, of: now)
                let after = meter.check(cost, at: now)
                #expect(after.isAllowed && after.remaining == before.remaining)
            }
        }
        #expect(meter.isIntact)
    }

    @Test("returns and charges at random never let more through than fits", arguments: [150, 1000])
    func refundsStaySafe(count: Int) {
        var chance = Seeded(seed: UInt64(count))
        let rate = Rate(count: UInt32(count), periodNanoseconds: oneSecond)
        // Even capacity on purpose: holes have to be closed.
        var meter = Metered(rate, .slidingWindow)
        var log: [(time: UInt64, cost: UInt32)] = []
        var now = epoch
        for _ in 0..<(limitEvents / 5) {
            now += chance.next() % (oneSecond / UInt64(count))
            let cost = UInt32(chance.next() % 3 + 1)
            if meter.take(cost, at: now).isAllowed { log.append((now, cost)) }
            if chance.next() % 3 == 0,
                let index = log.indices.suffix(40).randomElement(using: &chance)
            {
                meter.refund(log[index].cost, of: log[index].time)
                log.remove(at: index)
            }
            log.removeAll { $0.time + oneSecond < now }
            #expect(log.reduce(0) { $0 + $1.cost } <= rate.count)
        }
        #expect(meter.isIntact)
    }

    @Test("a clock that goes back frees nothing", arguments: algorithms)
    func clockBack(_ algorithm: LimitAlgorithm) {
        var meter = Metered(Self.rate, algorithm)
        for _ in 0..<10 { #expect(meter.take(at: epoch).isAllowed) }
        for back in [1, oneSecond / 2, oneSecond, 5 * oneSecond] {
            #expect(!meter.take(at: epoch - back).isAllowed)
        }
        #expect(meter.take(at: epoch + oneSecond + oneSecond / 100).isAllowed)
    }

    @Test("a state is fresh when a new one would decide alike", arguments: algorithms)
    func fresh(_ algorithm: LimitAlgorithm) {
        var meter = Metered(Self.rate, algorithm)
        #expect(meter.isFresh(at: epoch))
        _ = meter.take(at: epoch)
        #expect(!meter.isFresh(at: epoch + 1))
        #expect(meter.isFresh(at: epoch + 2 * oneSecond))
        for _ in 0..<9 { _ = meter.take(at: epoch + 1) }
        if algorithm != .fixedWindow { #expect(!meter.isFresh(at: epoch + oneSecond * 9 / 10)) }
    }

    @Test("what clients are told of a bucket")
    func bucketQuota() {
        let rate = Rate(count: 10, periodNanoseconds: oneSecond, burst: 5)
        var meter = Metered(rate, .tokenBucket)
        for left in stride(from: UInt32(5), to: 0, by: -1) {
            let quota = meter.take(at: epoch)
            #expect(quota.isAllowed && quota.remaining == left)
            #expect(quota.resetNanoseconds == UInt64(6 - left) * 100 * millisecond)
        }
        let quota = meter.take(at: epoch)
        #expect(
            quota
                == Quota(
                    isAllowed: false, remaining: 0, resetNanoseconds: 500 * millisecond,
                    retryNanoseconds: 100 * millisecond))
        #expect(meter.take(at: epoch + 100 * millisecond).isAllowed)
    }

    static let rateTable: [Row<String, String>] = [
        Row("1000/1m", "1000/1m"), Row("5/2s", "5/2s"), Row("1/1d", "1/1d"),
        Row("10/500ms", "10/500ms"), Row("60/60s", "60/1m"), Row("10000000/1h", "10000000/1h"),
        Row("", ""), Row("10", ""), Row("0/1s", ""), Row("-1/1s", ""), Row("+1/1s", ""),
        Row("1/1", ""), Row("1/0s", ""), Row("1/9ms", ""), Row("1/367d", ""), Row("1/1s/1s", ""),
        Row("10000001/1h", ""), Row("1000001/1s", ""), Row("1.5/1s", ""), Row("1 /1s", ""),
    ]

    @Test("rates as text", arguments: rateTable)
    func text(_ row: Row<String, String>) {
        #expect(((try? Rate(row.input))?.description ?? "") == row.output, "\(row.input)")
    }

    @Test("several rates")
    func several() throws {
        #expect(
            try Rate.list("5/2s; 10/1h;100/1d").map(\.description) == ["5/2s", "10/1h", "100/1d"])
        #expect(throws: TextProblem.self) { try Rate.list("5/2s;") }
        #expect(throws: TextProblem.self) { try Rate.list("1/1s;2/1s;3/1s;4/1s;5/1s") }
    }
}
