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
        let events = limitEvents / Self.table.count * 3
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
        for _ in 0..<(limitEvents / Self.table.count * 3) {
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

    @Test("a greedy client gets 99 % of what an exact log gives", arguments: rates)
    func greedy(count: UInt32, period: UInt64) {
        let rate = Rate(count: count, periodNanoseconds: period)
        let periods = max(3, min(8, 30_000 / UInt64(count)))
        for interval in [period / UInt64(count) * 9 / 10, period / UInt64(count) / 7, 1] {
            var meter = Metered(rate, .slidingWindow)
            let mine = Self.greedy(every: interval, for: periods * period) { now in
                let quota = meter.take(at: now)
                return quota.isAllowed ? 0 : quota.retryNanoseconds
            }
            var exact = ExactLog(period: period)
            let best = Self.greedy(every: interval, for: periods * period) { now in
                if exact.sum(at: now) < UInt64(count) {
                    exact.add(1, at: now)
                    return 0
                }
                return exact.entries[exact.entries.count - Int(count)].time + period + 1 - now
            }
            #expect(
                Double(mine) >= 0.99 * Double(best), "\(rate) every \(interval): \(mine)/\(best)")
        }
    }

    /// How often a client is let through that comes again `interval` after it was, and after a refusal exactly when it
    /// was told to. `ask` says how long that is, in nanoseconds, and 0 if it is let through.
    private static func greedy(
        every interval: UInt64, for time: UInt64, _ ask: (_ now: UInt64) -> UInt64
    ) -> Int {
        var (now, allowed) = (epoch, 0)
        while now < epoch + time {
            let wait = ask(now)
            if wait == 0 { allowed += 1 }
            now += wait == 0 ? max(1, interval) : wait
        }
        return allowed
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
