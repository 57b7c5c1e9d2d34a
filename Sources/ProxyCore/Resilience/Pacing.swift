public import Time

/// A quota that an upstream is known to have: so many requests in so long, spread evenly.
public struct PacingSettings: Sendable, Equatable {
    /// Requests in each period, at least 1.
    public var requests: UInt64
    /// The period in nanoseconds, at least 1.
    public var periodNanoseconds: UInt64
    /// Requests that may go at once after a pause, at least 1.
    public var burst: UInt64 = 1

    /// A quota.
    public init(requests: UInt64, periodNanoseconds: UInt64, burst: UInt64 = 1) {
        self.requests = requests
        self.periodNanoseconds = periodNanoseconds
        self.burst = burst
    }
}

/// Keeps the requests to an upstream below its quota (the virtual scheduling of GCRA, ITU-T I.371): one that
/// comes too early is told how long to wait, and its turn is kept.
public struct Pacer: Sendable {
    /// May be changed at any time; nil: there is no quota.
    public var settings: PacingSettings?
    /// When the next request would be due, were they evenly spread.
    private var due = Instant(nanoseconds: 0)

    /// A pacer that nothing has passed.
    public init(_ settings: PacingSettings? = nil) { self.settings = settings }

    /// Nanoseconds to wait before the request goes, 0 in most cases. Nil: longer than
    /// `waitNanosecondsMax`, and nothing was taken.
    public mutating func take(at now: Instant, waitNanosecondsMax: UInt64) -> UInt64? {
        guard let settings else { return 0 }
        let interval = settings.periodNanoseconds / max(1, settings.requests)
        let credit = interval.multipliedReportingOverflow(by: max(1, settings.burst) - 1)
        let start = max(due, now)
        let allowed = Instant(
            nanoseconds: start.nanoseconds - min(start.nanoseconds, credit.partialValue))
        let wait = credit.overflow ? 0 : allowed.nanoseconds(since: now)
        guard wait <= waitNanosecondsMax else { return nil }
        due = start.advanced(byNanoseconds: interval)
        return wait
    }

    /// The last request that was let through did not go.
    public mutating func giveBack() {
        guard let settings else { return }
        let interval = settings.periodNanoseconds / max(1, settings.requests)
        due = Instant(nanoseconds: due.nanoseconds - min(due.nanoseconds, interval))
    }

    /// When a request may go that does not want to wait.
    public var nextDue: Instant { due }
}
