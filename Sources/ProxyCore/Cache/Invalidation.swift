public import HTTP1

/// What an answer to an unsafe request invalidates (RFC 9111 §4.4).
public enum Invalidation {
    /// The targets whose stored responses are no longer to be used: that of the request, and those of
    /// Location and Content-Location on the same host. Each is host and target as `CacheKey.append`
    /// makes them, without fields and cookies. Empty if the method is safe, or the answer is an error.
    ///
    /// `upstreamAuthority` is the host that the origin was addressed by, if that is another one than the
    /// client used: what the origin says about itself by that name is meant as well.
    public static func targets(
        _ request: RequestHead, _ response: ResponseHead, _ rules: KeyRules,
        upstreamAuthority: [UInt8] = []
    ) -> [[UInt8]] {
        guard !request.method.isSafe, (200..<400).contains(response.status) else { return [] }
        // What bypasses the cache for its query has no stored response to lose.
        var targets: [[UInt8]] = []
        var own: [UInt8] = []
        if CacheKey.append(request, rules.withoutSelected, to: &own) != nil { targets.append(own) }
        let base = ReferenceBase(request, upstreamAuthority: upstreamAuthority)
        let bytes = response.bytes
        for name in [FieldName.location, .contentLocation] {
            guard let value = response.value(of: name),
                let target = base.target(of: bytes.span.extracting(value.indices), rules)
            else { continue }
            // §4.4: other hosts must not be invalidated; one could empty the cache of another.
            if !targets.contains(target) { targets.append(target) }
        }
        return targets
    }
}

extension KeyRules {
    /// These rules without the fields and cookies, which are no part of a target.
    fileprivate var withoutSelected: KeyRules {
        var rules = self
        rules.fields = []
        rules.cookies = []
        return rules
    }
}

/// What references in a response are relative to (RFC 3986 §5): the target of the request.
struct ReferenceBase {
    private var host: [UInt8] = []
    private var upstreamHost: [UInt8] = []
    private var path: [UInt8]

    init(_ request: RequestHead, upstreamAuthority: [UInt8]) {
        let bytes = request.bytes
        path = Array(bytes[request.path.indices])
        if path.isEmpty { path = [UInt8(ascii: "/")] }
        if let authority = request.authority {
            CacheKey.appendHost(bytes.span, authority, to: &host)
        }
        CacheKey.appendHost(
            upstreamAuthority.span, ByteRange(0, upstreamAuthority.count), to: &upstreamHost)
    }

    /// Host and normalised target that `reference` leads to; nil if it leads to another host, has
    /// another scheme than http and https, or leads nowhere that is cached.
    func target(of reference: Span<UInt8>, _ rules: KeyRules) -> [UInt8]? {
        var end = 0
        while end < reference.count, reference[end] != UInt8(ascii: "#") { end += 1 }
        let text = reference.extracting(0..<end)
        var start = 0
        if let scheme = Self.schemeEnd(text) {
            guard
                text.equalsIgnoringCase(ByteRange(0, scheme), "http")
                    || text.equalsIgnoringCase(ByteRange(0, scheme), "https")
            else { return nil }
            start = scheme + 1
            // "http:path" is a relative reference of old (RFC 3986 §5.2.2); nobody means it.
            guard Self.hasAuthority(text, at: start) else { return nil }
        }
        if Self.hasAuthority(text, at: start) {
            start += 2
            var authorityEnd = start
            while authorityEnd < end, text[authorityEnd] != UInt8(ascii: "/"),
                text[authorityEnd] != UInt8(ascii: "?")
            { authorityEnd += 1 }
            guard isOwn(text, ByteRange(start, authorityEnd)) else { return nil }
            return target(text.extracting(authorityEnd..<end), rules)
        }
        return target(resolved(text).span, rules)
    }

    private func target(_ pathAndQuery: Span<UInt8>, _ rules: KeyRules) -> [UInt8]? {
        var target = host
        return CacheKey.appendTarget(pathAndQuery, rules, to: &target) == nil ? nil : target
    }

    /// RFC 3986 §5.2.2, for a reference without scheme and authority.
    private func resolved(_ text: Span<UInt8>) -> [UInt8] {
        var target: [UInt8] = []
        if text.isEmpty || text[0] == UInt8(ascii: "?") {
            target = path
        } else if text[0] != UInt8(ascii: "/") {
            target = Array(path[...(path.lastIndex(of: UInt8(ascii: "/")) ?? 0)])
        }
        target.append(copying: text)
        return target
    }

    private func isOwn(_ text: Span<UInt8>, _ authority: ByteRange) -> Bool {
        var other: [UInt8] = []
        CacheKey.appendHost(text, authority, to: &other)
        return !other.isEmpty && (other == host || other == upstreamHost)
    }

    private static func hasAuthority(_ text: Span<UInt8>, at index: Int) -> Bool {
        index + 1 < text.count && text[index] == UInt8(ascii: "/")
            && text[index + 1] == UInt8(ascii: "/")
    }

    /// Where the scheme ends, if the reference starts with one (RFC 3986 §4.2).
    private static func schemeEnd(_ text: Span<UInt8>) -> Int? {
        for index in 0..<text.count {
            switch text[index] {
            case UInt8(ascii: ":"): return index > 0 ? index : nil
            case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."): continue
            default: guard text[index].isAlphanumeric else { return nil }
            }
        }
        return nil
    }
}
