import ProxyCore
import Testing
import Time

@Suite("Budgets of time")
struct DeadlineTests {
    let start = Instant(nanoseconds: 1_000)

    @Test("a budget from a start")
    func budget() {
        let deadline = Deadline(from: start, nanoseconds: 500)
        #expect(deadline.instant == Instant(nanoseconds: 1_500))
        #expect(deadline.nanosecondsLeft(at: start) == 500)
        #expect(deadline.nanosecondsLeft(at: Instant(nanoseconds: 1_499)) == 1)
        #expect(deadline.nanosecondsLeft(at: Instant(nanoseconds: 9_999)) == 0)
        #expect(!deadline.isExpired(at: Instant(nanoseconds: 1_499)))
        #expect(deadline.isExpired(at: Instant(nanoseconds: 1_500)))
        #expect(Deadline(from: start, nanoseconds: 0).isExpired(at: start))
    }

    @Test("none never ends")
    func none() {
        #expect(Deadline(from: start, nanoseconds: nil) == .none)
        #expect(Deadline(from: start, nanoseconds: .max) == .none)
        #expect(Deadline.none.nanosecondsLeft(at: start) == nil)
        #expect(!Deadline.none.isExpired(at: .never))
        #expect(Deadline.none.allows(pauseNanoseconds: .max, thenNanoseconds: .max, at: start))
    }

    @Test("a phase never outlives its whole")
    func phase() {
        let whole = Deadline(from: start, nanoseconds: 500)
        #expect(whole.phase(from: start, nanoseconds: 100).instant.nanoseconds == 1_100)
        #expect(whole.phase(from: start, nanoseconds: 900) == whole)
        #expect(whole.phase(from: start, nanoseconds: nil) == whole)
        #expect(Deadline.none.phase(from: start, nanoseconds: 7).instant.nanoseconds == 1_007)
        #expect(Deadline.none.phase(from: start, nanoseconds: nil) == .none)
        #expect(whole.tightened(by: .none) == whole)
        #expect(whole < .none)
    }

    @Test("a pause is worth it only if enough is left")
    func pause() {
        let whole = Deadline(from: start, nanoseconds: 500)
        #expect(whole.allows(pauseNanoseconds: 100, thenNanoseconds: 400, at: start))
        #expect(!whole.allows(pauseNanoseconds: 101, thenNanoseconds: 400, at: start))
        #expect(!whole.allows(pauseNanoseconds: .max, thenNanoseconds: 0, at: start))
    }

    @Test("phases of any length stay within the whole", arguments: 0..<200 as Range<UInt64>)
    func property(seed: UInt64) {
        var random = Seeded(seed: seed)
        let now = Instant(nanoseconds: random.next() >> UInt64.random(in: 0..<64, using: &random))
        let whole = Deadline(
            from: now, nanoseconds: random.next() >> UInt64.random(in: 0..<64, using: &random))
        let length = random.next() >> UInt64.random(in: 0..<64, using: &random)
        let phase = whole.phase(from: now, nanoseconds: length)
        #expect(phase <= whole)
        #expect((phase.nanosecondsLeft(at: now) ?? .max) <= length || phase.isNone)
        #expect(
            (phase.nanosecondsLeft(at: now) ?? .max) <= (whole.nanosecondsLeft(at: now) ?? .max))
    }
}
