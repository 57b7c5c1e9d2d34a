public import Time

/// How many retries there may be. Durations in nanoseconds.
public struct RetryBudgetSettings: Sendable, Equatable {
    /// Retries for each hundred calls.
    public var percent = 10
    /// Retries a second besides, so that there are some where there are few calls.
    public var perSecond = 3

    /// The defaults.
    public init() {}
}

/// Bounds an upstream's retries by its calls of the last ten seconds: when everything fails, retries
/// must not double the load (Finagle's `RetryBudget`; Google's SRE book, "Handling Overload").
public struct RetryBudget: Sendable {
    /// May be changed at any time.
    public var settings: RetryBudgetSettings
    private var window = CallWindow<RetryCounts>(
        nanoseconds: RetryBudget.windowSeconds * second)
    private static let windowSeconds: UInt64 = 10

    /// A budget that nothing has been taken from.
    public init(_ settings: RetryBudgetSettings = RetryBudgetSettings()) {
        self.settings = settings
    }

    /// Counts a call that is no retry.
    public mutating func countCall(at now: Instant) {
        window.add(RetryCounts(calls: 1), at: now)
    }

    /// Takes one retry; false if there is none left.
    public mutating func take(at now: Instant) -> Bool {
        guard left(at: now) >= 1 else { return false }
        window.add(RetryCounts(retries: 1), at: now)
        return true
    }

    /// Retries that may be made now.
    public mutating func left(at now: Instant) -> Int {
        let total = window.total(at: now)
        let most =
            total.calls * settings.percent / 100
            + settings.perSecond * Int(RetryBudget.windowSeconds)
        return max(0, most - total.retries)
    }
}

/// Calls and the retries among them.
struct RetryCounts: WindowCounts {
    var calls = 0
    var retries = 0

    static let zero = RetryCounts()

    static func += (left: inout RetryCounts, right: RetryCounts) {
        left.calls += right.calls
        left.retries += right.retries
    }
}

/// How long to wait before a retry: anything between two bounds, so that those that failed together do not
/// come back together.
public struct RetryPause: Sendable, Equatable {
    /// The shortest pause in nanoseconds.
    public var nanosecondsMin: UInt64 = 20_000_000
    /// The longest pause in nanoseconds.
    public var nanosecondsMax: UInt64 = 100_000_000

    /// The defaults.
    public init() {}

    /// Nanoseconds; `chance` is uniform in all of its range.
    public func nanoseconds(chance: UInt64) -> UInt64 {
        let span = nanosecondsMax > nanosecondsMin ? nanosecondsMax - nanosecondsMin : 0
        return nanosecondsMin + UInt64(Double(chance) * 0x1p-64 * Double(span))
    }
}
