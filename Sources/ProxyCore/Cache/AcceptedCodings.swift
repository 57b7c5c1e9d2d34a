internal import HTTP1

/// What an Accept-Encoding accepts (RFC 9110 §12.5.3), as a set: most of the many spellings mean one of
/// a few sets, and each of them is a variant.
struct AcceptedCodings: OptionSet, Sendable, Equatable {
    let rawValue: UInt8

    static let br = AcceptedCodings(rawValue: 1)
    static let gzip = AcceptedCodings(rawValue: 1 << 1)
    static let deflate = AcceptedCodings(rawValue: 1 << 2)
    static let zstd = AcceptedCodings(rawValue: 1 << 3)
    /// Content without any coding is not acceptable.
    static let refusesIdentity = AcceptedCodings(rawValue: 1 << 4)
    /// Codings that are not named are acceptable.
    static let others = AcceptedCodings(rawValue: 1 << 5)

    private static let known: AcceptedCodings = [.br, .gzip, .deflate, .zstd]

    /// The set; nil if the field is not there, is malformed, or accepts a coding that has no place in
    /// the set: then its text tells variants apart.
    static func read(_ head: RequestHead) -> AcceptedCodings? {
        guard head.contains(.acceptEncoding) else { return nil }
        var accepted: AcceptedCodings = []
        var named: AcceptedCodings = []
        var star: Bool?
        var identity: Bool?
        let bytes = head.bytes
        let fields = head.fields
        for index in fields.indices where fields[index].known == .acceptEncoding {
            var members = ListIterator(fields[index].value)
            while let member = members.next(in: bytes.span) {
                guard let (name, isAccepted) = weighted(bytes.span, member) else { return nil }
                if let coding = coding(bytes.span, name) {
                    named.insert(coding)
                    if isAccepted { accepted.insert(coding) }
                } else if bytes.span.equals(name, "*") {
                    star = isAccepted
                } else if bytes.span.equalsIgnoringCase(name, "identity") {
                    identity = isAccepted
                } else if isAccepted {
                    return nil
                }
            }
        }
        if star == true { accepted.formUnion(known.subtracting(named).union(.others)) }
        // Content as it is stays acceptable unless "identity;q=0", or "*;q=0" without identity, says no.
        if identity == false || star == false && identity == nil {
            accepted.insert(.refusesIdentity)
        }
        return accepted
    }

    /// x-gzip is gzip (RFC 9110 §8.4.1.3).
    private static func coding(_ bytes: Span<UInt8>, _ name: ByteRange) -> AcceptedCodings? {
        switch name.count {
        case 2: bytes.equalsIgnoringCase(name, "br") ? .br : nil
        case 4:
            bytes.equalsIgnoringCase(name, "gzip")
                ? .gzip : bytes.equalsIgnoringCase(name, "zstd") ? .zstd : nil
        case 6: bytes.equalsIgnoringCase(name, "x-gzip") ? .gzip : nil
        case 7: bytes.equalsIgnoringCase(name, "deflate") ? .deflate : nil
        default: nil
        }
    }

    /// A coding and whether its weight is above 0; nil if the member is malformed.
    private static func weighted(
        _ bytes: Span<UInt8>, _ member: ByteRange
    ) -> (name: ByteRange, isAccepted: Bool)? {
        var end = member.lowerBound
        while end < member.upperBound, bytes[end].isTokenByte { end &+= 1 }
        let name = ByteRange(member.lowerBound, end)
        var rest = bytes.trimmingBlanks(ByteRange(end, member.upperBound))
        if name.isEmpty { return nil }
        if rest.isEmpty { return (name, true) }
        guard bytes[rest.lowerBound] == UInt8(ascii: ";") else { return nil }
        rest = bytes.trimmingBlanks(ByteRange(rest.lowerBound &+ 1, rest.upperBound))
        guard rest.count >= 3, bytes[rest.lowerBound].lowercased == UInt8(ascii: "q"),
            bytes[rest.lowerBound &+ 1] == UInt8(ascii: "=")
        else { return nil }
        return weight(bytes, from: rest.lowerBound &+ 2, to: rest.upperBound).map { (name, $0) }
    }

    /// RFC 9110 §12.4.2: whether a weight is above 0; nil if it is none.
    private static func weight(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Bool? {
        let first = bytes[start]
        guard first == UInt8(ascii: "0") || first == UInt8(ascii: "1") else { return nil }
        guard end &- start <= 5 else { return nil }
        var isAboveZero = first == UInt8(ascii: "1")
        for index in (start &+ 1)..<max(end, start &+ 1) {
            if index == start &+ 1 {
                guard bytes[index] == UInt8(ascii: ".") else { return nil }
            } else {
                guard bytes[index].isDigit else { return nil }
                if bytes[index] != UInt8(ascii: "0") { isAboveZero = true }
            }
        }
        return isAboveZero
    }
}
