/// What a request must be like: all that is named must hold, and of each list one element.
public struct LimitCondition: Sendable, Equatable {
    /// Blocks that the client's address lies in.
    public var clients: [CIDR] = []
    /// Methods.
    public var methods = MethodSet.all
    /// Path templates.
    public var paths: [PathTemplate] = []
    /// Hosts.
    public var hosts: [HostPattern] = []
    /// Names of routes.
    public var routes: [String] = []
    /// Request fields with their values; each of them must match. Names in lower case.
    public var headers: [ValueCondition] = []
    /// Query parameters with their values; each of them must match.
    public var query: [ValueCondition] = []
    /// Identities of applications.
    public var applications: [TextPattern] = []

    /// A condition that every request meets.
    public init() {}
}

/// A named value that must match.
public struct ValueCondition: Sendable, Equatable {
    /// The name of a field or of a parameter.
    public var name: String
    /// What it must be.
    public var pattern: TextPattern

    /// A condition from its parts.
    public init(name: String, pattern: TextPattern) {
        self.name = name
        self.pattern = pattern
    }
}

/// A text in which `*` stands for any bytes; `*` alone is met by whatever is there.
public struct TextPattern: Sendable, Equatable, CustomStringConvertible {
    /// The pattern as it is written.
    public let text: String
    private let pieces: [[UInt8]]

    /// A pattern of `text`.
    public init(_ text: String) {
        self.text = text
        pieces = text.utf8.split(separator: UInt8(ascii: "*"), omittingEmptySubsequences: false)
            .map { Array($0) }
    }

    /// The pattern as it is written.
    public var description: String { text }

    /// Whether `value` is like it. Pieces between stars are looked for from left to right, each once.
    public func matches(_ value: Span<UInt8>) -> Bool {
        guard let first = pieces.first, Self.has(value, first, at: 0) else { return false }
        if pieces.count == 1 { return value.count == first.count }
        let last = pieces[pieces.count - 1]
        var start = first.count
        let end = value.count - last.count
        guard end >= start, Self.has(value, last, at: end) else { return false }
        for index in 1..<(pieces.count - 1) {
            let piece = pieces[index]
            while !Self.has(value, piece, at: start) {
                start += 1
                if start + piece.count > end { return false }
            }
            start += piece.count
            if start > end { return false }
        }
        return true
    }

    private static func has(_ value: Span<UInt8>, _ piece: [UInt8], at start: Int) -> Bool {
        guard start + piece.count <= value.count else { return false }
        for index in piece.indices where value[start + index] != piece[index] { return false }
        return true
    }
}
