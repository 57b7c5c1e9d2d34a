/// How many in how long: `1000/1m`.
public struct Rate: Sendable, Hashable {
    /// Most in a period, at least 1.
    public var count: UInt32
    /// The period in nanoseconds.
    public var periodNanoseconds: UInt64
    /// What a token bucket holds; nil for windows.
    public var burst: UInt32?

    /// The largest count, and the largest burst.
    public static let countMax: UInt32 = 10_000_000
    /// The periods that a rate may have, in nanoseconds: 10 ms to 366 days.
    public static let periods: ClosedRange<UInt64> = 10_000_000...(366 * 86_400 * second)
    /// Most a second, so that the interval between two is exact enough in nanoseconds.
    static let perSecondMax: UInt64 = 1_000_000

    /// A rate from its parts.
    public init(count: UInt32, periodNanoseconds: UInt64, burst: UInt32? = nil) {
        self.count = count
        self.periodNanoseconds = periodNanoseconds
        self.burst = burst
    }

    /// Reads `1000/1m`.
    public init(_ text: String) throws(TextProblem) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, parts[0].utf8.allSatisfy({ $0.isDigit }),
            let count = UInt32(parts[0]), (1...Self.countMax).contains(count)
        else {
            throw TextProblem(
                expected: "a rate such as 1000/1m, of 1 to \(Self.countMax)", found: text)
        }
        let period = try Parse.duration(Self.periods)(String(parts[1]))
        guard UInt64(count) <= period / (second / Self.perSecondMax) else {
            throw TextProblem(
                expected: "a rate of at most \(Self.perSecondMax) a second", found: text)
        }
        self.init(count: count, periodNanoseconds: period)
    }

    /// Reads several rates: `5/2s; 10/1h; 100/1d`.
    public static func list(_ text: String) throws(TextProblem) -> [Rate] {
        var rates: [Rate] = []
        for part in text.split(separator: ";", omittingEmptySubsequences: false) {
            let bytes = Array(part.utf8)
            let trimmed = bytes.span.trimmed(0..<bytes.count)
            rates.append(try Rate(String(decoding: bytes[trimmed], as: UTF8.self)))
        }
        guard rates.count <= 4 else {
            throw TextProblem("expected at most 4 rates, found \(rates.count)")
        }
        return rates
    }
}

extension Rate: CustomStringConvertible {
    /// The rate as it is written, without its burst.
    public var description: String { "\(count)/\(DurationText.format(periodNanoseconds))" }
}

/// How the requests of a key are counted.
public enum LimitAlgorithm: String, Sendable, CaseIterable {
    /// A bucket that holds `burst` and refills at the rate (GCRA): at most burst + rate · t within t.
    case tokenBucket = "token_bucket"
    /// Counts within windows that begin at multiples of the period: at most twice the count around a border.
    case fixedWindow = "fixed_window"
    /// At most the count within any period whatever; up to 1 % less where requests come evenly.
    case slidingWindow = "sliding_window"
}
