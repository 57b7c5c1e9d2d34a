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
    /// What was known about a key is lost, so that it has all its room again; or the shared store was out of reach, and
    /// the rule allows then.
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

/// What became of a question about a lease on a shared limit.
public enum RateLimitLeaseOutcome: String, Vocabulary {
    /// Tokens were granted.
    case granted
    /// There were none, or not for all rules of the request.
    case refused
    /// Tokens went back that were not needed.
    case returned
    /// Tokens could not go back: too much waited already.
    case lost
    /// The store did not answer.
    case failed

    /// The position of this case in `allCases`.
    @inlinable
    public var index: Int {
        switch self {
        case .granted: 0
        case .refused: 1
        case .returned: 2
        case .lost: 3
        case .failed: 4
        }
    }
}
