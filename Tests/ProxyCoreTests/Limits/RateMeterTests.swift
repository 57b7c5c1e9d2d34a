import ProxyCore
import Support
import Testing

@Suite("Rate meters")
struct RateMeterTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let rate: Rate
        let algorithm: LimitAlgorithm
        let costs: ClosedRange<UInt32>

        var testDescription: String { "\(algorithm.rawValue) \(rate) cost \(costs)" }
    }

    static let rates: [(UInt32, UInt64)] = [
        (1, oneSecond), (3, oneSecond), (20, 2 * oneSecond), (100, 7 * oneSecond),
        (199, oneSecond), (200, oneSecond), (1000, 60 * oneSecond), (777, 13_337_331),
        (10_000, oneSecond),
    ]

    static let table: [Case] = LimitAlgorithm.allCases.flatMap { algorithm in
        rates.flatMap { count, period in
            [1...1, 1...min(count, 7)].map { costs in
                var rate = Rate(count: count, periodNanoseconds: period)
                if algorithm == .tokenBucket { rate.burst = max(costs.upperBound, count / 2) }
                return Case(rate: rate, algorithm: algorithm, costs: costs)
            }
        }
    }

    /// Times as they come: bursts, streams around the rate, and now and then a pause up to more than two periods.
    static func step(_ rate: Rate, _ chance: inout Seeded) -> UInt64 {
        let interval = rate.periodNanoseconds / UInt64(rate.count)
        if chance.next() % (UInt64(rate.count) * 4 + 50) == 0 {
            return chance.next() % (rate.periodNanoseconds * 5 / 2)
        }
        return switch chance.next() % 100 {
        case 0..<60: 0
        case 60..<80: chance.next() % (interval + 1)
        default: chance.next() % (2 * interval + 1)
        }
    }

    @Test("decisions are those of the plain model", arguments: table)
    func model(_ test: Case) {
        switch test.algorithm {
        case .tokenBucket: compare(test, BucketModel.self)
        case .fixedWindow: compare(test, FixedModel.self)
        case .slidingWindow: compare(test, GroupModel.self)
        }
    }

    private func compare<Model: RateModel>(_ test: Case, _: Model.Type) {
        var chance = Seeded(seed: UInt64(test.rate.count))
        let rate = test.rate
        var model = Model(
            count: UInt64(rate.count), burst: UInt64(rate.burst ?? rate.count),
            period: rate.periodNanoseconds)
        var meter = Metered(rate, test.algorithm, isUneven: test.costs.upperBound > 1)
        var now = epoch
        var allowed = 0
        let events = limitEvents / Self.table.count * 2
        for event in 0..<events {
            now += Self.step(rate, &chance)
            let cost = UInt32.random(in: test.costs, using: &chance)
            let before = meter
            let quota = meter.take(cost, at: now)
            guard quota.isAllowed == model.take(UInt64(cost), at: now) else {
                Issue.record("event \(event) of \(test) at \(now): \(quota)")
                return
            }
            allowed += quota.isAllowed ? 1 : 0
            if !quota.isAllowed { checkRetry(before, quota, cost, at: now) }
        }
        #expect(meter.isIntact)
        // Few events do not come as far as a refusal of the largest counts.
        #expect(allowed > 0 && (allowed < events || events < 4 * Int(rate.count)))
    }

    /// The announced wait is enough, and the longest that is not.
    private func checkRetry(_ state: Metered, _ quota: Quota, _ cost: UInt32, at now: UInt64) {
        var early = state
        var late = state
        #expect(quota.retryNanoseconds > 0)
        let isEarly = early.check(cost, at: now + quota.retryNanoseconds - 1).isAllowed
        let isLate = late.check(cost, at: now + quota.retryNanoseconds).isAllowed
        #expect(!isEarly && isLate, "\(state.meter.rate) \(quota)")
    }

    @Test("never more than the count in any period", arguments: table)
    func rolling(_ test: Case) {
        guard test.algorithm == .slidingWindow else { return }
        var chance = Seeded(seed: UInt64(test.rate.count) + 99)
        var meter = Metered(test.rate, test.algorithm, isUneven: test.costs.upperBound > 1)
        var log = ExactLog(period: test.rate.periodNanoseconds)
        var now = epoch
        for _ in 0..<(limitEvents / Self.table.count * 2) {
            now += Self.step(test.rate, &chance)
            let cost = UInt32.random(in: test.costs, using: &chance)
            if meter.take(cost, at: now).isAllowed { log.add(UInt64(cost), at: now) }
            let sum = log.sum(at: now)
            guard sum <= UInt64(test.rate.count) else {
                Issue.record("\(sum) within a period at \(now), \(test)")
                return
            }
        }
    }

    @Test("a greedy client gets 99 % of what an exact log gives, to one", arguments: rates)
    func greedy(count: UInt32, period: UInt64) {
        let rate = Rate(count: count, periodNanoseconds: period)
        for interval in [period / UInt64(count) * 9 / 10, period / UInt64(count) / 7, 1] {
            var meter = Metered(rate, .slidingWindow)
            var exact = ExactLog(period: period)
            var (mine, best) = (0, 0)
            var now = epoch
            // Whole periods: within one the meter may be behind, and catches up before its end.
            let end = epoch + (count > 1000 ? 2 : 8) * period
            while now < end {
                let isBest = exact.sum(at: now) < UInt64(count)
                if isBest { exact.add(1, at: now) }
                best += isBest ? 1 : 0
                let quota = meter.take(at: now)
                mine += quota.isAllowed ? 1 : 0
                // Where both refuse, the wait is jumped over.
                let oldest = exact.entries[max(0, exact.entries.count - Int(count))].time
                let wait = min(
                    oldest + period + 1 - min(now, oldest + period), quota.retryNanoseconds)
                now += max(1, interval, isBest || quota.isAllowed ? 1 : wait)
            }
            #expect(
                Double(mine) >= 0.99 * Double(best) - 1,
                "\(rate) every \(interval): \(mine)/\(best)")
        }
    }

    @Test("a burst at the start is allowed whole, and whole again a period later")
    func wholeBurst() {
        for (count, period) in Self.rates {
            var meter = Metered(Rate(count: count, periodNanoseconds: period), .slidingWindow)
            for round in 0..<3 {
                let now = epoch + UInt64(round) * (period + period / 200_000 + 2)
                for _ in 0..<count { #expect(meter.take(at: now).isAllowed) }
                let quota = meter.take(at: now)
                #expect(!quota.isAllowed && quota.remaining == 0)
            }
        }
    }
}
