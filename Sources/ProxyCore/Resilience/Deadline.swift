public import Time

/// The end of the time that a piece of work may take. Every wait, try and pause of a request is
/// charged to one deadline, so that no chain of timeouts adds up to more than was promised.
public struct Deadline: Sendable, Hashable, Comparable {
    /// When the time is up; `Instant.never`: not at all.
    public var instant: Instant

    /// No deadline.
    public static let none = Deadline(at: .never)

    /// A deadline at `instant`.
    @inlinable
    public init(at instant: Instant) { self.instant = instant }

    /// A deadline `budget` nanoseconds after `start`; nil: none.
    @inlinable
    public init(from start: Instant, nanoseconds budget: UInt64?) {
        instant = budget.map { start.advanced(byNanoseconds: $0) } ?? .never
    }

    /// Earlier comes first.
    @inlinable
    public static func < (left: Deadline, right: Deadline) -> Bool {
        left.instant < right.instant
    }

    /// Whether there is none.
    @inlinable
    public var isNone: Bool { instant == .never }

    /// Whether the time is up at `now`; the very instant counts as up.
    @inlinable
    public func isExpired(at now: Instant) -> Bool { !isNone && instant <= now }

    /// Nanoseconds left at `now`, 0 when the time is up; nil: no deadline.
    @inlinable
    public func nanosecondsLeft(at now: Instant) -> UInt64? {
        isNone ? nil : instant.nanoseconds(since: now)
    }

    /// The earlier of both.
    @inlinable
    public func tightened(by other: Deadline) -> Deadline { min(self, other) }

    /// The deadline of a phase that starts `now` and may take `nanoseconds` (nil: no bound of its
    /// own), never later than this one.
    @inlinable
    public func phase(from now: Instant, nanoseconds: UInt64?) -> Deadline {
        tightened(by: Deadline(from: now, nanoseconds: nanoseconds))
    }

    /// Whether a pause of `pause` nanoseconds from `now` leaves at least `needed` nanoseconds: whether
    /// it makes sense to wait and try again.
    @inlinable
    public func allows(
        pauseNanoseconds pause: UInt64, thenNanoseconds needed: UInt64, at now: Instant
    ) -> Bool {
        if isNone { return true }
        let end = now.advanced(byNanoseconds: pause).advanced(byNanoseconds: needed)
        return end <= instant && end != .never
    }
}
