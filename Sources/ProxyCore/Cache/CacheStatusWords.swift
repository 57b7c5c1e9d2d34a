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
    /// Stale or refused, because the breaker keeps requests from the upstream.
    case breakerOpen = "breaker_open"
    /// Stale or refused, because the upstream asked for a pause.
    case gateClosed = "gate_closed"
    /// Stale or refused, because the upstream has as many requests as it can take.
    case overloaded
    /// Stale or refused, because the upstream's quota is used up.
    case paced
    /// Known not to be storable: forwarded without waiting for others.
    case hitForMiss = "hit-for-miss"
    /// Not stored, or not looked up, because of a bound.
    case limits
}

extension CacheDetail {
    /// The raw value as a literal.
    public var word: StaticString {
        switch self {
        case .l1: "l1"
        case .l2: "l2"
        case .swr: "swr"
        case .sie: "sie"
        case .breakerOpen: "breaker_open"
        case .gateClosed: "gate_closed"
        case .overloaded: "overloaded"
        case .paced: "paced"
        case .hitForMiss: "hit-for-miss"
        case .limits: "limits"
        }
    }
}
