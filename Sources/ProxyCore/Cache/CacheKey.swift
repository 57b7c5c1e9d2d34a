public import HTTP1

/// Where the parts of a key are in the buffer that it was appended to.
public struct KeyParts: Sendable, Equatable {
    /// The host in lower case, without the default port; empty for HTTP/1.0 without Host.
    public var host: Range<Int>
    /// The normalised path, and the query behind its "?" if there is one.
    public var target: Range<Int>

    /// Parts from where they are.
    public init(host: Range<Int>, target: Range<Int>) {
        self.host = host
        self.target = target
    }
}

/// The primary key of a stored response (RFC 9111 §2): the target URI, and what the route adds. GET and
/// HEAD share it.
///
/// Normalised are, by RFC 3986 §6.2.2 and RFC 9110 §4.2.3: case of the host, default port, empty path,
/// percent-encoded unreserved bytes, case of other triplets, dot segments. Beyond that an empty query is
/// none: no origin is known that tells `/a?` from `/a`, and generators of links leave such ends behind.
public enum CacheKey {
    /// Appends host and path: all there is for a request without query under rules that select neither fields nor
    /// cookies. Nil, and nothing appended, if the request must bypass the cache.
    public static func append(plain head: RequestHead, to out: inout [UInt8]) -> KeyParts? {
        let bytes = head.bytes
        let start = out.count
        if let authority = head.authority { appendHost(bytes.span, authority, to: &out) }
        let middle = out.count
        guard NormalTarget.appendPath(bytes.span, head.path, to: &out) else {
            out.removeSubrange(start...)
            return nil
        }
        return KeyParts(host: start..<middle, target: middle..<out.count)
    }

    /// Appends host, target and the fields and cookies that `rules` select. Nil, and nothing
    /// appended, if the request must bypass the cache.
    public static func append(
        _ head: RequestHead, _ rules: KeyRules, to out: inout [UInt8]
    ) -> KeyParts? {
        let start = out.count
        guard var parts = append(plain: head, to: &out) else { return nil }
        let bytes = head.bytes
        guard appendQuery(bytes.span, head.query, rules, to: &out) else {
            out.removeSubrange(start...)
            return nil
        }
        parts.target = parts.target.lowerBound..<out.count
        if !rules.fields.isEmpty || !rules.cookies.isEmpty {
            appendSelected(head, rules, to: &out)
        }
        return parts
    }

    /// Appends the target part alone, from the text of a path with or without query, such as an
    /// operator names it. Nil, and nothing appended, if requests for it bypass the cache or it does
    /// not start with "/".
    public static func appendTarget(
        _ target: Span<UInt8>, _ rules: KeyRules, to out: inout [UInt8]
    ) -> Range<Int>? {
        var mark = 0
        while mark < target.count, target[mark] != UInt8(ascii: "?") { mark += 1 }
        let query = mark < target.count ? ByteRange(mark + 1, target.count) : nil
        let start = out.count
        guard NormalTarget.appendPath(target, ByteRange(0, mark), to: &out),
            appendQuery(target, query, rules, to: &out)
        else {
            out.removeSubrange(start...)
            return nil
        }
        return start..<out.count
    }

    /// Appends a host in lower case. Default ports go, of both schemes: requests in origin-form do not
    /// say which one is meant, and a host has one service behind this proxy.
    public static func appendHost(
        _ bytes: Span<UInt8>, _ authority: ByteRange, to out: inout [UInt8]
    ) {
        var end = min(authority.upperBound, bytes.count)
        var colon = end
        while colon > authority.lowerBound, bytes[colon &- 1].isDigit { colon &-= 1 }
        if colon > authority.lowerBound, bytes[colon &- 1] == UInt8(ascii: ":") {
            let port = ByteRange(colon, end)
            if port.isEmpty || bytes.equals(port, "80") || bytes.equals(port, "443") {
                end = colon &- 1
            }
        }
        guard authority.lowerBound >= 0, authority.lowerBound <= end else { return }
        let start = out.count
        out.append(copying: bytes.extracting(authority.lowerBound..<end))
        for index in start..<out.count where out[index] &- 0x41 < 26 { out[index] |= 0x20 }
    }

    @inline(__always)
    private static func appendQuery(
        _ bytes: Span<UInt8>, _ query: ByteRange?, _ rules: KeyRules, to out: inout [UInt8]
    ) -> Bool {
        guard let query, !query.isEmpty else { return true }
        return QueryKey.append(bytes, query, rules, to: &out)
    }

    /// Fields and cookies, each as a line: LF, name, "=" or ":" and value, or nothing if it is absent.
    private static func appendSelected(
        _ head: RequestHead, _ rules: KeyRules, to out: inout [UInt8]
    ) {
        for index in rules.fields.indices {
            let name = rules.fields[index]
            let known = rules.knownFields[index]
            out.append(0x0A)
            out.append(contentsOf: name)
            let mark = out.count
            out.append(UInt8(ascii: ":"))
            if !SelectingValue.append(known, name.span, of: head, to: &out) { out.remove(at: mark) }
        }
        for name in rules.cookies {
            out.append(0x0A)
            out.append(contentsOf: name)
            guard let value = CookieValue.first(of: name, in: head) else { continue }
            out.append(UInt8(ascii: "="))
            let bytes = head.bytes
            out.append(copying: bytes.span.extracting(value.indices))
        }
    }
}

/// Cookies of a request (RFC 6265 §4.2).
enum CookieValue {
    /// The value of the first cookie of that name; nil if there is none.
    static func first(of name: [UInt8], in head: RequestHead) -> ByteRange? {
        let bytes = head.bytes
        let fields = head.fields
        for index in fields.indices where fields[index].known == .cookie {
            let value = fields[index].value
            var start = value.lowerBound
            for end in value.lowerBound...value.upperBound
            where end == value.upperBound || bytes[end] == UInt8(ascii: ";") {
                let pair = bytes.span.trimmingBlanks(ByteRange(start, end))
                if let value = Self.value(bytes.span, pair, name) { return value }
                start = end + 1
            }
        }
        return nil
    }

    private static func value(
        _ bytes: Span<UInt8>, _ pair: ByteRange, _ name: [UInt8]
    ) -> ByteRange? {
        let mark = pair.lowerBound + name.count
        guard mark < pair.upperBound, bytes[mark] == UInt8(ascii: "="),
            bytes.equals(
                ByteRange(pair.lowerBound, mark), ByteRange(0, name.count), of: name.span)
        else { return nil }
        return ByteRange(mark + 1, pair.upperBound)
    }
}
