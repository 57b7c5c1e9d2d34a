/// Sizes as settings write them: a whole number of bytes, or with `KiB`, `MiB`, `GiB`, `TiB` (powers of
/// 1024), `KB`, `MB`, `GB`, `TB` (powers of 1000) or `B`.
public enum SizeText {
    private static let units: [(suffix: String, bytes: UInt64)] = [
        ("B", 1), ("KB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30),
        ("TiB", 1 << 40),
    ]

    /// The bytes that `text` stands for.
    public static func parse(_ text: String) throws(TextProblem) -> UInt64 {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let suffix = text[digits.endIndex...]
        let bytes = suffix.isEmpty ? 1 : units.first { $0.suffix == suffix }?.bytes
        guard !digits.isEmpty, let bytes else {
            throw TextProblem(expected: "a size such as 64KiB, 10MB or 1GiB", found: text)
        }
        let product = UInt64(digits)?.multipliedReportingOverflow(by: bytes)
        guard let product, !product.overflow else {
            throw TextProblem(expected: "a size of less than 16 EiB", found: text)
        }
        return product.partialValue
    }

    /// The shortest text for `bytes`, in the largest binary unit that leaves it whole.
    public static func format(_ bytes: UInt64) -> String {
        let unit = units.last {
            $0.suffix.hasSuffix("iB") && bytes >= $0.bytes && bytes % $0.bytes == 0
        }
        return unit.map { "\(bytes / $0.bytes)\($0.suffix)" } ?? "\(bytes)B"
    }
}
