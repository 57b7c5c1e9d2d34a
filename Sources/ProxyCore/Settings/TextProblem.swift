/// Why a text of the settings could not be understood: what was expected, and what stood there.
public struct TextProblem: Error, Sendable, Equatable, CustomStringConvertible {
    /// One sentence without a full stop, such as "expected a port, found `x`".
    public let message: String

    /// A problem with its sentence.
    public init(_ message: String) { self.message = message }

    /// A problem of the usual form; `found` is quoted, and shortened where it is long.
    public init(expected: String, found: String) {
        message = "expected \(expected), found \(Self.quoted(found))"
    }

    /// The sentence.
    public var description: String { message }

    /// `text` in backticks: at most 60 characters, control characters escaped.
    static func quoted(_ text: String) -> String {
        if text.isEmpty { return "nothing" }
        var shown = ""
        for scalar in text.unicodeScalars.prefix(60) {
            shown +=
                scalar.value < 0x20 || scalar.value == 0x7f
                ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
        }
        return "`\(shown)\(text.unicodeScalars.count > 60 ? "…" : "")`"
    }
}
