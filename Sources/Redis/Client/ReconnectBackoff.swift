/// How long to wait before the next dial: full jitter (a uniform choice from 0 up to a bound that
/// doubles), so that many clients do not come back in step.
struct ReconnectBackoff {
    /// The first bound.
    static let firstNanoseconds: UInt64 = 20_000_000
    /// The largest bound.
    static let lastNanoseconds: UInt64 = 1_000_000_000
    /// A connection that lived as long as this was a good one: the bound starts over.
    static let goodNanoseconds: UInt64 = 1_000_000_000

    private var bound = firstNanoseconds

    /// The next wait in nanoseconds.
    mutating func next(using chance: inout some RandomNumberGenerator) -> UInt64 {
        defer { bound = min(bound * 2, Self.lastNanoseconds) }
        return UInt64.random(in: 0...bound, using: &chance)
    }

    /// A connection ended that had been open for `nanoseconds`.
    mutating func connectionLived(nanoseconds: UInt64) {
        if nanoseconds >= Self.goodNanoseconds { reset() }
    }

    /// Nothing is asked again that is known to fail soon: the bound is the largest one.
    mutating func raise() { bound = Self.lastNanoseconds }

    /// Starts over.
    mutating func reset() { bound = Self.firstNanoseconds }
}
