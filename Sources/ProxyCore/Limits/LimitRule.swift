/// One rule of `limits`: which requests it is about, what they are counted by, and how many there may be.
public struct LimitRule: Sendable, Equatable {
    /// Its name, unique; the label of its metrics, and its name for clients.
    public var name: String
    /// Requests that it is about: those that meet one of these; empty: all.
    public var when: [LimitCondition] = []
    /// Requests that it is not about although `when` takes them.
    public var exempt: [LimitCondition] = []
    /// Whether it is about requests only that no other rule is about.
    public var isDefault = false
    /// What requests are counted by: one budget for each value of these together; empty: one in all.
    public var key: [LimitKeyPart] = []
    /// How many; all of them must have room. At least one.
    public var rates: [Rate] = []
    /// How they are counted.
    public var algorithm = LimitAlgorithm.slidingWindow
    /// What a request takes of them.
    public var cost: UInt32 = 1
    /// Other rates or costs for some requests; the first that takes the request counts.
    public var overrides: [LimitOverride] = []
    /// Statuses whose answers take something; empty: all. What others took is returned at their end.
    public var deductWhen: [ClosedRange<UInt16>] = []
    /// What happens to who keeps being refused.
    public var penalty: LimitPenalty?
    /// Which requests are counted.
    public var stage = LimitStage.all
    /// Whether refusals are only counted.
    public var isShadow = false
    /// Rates on trial beside `rates`: what they would refuse is counted.
    public var candidate: [Rate] = []
    /// Keys that are tracked at most; beyond, those not used for long are forgotten.
    public var trackedKeysMax = 100_000
    /// Who counts together, where there is a shared store.
    public var scope = LimitScope.shared
    /// What counts while the shared store is out of reach.
    public var onStoreFailure = LimitStoreFailure.local

    /// A rule of that name with defaults.
    public init(name: String) { self.name = name }
}

/// Another rate or cost for some of a rule's requests.
public struct LimitOverride: Sendable, Equatable {
    /// Requests that it is about: those that meet one of these.
    public var when: [LimitCondition] = []
    /// Rates in place of the rule's, with budgets of their own; empty: the rule's.
    public var rates: [Rate] = []
    /// The cost in place of the rule's.
    public var cost: UInt32?

    /// An override that changes nothing.
    public init() {}
}

/// Who is refused so often within a while gets nothing at all for another while.
public struct LimitPenalty: Sendable, Equatable {
    /// So many refusals in such a window are too many.
    public var after: Rate
    /// How long everything is refused then, in nanoseconds.
    public var nanoseconds: UInt64

    /// A penalty from its parts.
    public init(after: Rate, nanoseconds: UInt64) {
        self.after = after
        self.nanoseconds = nanoseconds
    }
}

/// Which requests a rule counts.
public enum LimitStage: String, Sendable, CaseIterable {
    /// Every request, before the cache is asked.
    case all
    /// Those that the memory cache could not answer, before anything else is asked.
    case miss
}

/// Who counts together.
public enum LimitScope: String, Sendable, CaseIterable {
    /// All instances that have the same store; without one, each for itself.
    case shared
    /// Each instance for itself.
    case local
}

/// What counts while the store that instances share is out of reach.
public enum LimitStoreFailure: String, Sendable, CaseIterable {
    /// Each instance counts for itself, its share of the rate.
    case local
    /// Nothing is refused.
    case allow
    /// Everything is refused.
    case deny
}

/// What requests are counted by.
public enum LimitKeyPart: Sendable, Equatable {
    /// The client's address; of IPv6 the first 64 bits, which are one customer's.
    case client
    /// The route's name.
    case route
    /// The path in normal form.
    case path
    /// The host, without port.
    case host
    /// The method.
    case method
    /// The application, as `application_id` finds it.
    case application
    /// A request field, by its name in lower case.
    case header(String)
    /// A query parameter, by its name.
    case query(String)
    /// A request field whose value is not written down but hashed, by its name in lower case.
    case token(String)
    /// A text.
    case constant(String)
}

/// Where the identity of an application stands in a request.
public enum ApplicationSource: Sendable, Equatable {
    /// In a field, by its name in lower case.
    case header(String)
    /// In a query parameter.
    case query(String)
}

/// Which fields about limits answers carry.
public enum LimitFields: String, Sendable, CaseIterable {
    /// `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers).
    case standard
    /// `X-RateLimit-Limit`, `-Remaining` and `-Reset`.
    case legacy
    /// Both.
    case both
    /// None.
    case off
}
