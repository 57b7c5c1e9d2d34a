/// Everything an instance is configured with, after defaults, environment and command line were
/// applied. Values only: nothing here opens a file or a socket. Every field has the default that an
/// empty file gives; `docs/configuration.md` lists them by their key.
public struct Settings: Sendable, Equatable {
    /// The instance's name in logs, metrics and `Via`; nil: the caller uses `hostname:port`.
    public var instanceName: String?
    /// Addresses that clients connect to; at least one.
    public var listeners: [ListenerSettings]
    /// The admin listener.
    public var admin: AdminSettings
    /// Number of worker threads; 0: one per core.
    public var workers: Int
    /// Peers whose `X-Forwarded-For`, `Forwarded` and PROXY headers are believed.
    public var trustedProxies: [CIDR]
    /// Limits and timeouts towards clients.
    public var client: ClientSettings
    /// The pseudonym in `Via` (RFC 9110 §7.6.3); also how a loop is recognised.
    public var via: String
    /// What happens to `X-Forwarded-*` on the way to the upstream.
    public var forwarded: ForwardedPolicy
    /// Upstreams, in the file's order; names are unique.
    public var upstreams: [UpstreamSettings]
    /// Routes, in the file's order; names are unique.
    public var routes: [RouteSettings]
    /// Access log and diagnostics.
    public var log: LogSettings
    /// Bounds on labels and the use of exemplars.
    public var telemetry: TelemetrySettings
    /// How the instance stops.
    public var shutdown: ShutdownSettings
    /// The memory tier of the cache; nil: off, and nothing is cached.
    public var memory: CacheMemorySettings?
    /// The Redis that instances share; nil: none, and each instance is for itself.
    public var redis: RedisSettings?
    /// The tier of the cache that instances share; without `redis` and `memory` of no effect.
    public var shared: SharedCacheSettings
    /// Rate limits, in the file's order; names are unique.
    public var limits: [LimitRule] = []
    /// Where requests say which application they come from.
    public var applicationID: [ApplicationSource] = []
    /// Which fields about limits answers carry.
    public var limitFields = LimitFields.standard

    /// The settings of an empty file: no upstream, no route, defaults for the rest.
    public init() {
        instanceName = nil
        listeners = [ListenerSettings()]
        admin = AdminSettings()
        workers = 0
        trustedProxies = []
        client = ClientSettings()
        via = "meliproxy"
        forwarded = .append
        upstreams = []
        routes = []
        log = LogSettings()
        telemetry = TelemetrySettings()
        shutdown = ShutdownSettings()
        memory = CacheMemorySettings()
        redis = nil
        shared = SharedCacheSettings()
    }

    /// The shared tier of the cache where there is one: it needs Redis, and memory to keep copies in.
    public var sharedCache: SharedCacheSettings? {
        redis != nil && memory != nil && shared.isOn ? shared : nil
    }

    /// The position of the upstream called `name` in `upstreams`.
    public func upstreamIndex(named name: String) -> Int? {
        upstreams.firstIndex { $0.name == name }
    }
}

/// What the proxy does with the `X-Forwarded-For/Proto/Host` fields of a request.
public enum ForwardedPolicy: String, Sendable, Equatable, CaseIterable {
    /// The client's address is added behind what is there.
    case append
    /// What is there is dropped, and the client's address set.
    case replace
    /// The fields pass as they are.
    case off
}

/// The size of the memory cache as the command line gives it.
public enum CacheMemory: Sendable, Equatable {
    /// No memory cache.
    case off
    /// At most so many bytes.
    case bytes(UInt64)
}
