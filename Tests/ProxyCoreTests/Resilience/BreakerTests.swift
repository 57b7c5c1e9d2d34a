import ProxyCore
import Telemetry
import Testing
import Time

/// A breaker on a clock of its own.
private final class Bench {
    var breaker: CircuitBreaker
    var now = Instant(nanoseconds: 1_000 * Bench.second)
    /// In the middle: no jitter.
    var chance: UInt64 = 1 << 63
    static let second: UInt64 = 1_000_000_000

    init(_ change: (inout BreakerSettings) -> Void = { _ in }) {
        var settings = BreakerSettings()
        change(&settings)
        breaker = CircuitBreaker(settings)
    }

    var state: BreakerState { breaker.state }
    var openUntil: Instant? { breaker.openUntil }

    func entered(_ state: BreakerState) -> UInt64 { breaker.transitions(to: state) }

    func pass(seconds: Double) {
        now = now.advanced(byNanoseconds: UInt64(seconds * 1e9))
    }

    /// A permit, if there is one.
    func ask(within seconds: Double = 60) -> BreakerPermit? {
        let deadline = now.advanced(byNanoseconds: UInt64(seconds * 1e9))
        switch breaker.admit(at: now, deadline: deadline, chance: chance) {
        case .admitted(let permit): return permit
        case .refused: return nil
        }
    }

    func report(_ permit: BreakerPermit, _ outcome: CallOutcome) {
        breaker.report(permit, outcome, at: now, chance: chance)
    }

    /// Calls one after the other that all end so; how many were admitted.
    @discardableResult
    func call(_ count: Int = 1, _ outcome: CallOutcome) -> Int {
        var admitted = 0
        for _ in 0..<count {
            guard let permit = ask() else { continue }
            admitted += 1
            report(permit, outcome)
        }
        return admitted
    }

    /// Opens it, by the fast path.
    func open() {
        call(5, .connectFailure)
        precondition(breaker.state == .open)
    }

    /// From open to half-open.
    func waitOpen() {
        now = breaker.openUntil ?? now
    }
}

private let good = CallOutcome.success(isSlow: false)
private let slow = CallOutcome.success(isSlow: true)

@Suite("Circuit breaker: opening")
struct BreakerOpeningTests {
    /// Calls in this order, and whether the breaker is open after them.
    static let table: [Row<[(Int, CallOutcome)], Bool>] = [
        Row([], false),
        Row([(1000, good)], false),
        // Below the least number of calls a rate means nothing.
        Row([(19, .failure)], false),
        Row([(20, .failure)], true),
        Row([(10, good), (9, .failure)], false),
        Row([(10, good), (10, .failure)], true),
        Row([(11, good), (10, .failure)], false),
        Row([(100, good), (99, .failure)], false),
        Row([(100, good), (100, .failure)], true),
        // Slow answers are answers, until nearly all are slow.
        Row([(19, slow)], false),
        Row([(20, slow)], true),
        Row([(5, good), (19, slow)], false),
        Row([(5, good), (20, slow)], true),
        // What says nothing counts neither way.
        Row([(100, .ignored)], false),
        Row([(19, .failure), (50, .ignored)], false),
        Row([(10, .failure), (50, .ignored), (10, .failure)], true),
        // Nobody there: five in a row are enough.
        Row([(4, .connectFailure)], false),
        Row([(5, .connectFailure)], true),
        Row([(4, .connectFailure), (1, .failure), (4, .connectFailure)], false),
        Row([(4, .connectFailure), (1, good), (4, .connectFailure)], false),
        Row([(4, .connectFailure), (9, .ignored), (1, .connectFailure)], true),
        // Something has succeeded within the last second.
        Row([(1, good), (5, .connectFailure)], false),
    ]

    @Test("opens at its thresholds and not before", arguments: table)
    func thresholds(_ row: Row<[(Int, CallOutcome)], Bool>) {
        let bench = Bench()
        for (count, outcome) in row.input { bench.call(count, outcome) }
        let isOpen = bench.state == .open
        #expect(isOpen == row.output)
        #expect(isOpen || bench.state == .closed)
    }

    @Test("success and failure in turn never trip a counter, and always the rate")
    func alternating() {
        let bench = Bench()
        for _ in 0..<10 {
            bench.call(1, good)
            bench.call(1, .failure)
        }
        let state = bench.state
        #expect(state == .open)
    }

    @Test("what is older than the window is forgotten")
    func window() {
        let bench = Bench()
        bench.call(19, .failure)
        bench.pass(seconds: 11)
        bench.call(1, .failure)
        #expect(bench.state == .closed)
        bench.call(18, .failure)
        #expect(bench.state == .closed)
        bench.call(1, .failure)
        #expect(bench.state == .open)
    }

    @Test("old failures go a tenth of the window at a time")
    func buckets() {
        let bench = Bench()
        for _ in 0..<10 {
            bench.call(1, .failure)
            bench.pass(seconds: 1)
        }
        // Nine of the ten are left: 19 good ones and they are below half.
        bench.call(11, good)
        #expect(bench.state == .closed)
    }

    @Test("connects that fail a second after a success open it")
    func afterSuccess() {
        let bench = Bench()
        bench.call(1, good)
        bench.pass(seconds: 0.999)
        bench.call(5, .connectFailure)
        #expect(bench.state == .closed)
        bench.pass(seconds: 0.001)
        bench.call(1, .connectFailure)
        #expect(bench.state == .open)
    }

    @Test("rare failed connects are no row")
    func rare() {
        let bench = Bench()
        for _ in 0..<4 {
            bench.call(1, .connectFailure)
            bench.pass(seconds: 3)
        }
        bench.call(1, .connectFailure)
        #expect(bench.state == .closed)
    }

    @Test("truncated bodies count as failures of calls that were successes")
    func truncation() {
        let bench = Bench()
        for index in 0..<20 {
            guard let permit = bench.ask() else {
                Issue.record("refused at \(index)")
                return
            }
            bench.report(permit, good)
            if index % 2 == 1 {
                bench.breaker.reportTruncation(permit, at: bench.now, chance: 0)
            }
        }
        #expect(bench.state == .open)
    }

    @Test("switched off, it never refuses")
    func off() {
        let bench = Bench { $0.isOn = false }
        #expect(bench.call(100, .connectFailure) == 100)
        #expect(bench.state == .closed)
    }

    @Test("what the words mean")
    func outcomes() {
        let statuses: [(UInt16, CallOutcome)] = [
            (200, good), (304, good), (404, good), (429, good), (499, good), (500, .failure),
            (501, good), (502, .failure), (503, .failure), (504, .failure), (505, good),
            (599, .failure),
        ]
        for (status, outcome) in statuses {
            #expect(CallOutcome.answer(status: status, isSlow: false) == outcome, "\(status)")
        }
        #expect(CallOutcome.answer(status: 404, isSlow: true) == slow)
        for reason in UpstreamErrorReason.allCases {
            let expected: CallOutcome =
                switch reason {
                case .dns, .connect, .tls: .connectFailure
                case .timeout, .reset, .protocol: .failure
                case .poolFull, .canceled: .ignored
                }
            #expect(CallOutcome.error(reason, isConnected: true) == expected)
        }
        #expect(CallOutcome.error(.timeout, isConnected: false) == .connectFailure)
    }
}

@Suite("Circuit breaker: open, half-open, ramp")
struct BreakerRecoveryTests {
    @Test("open for one second, then twice as long each time, at most thirty")
    func backOff() {
        let bench = Bench()
        bench.open()
        for expected in [1, 2, 4, 8, 16, 30, 30] {
            let until = bench.openUntil
            #expect(until?.nanoseconds(since: bench.now) == UInt64(expected) * Bench.second)
            bench.now = Instant(nanoseconds: (until ?? .never).nanoseconds - 1)
            #expect(bench.ask() == nil)
            bench.waitOpen()
            #expect(bench.state == .open)
            #expect(bench.call(1, .failure) == 1)
            #expect(bench.state == .open)
        }
    }

    @Test(
        "jitter is a fifth either way", arguments: [(UInt64.min, 0.8), (1 << 63, 1), (.max, 1.2)])
    func jitter(chance: UInt64, factor: Double) {
        let bench = Bench()
        bench.chance = chance
        bench.open()
        let length = bench.openUntil?.nanoseconds(since: bench.now) ?? 0
        #expect(abs(Double(length) - factor * 1e9) < 1000)
    }

    @Test("three probes at a time, and three successes close it")
    func probes() throws {
        let bench = Bench()
        bench.open()
        bench.waitOpen()
        let probes = [bench.ask(), bench.ask(), bench.ask()].compactMap(\.self)
        #expect(probes.count == 3)
        #expect(bench.state == .halfOpen)
        #expect(bench.ask() == nil)
        bench.report(probes[0], good)
        let fourth = try #require(bench.ask())
        bench.report(probes[1], good)
        #expect(bench.state == .halfOpen)
        bench.report(fourth, good)
        #expect(bench.state == .ramp)
        // It says nothing about the ramp.
        bench.report(probes[2], .failure)
        #expect(bench.state == .ramp)
    }

    @Test("one failure opens it again", arguments: [CallOutcome.failure, .connectFailure, slow])
    func failure(outcome: CallOutcome) throws {
        let bench = Bench()
        bench.open()
        bench.waitOpen()
        bench.call(2, good)
        let probe = try #require(bench.ask())
        bench.report(probe, outcome)
        #expect(bench.state == .open)
        #expect(bench.openUntil?.nanoseconds(since: bench.now) == 2 * Bench.second)
    }

    @Test("a probe that says nothing gives its place back, and nothing else")
    func ignored() {
        let bench = Bench()
        bench.open()
        bench.waitOpen()
        #expect(bench.call(50, .ignored) == 50)
        #expect(bench.state == .halfOpen)
    }

    @Test("probes that never report lose their places at their deadlines")
    func lostProbes() {
        let bench = Bench()
        bench.open()
        bench.waitOpen()
        for _ in 0..<3 { #expect(bench.ask(within: 2) != nil) }
        #expect(bench.ask() == nil)
        bench.pass(seconds: 1.999)
        #expect(bench.ask() == nil)
        bench.pass(seconds: 0.001)
        #expect(bench.call(3, good) == 3)
        #expect(bench.state == .ramp)
    }

    @Test("a probe without a deadline loses its place as well")
    func endlessProbes() {
        let bench = Bench()
        bench.open()
        bench.waitOpen()
        for _ in 0..<3 {
            let verdict = bench.breaker.admit(at: bench.now, deadline: .never, chance: 0)
            #expect(verdict != .refused(until: bench.now))
        }
        #expect(bench.ask() == nil)
        bench.pass(seconds: 60)
        #expect(bench.ask() != nil)
    }

    @Test("late reports: a failure counts, a success does not")
    func late() throws {
        let bench = Bench()
        bench.open()
        bench.waitOpen()
        let first = try #require(bench.ask(within: 1))
        let second = try #require(bench.ask(within: 1))
        bench.call(2, good)
        bench.pass(seconds: 1)
        bench.report(first, good)
        #expect(bench.state == .halfOpen)
        bench.report(second, .failure)
        #expect(bench.state == .open)
    }

    @Test("what closed calls report later says nothing about probes")
    func oldReports() throws {
        let bench = Bench()
        let old = try #require(bench.ask())
        bench.open()
        bench.report(old, good)
        #expect(bench.state == .open)
        bench.waitOpen()
        let probe = try #require(bench.ask())
        bench.report(old, .failure)
        bench.breaker.reportTruncation(old, at: bench.now, chance: 0)
        #expect(bench.state == .halfOpen)
        bench.report(probe, good)
        #expect(bench.state == .halfOpen)
    }

    @Test("a probe whose body breaks off opens it again")
    func truncatedProbe() throws {
        let bench = Bench()
        bench.open()
        bench.waitOpen()
        let probe = try #require(bench.ask())
        bench.report(probe, good)
        bench.breaker.reportTruncation(probe, at: bench.now, chance: 0)
        #expect(bench.state == .open)
    }

    /// Opens and closes it, so that the ramp begins.
    private static func ramp(_ bench: Bench) {
        bench.open()
        bench.waitOpen()
        bench.call(3, good)
    }

    @Test("the ramp goes from a tenth to all in five seconds")
    func rampShare() {
        for (seconds, share) in [(0.0, 0.1), (2.5, 0.55), (4.999, 1.0)] {
            let bench = Bench()
            #expect(bench.breaker.rampShare(at: bench.now) == nil)
            Self.ramp(bench)
            // Places that pass in any case are taken.
            for _ in 0..<3 { #expect(bench.ask() != nil) }
            bench.pass(seconds: seconds)
            let told = bench.breaker.rampShare(at: bench.now)
            #expect(told.map { abs($0 - share) < 0.001 } == true)
            var random = Seeded(seed: 7)
            var passed = 0
            for _ in 0..<10_000 {
                bench.chance = random.next()
                if bench.ask() != nil { passed += 1 }
            }
            #expect(abs(Double(passed) / 10_000 - share) < 0.02, "after \(seconds) s")
        }
    }

    @Test("during the ramp calls one after the other all pass")
    func rampFloor() {
        let bench = Bench()
        bench.chance = .max
        Self.ramp(bench)
        #expect(bench.call(200, good) == 200)
        for _ in 0..<3 { #expect(bench.ask() != nil) }
        #expect(bench.ask() == nil)
    }

    @Test("after the ramp it is closed, and the next time opens for one second again")
    func rampEnds() {
        let bench = Bench()
        Self.ramp(bench)
        bench.pass(seconds: 5)
        bench.call(1, good)
        #expect(bench.state == .closed)
        bench.pass(seconds: 2)
        bench.open()
        #expect(bench.openUntil?.nanoseconds(since: bench.now) == Bench.second)
    }

    @Test("opening during the ramp doubles the time")
    func rampFails() {
        let bench = Bench()
        Self.ramp(bench)
        bench.pass(seconds: 2)
        bench.open()
        #expect(bench.openUntil?.nanoseconds(since: bench.now) == 2 * Bench.second)
    }

    @Test("without a ramp it closes at once")
    func noRamp() {
        let bench = Bench { $0.rampNanoseconds = 0 }
        Self.ramp(bench)
        #expect(bench.state == .closed)
        let counts = BreakerState.allCases.map { bench.entered($0) }
        #expect(counts == [1, 1, 1, 0])
    }

    @Test(
        "an upstream that flaps every two seconds opens it no more often than the back-off allows")
    func flapping() {
        let bench = Bench()
        var random = Seeded(seed: 3)
        let begun = bench.now
        for step in 0..<60_000 {
            bench.pass(seconds: 0.001)
            bench.chance = random.next()
            let isUp = bench.now.nanoseconds(since: begun) / (2 * Bench.second) % 2 == 0
            if step % 2 == 0 { bench.call(1, isUp ? good : .connectFailure) }
        }
        // One minute: 1, 2, 4, 8, 16 and 30 seconds, each a fifth shorter at the least.
        #expect((2...7).contains(bench.entered(.open)))
    }
}

@Suite("Circuit breaker: any history")
struct BreakerModelTests {
    /// What holds whatever happens: no more probes than places, no call while open, and never stuck.
    @Test("keeps its promises", arguments: 0..<200 as Range<UInt64>)
    func model(seed: UInt64) {
        var random = Seeded(seed: seed)
        let bench = Bench()
        var pending: [(permit: BreakerPermit, spell: UInt64?, end: Instant)] = []
        let outcomes: [CallOutcome] = [good, good, slow, .failure, .connectFailure, .ignored]
        for _ in 0..<2_000 {
            bench.chance = random.next()
            bench.pass(seconds: Double.random(in: 0...0.3, using: &random))
            switch Int.random(in: 0..<4, using: &random) {
            case 0, 1:
                let before = bench.state
                let until = bench.openUntil
                let deadline = bench.now.advanced(byNanoseconds: Bench.second)
                let verdict = bench.breaker.admit(
                    at: bench.now, deadline: deadline, chance: bench.chance)
                switch verdict {
                case .admitted(let permit):
                    #expect(before != .open || until.map { $0 <= bench.now } == true)
                    let spell = bench.entered(.halfOpen)
                    let isProbe = bench.state == .halfOpen
                    pending.append((permit, isProbe ? spell : nil, deadline))
                case .refused(let until):
                    #expect(until > bench.now)
                    #expect(bench.state != .closed)
                }
                let (now, spell) = (bench.now, bench.entered(.halfOpen))
                let probes = pending.filter { $0.spell == spell && $0.end > now }
                #expect(probes.count <= 3)
            case 2 where !pending.isEmpty:
                let index = Int.random(in: 0..<pending.count, using: &random)
                let outcome = outcomes[Int.random(in: 0..<outcomes.count, using: &random)]
                bench.report(pending.remove(at: index).permit, outcome)
            case 3 where !pending.isEmpty:
                // Never reported.
                pending.removeFirst()
            default: break
            }
        }
        // Left alone with a good upstream, it is closed within its longest pause, the probes' deadlines and
        // the ramp.
        pending.removeAll()
        for _ in 0..<60 {
            bench.pass(seconds: 1)
            bench.call(1, good)
        }
        #expect(bench.state == .closed)
    }
}
