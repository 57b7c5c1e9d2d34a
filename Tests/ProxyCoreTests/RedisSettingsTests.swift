import ProxyCore
import Testing

@Suite("Settings of Redis and of the shared cache")
struct RedisSettingsTests {
    private func redis(_ yaml: String) throws -> RedisSettings {
        try #require(try load(SettingsTests.minimal + "redis: {\(yaml)}").redis)
    }

    @Test("without the block there is no Redis, and no shared cache")
    func none() throws {
        let settings = try load(SettingsTests.minimal)
        #expect(settings.redis == nil)
        #expect(settings.sharedCache == nil)
        #expect(!settings.redactedJSON().contains("redis"))
        // What nobody can share may be said to be off.
        #expect(try load(SettingsTests.minimal + "cache: {redis: off}").redis == nil)
    }

    @Test("an address is enough")
    func address() throws {
        let settings = try load(SettingsTests.minimal + "redis: {address: Redis.example}")
        #expect(
            settings.redis
                == RedisSettings(
                    place: .address(ServerAddress(host: "redis.example", port: 6379))))
        #expect(settings.sharedCache == SharedCacheSettings())
        #expect(settings.sharedCache?.entryBytesMax == 262_144)
        #expect(settings.sharedCache?.copyMaxSeconds == 30)
        let six = try redis("address: '[::1]:7000'")
        #expect(six.place == .address(ServerAddress(host: "::1", port: 7000)))
    }

    @Test("Sentinels, and HAProxy with and without them")
    func places() throws {
        let sentinels = RedisSettings.Sentinels(
            addresses: [
                ServerAddress(host: "s1", port: 26379), ServerAddress(host: "s2", port: 5),
            ], group: "mymaster")
        let text = "sentinels: [s1, 's2:5'], group: mymaster"
        #expect(try redis(text).place == .sentinels(sentinels))
        #expect(try redis("via: direct, \(text)").place == .sentinels(sentinels))
        let front = ServerAddress(host: "front", port: 6379)
        #expect(try redis("via: haproxy, address: front").place == .haproxy(front, nil))
        #expect(
            try redis("via: haproxy, address: front, \(text)").place == .haproxy(front, sentinels))
    }

    @Test("everything else")
    func rest() throws {
        let yaml = """
            address: a, user: u, password: "${SECRET}", database: 3, key_prefix: "x:",
            connect_timeout: 1s, command_timeout: 2ms, write_timeout: 3ms, pending_max: 4,
            pending_bytes_max: 64KiB, breaker: {failures: 6, window: 2s, open: 3s}
            """
        let settings = try load(
            SettingsTests.minimal + "redis: {\(yaml)}\ncache: {redis: {enabled: true, "
                + "entry_max: 1MiB, l1_max_age: 5s, coherence: strict, lease: 700ms, compress: zlib}}",
            environment: ["SECRET": "hunter2"])
        var expected = RedisSettings(place: .address(ServerAddress(host: "a", port: 6379)))
        expected.credentials = RedisSettings.Credentials(user: "u", password: "hunter2")
        expected.database = 3
        expected.keyPrefix = "x:"
        expected.connectTimeoutNanoseconds = 1_000_000_000
        expected.commandTimeoutNanoseconds = 2_000_000
        expected.writeTimeoutNanoseconds = 3_000_000
        expected.pendingMax = 4
        expected.pendingBytesMax = 65_536
        expected.breaker.failuresMax = 6
        expected.breaker.windowNanoseconds = 2_000_000_000
        expected.breaker.openNanoseconds = 3_000_000_000
        #expect(settings.redis == expected)
        var shared = SharedCacheSettings()
        shared.entryBytesMax = 1 << 20
        shared.copyMaxSeconds = 5
        shared.coherence = .strict
        shared.leaseNanoseconds = 700_000_000
        shared.compression = .zlib
        #expect(settings.sharedCache == shared)
    }

    @Test("copies of one moment end within a fifth of their time, none later than it")
    func copies() {
        var shared = SharedCacheSettings()
        shared.copyMaxSeconds = 10
        #expect(shared.copyNanoseconds(chance: 0) == 10_000_000_000)
        #expect(shared.copyNanoseconds(chance: .max / 2) == 9_000_000_001)
        #expect(shared.copyNanoseconds(chance: .max) == 8_000_000_001)
        shared.copyMaxSeconds = .max
        #expect(shared.copyNanoseconds(chance: .max) > 0)
    }

    @Test("the shared tier needs memory, and can be left out")
    func tiers() throws {
        let base = SettingsTests.minimal + SettingsTests.redis
        #expect(try load(base + "cache: {redis: off}").sharedCache == nil)
        #expect(try load(base + "cache: {redis: {enabled: false}}").sharedCache == nil)
        #expect(try load(base + "cache: {redis: on}").sharedCache != nil)
        #expect(try load(base + "cache: {memory: off}").sharedCache == nil)
    }

    @Test(
        "effective settings are settings, and show no password",
        arguments: [
            "address: a", "address: '[::1]:1', key_prefix: 'x:'",
            "sentinels: [s1, s2], group: g", "via: haproxy, address: a",
            "via: haproxy, address: a, sentinels: [s1], group: g, database: 2",
        ])
    func effective(_ yaml: String) throws {
        let base = SettingsTests.minimal + "cache: {redis: {lease: 5s, coherence: strict}}\n"
        let settings = try load(base + "redis: {\(yaml)}")
        #expect(try load(settings.redactedJSON()) == settings)
        let sentinels = yaml.contains("sentinels")
        let secret = try load(
            base + "redis: {\(yaml), user: u, password: hunter2"
                + (sentinels ? ", sentinel_user: w, sentinel_password: hunter3}" : "}"))
        let json = secret.redactedJSON()
        #expect(!json.contains("hunter"))
        #expect(json.contains("\"password\": \"***\""))
        #expect(json.contains("\"sentinel_password\": \"***\"") == sentinels)
    }

    static let problemTable: [Case] = [
        Case("redis: {}", "f:2:8: redis: expected address, or sentinels and group, found none"),
        Case("redis:", "f:2:7: redis: expected address, or sentinels and group, found none"),
        Case("redis: a", "f:2:8: redis: expected a map, found `a`"),
        Case(
            "redis: {adress: a}",
            "f:2:8: redis: expected address, or sentinels and group, found none",
            "f:2:9: redis.adress: unknown key, did you mean `address`?"),
        Case(
            "redis: {address: 'a b'}",
            "f:2:18: redis.address: expected a host name or address, found `a b`"),
        Case(
            "redis: {address: 'a:0'}",
            "f:2:18: redis.address: expected a port from 1 to 65535, found `0`"),
        Case(
            "redis: {address: a, sentinels: s, group: g}",
            "f:2:32: redis.sentinels: expected either address or sentinels, or via: haproxy, found both"
        ),
        Case(
            "redis: {sentinels: s}",
            "f:2:20: redis.sentinels: expected group beside it, found none"),
        Case(
            "redis: {sentinels: [], group: g}",
            "f:2:20: redis.sentinels: expected at least one Sentinel, found none"),
        Case(
            "redis: {sentinels: [s, s], group: 'g h'}",
            "f:2:24: redis.sentinels[1]: `s:26379` appears more than once",
            "f:2:35: redis.group: expected a token, found `g h`"),
        Case(
            "redis: {address: a, group: g}",
            "f:2:28: redis.group: expected sentinels beside it, found none"),
        Case(
            "redis: {via: haproxy, sentinels: s, group: g}",
            "f:2:14: redis.via: expected address beside it, HAProxy's, found none"),
        Case(
            "redis: {via: nginx, address: a}",
            "f:2:14: redis.via: expected direct or haproxy, found `nginx`"),
        Case(
            "redis: {address: a, user: u}",
            "f:2:27: redis.user: expected password beside it, found none"),
        Case(
            "redis: {address: a, password: ''}",
            "f:2:31: redis.password: expected a password of 1 to 4096 bytes"),
        Case(
            "redis: {address: a, password: '${NO}'}",
            "f:2:31: redis.password: the environment variable NO is not set"),
        Case(
            "redis: {address: a, sentinel_password: p}",
            "f:2:40: redis.sentinel_password: expected sentinels beside it, found none"),
        Case(
            "redis: {address: a, database: -1, key_prefix: 'a b', breaker: {failures: 0, opn: 1s}}",
            "f:2:31: redis.database: expected a number from 0 to 65535, found `-1`",
            "f:2:47: redis.key_prefix: expected at most 32 visible ASCII characters, found `a b`",
            "f:2:74: redis.breaker.failures: expected a number from 1 to 1000, found `0`",
            "f:2:77: redis.breaker.opn: unknown key, did you mean `open`?"),
        Case(
            "redis: {address: a, command_timeout: 11s}",
            "f:2:38: redis.command_timeout: expected a duration from 1ms to 10s, found `11s`"),
        Case(
            "cache: {redis: on}",
            "f:2:16: cache.redis: expected redis at the top of the file, found none"),
        Case(
            "cache: {redis: {lease: 1s}, memory: off}\nredis: {address: a}",
            "f:2:16: cache.redis: expected cache.memory beside it, found `off`"),
        Case(
            "cache: {redis: maybe}\nredis: {address: a}",
            "f:2:16: cache.redis: expected on, off or a map, found `maybe`"),
        Case(
            "cache: {redis: {entry_max: 1GiB, coherence: eventual, l1_max_age: 0s}}\n"
                + "redis: {address: a}",
            "f:2:28: cache.redis.entry_max: expected a size from 1KiB to 16MiB, found `1GiB`",
            "f:2:45: cache.redis.coherence: expected one of strict, available, found `eventual`",
            "f:2:67: cache.redis.l1_max_age: expected a duration from 1s to 1h, found `0s`"),
    ]

    @Test("problems", arguments: problemTable)
    func problem(_ row: Case) {
        #expect(problems(SettingsProblemTests.base + row.yaml) == row.report)
    }
}
