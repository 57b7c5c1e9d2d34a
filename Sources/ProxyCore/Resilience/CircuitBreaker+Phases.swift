internal import Telemetry
internal import Time

/// What outlives a breaker's phases.
struct BreakerLedger: Sendable {
    /// Grows with each phase that has to forget the calls of the one before; 0 is never one.
    private(set) var epoch: UInt64 = 1
    /// How often the breaker has opened without being all closed in between.
    var openings = 0
    /// How often each state was entered.
    private(set) var entered = [UInt64](repeating: 0, count: BreakerState.allCases.count)

    mutating func enter(_ state: BreakerState) {
        // Calls of the ramp count when it is closed as well: it is the same window.
        if state == .closed { openings = 0 } else { epoch += 1 }
        entered[state.index] += 1
    }
}

/// Where a breaker stands. What it counts meanwhile lies beside it: it is asked twice for each call, and
/// copying the counts with the phase cost more than both answers.
enum BreakerPhase: Sendable {
    case closed
    case open(until: Instant)
    case halfOpen
    /// Closed as far as counting goes; the time since it began tells how many calls pass.
    case ramp(since: Instant, inFlight: Int)
}

/// A breaker that lets calls through and counts them.
struct ClosedBreaker: Sendable {
    private var window: CallWindow<CallCounts>
    private let windowNanoseconds: UInt64
    /// Connects that failed one after the other, and when the first of them did.
    private var connectFailures = 0
    private var firstConnectFailure = Instant(nanoseconds: 0)
    private var lastSuccess: Instant?

    init(_ settings: BreakerSettings) {
        window = CallWindow(nanoseconds: settings.windowNanoseconds)
        windowNanoseconds = settings.windowNanoseconds
    }

    /// Counts a call; true if the breaker has to open.
    mutating func count(
        _ outcome: CallOutcome, _ settings: BreakerSettings, at now: Instant
    ) -> Bool {
        var change = CallCounts(calls: 1)
        switch outcome {
        case .ignored: return false
        case .success(let isSlow):
            connectFailures = 0
            lastSuccess = now
            change.slow = isSlow ? 1 : 0
        case .failure:
            connectFailures = 0
            change.failures = 1
        case .connectFailure:
            countConnectFailure(at: now)
            change.failures = 1
        }
        window.add(change, at: now)
        if outcome == .connectFailure, isUnreachable(settings, at: now) { return true }
        return exceedsRates(settings, at: now)
    }

    /// A call that was counted as a success was none.
    mutating func countTruncation(_ settings: BreakerSettings, at now: Instant) -> Bool {
        window.add(CallCounts(failures: 1), at: now)
        return exceedsRates(settings, at: now)
    }

    private mutating func countConnectFailure(at now: Instant) {
        if connectFailures == 0
            || now.nanoseconds(since: firstConnectFailure) > windowNanoseconds
        {
            connectFailures = 0
            firstConnectFailure = now
        }
        connectFailures += 1
    }

    /// Nobody is there: known long before there are calls enough for a rate.
    private func isUnreachable(_ settings: BreakerSettings, at now: Instant) -> Bool {
        guard connectFailures >= settings.connectFailuresMax else { return false }
        guard let lastSuccess else { return true }
        return now.nanoseconds(since: lastSuccess) >= second
    }

    private mutating func exceedsRates(_ settings: BreakerSettings, at now: Instant) -> Bool {
        let total = window.total(at: now)
        guard total.calls >= settings.callsMin else { return false }
        return total.failures * 100 >= total.calls * settings.failurePercent
            || total.slow * 100 >= total.calls * settings.slowPercent
    }
}

/// A breaker that tries: a few calls at a time, each with a place that it loses at its deadline.
struct HalfOpenBreaker: Sendable {
    private struct Probe {
        let number: UInt64
        let end: Instant
    }

    /// A probe without a deadline does not keep its place for ever.
    private static let probeNanosecondsMax = 60 * second

    private var probes: [Probe] = []
    private var lastNumber: UInt64 = 0
    /// Probes that succeeded.
    private(set) var successes = 0

    /// Gives one of the places that are free, until the call's deadline.
    mutating func admit(
        _ settings: BreakerSettings, _ epoch: UInt64, at now: Instant, deadline: Instant
    ) -> BreakerVerdict {
        probes.removeAll { $0.end <= now }
        guard probes.count < settings.probes else {
            // Each probe that ends makes room for the next: soon, in all likelihood.
            let latest = probes.map(\.end).min() ?? now
            return .refused(
                until: min(latest, now.advanced(byNanoseconds: settings.openNanoseconds)))
        }
        lastNumber += 1
        let latest = now.advanced(byNanoseconds: HalfOpenBreaker.probeNanosecondsMax)
        probes.append(Probe(number: lastNumber, end: min(deadline, latest)))
        return .admitted(BreakerPermit(epoch: epoch, probe: lastNumber))
    }

    /// Frees a probe's place; true if its outcome speaks against the upstream. A success that comes after its
    /// place was lost counts for nothing, a failure counts all the same.
    mutating func report(_ number: UInt64, _ outcome: CallOutcome, at now: Instant) -> Bool {
        let index = probes.firstIndex { $0.number == number && $0.end > now }
        probes.removeAll { $0.number == number }
        switch outcome {
        case .failure, .connectFailure, .success(isSlow: true): return true
        case .success: if index != nil { successes += 1 }
        case .ignored: break
        }
        return false
    }
}
