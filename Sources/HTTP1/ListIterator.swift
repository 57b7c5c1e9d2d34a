/// Walks the members of a comma-separated list (RFC 9110 §5.6.1) within one field value. Commas
/// inside quoted strings do not separate; empty members are skipped, as §5.6.1.2 asks of recipients.
///
/// A cursor rather than a `Sequence`: it holds offsets only, and the bytes are handed in at each step.
public struct ListIterator: Sendable {
    @usableFromInline var position: Int
    @usableFromInline let end: Int
    /// Whether an empty member was passed over so far; callers that must not guess refuse those.
    public private(set) var sawEmptyMember = false

    /// Before the first member of the value at `range`.
    @inlinable
    public init(_ range: ByteRange) {
        position = range.lowerBound
        end = range.upperBound
    }

    /// The next non-empty member without blanks around it, nil after the last. `bytes` must be the
    /// ones that the range of `init` is about. An unfinished quoted string runs to the end.
    public mutating func next(in bytes: Span<UInt8>) -> ByteRange? {
        let limit = min(end, bytes.count)
        while position < limit {
            let start = position
            position = endOfMember(in: bytes, limit: limit)
            let member = bytes.trimmingBlanks(ByteRange(start, position))
            let separated = position < limit
            position &+= 1
            if !member.isEmpty {
                // "a," ends in an empty member that the loop would never come to.
                if separated && position >= limit { sawEmptyMember = true }
                return member
            }
            sawEmptyMember = true
        }
        return nil
    }

    private func endOfMember(in bytes: Span<UInt8>, limit: Int) -> Int {
        var index = position
        var quoted = false
        while index < limit {
            let byte = bytes[index]
            if byte == Octet.quote {
                quoted.toggle()
            } else if quoted {
                if byte == Octet.backslash { index &+= 1 }
            } else if byte == Octet.comma {
                return index
            }
            index &+= 1
        }
        return limit
    }
}
