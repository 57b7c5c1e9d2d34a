import ProxyCore
import Testing
import Time

private let zero = Instant(nanoseconds: 1_000_000 * millisecond)

/// Half of it is when a queue stands.
private let patience = 200 * millisecond

private func after(milliseconds: UInt64) -> Instant {
    zero.advanced(byNanoseconds: milliseconds * millisecond)
}

@Suite("Adaptive limit of requests under way")
struct ConcurrencyLimitTests {
    @Test("up to the limit they go, then they wait, then there is no room")
    func entries() {
        var limit = ConcurrencyLimit()
        for id in 0..<20 {
            #expect(limit.enter(UInt64(id), waitNanosecondsMax: patience, at: zero) == .admitted)
        }
        #expect(limit.enter(20, at: zero) == .full)
        #expect(limit.enter(20, waitNanosecondsMax: patience, at: zero) == .queued)
        #expect(limit.inFlight == 20)
        #expect(limit.queued == 1)
        // Nobody overtakes those that wait.
        #expect(limit.release(latencyNanoseconds: nil, at: zero) == [20])
        #expect(limit.inFlight == 20)
    }

    @Test("a short burst waits, a standing queue is kept at half the limit")
    func queueBound() {
        var limit = ConcurrencyLimit()
        for id in 0..<520 { _ = limit.enter(UInt64(id), waitNanosecondsMax: patience, at: zero) }
        #expect(limit.queued == 500)
        #expect(
            limit.enter(520, waitNanosecondsMax: patience, at: after(milliseconds: 99)) == .queued)
        #expect(
            limit.enter(521, waitNanosecondsMax: patience, at: after(milliseconds: 100)) == .full)
        for id in 20..<520 { #expect(limit.leave(UInt64(id)) == true) }
        for id in 600..<609 {
            #expect(
                limit.enter(UInt64(id), waitNanosecondsMax: patience, at: after(milliseconds: 100))
                    == .queued)
        }
        #expect(
            limit.enter(609, waitNanosecondsMax: patience, at: after(milliseconds: 100)) == .full)
    }

    @Test("a queue stands after half the time that its last one may wait")
    func patienceDecides() {
        var limit = ConcurrencyLimit()
        for id in 0..<40 {
            _ = limit.enter(UInt64(id), waitNanosecondsMax: 10 * patience, at: zero)
        }
        let entry = limit.enter(
            40, waitNanosecondsMax: 10 * patience, at: after(milliseconds: 999))
        #expect(entry == .queued)
        #expect(
            limit.enter(41, waitNanosecondsMax: 10 * patience, at: after(milliseconds: 1_000))
                == .full)
        #expect(limit.release(latencyNanoseconds: nil, at: after(milliseconds: 999)) == [20])
    }

    @Test("the oldest first; once the queue stands, the newest first")
    func order() {
        var limit = ConcurrencyLimit()
        for id in 0..<24 { _ = limit.enter(UInt64(id), waitNanosecondsMax: patience, at: zero) }
        #expect(limit.release(latencyNanoseconds: nil, at: after(milliseconds: 50)) == [20])
        #expect(limit.release(latencyNanoseconds: nil, at: after(milliseconds: 100)) == [23])
        #expect(limit.release(latencyNanoseconds: nil, at: after(milliseconds: 100)) == [22])
    }

    @Test("who leaves is not admitted, who was admitted cannot leave")
    func leaving() {
        var limit = ConcurrencyLimit()
        for id in 0..<22 { _ = limit.enter(UInt64(id), waitNanosecondsMax: patience, at: zero) }
        #expect(limit.leave(20) == true)
        #expect(limit.leave(20) == false)
        #expect(limit.release(latencyNanoseconds: nil, at: zero) == [21])
        #expect(limit.leave(21) == false)
    }

    /// Requests as fast as the limit allows, each as long as `latency` says; the limit at the end.
    private func run(
        _ limit: inout ConcurrencyLimit, _ count: Int, latency: (Int) -> UInt64
    ) -> Int {
        var id: UInt64 = 1_000_000
        while limit.enter(id, at: zero) == .admitted { id += 1 }
        for _ in 0..<count {
            let nanoseconds = latency(limit.inFlight)
            _ = limit.release(latencyNanoseconds: nanoseconds, at: zero)
            while limit.enter(id, at: zero) == .admitted { id += 1 }
        }
        return Int(limit.limit)
    }

    @Test("grows to its most while answers take as long as ever")
    func grows() {
        var limit = ConcurrencyLimit()
        #expect(run(&limit, 2_000) { _ in 20 * millisecond } == 512)
    }

    @Test("falls when everything takes twenty times as long, and never below its least")
    func falls() {
        var limit = ConcurrencyLimit()
        _ = run(&limit, 2_000) { _ in 20 * millisecond }
        let low = run(&limit, 100) { _ in 400 * millisecond }
        #expect((4...12).contains(low))
    }

    @Test("recovers when answers are fast again")
    func recovers() {
        var limit = ConcurrencyLimit()
        _ = run(&limit, 2_000) { _ in 20 * millisecond }
        _ = run(&limit, 100) { _ in 400 * millisecond }
        #expect(run(&limit, 1_000) { _ in 20 * millisecond } > 100)
    }

    @Test("settles near what an upstream with 50 places takes")
    func settles() {
        var limit = ConcurrencyLimit()
        _ = run(&limit, 200) { _ in 20 * millisecond }
        // Beyond its places the upstream queues: Little's law.
        let found = run(&limit, 3_000) { inFlight in
            20 * millisecond * UInt64(max(50, inFlight)) / 50
        }
        #expect((40...150).contains(found))
    }

    @Test("is not grown by what does not use it")
    func unused() {
        var limit = ConcurrencyLimit()
        for id in 0..<1_000 {
            #expect(limit.enter(UInt64(id), waitNanosecondsMax: patience, at: zero) == .admitted)
            _ = limit.release(latencyNanoseconds: millisecond, at: zero)
        }
        #expect(limit.limit == 20)
    }

    @Test("switched off, everything goes, and what is under way is known")
    func off() {
        var settings = ConcurrencySettings()
        settings.isOn = false
        var limit = ConcurrencyLimit(settings)
        for id in 0..<1_000 {
            #expect(limit.enter(UInt64(id), waitNanosecondsMax: patience, at: zero) == .admitted)
        }
        #expect(limit.inFlight == 1_000)
    }

    @Test("switching it off lets those go that wait")
    func switchedOff() {
        var limit = ConcurrencyLimit()
        for id in 0..<30 { _ = limit.enter(UInt64(id), waitNanosecondsMax: patience, at: zero) }
        limit.settings.isOn = false
        #expect(limit.release(latencyNanoseconds: nil, at: zero).count == 10)
    }

    @Test("begins with the least after the upstream has failed")
    func restarts() {
        var limit = ConcurrencyLimit()
        limit.restart()
        #expect(limit.limit == 4)
        #expect(run(&limit, 200) { _ in 20 * millisecond } > 100)
    }

    @Test("grows with the share that the upstream is trusted with, then freely")
    func trusted() {
        var limit = ConcurrencyLimit()
        limit.restart()
        for (share, most) in [(0.1, 4), (0.3, 6), (0.5, 10)] {
            limit.trust(share)
            #expect(run(&limit, 200) { _ in 20 * millisecond } == most, "\(share)")
        }
        // It fails again: what counts is what it had before it failed first.
        limit.restart()
        limit.trust(0.5)
        #expect(run(&limit, 200) { _ in 20 * millisecond } == 10)
        limit.trust(nil)
        #expect(run(&limit, 200) { _ in 20 * millisecond } > 100)
    }

    @Test("new bounds hold at once")
    func newBounds() {
        var limit = ConcurrencyLimit()
        limit.settings.most = 10
        #expect(limit.limit == 10)
        limit.settings.most = 100
        limit.settings.least = 50
        #expect(limit.limit == 50)
    }

    @Test("how long a request may wait")
    func waiting() {
        let settings = ConcurrencySettings()
        #expect(settings.waitNanosecondsMax(left: 1_000) == 100)
        #expect(settings.waitNanosecondsMax(left: 0) == 0)
        #expect(settings.waitNanosecondsMax(left: nil) == 6_000 * millisecond)
    }

    @Test("any history: bounds hold and nobody is lost", arguments: 0..<100 as Range<UInt64>)
    func model(seed: UInt64) {
        var random = Seeded(seed: seed)
        var limit = ConcurrencyLimit()
        var now = zero
        var (running, waiting): (Set<UInt64>, Set<UInt64>) = ([], [])
        for id in 0..<5_000 as Range<UInt64> {
            now = now.advanced(byNanoseconds: UInt64.random(in: 0..<5_000_000, using: &random))
            switch Int.random(in: 0..<5, using: &random) {
            case 0, 1, 2:
                switch limit.enter(
                    id, waitNanosecondsMax: Bool.random(using: &random) ? patience : 0, at: now)
                {
                case .admitted: running.insert(id)
                case .queued: waiting.insert(id)
                case .full: #expect(running.count >= Int(limit.limit) || !waiting.isEmpty)
                }
            case 3:
                guard let done = running.randomElement(using: &random) else { continue }
                running.remove(done)
                let sample = UInt64.random(in: 1...50, using: &random) * millisecond
                let isSample = Bool.random(using: &random)
                for next in limit.release(latencyNanoseconds: isSample ? sample : nil, at: now) {
                    #expect(waiting.remove(next) != nil)
                    running.insert(next)
                    #expect(limit.inFlight <= Int(limit.limit))
                }
            default:
                guard let gone = waiting.randomElement(using: &random) else { continue }
                #expect(limit.leave(gone) == true)
                waiting.remove(gone)
            }
            #expect(limit.inFlight == running.count)
            #expect(limit.queued == waiting.count)
            #expect(limit.queued <= 512)
            #expect((4.0...512).contains(limit.limit))
        }
        // All that is under way ends: nobody waits any more.
        while let done = running.popFirst() {
            for next in limit.release(latencyNanoseconds: nil, at: now) {
                waiting.remove(next)
                running.insert(next)
            }
            _ = done
        }
        #expect(waiting.isEmpty)
        #expect(limit.inFlight == 0)
    }
}
