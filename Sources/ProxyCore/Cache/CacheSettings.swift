internal import HTTP1

/// Effective cache settings of a route. The defaults are those of a plain shared cache (RFC 9111).
public struct CacheSettings: Sendable, Equatable {
    /// Whether the route is cached at all; off is a pure pass-through.
    public var isOn = true
    /// Whether clients take part in deciding what is reused (RFC 9111 §5.2.1).
    public var requestDirectives = RequestDirectivePolicy.honour
    /// Lifetime by status for responses that say nothing about theirs, before any heuristic.
    public var statusTTLSeconds: [UInt16: UInt32] = [:]
    /// Lifetime of a 404 or 410 that says nothing and allows no heuristic.
    public var negativeTTLSeconds: UInt32 = 10
    /// Lifetime of a 5xx that says nothing; more than 1 counts as 1.
    public var errorTTLSeconds: UInt32 = 0
    /// Lengthens a lifetime that is above zero, unless the response forbids to serve it stale: then
    /// the origin means the end that it named.
    public var ttlMinSeconds: UInt32 = 0
    /// Shortens any lifetime; nil: no bound.
    public var ttlMaxSeconds: UInt32?
    /// Most percent by which a lifetime is shortened at random, so that what was stored together does not
    /// end together.
    public var jitterPercent = 0
    /// A hit so shortly before the end of its lifetime starts a fetch in the background; 0: none does.
    public var refreshAheadSeconds: UInt32 = 0
    /// Replaces what responses say about stale-while-revalidate (RFC 5861 §3); nil: as they say.
    public var staleWhileRevalidateSeconds: UInt32?
    /// Bound of stale-while-revalidate, however it came about.
    public var staleWhileRevalidateMaxSeconds: UInt32 = 86_400
    /// Replaces what responses say about stale-if-error (RFC 5861 §4); nil: as they say.
    public var staleIfErrorSeconds: UInt32?
    /// Bound of stale-if-error, however it came about.
    public var staleIfErrorMaxSeconds: UInt32 = 7 * 86_400
    /// Whether targets with a query get a heuristic lifetime (RFC 9111 §4.2.2).
    public var heuristicForQuery = false
    /// Request fields, in lower case, that do not tell variants apart although Vary names them.
    public var varyIgnore: [[UInt8]] = []
    /// What becomes of responses with Set-Cookie.
    public var setCookie = SetCookiePolicy.explicit
    /// Further response fields, in lower case, that are not stored.
    public var dropFields: [[UInt8]] = []
    /// Largest body that is stored, in bytes.
    public var bodyBytesMax = 8 << 20
    /// How requests are mapped to keys.
    public var key = KeyRules()

    /// The defaults.
    public init() {}
}

/// What the Cache-Control and Pragma of a request may do.
public enum RequestDirectivePolicy: String, Sendable, Equatable, CaseIterable {
    /// As RFC 9111 §5.2.1 says.
    case honour
    /// Nothing, besides that a no-store keeps the answer out of the store: strangers do not drive the
    /// rate of misses of a public API.
    case ignore
}

/// What becomes of a response with Set-Cookie, which RFC 9111 §7.3 leaves to the cache.
public enum SetCookiePolicy: String, Sendable, Equatable, CaseIterable {
    /// Stored, field included, only if it says `public` or `s-maxage`.
    case explicit
    /// Never stored.
    case never
    /// Stored without the field.
    case drop
}

/// How the parts of a request become its cache key (RFC 9111 §2).
public struct KeyRules: Sendable, Equatable {
    /// Sort query parameters by name; those of the same name keep their order.
    public var sortQuery = false
    /// Query parameters left out of the key; a trailing `*` stands for any rest of the name.
    public var ignoreQuery: [[UInt8]] = []
    /// The only query parameters that are part of the key, with `*` as above; nil: all.
    public var onlyQuery: [[UInt8]]?
    /// Request fields, in lower case, whose values are part of the key.
    public var fields: [[UInt8]] = [] {
        didSet { knownFields = fields.map(VaryRule.known) }
    }
    /// Cookies whose values are part of the key.
    public var cookies: [[UInt8]] = []
    /// Query parameters whose presence keeps a request away from the cache. JSONP answers are 200
    /// whatever they carry, and a token in a query makes the answer somebody's own.
    public var bypassQuery: [[UInt8]] = KeyRules.bypassDefault

    /// The known names that `fields` are, looked up once.
    private(set) var knownFields: [FieldName] = []

    private static let bypassDefault = [Array("callback".utf8), Array("access_token".utf8)]

    /// The defaults.
    public init() {}

    /// Whether parameters are sorted or left out.
    var editsQuery: Bool { sortQuery || !ignoreQuery.isEmpty || onlyQuery != nil }
}
