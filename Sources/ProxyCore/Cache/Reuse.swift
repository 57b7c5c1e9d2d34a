public import Time

/// Whether a stored response may answer a request now (RFC 9111 §4). That it is stale shows in Age and
/// Cache-Status; no Warning is generated, which §5.5 obsoletes.
public enum ReuseDecision: Sendable, Equatable {
    /// It is fresh. Ages and lifetimes are in seconds, as the fields that carry them.
    case fresh(age: Int64, ttl: Int64)
    /// It is stale, by `-ttl` seconds: the upstream is asked, before or after the answer.
    case stale(age: Int64, ttl: Int64, StaleUse)
    /// Fresh or not, the upstream must be asked first. If that fails the stored response may only be
    /// used with `mayServeOnError`.
    case validate(ValidationReason, age: Int64, ttl: Int64, mayServeOnError: Bool)

    /// Whether the stored response may answer without anything being asked of the upstream first. If
    /// not, a request with only-if-cached is answered with 504 (§5.2.1.7).
    public var isUsable: Bool {
        switch self {
        case .fresh: true
        case .stale(_, _, let use): use.mayServeWhileRevalidating || use.allowedByClient
        case .validate: false
        }
    }
}

/// What a stale response may be used for (§4.2.4).
public struct StaleUse: Sendable, Equatable {
    /// As the answer, with a validation in the background (RFC 5861 §3).
    public var mayServeWhileRevalidating: Bool
    /// As the answer if the upstream fails (RFC 5861 §4): 500, 502, 503, 504, or no answer at all.
    public var mayServeOnError: Bool
    /// As the answer, because the client accepts it (max-stale, §5.2.1.2).
    public var allowedByClient: Bool

    /// A use from its parts.
    public init(mayServeWhileRevalidating: Bool, mayServeOnError: Bool, allowedByClient: Bool) {
        self.mayServeWhileRevalidating = mayServeWhileRevalidating
        self.mayServeOnError = mayServeOnError
        self.allowedByClient = allowedByClient
    }
}

/// Why a stored response must not be used without asking the upstream. The request is then a validation:
/// it carries the conditions of the stored response, and a 304 makes that the answer.
public enum ValidationReason: String, Sendable, CaseIterable {
    /// The client said no-cache, or Pragma did for it.
    case requestNoCache = "request_no_cache"
    /// It is older than the client's max-age, which 0 always is.
    case requestMaxAge = "request_max_age"
    /// It does not stay fresh for the client's min-fresh.
    case requestMinFresh = "request_min_fresh"
    /// The response said no-cache.
    case responseNoCache = "response_no_cache"
    /// If-Match or If-Unmodified-Since, which only the origin evaluates (§4.3.2).
    case precondition
    /// The request has credentials, and the response is not marked as one for everybody. It is left
    /// aside: no conditions of ours go upstream, and the answer does not update it.
    case authorization

    /// Whether the conditions of the stored response go upstream.
    public var sendsConditions: Bool { self != .authorization }
}

/// RFC 9111 §4: constructing responses from caches. That key and variant match is known already.
public enum Reuse {
    /// Decides. A soft purge makes a response stale: it is validated before the next use and serves
    /// only if that fails, for as long as it would have been fresh or usable on errors.
    public static func decide(
        _ stored: StoredMetadata, _ request: CacheRequest, isSoftPurged: Bool, now: Timestamp
    ) -> ReuseDecision {
        let age = Freshness.currentAge(stored, now: now)
        let ttl = Int64(stored.lifetimeSeconds) &- age
        if let reason = excluding(stored, request) {
            return .validate(reason, age: age, ttl: ttl, mayServeOnError: false)
        }
        let isFresh = ttl > 0 && !isSoftPurged
        if isFresh {
            // RFC 9111 §5.2.1: a preference for a newer answer; better this one than none.
            if let reason = unfit(stored, request, age: age, ttl: ttl) {
                return .validate(reason, age: age, ttl: ttl, mayServeOnError: true)
            }
            return .fresh(age: age, ttl: ttl)
        }
        let onError = mayServeOnError(stored, request, ttl: ttl)
        let shown = min(ttl, 0)
        if request.noCache {
            return .validate(.requestNoCache, age: age, ttl: shown, mayServeOnError: onError)
        }
        let use = StaleUse(
            mayServeWhileRevalidating: !isSoftPurged && acceptsStale(request)
                && 0 &- ttl < Int64(stored.staleWhileRevalidateSeconds),
            mayServeOnError: onError,
            allowedByClient: !isSoftPurged && isAccepted(stored, request, age: age, ttl: ttl))
        return .stale(age: age, ttl: shown, use)
    }

    /// What keeps the response from being used at all, at whatever age.
    @inline(__always)
    private static func excluding(
        _ stored: StoredMetadata, _ request: CacheRequest
    ) -> ValidationReason? {
        if request.hasOtherPreconditions { return .precondition }
        // RFC 9111 §3.5 is about storing. The other way round, what the origin answers to strangers
        // need not be what it answers to this client.
        if request.hasAuthorization, !stored.flags.contains(.isShareableWithAuthorization) {
            return .authorization
        }
        return stored.flags.contains(.requiresValidation) ? .responseNoCache : nil
    }

    /// Why a fresh response does not suit the client.
    @inline(__always)
    private static func unfit(
        _ stored: StoredMetadata, _ request: CacheRequest, age: Int64, ttl: Int64
    ) -> ValidationReason? {
        if request.noCache { return .requestNoCache }
        // RFC 8246 §2: what is immutable is not validated while fresh because of its age, which is
        // what browsers ask for on reload; no-cache still does it.
        if let maxAge = request.maxAgeSeconds, !stored.flags.contains(.isImmutable),
            age > Int64(maxAge) || maxAge == 0
        {
            return .requestMaxAge
        }
        if let minFresh = request.minFreshSeconds, ttl < Int64(minFresh) { return .requestMinFresh }
        return nil
    }

    /// RFC 5861 §4, by response, settings or request; after a soft purge also while still fresh.
    private static func mayServeOnError(
        _ stored: StoredMetadata, _ request: CacheRequest, ttl: Int64
    ) -> Bool {
        if stored.flags.contains(.forbidsStale) { return false }
        let window = max(stored.staleIfErrorSeconds, request.staleIfErrorSeconds)
        return ttl > 0 || 0 &- ttl < Int64(window)
    }

    /// RFC 9111 §5.2.1.1: with max-age and without max-stale the client wants no stale response; with
    /// min-fresh it does not either.
    private static func acceptsStale(_ request: CacheRequest) -> Bool {
        (request.maxAgeSeconds == nil || request.maxStale != .none)
            && request.minFreshSeconds == nil
    }

    /// RFC 9111 §5.2.1.2, unless the response forbids it (§4.2.4).
    private static func isAccepted(
        _ stored: StoredMetadata, _ request: CacheRequest, age: Int64, ttl: Int64
    ) -> Bool {
        if stored.flags.contains(.forbidsStale) || request.minFreshSeconds != nil { return false }
        if let maxAge = request.maxAgeSeconds, age > Int64(maxAge) || maxAge == 0 { return false }
        switch request.maxStale {
        case .none: return false
        case .any: return true
        case .seconds(let seconds): return 0 &- ttl <= Int64(seconds)
        }
    }
}
