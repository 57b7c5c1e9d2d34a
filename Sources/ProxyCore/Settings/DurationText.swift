/// Durations as settings write them: a whole number and `ns`, `us`, `ms`, `s`, `m`, `h` or `d`.
public enum DurationText {
    private static let units: [(suffix: String, nanoseconds: UInt64)] = [
        ("ns", 1), ("us", 1_000), ("ms", 1_000_000), ("s", second), ("m", 60 * second),
        ("h", 3_600 * second), ("d", 86_400 * second),
    ]

    /// The nanoseconds that `text` stands for; `0` needs no unit.
    public static func parse(_ text: String) throws(TextProblem) -> UInt64 {
        if text == "0" { return 0 }
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard !digits.isEmpty,
            let unit = units.first(where: { $0.suffix == text[digits.endIndex...] })
        else {
            throw TextProblem(expected: "a duration such as 250ms, 5s, 2m or 1h", found: text)
        }
        let product = UInt64(digits)?.multipliedReportingOverflow(by: unit.nanoseconds)
        guard let product, !product.overflow else {
            throw TextProblem(expected: "a duration of less than 500 years", found: text)
        }
        return product.partialValue
    }

    /// The shortest text for `nanoseconds`, in the largest unit that leaves it whole.
    public static func format(_ nanoseconds: UInt64) -> String {
        let unit = units.last { nanoseconds % $0.nanoseconds == 0 && nanoseconds >= $0.nanoseconds }
        return unit.map { "\(nanoseconds / $0.nanoseconds)\($0.suffix)" } ?? "0s"
    }
}
