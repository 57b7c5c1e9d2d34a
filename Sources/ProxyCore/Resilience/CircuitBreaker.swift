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
    private var phase: BreakerPhase
    private var ledger = BreakerLedger()

    /// A closed breaker.
    public init(_ settings: BreakerSettings = BreakerSettings()) {
        self.settings = settings
        phase = .closed(ClosedBreaker(settings))
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
        switch phase {
        case .open(let until): until
        default: nil
        }
    }

    /// The share of calls that pass in the ramp, from 0.1 to 1; nil in other states.
    public func rampShare(at now: Instant) -> Double? {
        switch phase {
        case .ramp(_, let since, _):
            BreakerPhase.share(of: now.nanoseconds(since: since), settings)
        default: nil
        }
    }

    /// How often a state was entered.
    public func transitions(to state: BreakerState) -> UInt64 { ledger.entered[state.index] }

    /// Decides about a call that would end by `deadline`.
    public mutating func admit(
        at now: Instant, deadline: Instant, chance: UInt64
    ) -> BreakerVerdict {
        guard settings.isOn else { return .admitted(BreakerPermit(epoch: 0, probe: 0)) }
        return phase.admit(settings, &ledger, at: now, deadline: deadline, chance: chance)
    }

    /// Takes note of how a call ended. Reports of an earlier phase change nothing.
    public mutating func report(
        _ permit: BreakerPermit, _ outcome: CallOutcome, at now: Instant, chance: UInt64
    ) {
        guard settings.isOn, permit.epoch == ledger.epoch else { return }
        if phase.report(permit, outcome, settings, at: now) {
            phase.open(settings, &ledger, at: now, chance: chance)
        } else if outcome == .success(isSlow: false) {
            phase.closeIfProved(settings, &ledger, at: now)
        }
    }

    /// The body of an answer that was reported as a success broke off.
    public mutating func reportTruncation(
        _ permit: BreakerPermit, at now: Instant, chance: UInt64
    ) {
        guard settings.isOn, permit.epoch != 0 else { return }
        if phase.reportTruncation(
            settings, isCurrent: permit.epoch == ledger.epoch, at: now)
        {
            phase.open(settings, &ledger, at: now, chance: chance)
        }
    }
}
