/// Parsers of single values, made to measure: each yields a closure for `SettingsReader.read`.
enum Parse {
    typealias Parser<T> = (String) throws(TextProblem) -> T

    /// A duration within `range` nanoseconds.
    static func duration(_ range: ClosedRange<UInt64>) -> Parser<UInt64> {
        { (text) throws(TextProblem) in
            let value = try DurationText.parse(text)
            guard range.contains(value) else {
                let low = DurationText.format(range.lowerBound)
                let high = DurationText.format(range.upperBound)
                throw TextProblem(expected: "a duration from \(low) to \(high)", found: text)
            }
            return value
        }
    }

    /// A duration within `range`, or none for `off` and `0`.
    static func durationOrOff(_ range: ClosedRange<UInt64>) -> Parser<UInt64?> {
        { (text) throws(TextProblem) in
            if text == "off" || text == "0" { return nil }
            return try duration(range)(text)
        }
    }

    /// A size within `range` bytes.
    static func size(_ range: ClosedRange<UInt64>) -> Parser<UInt64> {
        { (text) throws(TextProblem) in
            let value = try SizeText.parse(text)
            guard range.contains(value) else {
                let low = SizeText.format(range.lowerBound)
                let high = SizeText.format(range.upperBound)
                throw TextProblem(expected: "a size from \(low) to \(high)", found: text)
            }
            return value
        }
    }

    /// A size within `range` bytes, for buffers.
    static func bytes(_ range: ClosedRange<UInt64>) -> Parser<Int> {
        { (text) throws(TextProblem) in Int(truncatingIfNeeded: try size(range)(text)) }
    }

    /// A size, or none for `unlimited`.
    static func sizeOrUnlimited(_ text: String) throws(TextProblem) -> UInt64? {
        text == "unlimited" ? nil : try SizeText.parse(text)
    }

    /// A whole number within `range`.
    static func number(_ range: ClosedRange<Int>) -> Parser<Int> {
        { (text) throws(TextProblem) in
            let isNumber = !text.isEmpty && text.utf8.allSatisfy { $0.isDigit }
            guard isNumber, let value = Int(text), range.contains(value) else {
                throw TextProblem(
                    expected: "a number from \(range.lowerBound) to \(range.upperBound)",
                    found: text)
            }
            return value
        }
    }

    /// `true` or `false`; the other words of YAML 1.1 are refused, since readers disagree on them.
    static func boolean(_ text: String) throws(TextProblem) -> Bool {
        switch text {
        case "true": true
        case "false": false
        default: throw TextProblem(expected: "true or false", found: text)
        }
    }

    /// A word of a closed vocabulary.
    static func word<T: RawRepresentable & CaseIterable>(
        _ text: String
    ) throws(TextProblem) -> T where T.RawValue == String {
        guard let value = T(rawValue: text) else {
            let words = T.allCases.map(\.rawValue).joined(separator: ", ")
            throw TextProblem(expected: "one of \(words)", found: text)
        }
        return value
    }

    /// A text that is not empty and has no control characters.
    static func line(_ text: String) throws(TextProblem) -> String {
        guard !text.isEmpty, text.utf8.count <= 4096,
            !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f })
        else { throw TextProblem(expected: "a text without control characters", found: text) }
        return text
    }

    /// A line, or none at all; for values that may be left open.
    static func optionalLine(_ text: String) throws(TextProblem) -> String? { try line(text) }

    /// A name for labels: letters, digits and `-_./{}*`; not one with `_` at its start, which are
    /// kept for what has no name.
    static func name(_ text: String) throws(TextProblem) -> String {
        let isName = text.utf8.allSatisfy { $0.isAlphanumeric || "-_./{}*:".utf8.contains($0) }
        guard isName, !text.isEmpty, text.utf8.count <= 128, text.first != "_" else {
            throw TextProblem(
                expected: "a name of letters, digits, `-`, `.`, `/` and, not first, `_`",
                found: text)
        }
        return text
    }

    /// A token (RFC 9110 §5.6.2).
    static func token(_ text: String) throws(TextProblem) -> String {
        guard !text.isEmpty, text.utf8.count <= 128, text.utf8.allSatisfy(\.isTokenByte) else {
            throw TextProblem(expected: "a token", found: text)
        }
        return text
    }

    /// A host, or a host and a port, as a `Host` field has it.
    static func authority(_ text: String) throws(TextProblem) -> String {
        _ = try HostAndPort.split(text[...], defaultPort: 80)
        return text
    }
}
