/// One upstream API. Durations are in nanoseconds.
public struct UpstreamSettings: Sendable, Equatable {
    /// Its name: what routes refer to, and its label in metrics.
    public var name: String
    /// Where it is; at least one, interchangeable.
    public var urls: [UpstreamURL]
    /// What `Host` the upstream is sent.
    public var host: HostPolicy = .upstream
    /// TLS verification.
    public var tls = TLSSettings()
    /// The outbound proxy to go through (CONNECT); nil: none.
    public var proxy: OutboundProxy?
    /// Longest wait for a connection, DNS and TLS included.
    public var connectTimeoutNanoseconds: UInt64 = 2 * second
    /// From the request's last byte sent to the first byte of the answer.
    public var firstByteTimeoutNanoseconds: UInt64 = 15 * second
    /// Longest silence between two pieces of an answer's body.
    public var idleTimeoutNanoseconds: UInt64 = 30 * second
    /// From the request's head to the answer's end, tries included; nil: none.
    public var totalTimeoutNanoseconds: UInt64? = 60 * second
    /// The connection pool.
    public var pool = PoolSettings()
    /// Most retries of one request.
    public var retriesMax = 1
    /// How it is spared, and what is tried again.
    public var resilience = ResilienceSettings()
    /// Largest response head, in bytes.
    public var responseHeadBytesMax = 64 << 10
    /// How long a resolved address is kept.
    public var dnsCacheNanoseconds: UInt64 = 60 * second

    /// An upstream with defaults for everything but its name and place.
    public init(name: String, urls: [UpstreamURL]) {
        self.name = name
        self.urls = urls
    }
}

/// The `Host` field that an upstream is sent.
public enum HostPolicy: Sendable, Equatable {
    /// That of the upstream's URL.
    case upstream
    /// The client's.
    case preserve
    /// This one.
    case literal(String)
}

/// How an upstream's certificate is verified.
public struct TLSSettings: Sendable, Equatable {
    /// Whether certificate and name are verified at all.
    public var verify = true
    /// A PEM file of authorities instead of the system's.
    public var caFile: String?
    /// The name to ask for and to verify instead of the URL's host.
    public var serverName: String?

    /// The defaults: verified against the system's authorities.
    public init() {}
}

/// Bounds of an upstream's connection pool; of the instance, divided by its workers.
public struct PoolSettings: Sendable, Equatable {
    /// Most connections, busy and idle.
    public var connectionsMax = 1024
    /// Most idle connections.
    public var idleMax = 1024
    /// How long a connection may be idle before it is closed.
    public var idleTimeoutNanoseconds: UInt64 = 30 * second
    /// How old a connection may get; nil: any age.
    public var ageMaxNanoseconds: UInt64? = 600 * second
    /// Most requests that wait for a connection.
    public var pendingMax = 1024

    /// The defaults.
    public init() {}
}

/// An outbound proxy. Its credentials are secret: never log `userInfo`.
public struct OutboundProxy: Sendable, Equatable {
    /// Scheme, host and port of the proxy.
    public var url: UpstreamURL
    /// `user:password` as written (percent-encoded), without the `@`; nil: none.
    public var userInfo: String?

    /// A proxy from its parts.
    public init(url: UpstreamURL, userInfo: String?) {
        self.url = url
        self.userInfo = userInfo
    }

    /// The whole URL, credentials included, as libcurl takes it. Secret.
    public var secretText: String {
        let credentials = userInfo.map { $0 + "@" } ?? ""
        return "\(url.scheme.rawValue)://\(credentials)\(url.authority)"
    }
}
