/// The upper bounds of a histogram, ascending, at most 16, with their `le` texts.
///
/// The texts are canonical floats (`"1.0"`, `"5e-05"`, `"1.048576e+06"`): OpenMetrics wants them,
/// Prometheus 3 rewrites others to this form, so rules with an `le` read the same everywhere.
public struct Buckets: Sendable {
    /// The most bounds a histogram can have; `+Inf` is not among them.
    public static let boundsMax = 16

    /// Seconds (bounds in nanoseconds) or bytes.
    public let unit: Family.Unit
    /// Inclusive upper bounds in nanoseconds or bytes.
    public let bounds: [UInt64]
    /// The `le` value of each bound; `+Inf` is not among them.
    public let texts: [String]

    /// 1 to 16 ascending `bounds`: nanoseconds where `unit` is `.seconds`, else plain numbers.
    public init(unit: Family.Unit, bounds: [UInt64]) {
        precondition((1...Self.boundsMax).contains(bounds.count), "1 to 16 bounds")
        precondition(zip(bounds, bounds.dropFirst()).allSatisfy(<), "bounds must ascend")
        self.unit = unit
        self.bounds = bounds
        let scale = unit == .seconds ? 1e9 : 1
        texts = bounds.map { canonicalFloat(Double($0) / scale) }
    }

    /// 100 µs to 10 s: time spent on a request.
    public static let duration = Buckets(
        unit: .seconds,
        bounds: [
            100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000,
            50_000_000, 100_000_000, 250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000,
            5_000_000_000, 10_000_000_000,
        ])

    /// 1 ms to 30 s: time spent at an upstream.
    public static let upstream = Buckets(
        unit: .seconds,
        bounds: [
            1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000, 100_000_000,
            250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000, 5_000_000_000,
            10_000_000_000, 30_000_000_000,
        ])

    /// 50 µs to 250 ms: time spent at a store in the same network.
    public static let store = Buckets(
        unit: .seconds,
        bounds: [
            50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000,
            25_000_000, 50_000_000, 100_000_000, 250_000_000,
        ])

    /// 256 B to 4 MiB in steps of four.
    public static let size = Buckets(
        unit: .bytes,
        bounds: [256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304])
}

/// A finite, non-negative `value` in the shortest form that reads back to the same number, as Go
/// writes it with a decimal point or an exponent: `0.25`, `1.0`, `5e-05`, `1.048576e+06`.
func canonicalFloat(_ value: Double) -> String {
    // Swift's shortest form differs from the canonical one only from a million on, where the
    // canonical one changes to an exponent (OpenMetrics 1.0.0, "Considerations: Canonical Numbers").
    guard value >= 1e6, value < 1e15, value == value.rounded(.towardZero) else {
        return value.description
    }
    let digits = String(UInt64(value))
    let exponent = digits.count - 1
    var fraction = digits.dropFirst()
    while fraction.last == "0" { fraction.removeLast() }
    let mantissa = digits.prefix(1) + (fraction.isEmpty ? "" : "." + fraction)
    return "\(mantissa)e+\(exponent < 10 ? "0" : "")\(exponent)"
}
