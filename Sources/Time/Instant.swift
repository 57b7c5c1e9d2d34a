/// A point on the monotonic clock, in nanoseconds since an arbitrary origin. For timers and deadlines; never shown to a client.
public struct Instant: Comparable, Hashable, Sendable {
    /// Nanoseconds since the clock's origin.
    public var nanoseconds: UInt64

    /// An instant later than every other: a timer armed for it never fires.
    public static let never = Instant(nanoseconds: .max)

    /// An instant that lies `nanoseconds` after the clock's origin.
    @inlinable
    public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    /// Earlier comes first.
    @inlinable
    public static func < (left: Instant, right: Instant) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// `self` moved `nanoseconds` into the future; `never` stays `never`.
    @inlinable
    public func advanced(byNanoseconds nanoseconds: UInt64) -> Instant {
        let (sum, overflow) = self.nanoseconds.addingReportingOverflow(nanoseconds)
        return overflow ? .never : Instant(nanoseconds: sum)
    }

    /// Nanoseconds from `earlier` to `self`, 0 if `earlier` is the later one.
    @inlinable
    public func nanoseconds(since earlier: Instant) -> UInt64 {
        nanoseconds > earlier.nanoseconds ? nanoseconds &- earlier.nanoseconds : 0
    }
}
