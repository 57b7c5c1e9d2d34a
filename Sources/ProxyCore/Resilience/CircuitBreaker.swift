public import Telemetry
public import Time

/// When a breaker opens and how it closes again. Durations in nanoseconds.
public struct BreakerSettings: Sendable, Equatable {
    /// Whether there is one.
    public var isOn = true
    /// How far back the rates look.
    public var windowNanoseconds: UInt64 = 10 * second
    /// Calls in the window below which rates mean nothing.
    public var callsMin = 20
    /// Share of failures that opens it.
    public var failurePercent = 50
    /// Share of slow answers that opens it.
    public var slowPercent = 80
    /// From when on an answer counts as slow, by its first byte.
    public var slowNanoseconds: UInt64 = 10 * second
    /// Failed connects in a row that open it, when nothing has succeeded for a second.
    public var connectFailuresMax = 5
    /// How long it stays open at first; each time it opens again, twice as long.
    public var openNanoseconds: UInt64 = second
    /// The longest that it stays open, but for the jitter.
    public var openNanosecondsMax: UInt64 = 30 * second
    /// Calls that try a half-open upstream at the same time, and successes that close it.
    public var probes = 3
    /// How long it takes from the first tenth of the calls to all of them.
    public var rampNanoseconds: UInt64 = 5 * second

    /// The defaults.
    public init() {}
}

/// The right to one call. It is reported once, or given up by being forgotten.
public struct BreakerPermit: Sendable, Hashable {
    /// Which phase gave it; what an earlier phase let through says nothing about a later one.
    let epoch: UInt64
    /// A probe's number; 0 for a call of a breaker that is not half-open.
    let probe: UInt64
}

/// Whether a call may be made.
public enum BreakerVerdict: Sendable, Hashable {
    /// It may; the outcome is to be reported with the permit.
    case admitted(BreakerPermit)
    /// It may not; a call at this instant has a chance.
    case refused(until: Instant)
}

/// Keeps calls away from an upstream that fails, and finds out gently when it works again.
///
/// Closed, it counts; open, it refuses for a time that doubles; half-open, a few probes decide; and
/// before all calls go again they do so a few more every moment. Time and chance (uniform in all of
/// its range) are arguments.
public struct CircuitBreaker: ~Copyable, Sendable {
    /// May be changed at any time; takes effect with the next decision.
    public var settings: BreakerSettings
    private var phase = BreakerPhase.closed
    private var ledger = BreakerLedger()
    /// The calls of the closed breaker and of its ramp.
    private var calls: ClosedBreaker
    /// The probes of the half-open one.
    private var trial = HalfOpenBreaker()

    /// A closed breaker.
    public init(_ settings: BreakerSettings = BreakerSettings()) {
        self.settings = settings
        calls = ClosedBreaker(settings)
    }

    /// The state as it is shown; an open one whose time is over is open until somebody asks.
    public var state: BreakerState {
        guard settings.isOn else { return .closed }
        return switch phase {
        case .closed: .closed
        case .open: .open
        case .halfOpen: .halfOpen
        case .ramp: .ramp
        }
    }

    /// Until when it refuses; nil unless it is open.
    public var openUntil: Instant? {
        guard case .open(let until) = phase else { return nil }
        return until
    }

    /// The share of calls that pass in the ramp, from 0.1 to 1; nil in other states.
    public func rampShare(at now: Instant) -> Double? {
        guard case .ramp(let since, _) = phase else { return nil }
        return settings.rampShare(after: now.nanoseconds(since: since))
    }

    /// How often a state was entered.
    public func transitions(to state: BreakerState) -> UInt64 { ledger.entered[state.index] }

    /// Decides about a call that would end by `deadline`.
    public mutating func admit(
        at now: Instant, deadline: Instant, chance: UInt64
    ) -> BreakerVerdict {
        guard settings.isOn else { return .admitted(BreakerPermit(epoch: 0, probe: 0)) }
        switch phase {
        case .closed: break
        case .open(let until):
            if until > now { return .refused(until: until) }
            enter(.halfOpen)
            trial = HalfOpenBreaker()
            fallthrough
        case .halfOpen:
            return trial.admit(settings, ledger.epoch, at: now, deadline: deadline)
        case .ramp(let since, let inFlight):
            let passed = now.nanoseconds(since: since)
            if passed >= settings.rampNanoseconds {
                enter(.closed)
                break
            }
            // As many at the same time as when half-open pass in any case: no stampede, and nobody is
            // refused where there is little traffic.
            let share = settings.rampShare(after: passed)
            guard inFlight < settings.probes || Double(chance) < share * 0x1p64 else {
                return .refused(until: since.advanced(byNanoseconds: settings.rampNanoseconds))
            }
            phase = .ramp(since: since, inFlight: inFlight + 1)
        }
        return .admitted(BreakerPermit(epoch: ledger.epoch, probe: 0))
    }

    /// Takes note of how a call ended. Reports of an earlier phase change nothing.
    public mutating func report(
        _ permit: BreakerPermit, _ outcome: CallOutcome, at now: Instant, chance: UInt64
    ) {
        guard settings.isOn, permit.epoch == ledger.epoch else { return }
        switch phase {
        case .open: break
        case .closed:
            if calls.count(outcome, settings, at: now) { open(at: now, chance: chance) }
        case .ramp(let since, let inFlight):
            phase = .ramp(since: since, inFlight: max(0, inFlight - 1))
            if calls.count(outcome, settings, at: now) { open(at: now, chance: chance) }
        case .halfOpen:
            if trial.report(permit.probe, outcome, at: now) {
                open(at: now, chance: chance)
            } else if trial.successes >= settings.probes {
                close(at: now)
            }
        }
    }

    /// The body of an answer that was reported as a success broke off.
    public mutating func reportTruncation(
        _ permit: BreakerPermit, at now: Instant, chance: UInt64
    ) {
        guard settings.isOn, permit.epoch != 0 else { return }
        let trips =
            switch phase {
            case .closed, .ramp: calls.countTruncation(settings, at: now)
            case .halfOpen: permit.epoch == ledger.epoch
            case .open: false
            }
        if trips { open(at: now, chance: chance) }
    }

    // MARK: Transitions

    /// Opens for twice as long as the last time, give or take a fifth, so that the instances do not
    /// come back all at once.
    private mutating func open(at now: Instant, chance: UInt64) {
        var length = min(settings.openNanoseconds, settings.openNanosecondsMax)
        for _ in 0..<ledger.openings where length < settings.openNanosecondsMax {
            length = min(2 * length, settings.openNanosecondsMax)
        }
        ledger.openings += 1
        let factor = 0.8 + 0.4 * Double(chance) * 0x1p-64
        enter(.open(until: now.advanced(byNanoseconds: UInt64(Double(length) * factor))))
    }

    /// Enough probes have succeeded: begins to let more calls through.
    private mutating func close(at now: Instant) {
        calls = ClosedBreaker(settings)
        enter(settings.rampNanoseconds == 0 ? .closed : .ramp(since: now, inFlight: 0))
    }

    private mutating func enter(_ next: BreakerPhase) {
        phase = next
        ledger.enter(state)
    }
}

extension BreakerSettings {
    /// The share of calls that pass so long after the ramp began: from a tenth to all.
    fileprivate func rampShare(after passed: UInt64) -> Double {
        guard passed < rampNanoseconds else { return 1 }
        return 0.1 + 0.9 * Double(passed) / Double(rampNanoseconds)
    }
}
