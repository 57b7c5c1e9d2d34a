extension SettingsCatalogue {
    static let sharedCache = [
        SettingsKey(
            "cache.redis.enabled", "boolean", "`true`",
            "Whether stored responses are shared, where `redis` is given; `redis: off` is short for"
                + " `false`."),
        SettingsKey(
            "cache.redis.entry_max", "size", "`256KiB`",
            "Largest record; larger responses are kept in memory alone."),
        SettingsKey(
            "cache.redis.l1_max_age", "duration", "`30s`",
            "How long a copy in memory is used without asking Redis again;"
                + " each up to a fifth less, at random."),
        SettingsKey(
            "cache.redis.coherence", "`strict` or `available`", "`available`",
            "While changes by others are not heard of: memory is used in place of errors only, or as"
                + " if alone for `l1_max_age`."),
        SettingsKey(
            "cache.redis.lease", "duration", "`2s`",
            "How long others wait should an instance die while it fetches; renewed until it has."),
        SettingsKey(
            "cache.redis.compress", "`off` or `zlib`", "`off`",
            "Whether texts from 1 KiB on that are not coded are compressed in Redis."),
    ]

    static let redis = [
        SettingsKey(
            "redis.address", "HOST:PORT", "none",
            "Where Redis is, or HAProxy in front of it. Without `redis` there is none."),
        SettingsKey(
            "redis.sentinels[]", "HOST:PORT", "none", "Sentinels to ask for the master instead."),
        SettingsKey("redis.group", "text", "none", "The master's name at the Sentinels."),
        SettingsKey(
            "redis.via", "`direct` or `haproxy`", "`direct`",
            "`haproxy`: `address` is HAProxy's; `sentinels` then check where connections land."),
        SettingsKey("redis.user", "text", "none", "User of Redis; needs a password."),
        SettingsKey("redis.password", "text, secret", "none", "Password of Redis."),
        SettingsKey("redis.sentinel_user", "text", "none", "User of the Sentinels."),
        SettingsKey(
            "redis.sentinel_password", "text, secret", "none", "Password of the Sentinels."),
        SettingsKey("redis.database", "number", "`0`", "Number of the database."),
        SettingsKey(
            "redis.key_prefix", "text", "none",
            "What all keys begin with, so that others can use the same database."),
        SettingsKey(
            "redis.connect_timeout", "duration", "`200ms`", "Longest wait for a connection."),
        SettingsKey(
            "redis.command_timeout", "duration", "`15ms`",
            "Longest that a request waits for Redis; then it goes on without."),
        SettingsKey(
            "redis.write_timeout", "duration", "`250ms`", "Longest wait for storing and purging."),
        SettingsKey(
            "redis.pending_max", "number", "`1024`",
            "Most commands of a worker under way; more fail at once."),
        SettingsKey(
            "redis.pending_bytes_max", "size", "`16MiB`",
            "Most bytes of a worker that are waiting to be sent; more fail at once."),
        SettingsKey(
            "redis.breaker.failures", "number", "`5`",
            "So many failures within `window` keep all commands back."),
        SettingsKey("redis.breaker.window", "duration", "`1s`", "How long failures count."),
        SettingsKey(
            "redis.breaker.open", "duration", "`500ms`", "How long commands are kept back."),
    ]
}
