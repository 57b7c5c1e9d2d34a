/// A host that a route answers for: `api.example.com`, or `*.example.com` for every name below
/// `example.com` (at any depth, not `example.com` itself). Compared without regard to case; a port
/// and a trailing dot in the request do not matter.
public struct HostPattern: Sendable, Hashable, CustomStringConvertible {
    /// The name in lower case, without `*.`.
    public let name: String
    /// Whether it stands for all names below `name`.
    public let isWildcard: Bool

    /// Reads a pattern, or says what is wrong with it.
    public init(_ text: String) throws(TextProblem) {
        isWildcard = text.hasPrefix("*.")
        name = (isWildcard ? String(text.dropFirst(2)) : text).lowercased()
        guard Self.isHostName(name) || (!isWildcard && Self.isBracketed(name)) else {
            throw TextProblem(
                expected: "a host name without a port, or `*.` and a host name", found: text)
        }
    }

    /// The pattern as it is written, in lower case.
    public var description: String { isWildcard ? "*.\(name)" : name }

    /// Whether `text` is a name or an IPv4 address: labels of letters, digits, `-` and `_`.
    static func isHostName(_ text: String) -> Bool {
        guard !text.isEmpty, text.utf8.count <= 253 else { return false }
        return text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
            .allSatisfy { label in
                !label.isEmpty && label.count <= 63 && label.first != UInt8(ascii: "-")
                    && label.last != UInt8(ascii: "-")
                    && label.allSatisfy {
                        $0.isAlphanumeric || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
                    }
            }
    }

    private static func isBracketed(_ text: String) -> Bool {
        text.hasPrefix("[") && text.hasSuffix("]")
            && ClientAddress(text.dropFirst().dropLast())?.isIPv4 == false
    }
}
