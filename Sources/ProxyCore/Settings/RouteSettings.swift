/// One route: which requests it takes, and what is done with them. Timeouts and limits are effective
/// values: what the file does not say on the route is already filled in from its upstream and from
/// `client`.
public struct RouteSettings: Sendable, Equatable {
    /// Its name, unique; the label of its metrics. The path template unless named.
    public var name: String
    /// Which requests it takes.
    public var match: MatchSettings
    /// The name of the upstream it goes to.
    public var upstream: String
    /// Longest wait for a connection, in nanoseconds.
    public var connectTimeoutNanoseconds: UInt64
    /// From the request's last byte to the answer's first, in nanoseconds.
    public var firstByteTimeoutNanoseconds: UInt64
    /// From head to end, in nanoseconds; nil: none.
    public var totalTimeoutNanoseconds: UInt64?
    /// Changes to the request's fields.
    public var request = FieldEdits()
    /// Changes to the response's fields.
    public var response = FieldEdits()
    /// How the path changes on its way to the upstream.
    public var rewrite: PathRewrite?
    /// Largest request body, in bytes; nil: any.
    public var bodyBytesMax: UInt64?
    /// What the cache does.
    public var cache = CacheSettings()
    /// What is sent when the upstream cannot answer; nil: the error.
    public var fallback: FallbackSettings?

    /// A route with the timeouts of `upstream` and the limits of `client`.
    public init(
        name: String, match: MatchSettings, upstream: UpstreamSettings, client: ClientSettings
    ) {
        self.name = name
        self.match = match
        self.upstream = upstream.name
        connectTimeoutNanoseconds = upstream.connectTimeoutNanoseconds
        firstByteTimeoutNanoseconds = upstream.firstByteTimeoutNanoseconds
        totalTimeoutNanoseconds = upstream.totalTimeoutNanoseconds
        bodyBytesMax = client.bodyBytesMax
    }
}

/// Which requests a route takes: all of path, method and host must match.
public struct MatchSettings: Sendable, Equatable {
    /// The path template.
    public var path: PathTemplate
    /// The methods; every one, known or not, unless named.
    public var methods: MethodSet
    /// The hosts; empty: any.
    public var hosts: [HostPattern]

    /// A match from its parts; by default every request.
    public init(
        path: PathTemplate = .everything, methods: MethodSet = .all, hosts: [HostPattern] = []
    ) {
        self.path = path
        self.methods = methods
        self.hosts = hosts
    }
}

/// One field with its value, as settings name it.
public struct FieldEdit: Sendable, Equatable {
    /// The field's name, a token (RFC 9110 §5.1).
    public var name: String
    /// Its value, valid by RFC 9110 §5.5.
    public var value: String
    /// Whether the value must not be shown: it came from the environment, or the field carries
    /// credentials.
    public var isSecret: Bool

    /// An edit from its parts.
    public init(name: String, value: String, isSecret: Bool = false) {
        self.name = name
        self.value = value
        self.isSecret = isSecret
    }
}

/// Changes to the fields of a message: first `remove`, then `set`, then `add`.
public struct FieldEdits: Sendable, Equatable {
    /// Fields that replace all of the same name.
    public var set: [FieldEdit] = []
    /// Fields added beside those of the same name.
    public var add: [FieldEdit] = []
    /// Names of fields that are dropped.
    public var remove: [String] = []

    /// No change.
    public init() {}

    /// Whether nothing changes.
    public var isEmpty: Bool { self.set.isEmpty && add.isEmpty && remove.isEmpty }
}
