import ProxyCore
import Support
import Testing
import Time

@Suite("Limits: the store was away")
struct StoreAbsenceTests {
    private static let second: UInt64 = 1_000_000_000

    private static func absence(from begin: UInt64, to end: UInt64) -> StoreAbsence {
        var absence = StoreAbsence()
        absence.began(at: Instant(nanoseconds: begin * second))
        absence.ended(at: Instant(nanoseconds: end * second))
        return absence
    }

    @Test(
        "remembered as long as it lasted, at most as long as a rate remembers and others need",
        arguments: [
            // From 100 to so many seconds, memory of the rate, seconds: whether it matters.
            (105, 60, 105, true), (105, 60, 109, true), (105, 60, 110, false),
            (105, 2, 108, true), (105, 2, 109, false), (400, 60, 461, true), (400, 60, 462, false),
        ] as [(UInt64, UInt64, UInt64, Bool)])
    func lasts(end: UInt64, memory: UInt64, now: UInt64, isRemembered: Bool) {
        let absence = Self.absence(from: 100, to: end)
        let now = Instant(nanoseconds: now * Self.second)
        #expect(absence.isRemembered(for: memory * Self.second, at: now) == isRemembered)
        if isRemembered { #expect(absence.isRemembered(at: now)) }
    }

    @Test("nothing was away: nothing is remembered")
    func never() {
        var absence = StoreAbsence()
        let now = Instant(nanoseconds: 7)
        #expect(!absence.isRemembered(at: now))
        absence.ended(at: now)
        #expect(!absence.isRemembered(at: now))
        #expect(!absence.isRemembered(for: .max, at: now))
    }

    @Test("told again and again while it is away, it began once")
    func once() {
        var absence = StoreAbsence()
        for time in UInt64(100)..<110 {
            absence.began(at: Instant(nanoseconds: time * Self.second))
        }
        absence.ended(at: Instant(nanoseconds: 110 * Self.second))
        absence.ended(at: Instant(nanoseconds: 115 * Self.second))
        #expect(absence.isRemembered(at: Instant(nanoseconds: 119 * Self.second)))
        #expect(!absence.isRemembered(at: Instant(nanoseconds: 120 * Self.second)))
    }

    @Test("an absence soon after a long one makes that longer; later it is one of its own")
    func again() {
        func instant(_ tenths: UInt64) -> Instant {
            Instant(nanoseconds: tenths * Self.second / 10)
        }
        var absence = Self.absence(from: 100, to: 105)
        absence.began(at: instant(1059))
        absence.ended(at: instant(1060))
        #expect(absence.isRemembered(at: instant(1119)))
        #expect(!absence.isRemembered(at: instant(1120)))
        #expect(absence.isRemembered(for: 2 * Self.second, at: instant(1094)))
        #expect(!absence.isRemembered(for: 2 * Self.second, at: instant(1095)))
        absence.began(at: instant(2000))
        absence.ended(at: instant(2001))
        #expect(!absence.isRemembered(at: instant(2002)))
    }

    @Test(
        "how long rates remember: a window for its period, a bucket until it is full",
        arguments: [
            (["1000/1m"], nil, LimitAlgorithm.slidingWindow, 60),
            (["5/1s", "9/1h"], nil, .slidingWindow, 3600), (["5/2s"], nil, .fixedWindow, 2),
            (["10/1s"], 50, .tokenBucket, 5),
        ] as [([String], UInt32?, LimitAlgorithm, UInt64)])
    func memory(
        texts: [String], burst: UInt32?, algorithm: LimitAlgorithm, seconds: UInt64
    ) throws {
        var rule = LimitRule(name: "r")
        rule.algorithm = algorithm
        let rates = try texts.map { text in
            let rate = try Rate(text)
            return Rate(
                count: rate.count, periodNanoseconds: rate.periodNanoseconds, burst: burst)
        }
        let variant = LimitVariant(rule, rates: rates)
        #expect(variant.memoryNanoseconds == seconds * Self.second)
    }

    @Test(
        "beside a lease, what is counted here decides only where it has to",
        arguments: [(true, true), (true, false), (false, true), (false, false)])
    func both(isAllowedHere: Bool, isBinding: Bool) throws {
        var rule = LimitRule(name: "r")
        rule.rates = [try Rate("1/1h")]
        let lease = LimitVerdict.open(LimitVariant(rule, rates: rule.rates))
        var here = LimitVerdict.closed()
        here.isAllowed = isAllowedHere
        let verdict = lease.with(local: here, isBinding: isBinding)
        #expect(verdict.isAllowed == (isAllowedHere || !isBinding))
        #expect((verdict.retryNanoseconds > 0) == !verdict.isAllowed)
        #expect((verdict.remaining > 0) == verdict.isAllowed)
        #expect(!verdict.isPenalized)
    }
}
