internal import HTTP1

/// Entity tags (RFC 9110 §8.8.3). They are compared as bytes: one without quotes, which is none by the
/// grammar, equals only itself, and never strongly.
enum EntityTag {
    /// Whether the bytes are an entity tag that is not weak.
    static func isStrong(_ tag: ByteRange, in bytes: Span<UInt8>) -> Bool {
        tag.count >= 2 && tag.upperBound <= bytes.count
            && bytes[tag.lowerBound] == UInt8(ascii: "\"")
            && bytes[tag.upperBound &- 1] == UInt8(ascii: "\"")
    }

    /// The tag without the sign of weakness.
    static func opaque(_ tag: ByteRange, in bytes: Span<UInt8>) -> ByteRange {
        guard tag.count >= 2, tag.upperBound <= bytes.count,
            bytes[tag.lowerBound] == UInt8(ascii: "W"),
            bytes[tag.lowerBound &+ 1] == UInt8(ascii: "/")
        else { return tag }
        return ByteRange(tag.lowerBound &+ 2, tag.upperBound)
    }

    /// RFC 9110 §8.8.3.2: weak comparison; weak ones may be equal to strong ones.
    static func areWeaklyEqual(
        _ left: ByteRange, _ bytes: Span<UInt8>, _ right: ByteRange, _ other: Span<UInt8>
    ) -> Bool {
        bytes.equals(opaque(left, in: bytes), opaque(right, in: other), of: other)
    }

    /// RFC 9110 §8.8.3.2: strong comparison; a weak one equals nothing.
    static func areStronglyEqual(
        _ left: ByteRange, _ bytes: Span<UInt8>, _ right: ByteRange, _ other: Span<UInt8>
    ) -> Bool {
        isStrong(left, in: bytes) && isStrong(right, in: other)
            && bytes.equals(left, right, of: other)
    }
}

/// Walks the entity tags of a list (RFC 9110 §13.1.2). Not a `ListIterator`: within the quotes a
/// backslash is a byte like others, and escapes nothing.
struct EntityTagIterator {
    private var position: Int
    private let end: Int

    init(_ range: ByteRange) {
        position = range.lowerBound
        end = range.upperBound
    }

    /// The next member without blanks around it; nil after the last.
    mutating func next(in bytes: Span<UInt8>) -> ByteRange? {
        let limit = min(end, bytes.count)
        while position < limit {
            let start = position
            var isQuoted = false
            while position < limit, isQuoted || bytes[position] != UInt8(ascii: ",") {
                if bytes[position] == UInt8(ascii: "\"") { isQuoted.toggle() }
                position &+= 1
            }
            let member = bytes.trimmingBlanks(ByteRange(start, position))
            position &+= 1
            if !member.isEmpty { return member }
        }
        return nil
    }
}
