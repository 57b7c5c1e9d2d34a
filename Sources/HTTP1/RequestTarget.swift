/// Takes a request target apart (RFC 9112 §3.2). Its bytes are known to be visible ASCII without "#".
///
/// Beyond that, bytes which RFC 3986 does not allow in a path or query (`" < > \ ^ { | }` and the
/// grave accent) pass: browsers send several of them, and none can end a target. Percent-encoding is
/// not looked at either; that is a matter of the cache key, not of framing.
enum RequestTarget {
    /// Sets form, scheme, authority, path and query of `head` from its target.
    static func decide(_ bytes: Span<UInt8>, _ head: inout RequestParts) throws(Rejection) {
        let target = head.target
        let first = bytes[target.lowerBound]
        if first == UInt8(ascii: "/") {
            head.targetForm = .origin
            split(bytes, from: target.lowerBound, to: target.upperBound, &head)
        } else if first == UInt8(ascii: "*"), target.count == 1 {
            // §3.2.4: the asterisk stands for the server as a whole, for OPTIONS only.
            guard head.method == .options else { throw .invalidTarget }
            head.targetForm = .asterisk
            head.path = target
        } else {
            head.targetForm = .absolute
            try absolute(bytes, target, &head)
        }
    }

    private static func absolute(
        _ bytes: Span<UInt8>, _ target: ByteRange, _ head: inout RequestParts
    ) throws(Rejection) {
        let end = target.upperBound
        let colon = bytes.offset(of: UInt8(ascii: ":"), from: target.lowerBound, limit: end)
        let scheme = ByteRange(target.lowerBound, colon)
        guard isScheme(bytes, scheme), colon &+ 2 < end,
            bytes[colon &+ 1] == UInt8(ascii: "/"), bytes[colon &+ 2] == UInt8(ascii: "/")
        else { throw .invalidTarget }
        if bytes.equalsIgnoringCase(scheme, "http") {
            head.scheme = .http
        } else if bytes.equalsIgnoringCase(scheme, "https") {
            head.scheme = .https
        } else {
            throw .unsupportedScheme
        }
        let start = colon &+ 3
        var authorityEnd = start
        while authorityEnd < end, bytes[authorityEnd] != UInt8(ascii: "/"),
            bytes[authorityEnd] != UInt8(ascii: "?")
        { authorityEnd &+= 1 }
        let authority = ByteRange(start, authorityEnd)
        guard Authority.isValid(bytes, authority) else { throw .invalidHost }
        head.authority = authority
        split(bytes, from: authorityEnd, to: end, &head)
    }

    private static func split(
        _ bytes: Span<UInt8>, from start: Int, to end: Int, _ head: inout RequestParts
    ) {
        let mark = bytes.offset(of: UInt8(ascii: "?"), from: start, limit: end)
        head.path = ByteRange(start, mark)
        if mark < end { head.query = ByteRange(mark &+ 1, end) }
    }

    /// RFC 3986 §3.1: a letter, then letters, digits, "+", "-" and ".".
    private static func isScheme(_ bytes: Span<UInt8>, _ range: ByteRange) -> Bool {
        guard range.count > 0, Octet.isLetter(bytes[range.lowerBound]) else { return false }
        for index in range.indices {
            let byte = bytes[index]
            switch byte {
            case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."): continue
            default: guard Octet.isLetter(byte) || Octet.isDigit(byte) else { return false }
            }
        }
        return true
    }
}
