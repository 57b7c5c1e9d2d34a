import Locking
import Support
import Testing
import Time

@testable import EventLoop

private let millisecond: UInt64 = 1_000_000

@Suite("Timer", .timeLimit(.minutes(1)))
struct TimerTests {
    @Test("timers fire in the order of their deadlines, never early")
    func order() throws {
        let fired = try onLoop { loop in
            var fired: [Int] = []
            var isEarly = false
            let timers = [3, 0, 4, 1, 2].map { number in
                let deadline = Instant.now().advanced(
                    byNanoseconds: UInt64(number + 1) * 9 * millisecond)
                let timer = Timer(on: loop) {
                    fired.append(number)
                    if Instant.now() < deadline { isEarly = true }
                }
                timer.arm(at: deadline)
                return timer
            }
            try await loop.until("five timers") { fired.count == timers.count }
            return isEarly ? [] : fired
        }
        #expect(fired == [0, 1, 2, 3, 4])
    }

    @Test("cancelled, moved later, moved earlier")
    func moves() throws {
        let fired = try onLoop { loop in
            var fired: [String] = []
            let cancelled = Timer(on: loop) { fired.append("cancelled") }
            cancelled.arm(afterNanoseconds: millisecond)
            cancelled.cancel()
            let later = Timer(on: loop) { fired.append("later") }
            later.arm(afterNanoseconds: millisecond)
            later.arm(afterNanoseconds: 30 * millisecond)
            let earlier = Timer(on: loop) { fired.append("earlier") }
            earlier.arm(afterNanoseconds: 60_000 * millisecond)
            earlier.arm(afterNanoseconds: millisecond)
            let again = Timer(on: loop) { fired.append("again") }
            again.arm(afterNanoseconds: millisecond)
            again.cancel()
            again.arm(afterNanoseconds: 15 * millisecond)
            try await loop.until("the last timer") { fired.contains("later") }
            #expect([cancelled, later, earlier, again].allSatisfy { $0.deadline == .never })
            return fired
        }
        #expect(fired == ["earlier", "again", "later"])
    }

    @Test("a timer that arms itself in its own action")
    func again() throws {
        let count = try onLoop { loop in
            var count = 0
            let timer = Timer(on: loop) {}
            timer.action = { [unowned timer] in
                count += 1
                if count < 5 { timer.arm(afterNanoseconds: 1) }
            }
            timer.arm(afterNanoseconds: 1)
            try await loop.until("five times") { count == 5 }
            await loop.sleep(nanoseconds: 10 * millisecond)
            timer.action = {}
            return count
        }
        #expect(count == 5)
    }

    @Test("an action may cancel a timer that is due in the same tick, and arm another")
    func sameTick() throws {
        let fired = try onLoop { loop in
            var fired: [String] = []
            let second = Timer(on: loop) { fired.append("second") }
            let third = Timer(on: loop) { fired.append("third") }
            let first = Timer(on: loop) {
                fired.append("first")
                second.cancel()
                third.arm(afterNanoseconds: 0)
            }
            let deadline = Instant.now().advanced(byNanoseconds: 5 * millisecond)
            first.arm(at: deadline)
            second.arm(at: deadline)
            try await loop.until("the third") { fired.contains("third") }
            first.action = {}
            return fired
        }
        #expect(fired == ["first", "third"])
    }

    @Test("a deadline beyond one rotation is looked at once a rotation")
    func rotation() throws {
        let isRight = try onLoop { loop in
            var fired = 0
            let start = Instant.now()
            let timer = Timer(on: loop) { fired += 1 }
            timer.arm(at: start.advanced(byNanoseconds: 10_000 * millisecond))
            let rotation = UInt64(TimerWheel.slots) * TimerWheel.tickNanoseconds
            var isRight = timer.visit <= start.advanced(byNanoseconds: rotation + 4 * millisecond)
            loop.wheel.advance(to: timer.visit, on: loop)
            isRight = isRight && fired == 0 && timer.visit != .never
            loop.wheel.advance(to: start.advanced(byNanoseconds: 9_990 * millisecond), on: loop)
            isRight = isRight && fired == 0
            loop.wheel.advance(to: start.advanced(byNanoseconds: 10_010 * millisecond), on: loop)
            return isRight && fired == 1 && timer.deadline == .never
        }
        #expect(isRight)
    }

    @Test("10,000 timers armed, moved and cancelled: none fires, one entry each, all gone in time")
    func many() throws {
        let facts = try onLoop { loop in
            var fired = 0
            let start = Instant.now()
            let timers = (0..<10_000).map { number in
                let timer = Timer(on: loop) { fired += 1 }
                timer.arm(at: start.advanced(byNanoseconds: UInt64(1_000 + number) * millisecond))
                return timer
            }
            for round in 1...20 {
                for timer in timers {
                    timer.arm(
                        at: start.advanced(byNanoseconds: UInt64(20_000 + round) * millisecond))
                }
            }
            let entries = loop.wheel.entryCount
            for timer in timers { timer.cancel() }
            let after = start.advanced(byNanoseconds: 4_200 * millisecond)
            loop.wheel.advance(to: after, on: loop)
            return [fired, entries, loop.wheel.entryCount]
        }
        #expect(facts == [0, 10_000, 0])
    }

    @Test("random arming and cancelling: each fires once per arming, in its tick", arguments: 1...5)
    func property(seed: Int) throws {
        let problems = try onLoop { loop in
            var chance = Seeded(seed: UInt64(seed))
            var clock = Instant.now()
            var problems: [String] = []
            var expected: [Int: Instant] = [:]
            var timers: [Timer] = []
            for number in 0..<50 {
                timers.append(
                    Timer(on: loop) {
                        guard let deadline = expected.removeValue(forKey: number) else {
                            return problems.append("\(number) fired unasked")
                        }
                        if deadline > clock { problems.append("\(number) fired early") }
                    })
            }
            for _ in 0..<2_000 {
                let number = Int.random(in: 0..<50, using: &chance)
                switch Int.random(in: 0..<4, using: &chance) {
                case 0:
                    timers[number].cancel()
                    expected[number] = nil
                case 1:
                    clock = clock.advanced(
                        byNanoseconds: UInt64.random(in: 0..<300, using: &chance) * millisecond)
                    loop.wheel.advance(to: clock, on: loop)
                    let late = expected.values.filter {
                        clock.nanoseconds(since: $0) > 2 * TimerWheel.tickNanoseconds
                    }
                    if !late.isEmpty { problems.append("\(late.count) are late") }
                default:
                    let wait = UInt64.random(in: 1..<9_000, using: &chance) * millisecond
                    let deadline = clock.advanced(byNanoseconds: wait)
                    timers[number].arm(at: deadline)
                    expected[number] = deadline
                }
            }
            for timer in timers { timer.action = {} }
            return problems
        }
        #expect(problems == [])
    }

    @Test("the set of occupied slots against a plain one", arguments: 1...5)
    func slotSet(seed: Int) {
        var chance = Seeded(seed: UInt64(seed))
        var set = SlotSet()
        var plain: Set<Int> = []
        for _ in 0..<500 {
            let slot = Int.random(in: 0..<TimerWheel.slots, using: &chance)
            if Bool.random(using: &chance) {
                set.insert(slot)
                plain.insert(slot)
            } else {
                set.remove(slot)
                plain.remove(slot)
            }
            let after = UInt64.random(in: 0..<100_000, using: &chance)
            let before = after + UInt64.random(in: 0..<2_000, using: &chance)
            let end = min(before, after + UInt64(TimerWheel.slots))
            let wanted = stride(from: after + 1, through: end, by: 1).first {
                plain.contains(Int($0 % UInt64(TimerWheel.slots)))
            }
            #expect(set.first(after: after, before: before) == wanted)
            #expect(set.isEmpty == plain.isEmpty)
        }
    }
}
