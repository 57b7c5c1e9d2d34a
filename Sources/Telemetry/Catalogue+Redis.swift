extension Catalogue {
    static let redis = [
        redisUp, redisConnections, redisCommands, redisCommandDuration, redisErrors,
        redisPendingCommands, redisBreakerOpen, redisMasterSwitches, redisFunctionLoads,
        sentinelsUp, sentinelEvents, cacheCoherenceLive, cacheInvalidationLag, cacheInvalidations,
        cacheLeases, cacheRecordFaults, cachePurgeReplays,
    ]

    /// Whether there is a master.
    public static let redisUp = Family.gauge(
        "meliproxy_redis_up", "1 while a Redis master is known and reachable, else 0.")

    /// Connections open now.
    public static let redisConnections = Family.gauge(
        "meliproxy_redis_connections", "Connections to Redis and its Sentinels open now.",
        [.words(.role, RedisConnectionRole.self)])

    /// Commands sent.
    public static let redisCommands = Family.counter(
        "meliproxy_redis_commands_total", "Commands sent to Redis, by what they were for.",
        [.words(.operation, RedisOperation.self)])

    /// How long commands took.
    public static let redisCommandDuration = Family.histogram(
        "meliproxy_redis_command_duration_seconds",
        "Time from a command's sending to its reply, commands that failed left out.",
        [.words(.operation, RedisOperation.self)], buckets: .store)

    /// Commands without an answer of use.
    public static let redisErrors = Family.counter(
        "meliproxy_redis_errors_total", "Commands to Redis that brought no answer of use.",
        [.words(.operation, RedisOperation.self), .words(.reason, RedisErrorReason.self)])

    /// Commands under way.
    public static let redisPendingCommands = Family.gauge(
        "meliproxy_redis_pending_commands", "Commands sent to Redis and not yet answered.")

    /// The breaker.
    public static let redisBreakerOpen = Family.gauge(
        "meliproxy_redis_breaker_open",
        "1 while the breaker towards Redis is open and nothing is sent, else 0.")

    /// Changes of the master.
    public static let redisMasterSwitches = Family.counter(
        "meliproxy_redis_master_switches_total",
        "Times that another node became the master to talk to, by what told it.",
        [.words(.reason, MasterSwitchReason.self)])

    /// Loads of the library.
    public static let redisFunctionLoads = Family.counter(
        "meliproxy_redis_function_loads_total",
        "Times that the functions of the shared cache had to be loaded into a server.")

    /// Sentinels that answer.
    public static let sentinelsUp = Family.gauge(
        "meliproxy_sentinels_up", "Sentinels that answer, of those configured.")

    /// What Sentinels said.
    public static let sentinelEvents = Family.counter(
        "meliproxy_sentinel_events_total",
        "Events heard from Sentinels about the group, each from each Sentinel.")

    /// Whether the memory cache hears of changes.
    public static let cacheCoherenceLive = Family.gauge(
        "meliproxy_cache_coherence_live",
        "1 while this instance hears of what others store and purge, else 0.")

    /// How late invalidations are.
    public static let cacheInvalidationLag = Family.histogram(
        "meliproxy_cache_invalidation_lag_seconds",
        "Time from this instance's heartbeat being written to its being heard as invalidation.",
        buckets: .store)

    /// Invalidations heard.
    public static let cacheInvalidations = Family.counter(
        "meliproxy_cache_invalidations_total",
        "Invalidations heard from Redis, by what they meant for the memory cache.",
        [.words(.kind, CacheInvalidationKind.self)])

    /// Leases.
    public static let cacheLeases = Family.counter(
        "meliproxy_cache_lease_total",
        "Leases on fetches, shared by all instances, by what became of them.",
        [.words(.outcome, CacheLeaseOutcome.self)])

    /// Records that are none.
    public static let cacheRecordFaults = Family.counter(
        "meliproxy_cache_record_faults_total",
        "Records of the shared cache that could not be read and counted as misses.",
        [.words(.reason, SharedEntryFault.self)])

    /// The journal at work.
    public static let cachePurgeReplays = Family.counter(
        "meliproxy_cache_purge_replays_total",
        "Purges sent again because another node became the master.")
}
