public import Telemetry

/// Why a request went to the upstream: the values of `fwd` in Cache-Status (RFC 9211 §2.2).
public enum CacheForward: String, Sendable, CaseIterable {
    /// The route is not cached, or a rule of its key keeps the request away.
    case bypass
    /// The method is not one that is answered from the cache.
    case method
    /// Nothing is stored for the target.
    case uriMiss = "uri-miss"
    /// Something is stored for the target, but not for these request fields.
    case varyMiss = "vary-miss"
    /// Nothing is stored, of which kind is not known.
    case miss
    /// Something fresh is stored, but the request does not allow to use it.
    case request
    /// What is stored is stale.
    case stale
    /// What is stored is only a part of what is asked for.
    case partial
}

/// What more there is to say: the values of `detail` in Cache-Status (RFC 9211 §2.8).
public enum CacheDetail: String, Sendable, CaseIterable {
    /// From the memory of this instance.
    case l1
    /// From the cache that the instances share.
    case l2
    /// Stale, while it is validated in the background (RFC 5861 §3).
    case swr
    /// Stale, because the upstream failed (RFC 5861 §4).
    case sie
    /// Stale, because the breaker keeps requests from the upstream.
    case breaker
    /// Stale, because the upstream asked for a pause.
    case gate
    /// Stale, because there is more load than the upstream should get.
    case shed
    /// Known not to be storable: forwarded without waiting for others.
    case hitForMiss = "hit-for-miss"
    /// Not stored, or not looked up, because of a bound.
    case limits
}

/// What became of a request in the cache: metric label and log word at once.
public enum CacheResult: String, Vocabulary {
    /// Answered from a fresh stored response.
    case hit
    /// Answered from a stale one.
    case staleServed = "stale-served"
    /// Answered from the answer to another request that was under way.
    case collapsed
    /// Forwarded: nothing is stored for the target.
    case uriMiss = "uri-miss"
    /// Forwarded: nothing is stored for these request fields.
    case varyMiss = "vary-miss"
    /// Forwarded: nothing is stored.
    case miss
    /// Forwarded: what is stored is stale.
    case stale
    /// Forwarded: the request does not allow to use what is stored.
    case request
    /// Forwarded: the method is not one that is answered from the cache.
    case method
    /// Forwarded: the cache was left aside.
    case bypass
    /// Forwarded: only a part is stored.
    case partial

    /// The position of this case in `allCases`.
    @inlinable
    public var index: Int {
        switch self {
        case .hit: 0
        case .staleServed: 1
        case .collapsed: 2
        case .uriMiss: 3
        case .varyMiss: 4
        case .miss: 5
        case .stale: 6
        case .request: 7
        case .method: 8
        case .bypass: 9
        case .partial: 10
        }
    }

    /// The result of a request that was forwarded for that reason.
    public init(_ forward: CacheForward) {
        switch forward {
        case .bypass: self = .bypass
        case .method: self = .method
        case .uriMiss: self = .uriMiss
        case .varyMiss: self = .varyMiss
        case .miss: self = .miss
        case .request: self = .request
        case .stale: self = .stale
        case .partial: self = .partial
        }
    }
}
