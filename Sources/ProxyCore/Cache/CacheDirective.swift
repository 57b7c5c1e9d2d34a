internal import HTTP1

/// One member of Cache-Control (RFC 9111 §5.2): a name, and what stands behind its "=".
struct CacheDirective {
    /// What follows the name.
    enum Argument: Equatable {
        /// Nothing.
        case none
        /// A token.
        case token(ByteRange)
        /// What stands between the quotes of a quoted string.
        case quoted(ByteRange)
        /// Neither: blanks around "=", a quote without its partner, bytes that no token holds.
        case malformed
        /// A quoted string without an end, which may have swallowed directives behind it.
        case unterminated
    }

    var name: ByteRange
    var argument: Argument

    /// Takes a member of the list apart; nil if it does not even start with a name.
    ///
    /// The name counts even if what follows it is malformed, so that `no-store ; x` still restricts.
    init?(_ bytes: Span<UInt8>, _ member: ByteRange) {
        var index = member.lowerBound
        let end = min(member.upperBound, bytes.count)
        while index < end, bytes[index].isTokenByte { index += 1 }
        guard index > member.lowerBound else { return nil }
        name = ByteRange(member.lowerBound, index)
        if index == end {
            argument = .none
        } else if bytes[index] == UInt8(ascii: "=") {
            argument = Self.argument(bytes, from: index + 1, to: end)
        } else {
            argument = .malformed
        }
    }

    private static func argument(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Argument {
        guard start < end else { return .malformed }
        if bytes[start] == UInt8(ascii: "\"") {
            var index = start + 1
            while index < end, bytes[index] != UInt8(ascii: "\"") {
                index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
            }
            guard index < end else { return .unterminated }
            return index == end - 1 ? .quoted(ByteRange(start + 1, index)) : .malformed
        }
        for index in start..<end where !bytes[index].isTokenByte { return .malformed }
        return .token(ByteRange(start, end))
    }

    /// Whether the directive is the one of that name, which is case-insensitive (§5.2).
    func isNamed(_ text: StaticString, in bytes: Span<UInt8>) -> Bool {
        bytes.equalsIgnoringCase(name, text)
    }

    /// The argument as delta-seconds (RFC 9111 §1.2.2), quoted or not.
    func seconds(in bytes: Span<UInt8>) -> DeltaSeconds {
        switch argument {
        case .token(let range), .quoted(let range): DeltaSeconds(bytes, range)
        case .none, .malformed, .unterminated: .invalid
        }
    }
}

/// The number of seconds that a directive gives.
enum DeltaSeconds: Equatable {
    /// The directive is not there.
    case absent
    /// At most `max`.
    case value(UInt32)
    /// No number, or two different ones: what it says about freshness counts as stale (§4.2.1).
    case invalid

    /// RFC 9111 §1.2.2: what is greater, or overflows, counts as 2^31.
    static let max: UInt32 = 1 << 31

    /// Reads 1*DIGIT.
    init(_ bytes: Span<UInt8>, _ range: ByteRange) {
        switch bytes.decimal(range) {
        case .value(let value): self = .value(UInt32(min(value, UInt64(Self.max))))
        case .overflow: self = .value(Self.max)
        case .invalid: self = .invalid
        }
    }

    /// Takes in a further occurrence. RFC 9111 §4.2.1 allows to use the first one or to consider the
    /// response stale: it is stale unless they agree.
    mutating func merge(_ other: DeltaSeconds) {
        self = self == .absent || self == other ? other : .invalid
    }

    /// The number, 0 if it is invalid, nil if there is none.
    var seconds: UInt32? {
        switch self {
        case .absent: nil
        case .value(let value): value
        case .invalid: 0
        }
    }
}
