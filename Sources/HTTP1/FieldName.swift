/// The field names that this project treats specially. Found by `FieldNameTable` without regard to
/// case; every other name is `.other` and told apart by its bytes. At most 64, so that a set of them
/// is one word.
public enum FieldName: UInt8, CaseIterable, Sendable {
    /// Any name that is not in this list.
    case other
    // Routing and framing of the message.
    case host, contentLength, transferEncoding
    // About one connection only.
    case connection, te, trailer, upgrade, keepAlive, http2Settings
    case proxyConnection, proxyAuthenticate, proxyAuthorization, proxyAuthenticationInfo
    // The way of a message through intermediaries.
    case expect, via, maxForwards, forwarded
    case xForwardedFor, xForwardedProto, xForwardedHost
    case traceparent, tracestate, xRequestID
    // Caching.
    case date, age, cacheControl, cdnCacheControl, cacheStatus, expires, pragma, vary, warning
    case surrogateKey, cacheTag, cacheGroups
    // Validators, conditions, ranges.
    case etag, lastModified, ifNoneMatch, ifModifiedSince, ifMatch, ifUnmodifiedSince, ifRange
    case range, acceptRanges, contentRange
    // Who asks.
    case authorization, wwwAuthenticate, authenticationInfo, cookie, setCookie, origin
    // The content.
    case contentType, contentEncoding, contentLanguage, contentLocation
    case accept, acceptEncoding, acceptLanguage
    // The rest of what is looked at.
    case userAgent, retryAfter, location, server, allow

    /// The name in its registered spelling; empty for `.other`.
    public var name: StaticString { Self.names[Int(rawValue)] }

    /// The name that a token is, in letters of either case; `.other` for one that is not known, and for
    /// no bytes at all.
    public init(_ token: Span<UInt8>) {
        self =
            token.isEmpty
            ? .other : FieldNameTable.shared.name(in: token, at: 0, length: token.count)
    }

    /// The bit that stands for this name in a set of names.
    @inlinable
    var bit: UInt64 { 1 &<< UInt64(rawValue) }

    private static let names: [StaticString] = [
        "",
        "Host", "Content-Length", "Transfer-Encoding",
        "Connection", "TE", "Trailer", "Upgrade", "Keep-Alive", "HTTP2-Settings",
        "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization",
        "Proxy-Authentication-Info",
        "Expect", "Via", "Max-Forwards", "Forwarded",
        "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host",
        "traceparent", "tracestate", "X-Request-ID",
        "Date", "Age", "Cache-Control", "CDN-Cache-Control", "Cache-Status", "Expires", "Pragma",
        "Vary", "Warning",
        "Surrogate-Key", "Cache-Tag", "Cache-Groups",
        "ETag", "Last-Modified", "If-None-Match", "If-Modified-Since", "If-Match",
        "If-Unmodified-Since", "If-Range",
        "Range", "Accept-Ranges", "Content-Range",
        "Authorization", "WWW-Authenticate", "Authentication-Info", "Cookie", "Set-Cookie",
        "Origin",
        "Content-Type", "Content-Encoding", "Content-Language", "Content-Location",
        "Accept", "Accept-Encoding", "Accept-Language",
        "User-Agent", "Retry-After", "Location", "Server", "Allow",
    ]
}
