/// How an upstream is spared, and requests to it are tried again.
public struct ResilienceSettings: Sendable, Equatable {
    /// When calls are kept away because they fail.
    public var breaker = BreakerSettings()
    /// How many may be under way.
    public var concurrency = ConcurrencySettings()
    /// How a wish for a pause is met.
    public var gate = GateSettings()
    /// What is tried again.
    public var retry = RetrySettings()
    /// A quota that is known; nil: none.
    public var pacing: PacingSettings?
    /// The field with the milliseconds left, from the client and to the upstream; nil: none.
    public var deadlineField: String?

    /// The defaults.
    public init() {}
}

/// What may be tried again, and how often.
public struct RetrySettings: Sendable, Equatable {
    /// What is tried again.
    public var conditions: Set<RetryCondition> = [.connect, .reset]
    /// Methods that are.
    public var methods: MethodSet = [.get, .head]
    /// How often, all requests together.
    public var budget = RetryBudgetSettings()
    /// How long to wait before.
    public var pause = RetryPause()

    /// The defaults.
    public init() {}
}

/// What makes a request be sent once more, as long as nothing of an answer has gone to the client.
public enum RetryCondition: String, Sendable, CaseIterable {
    /// The connection was refused, or there was no way to the address.
    case connect
    /// The connection ended before an answer began.
    case reset
    /// No connection was made, or no answer began, in time.
    case timeout
    /// The answer is 500.
    case internalServerError = "500"
    /// The answer is 502.
    case badGateway = "502"
    /// The answer is 503, without Retry-After.
    case serviceUnavailable = "503"
    /// The answer is 504.
    case gatewayTimeout = "504"

    /// The condition that an answer with this status meets.
    public init?(status: UInt16) {
        switch status {
        case 500: self = .internalServerError
        case 502: self = .badGateway
        case 503: self = .serviceUnavailable
        case 504: self = .gatewayTimeout
        default: return nil
        }
    }
}

/// What a client gets in place of 502, 503 or 504 when nothing better is to be had.
public struct FallbackSettings: Sendable, Equatable {
    /// Its status.
    public var status: UInt16 = 200
    /// Its media type.
    public var contentType = "application/json"
    /// Its body.
    public var body = ""

    /// An empty one.
    public init() {}
}
