internal import Locking
internal import ProxyCore
internal import Telemetry
internal import Time

/// What the instance knows about one upstream's health, for all its workers: breaker, gate, limit, budget and
/// quota behind one lock, which is taken twice by each attempt at the upstream and never by a hit
/// (docs/decisions/0013-resilience.md).
final class UpstreamHealth: Sendable {
    private let state: Locked<HealthState>

    init(_ settings: ResilienceSettings) { state = Locked(HealthState(settings)) }

    /// Takes over new settings; what is known stays.
    func apply(_ settings: ResilienceSettings) { state.withLock { $0.apply(settings) } }

    /// Asks for an attempt; never queues.
    func enter(_ call: AdmissionCall, at now: Instant) -> AdmissionVerdict {
        state.withLock { $0.enter(call, at: now) }
    }

    /// Queues for a place; false if there is no room. `proceed` must follow.
    func join(_ call: AdmissionCall, _ waiter: AdmissionWaiter, at now: Instant) -> Bool {
        let isGranted = state.withLock { $0.join(call, waiter, at: now) }
        if isGranted == true { waiter.grant() }
        return isGranted != nil
    }

    /// Counts and words a refusal.
    func refuse(_ reason: ShedReason, at now: Instant) -> AdmissionVerdict {
        state.withLock { $0.refuse(reason, until: nil, at: now) }
    }

    /// The wait is over: the attempt may be made unless the upstream is to be left alone by now.
    func proceed(
        _ call: AdmissionCall, _ waiter: AdmissionWaiter, at now: Instant
    ) -> AdmissionVerdict {
        let (verdict, next) = state.withLock { $0.proceed(call, waiter, at: now) }
        for waiter in next { waiter.grant() }
        return verdict
    }

    /// The attempt has told what it could: its answer has begun, or it ended without one.
    func finish(_ permit: AdmissionPermit, _ report: AttemptReport, at now: Instant) {
        let next = state.withLock { $0.finish(permit, report, at: now) }
        for waiter in next { waiter.grant() }
    }

    /// The body of an answer that had begun broke off.
    func reportTruncation(_ permit: AdmissionPermit, at now: Instant, chance: UInt64) {
        state.withLock { $0.breaker.reportTruncation(permit.breaker, at: now, chance: chance) }
    }

    /// Takes a retry from the budget.
    func takeRetry(at now: Instant) -> RetryVerdict { state.withLock { $0.takeRetry(at: now) } }

    /// Counts a request that shares the refusal of the one it waited for.
    func countShed(_ reason: ShedReason) { state.withLock { $0.count(reason) } }

    /// What there is to be shown.
    func view(at now: Instant) -> HealthView { state.withLock { $0.view(at: now) } }
}

/// An attempt that asks to be admitted.
struct AdmissionCall {
    /// When an answer must have begun.
    var deadline: Instant
    /// Whether the upstream's concurrency is not charged with it, because its pace is the client's.
    var isUnlimited = false
    /// Whether it is made because an earlier one failed.
    var isRetry = false
    /// How long it may wait for its turn or to keep the quota, in nanoseconds.
    var waitNanosecondsMax: UInt64 = 0
    /// Uniform in all of its range.
    var chance: UInt64
}

/// The right to an attempt; `finish` follows exactly once.
struct AdmissionPermit {
    let breaker: BreakerPermit
    /// The state in which the breaker admitted it.
    let state: BreakerState
    /// Whether the gate waits for its outcome.
    let isTrial: Bool
    /// Whether it has a place among those under way.
    let hasPlace: Bool
    /// How long to wait for the quota's sake, in nanoseconds.
    let pauseNanoseconds: UInt64
}

/// What comes of asking.
enum AdmissionVerdict {
    /// It may be made.
    case admitted(AdmissionPermit)
    /// It may queue for a place.
    case full
    /// It may not be made.
    case refused(Refusal)
}

/// Why an attempt was not made, and when one has a chance.
struct Refusal: Sendable {
    let reason: ShedReason
    /// The state of the breaker.
    let state: BreakerState
    let retryAfterSeconds: UInt64

    /// `until`: when to come back; at least a second away, and none for longer than an hour.
    init(_ reason: ShedReason, _ state: BreakerState, until: Instant?, at now: Instant) {
        self.reason = reason
        self.state = state
        let nanoseconds = until?.nanoseconds(since: now) ?? 0
        let seconds = nanoseconds / 1_000_000_000 + (nanoseconds % 1_000_000_000 > 0 ? 1 : 0)
        retryAfterSeconds = min(max(1, seconds), 3600)
    }
}

/// What an attempt tells about its upstream.
struct AttemptReport {
    var outcome: CallOutcome
    /// How long the upstream took to begin its answer, in nanoseconds; nil if that says nothing.
    var latencyNanoseconds: UInt64?
    /// The pause that the upstream asks for, in nanoseconds.
    var pauseNanoseconds: UInt64 = 0
    /// Whether there was an answer at all.
    var isAnswered = false
    /// Uniform in all of its range.
    var chance: UInt64
}

/// Whether a retry may be made.
enum RetryVerdict {
    /// It may.
    case allowed
    /// The budget has none left.
    case exhausted
    /// The upstream is to be left alone.
    case pointless
}
