import EventLoop
import ProxyCore
import Telemetry
import Testing
import Time

@testable import Proxy

/// An upstream's health on a clock of its own; whoever waits is never woken, only told.
private final class Ward {
    let health: UpstreamHealth
    var now = Instant(nanoseconds: 1_000_000_000_000)
    var chance: UInt64 = 1 << 63
    private let call: ConfinedCall
    private let loop: Loop

    init(_ change: (inout ResilienceSettings) -> Void = { _ in }) throws {
        var settings = ResilienceSettings()
        change(&settings)
        health = UpstreamHealth(settings)
        loop = try Loop()
        call = ConfinedCall(loop: loop) {}
    }

    /// Lets go of what was posted to the loop, which would hold it for ever.
    deinit {
        loop.stop()
        loop.run()
    }

    func pass(milliseconds: UInt64) {
        now = now.advanced(byNanoseconds: milliseconds * 1_000_000)
    }

    var request: AdmissionCall {
        AdmissionCall(
            deadline: now.advanced(byNanoseconds: 60_000_000_000),
            waitNanosecondsMax: 1_000_000_000, chance: chance)
    }

    func enter(_ change: (inout AdmissionCall) -> Void = { _ in }) -> AdmissionVerdict {
        var call = request
        change(&call)
        return health.enter(call, at: now)
    }

    func waiter() -> AdmissionWaiter { AdmissionWaiter(call) }

    func finish(
        _ permit: AdmissionPermit, _ outcome: CallOutcome, pauseSeconds: UInt64 = 0
    ) {
        let isAnswered = outcome != .connectFailure
        health.finish(
            permit,
            AttemptReport(
                outcome: outcome, pauseNanoseconds: pauseSeconds * 1_000_000_000,
                isAnswered: isAnswered, chance: chance), at: now)
    }

    var view: HealthView { health.view(at: now) }
}

extension AdmissionVerdict {
    fileprivate var permit: AdmissionPermit? {
        if case .admitted(let permit) = self { permit } else { nil }
    }

    /// `admitted`, `full` or the reason of the refusal.
    fileprivate var word: String {
        switch self {
        case .admitted: "admitted"
        case .full: "full"
        case .refused(let refusal): refusal.reason.rawValue
        }
    }
}

private let good = CallOutcome.success(isSlow: false)

@Suite("An upstream's health, as requests see it")
struct HealthTests {
    @Test("gate, then breaker, then quota, then the limit")
    func order() throws {
        let ward = try Ward {
            $0.concurrency = ConcurrencySettings()
            $0.concurrency.start = 4
            $0.concurrency.most = 4
            $0.pacing = PacingSettings(requests: 1, periodNanoseconds: 1_000_000_000, burst: 20)
        }
        var permits = (0..<4).compactMap { _ in ward.enter().permit }
        #expect(permits.count == 4)
        #expect(ward.enter().word == "full")
        // What is full took nothing of the quota: 16 are left of the burst.
        for _ in 0..<16 { _ = ward.enter { $0.isUnlimited = true } }
        #expect(ward.enter { $0.waitNanosecondsMax = 0 }.word == "paced")
        while let permit = permits.popLast() { ward.finish(permit, .connectFailure) }
        let unlimited = try #require(ward.enter { $0.isUnlimited = true }.permit)
        ward.finish(unlimited, .connectFailure)
        #expect(ward.enter().word == "breaker_open")
        let view = ward.view
        #expect(view.state == .open && view.inFlight == 0)
        #expect(view.shed == [1, 0, 0, 1])
    }

    @Test("a pause is asked for and ends with a trial")
    func gate() throws {
        let ward = try Ward()
        let first = try #require(ward.enter().permit)
        ward.finish(first, .failure, pauseSeconds: 5)
        guard case .refused(let refusal) = ward.enter() else {
            Issue.record("not refused")
            return
        }
        #expect(refusal.reason == .gateClosed && refusal.retryAfterSeconds == 5)
        ward.pass(milliseconds: 5_000)
        let trial = try #require(ward.enter().permit)
        #expect(trial.isTrial)
        #expect(ward.enter().word == "gate_closed")
        ward.finish(trial, good)
        #expect(ward.enter().word == "admitted")
        #expect(ward.view.state == .closed)
    }

    @Test("a trial that the breaker refuses is not lost")
    func trialAndBreaker() throws {
        let ward = try Ward { $0.breaker.openNanoseconds = 10_000_000_000 }
        let permits = (0..<6).compactMap { _ in ward.enter().permit }
        for permit in permits.dropLast() { ward.finish(permit, .connectFailure) }
        ward.finish(permits[5], good, pauseSeconds: 1)
        ward.pass(milliseconds: 1_000)
        for _ in 0..<3 { #expect(ward.enter().word == "breaker_open") }
        ward.pass(milliseconds: 9_000)
        #expect(ward.enter().permit?.isTrial == true)
    }

    @Test("who waits is asked again when its turn comes")
    func askedAgain() throws {
        let ward = try Ward {
            // Half as many may queue.
            $0.concurrency.least = 4
            $0.concurrency.start = 4
            $0.concurrency.most = 4
        }
        let first = try #require(ward.enter().permit)
        for _ in 0..<3 { _ = try #require(ward.enter().permit) }
        let (second, third) = (ward.waiter(), ward.waiter())
        #expect(ward.health.join(ward.request, second, at: ward.now) == true)
        #expect(ward.health.join(ward.request, third, at: ward.now) == true)
        #expect(second.isGranted == false)
        ward.finish(first, good, pauseSeconds: 5)
        #expect(second.isGranted && !third.isGranted)
        #expect(ward.health.proceed(ward.request, second, at: ward.now).word == "gate_closed")
        // It gave its place to the next.
        #expect(third.isGranted == true)
        #expect(ward.health.proceed(ward.request, third, at: ward.now).word == "gate_closed")
        #expect(ward.view.inFlight == 3 && ward.view.queued == 0)
    }

    @Test("who gives up waiting is refused, and the place goes to the next")
    func givesUp() throws {
        let ward = try Ward {
            // Half as many may queue.
            $0.concurrency.least = 4
            $0.concurrency.start = 4
            $0.concurrency.most = 4
        }
        let first = try #require(ward.enter().permit)
        for _ in 0..<3 { _ = try #require(ward.enter().permit) }
        let (second, third) = (ward.waiter(), ward.waiter())
        _ = ward.health.join(ward.request, second, at: ward.now)
        _ = ward.health.join(ward.request, third, at: ward.now)
        #expect(ward.health.proceed(ward.request, second, at: ward.now).word == "overloaded")
        ward.finish(first, good)
        #expect(third.isGranted && !second.isGranted)
        #expect(ward.health.proceed(ward.request, third, at: ward.now).word == "admitted")
    }

    @Test("after the breaker was open the limit begins with its least")
    func restarts() throws {
        let ward = try Ward()
        for _ in 0..<5 {
            let permit = try #require(ward.enter().permit)
            ward.finish(permit, .connectFailure)
        }
        #expect(ward.view.limit == 20)
        ward.pass(milliseconds: 1_000)
        #expect(ward.enter().word == "admitted")
        #expect(ward.view.limit == 4 && ward.view.state == .halfOpen)
    }

    @Test("retries: from the budget, and not while the upstream is to be left alone")
    func retries() throws {
        let ward = try Ward { $0.retry.budget.perSecond = 0 }
        for _ in 0..<10 {
            let permit = try #require(ward.enter().permit)
            ward.finish(permit, good)
        }
        #expect(ward.health.takeRetry(at: ward.now) == .allowed)
        #expect(ward.health.takeRetry(at: ward.now) == .exhausted)
        ward.pass(milliseconds: 2_000)
        for _ in 0..<5 {
            let permit = try #require(ward.enter { $0.isRetry = true }.permit)
            ward.finish(permit, .connectFailure)
        }
        #expect(ward.health.takeRetry(at: ward.now) == .pointless)
    }

    @Test("new settings, the same state")
    func apply() throws {
        let ward = try Ward()
        for _ in 0..<5 {
            let permit = try #require(ward.enter().permit)
            ward.finish(permit, .connectFailure)
        }
        ward.health.apply(ResilienceSettings())
        #expect(ward.enter().word == "breaker_open")
        var off = ResilienceSettings()
        off.breaker.isOn = false
        ward.health.apply(off)
        #expect(ward.enter().word == "admitted")
        #expect(ward.view.state == .closed)
    }

    @Test(
        "any history: no place is lost, and nobody waits for ever",
        arguments: 0..<50 as Range<UInt64>)
    func model(seed: UInt64) throws {
        var random = Xoshiro(seed &+ 1, 2, 3, 4)
        let ward = try Ward { $0.breaker.openNanoseconds = 50_000_000 }
        var (running, waiting): ([AdmissionPermit], [AdmissionWaiter]) = ([], [])
        let outcomes: [CallOutcome] = [good, good, good, .failure, .connectFailure, .ignored]
        func settle(_ waiter: AdmissionWaiter) {
            switch ward.health.proceed(ward.request, waiter, at: ward.now) {
            case .admitted(let permit): running.append(permit)
            case .refused: break
            case .full: Issue.record("full after waiting")
            }
        }
        func settleGranted() {
            // One that is refused lets the next one in.
            while let index = waiting.firstIndex(where: \.isGranted) {
                settle(waiting.remove(at: index))
            }
        }
        for _ in 0..<3_000 {
            ward.chance = random.next()
            ward.pass(milliseconds: random.next() % 5)
            switch random.next() % 4 {
            case 0, 1:
                switch ward.enter({ $0.isUnlimited = ward.chance % 8 == 0 }) {
                case .admitted(let permit): running.append(permit)
                case .refused: break
                case .full:
                    let waiter = ward.waiter()
                    if ward.health.join(ward.request, waiter, at: ward.now) {
                        waiting.append(waiter)
                    }
                }
            case 2 where !running.isEmpty:
                let permit = running.remove(at: Int(random.next() % UInt64(running.count)))
                let pause = random.next() % 50 == 0 ? 1 : 0 as UInt64
                ward.finish(permit, outcomes[Int(random.next() % 6)], pauseSeconds: pause)
            case 3 where !waiting.isEmpty && random.next() % 4 == 0:
                settle(waiting.remove(at: Int(random.next() % UInt64(waiting.count))))
            default: break
            }
            settleGranted()
            #expect(ward.view.inFlight == running.count(where: \.hasPlace))
        }
        while let permit = running.popLast() {
            ward.finish(permit, good)
            settleGranted()
        }
        #expect(waiting.count == 0, "with \(running.count) under way")
        #expect(ward.view.inFlight == 0 && ward.view.queued == 0)
    }
}
