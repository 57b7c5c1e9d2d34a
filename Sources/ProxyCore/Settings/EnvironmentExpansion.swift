/// `${NAME}` and `${NAME:-default}` in values. `$${` stands for a literal `${`. What a variable holds is
/// not expanded again.
enum EnvironmentExpansion {
    /// The text with variables put in, and whether there were any.
    static func expand(
        _ text: String, _ environment: [String: String]
    ) throws(TextProblem) -> (text: String, isFromEnvironment: Bool) {
        guard text.contains("${") else { return (text, false) }
        var result = ""
        var hasVariable = false
        var rest = text[...]
        while let start = rest.firstRange(of: "${") {
            if rest[..<start.lowerBound].last == "$" {
                result += rest[..<start.lowerBound].dropLast() + "${"
                rest = rest[start.upperBound...]
                continue
            }
            guard let end = rest[start.upperBound...].firstIndex(of: "}") else {
                throw TextProblem(
                    expected: "`}` after `${`", found: String(rest[start.lowerBound...]))
            }
            result += rest[..<start.lowerBound]
            result += try value(of: rest[start.upperBound..<end], environment)
            hasVariable = true
            rest = rest[rest.index(after: end)...]
        }
        return (result + rest, hasVariable)
    }

    private static func value(
        of reference: Substring, _ environment: [String: String]
    ) throws(TextProblem) -> String {
        let separator = reference.firstRange(of: ":-")
        let name = String(reference[..<(separator?.lowerBound ?? reference.endIndex)])
        let isName =
            !name.isEmpty && name.utf8.first?.isDigit == false
            && name.utf8.allSatisfy { $0.isAlphanumeric || $0 == UInt8(ascii: "_") }
        guard isName else {
            throw TextProblem(expected: "the name of an environment variable", found: name)
        }
        if let separator {
            // As in a shell, `:-` also stands in for a variable that is empty.
            let value = environment[name] ?? ""
            return value.isEmpty ? String(reference[separator.upperBound...]) : value
        }
        guard let value = environment[name] else {
            throw TextProblem("the environment variable \(name) is not set")
        }
        return value
    }
}
