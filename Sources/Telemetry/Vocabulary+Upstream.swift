/// Why an attempt at an upstream ended without an answer.
public enum UpstreamErrorReason: String, Vocabulary {
    /// The name could not be resolved.
    case dns
    /// No connection could be made.
    case connect
    /// The TLS handshake or the check of the certificate failed.
    case tls
    /// A time limit of the attempt ran out.
    case timeout
    /// The connection was closed or reset before the answer was complete.
    case reset
    /// The answer breaks the rules of HTTP.
    case `protocol`
    /// The pool and its queue are full.
    case poolFull = "pool_full"
    /// Nobody waited for the answer any more.
    case canceled

    /// The position of this case in `allCases`.
    @inlinable
    public var index: Int {
        switch self {
        case .dns: 0
        case .connect: 1
        case .tls: 2
        case .timeout: 3
        case .reset: 4
        case .protocol: 5
        case .poolFull: 6
        case .canceled: 7
        }
    }
}

/// How a retry ended.
public enum RetryOutcome: String, Vocabulary {
    /// The retry brought an answer.
    case success
    /// The retry failed as well.
    case failure
    /// A retry was wanted and the budget had none left, so none was made.
    case budgetExhausted = "budget_exhausted"

    /// The position of this case in `allCases`.
    @inlinable
    public var index: Int {
        switch self {
        case .success: 0
        case .failure: 1
        case .budgetExhausted: 2
        }
    }
}

/// What a pooled upstream connection is doing.
public enum UpstreamConnectionState: String, Vocabulary {
    /// An exchange runs on it.
    case active
    /// It waits in the pool.
    case idle

    /// The position of this case in `allCases`.
    @inlinable
    public var index: Int {
        switch self {
        case .active: 0
        case .idle: 1
        }
    }
}
