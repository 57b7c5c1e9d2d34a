import Testing
import Time

@testable import ProxyCore

private let instance = Array("i1".utf8)
private let key = Array("r:1".utf8)

/// A machine, and what a test does to it.
private struct Script: ~Copyable {
    var machine: Coherence
    var time: UInt64 = 1_000_000_000
    var actions: [CoherenceAction] = []

    init(_ whileNotLive: CoherenceSettings.WhileNotLive = .keep) {
        var settings = CoherenceSettings(instance: instance)
        settings.whileNotLive = whileNotLive
        machine = Coherence(settings)
    }

    /// What is to be done about this.
    mutating func does(_ event: CoherenceEvent) -> [CoherenceAction] {
        var actions: [CoherenceAction] = []
        machine.handle(event, at: Instant(nanoseconds: time), into: &actions)
        return actions
    }

    mutating func after(_ milliseconds: UInt64, _ event: CoherenceEvent = .tick)
        -> [CoherenceAction]
    {
        time += milliseconds * 1_000_000
        return does(event)
    }

    func instant(_ milliseconds: Int) -> Instant {
        Instant(nanoseconds: UInt64(Int(time) + milliseconds * 1_000_000))
    }

    /// Into a state by the shortest way. Listeners are attempt 1, heartbeats attempt 2 then.
    static func at(
        _ phase: Coherence.Phase, _ whileNotLive: CoherenceSettings.WhileNotLive = .keep
    ) -> Script {
        var script = Script(whileNotLive)
        if phase == .off { return script }
        _ = script.does(.master(generation: 7))
        if phase == .connecting { return script }
        _ = script.does(.listening(attempt: 1))
        if phase == .awaiting { return script }
        _ = script.does(.invalidated(attempt: 1, keys: [beat(2, 0)]))
        if phase == .live { return script }
        _ = script.after(1_000)
        return script
    }
}

private func beat(_ attempt: UInt64, _ number: UInt64) -> [UInt8] {
    Heartbeat(attempt: attempt, number: number).key(instance: instance)
}

/// An event in a state, what is done, and the state then.
struct CoherenceTransition: Sendable, CustomTestStringConvertible {
    let from: Coherence.Phase
    let event: CoherenceEvent
    let to: Coherence.Phase
    let actions: [CoherenceAction]

    init(
        _ from: Coherence.Phase, _ event: CoherenceEvent, _ to: Coherence.Phase,
        _ actions: CoherenceAction...
    ) {
        self.from = from
        self.event = event
        self.to = to
        self.actions = actions
    }

    var testDescription: String { "\(from), \(event)" }

    private static let anew3 = CoherenceAction.listen(attempt: 3, generation: 7)
    private static let anew4 = CoherenceAction.listen(attempt: 4, generation: 7)

    static let all: [CoherenceTransition] = [
        .init(
            .off, .master(generation: 7), .connecting, .flush, .listen(attempt: 1, generation: 7)),
        .init(.off, .noMaster, .off), .init(.off, .off, .off), .init(.off, .tick, .off),
        .init(.off, .listening(attempt: 1), .off), .init(.off, .lost(attempt: 1), .off),
        .init(.off, .invalidated(attempt: 1, keys: nil), .off),

        .init(.connecting, .master(generation: 7), .connecting),
        .init(
            .connecting, .master(generation: 8), .connecting, .flush,
            .listen(attempt: 2, generation: 8)),
        .init(.connecting, .noMaster, .off, .stopListening),
        .init(.connecting, .off, .off, .stopListening), .init(.connecting, .tick, .connecting),
        .init(
            .connecting, .listening(attempt: 1), .awaiting,
            .sendHeartbeat(Heartbeat(attempt: 2, number: 0))),
        .init(.connecting, .listening(attempt: 9), .connecting),
        .init(.connecting, .lost(attempt: 1), .connecting, .listen(attempt: 2, generation: 7)),
        .init(.connecting, .lost(attempt: 9), .connecting),

        .init(.awaiting, .master(generation: 7), .awaiting),
        .init(
            .awaiting, .master(generation: 8), .connecting, .flush,
            .listen(attempt: 3, generation: 8)),
        .init(.awaiting, .noMaster, .off, .stopListening),
        .init(.awaiting, .off, .off, .stopListening), .init(.awaiting, .tick, .awaiting),
        .init(.awaiting, .listening(attempt: 1), .awaiting),
        .init(.awaiting, .lost(attempt: 1), .connecting, anew3),
        .init(.awaiting, .lost(attempt: 9), .awaiting),
        .init(.awaiting, .invalidated(attempt: 1, keys: nil), .awaiting, .flush),
        .init(.awaiting, .invalidated(attempt: 1, keys: [key]), .awaiting, .invalidate(key)),
        .init(.awaiting, .invalidated(attempt: 9, keys: [beat(2, 0)]), .awaiting),
        .init(.awaiting, .invalidated(attempt: 1, keys: [beat(1, 0)]), .awaiting),
        .init(.awaiting, .invalidated(attempt: 1, keys: [beat(2, 1)]), .awaiting),

        .init(.live, .master(generation: 7), .live),
        .init(
            .live, .master(generation: 8), .connecting, .notLive(.generation), .flush,
            .listen(attempt: 3, generation: 8)),
        .init(.live, .noMaster, .off, .notLive(.noMaster), .stopListening),
        .init(.live, .off, .off, .notLive(.off), .stopListening), .init(.live, .tick, .live),
        .init(.live, .listening(attempt: 1), .live),
        .init(.live, .lost(attempt: 1), .connecting, .notLive(.listenerLost), anew3),
        .init(.live, .lost(attempt: 9), .live),
        .init(.live, .invalidated(attempt: 1, keys: nil), .live, .flush),
        .init(.live, .invalidated(attempt: 1, keys: [key]), .live, .invalidate(key)),
        .init(.live, .invalidated(attempt: 9, keys: [key]), .live),
        .init(.live, .invalidated(attempt: 1, keys: []), .live),

        .init(.silent, .master(generation: 7), .silent),
        .init(
            .silent, .master(generation: 8), .connecting, .flush,
            .listen(attempt: 4, generation: 8)),
        .init(.silent, .noMaster, .off, .stopListening),
        .init(.silent, .off, .off, .stopListening), .init(.silent, .tick, .silent),
        .init(.silent, .listening(attempt: 1), .silent),
        .init(.silent, .lost(attempt: 1), .connecting, anew4),
        .init(.silent, .invalidated(attempt: 1, keys: [key]), .silent, .invalidate(key)),
        .init(.silent, .invalidated(attempt: 1, keys: nil), .silent, .flush),
        // Sent before the silence: too old to prove anything.
        .init(.silent, .invalidated(attempt: 1, keys: [beat(2, 1)]), .silent),
    ]
}

@Suite("Coherence of memory")
struct CoherenceTests {
    @Test("transitions", arguments: CoherenceTransition.all)
    func transition(_ row: CoherenceTransition) {
        var script = Script.at(row.from)
        let phase = script.machine.phase
        #expect(phase == row.from)
        let actions = script.does(row.event)
        #expect(actions == row.actions)
        let after = script.machine.phase
        #expect(after == row.to)
    }

    @Test("the first heartbeat that comes back flushes, and then makes it live")
    func begins() {
        var script = Script.at(.awaiting)
        let until = script.instant(1_000)
        #expect(
            script.after(40, .invalidated(attempt: 1, keys: [beat(2, 0)])) == [
                .lag(40_000_000), .flush, .live(until: until),
            ])
    }

    @Test("other keys of the heartbeat's message are dropped before it counts")
    func sameMessage() {
        var script = Script.at(.awaiting)
        let until = script.instant(1_000)
        #expect(
            script.does(.invalidated(attempt: 1, keys: [beat(2, 0), key])) == [
                .invalidate(key), .lag(0), .flush, .live(until: until),
            ])
    }

    @Test("a heartbeat every 250 ms, numbered")
    func heartbeats() {
        var script = Script.at(.live)
        for number in 1...3 as ClosedRange<UInt64> {
            #expect(script.machine.wake == script.instant(250))
            #expect(script.after(249) == [])
            let sent = Heartbeat(attempt: 2, number: number)
            #expect(script.after(1) == [.sendHeartbeat(sent)])
            let actions = script.does(
                .invalidated(attempt: 1, keys: [sent.key(instance: instance)]))
            #expect(actions == [.lag(0), .live(until: script.instant(1_000))])
        }
    }

    @Test("is live for 1 s after the last heartbeat that came back was sent, and not longer")
    func silence() {
        var script = Script.at(.live)
        for _ in 0..<3 { _ = script.after(250) }
        #expect(script.after(249) == [])
        #expect(script.machine.wake == script.instant(1))
        #expect(
            script.after(1) == [
                .notLive(.silent), .sendHeartbeat(Heartbeat(attempt: 3, number: 0)),
            ])
        // The one sent last before is back, too late.
        #expect(script.does(.invalidated(attempt: 1, keys: [beat(2, 3)])) == [])
        let phase = script.machine.phase
        #expect(phase == .silent)
        let until = script.instant(1_000)
        #expect(
            script.does(.invalidated(attempt: 1, keys: [beat(3, 0)])) == [
                .lag(0), .flush, .live(until: until),
            ])
    }

    @Test("a heartbeat proves the time when it was sent, not when it came back")
    func late() {
        var script = Script.at(.live)
        _ = script.after(250)
        let until = script.instant(1_000)
        _ = script.after(500)
        let actions = script.does(.invalidated(attempt: 1, keys: [beat(2, 1)]))
        #expect(actions == [.lag(500_000_000), .live(until: until)])
    }

    @Test("heartbeats that come back in one message prove the last of them")
    func together() {
        var script = Script.at(.live)
        _ = script.after(250)
        _ = script.after(250)
        let until = script.instant(1_000)
        let actions = script.does(.invalidated(attempt: 1, keys: [beat(2, 1), beat(2, 2)]))
        #expect(actions == [.lag(0), .live(until: until)])
    }

    @Test("what comes after its time, comes after the silence")
    func paused() {
        var script = Script.at(.live)
        // The process was stopped: the heartbeat sent now cannot save what is over.
        let actions = script.after(5_000, .invalidated(attempt: 1, keys: [key]))
        #expect(actions.prefix(2) == [.notLive(.silent), .invalidate(key)])
    }

    @Test("a listener that stays silent, or is not set up, for 3 s is made anew")
    func patience() {
        for phase in [Coherence.Phase.connecting, .awaiting, .silent] {
            var script = Script.at(phase)
            for _ in 0..<11 { _ = script.after(250) }
            let before = script.machine.phase
            #expect(before == phase)
            let actions = script.after(250)
            let attempt: UInt64 = phase == .connecting ? 2 : phase == .awaiting ? 3 : 4
            #expect(actions == [.listen(attempt: attempt, generation: 7)])
            let after = script.machine.phase
            #expect(after == .connecting)
        }
    }

    @Test("strict: what is not coherent goes at once")
    func strict() {
        for (event, reason) in [
            (CoherenceEvent.noMaster, NotLiveReason.noMaster), (.lost(attempt: 1), .listenerLost),
            (.off, .off),
        ] {
            var script = Script.at(.live, .flush)
            let actions = script.does(event)
            #expect(actions.prefix(2) == [.notLive(reason), .flush])
        }
        var script = Script.at(.live, .flush)
        let actions = script.after(1_000)
        #expect(actions.prefix(2) == [.notLive(.silent), .flush])
    }

    @Test("keys of heartbeats name instance, attempt and one of four slots")
    func keys() {
        #expect(beat(12, 0) == Array("h:i1:12:0".utf8))
        #expect(beat(12, 7) == Array("h:i1:12:3".utf8))
        let long = [UInt8](repeating: 0x61, count: 500)
        #expect(Heartbeat(attempt: .max, number: .max).key(instance: long).count < 100)
    }

    @Test("heartbeats of others are nothing to us")
    func others() {
        var script = Script.at(.awaiting)
        let other = Heartbeat(attempt: 2, number: 0).key(instance: Array("i2".utf8))
        #expect(script.does(.invalidated(attempt: 1, keys: [other])) == [])
    }

    @Test("time without end never traps")
    func extremes() {
        var script = Script.at(.live)
        script.time = .max
        _ = script.does(.tick)
        _ = script.does(.listening(attempt: .max))
        let phase = script.machine.phase
        #expect(phase == .silent)
    }
}
