extension Catalogue {
    static let redis = [
        redisConnected, redisCommands, redisCommandDuration, redisErrors, redisPendingCommands,
        redisReconnects, redisMasterSwitches, redisMasterLastSwitch, redisFunctionLoads,
        sentinelUp, cacheCoherenceLive, cacheInvalidationLag, cacheInvalidations, cacheLeases,
        cacheRecordFaults, cachePurgeReplays,
    ]

    /// Whether the master can be used.
    public static let redisConnected = Family.gauge(
        "meliproxy_redis_connected", "1 while a Redis master is known and connected to, else 0.")

    /// Commands and what came of them.
    public static let redisCommands = Family.counter(
        "meliproxy_redis_commands_total",
        "Commands for Redis, by what they were for and how they ended.",
        [.words(.op, RedisOperation.self), .words(.outcome, RedisOutcome.self)])

    /// How long commands took.
    public static let redisCommandDuration = Family.histogram(
        "meliproxy_redis_command_duration_seconds",
        "Time from a command's sending to its reply; commands without one are left out.",
        [.words(.op, RedisOperation.self)], buckets: .store)

    /// Replies that are of no use.
    public static let redisErrors = Family.counter(
        "meliproxy_redis_errors_total", "Replies of Redis that were of no use.",
        [.words(.reason, RedisErrorReason.self)])

    /// Commands under way.
    public static let redisPendingCommands = Family.gauge(
        "meliproxy_redis_pending_commands", "Commands sent to Redis and not yet answered.")

    /// Connections that ended, or were not made.
    public static let redisReconnects = Family.counter(
        "meliproxy_redis_reconnects_total",
        "Connections to Redis that ended or could not be made, each followed by another try.",
        [.words(.reason, RedisReconnectReason.self)])

    /// Changes of the master.
    public static let redisMasterSwitches = Family.counter(
        "meliproxy_redis_master_switches_total",
        "Times that another node became the master to talk to, the first one left out.")

    /// When the master changed last.
    public static let redisMasterLastSwitch = Family.gauge(
        "meliproxy_redis_master_last_switch_timestamp_seconds",
        "When another node became the master last, since the epoch; 0 if it never did.",
        unit: .seconds)

    /// Loads of the library.
    public static let redisFunctionLoads = Family.counter(
        "meliproxy_redis_function_loads_total",
        "Times that the functions of the shared cache were loaded into a server.")

    /// Whether a Sentinel answers.
    public static let sentinelUp = Family.gauge(
        "meliproxy_sentinel_up", "1 while the Sentinel answers, else 0.", [.open(.sentinel)])

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
