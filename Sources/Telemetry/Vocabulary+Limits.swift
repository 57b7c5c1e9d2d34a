/// What a rule of `limits` decided about a request.
public enum RateLimitDecision: String, Vocabulary {
    /// There was room.
    case allow
    /// There was none: the request was refused.
    case deny
    /// There was none, and the rule only counts.
    case shadowDeny = "shadow_deny"
    /// The rates on trial had none.
    case candidateDeny = "candidate_deny"
    /// What was known about a key is lost, so that it has all its room again.
    case failOpen = "fail_open"
    /// The shared store was out of reach, and the rule refuses then.
    case failClosed = "fail_closed"

    /// The position of this case in `allCases`.
    @inlinable
    public var index: Int {
        switch self {
        case .allow: 0
        case .deny: 1
        case .shadowDeny: 2
        case .candidateDeny: 3
        case .failOpen: 4
        case .failClosed: 5
        }
    }
}
