/// How long to wait before dialling again: full jitter below a ceiling that doubles with each failure
/// in a row.
public struct Backoff: Sendable {
    /// Failures in a row.
    public private(set) var failures = 0

    private let firstNanoseconds: UInt64
    private let mostNanoseconds: UInt64

    /// The ceiling is `firstNanoseconds` after one failure, and never above `mostNanoseconds`.
    public init(firstNanoseconds: UInt64 = 20_000_000, mostNanoseconds: UInt64 = 1_000_000_000) {
        self.firstNanoseconds = firstNanoseconds
        self.mostNanoseconds = max(mostNanoseconds, firstNanoseconds)
    }

    /// What the next delay is below or equal to, nanoseconds.
    public var ceilingNanoseconds: UInt64 {
        var ceiling = firstNanoseconds
        // Doubles 63 times at most, and stops at the first that is too much.
        for _ in 0..<max(failures - 1, 0) {
            if ceiling > mostNanoseconds / 2 { return mostNanoseconds }
            ceiling *= 2
        }
        return min(ceiling, mostNanoseconds)
    }

    /// Notes a failure, and returns the nanoseconds to wait. `chance` is uniform over all its values.
    public mutating func failed(chance: UInt64) -> UInt64 {
        failures = min(failures + 1, 64)
        let (range, overflow) = ceilingNanoseconds.addingReportingOverflow(1)
        return overflow ? chance : chance.multipliedFullWidth(by: range).high
    }

    /// A connection that proved itself: the next failure is the first again.
    public mutating func succeeded() { failures = 0 }
}
