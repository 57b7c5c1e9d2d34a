internal import Yams

extension SettingsReader {
    /// `redis`. Nil, with a problem noted, where it does not say where Redis is.
    mutating func readRedis(_ value: Value, into redis: inout RedisSettings?) {
        guard let section = section(value) else { return }
        let known = problems.count
        let place = readPlace(section, of: value)
        // The rest is looked at in any case, for its own problems.
        let nowhere = ServerAddress(host: "", port: 0)
        var settings = RedisSettings(place: place ?? .address(nowhere))
        settings.credentials = readCredentials(section, "user", "password")
        settings.sentinelCredentials = readCredentials(
            section, "sentinel_user", "sentinel_password")
        for key in ["sentinel_user", "sentinel_password"] where section["sentinels"] == nil {
            if let value = section[key] {
                report(value, TextProblem("expected sentinels beside it, found none"))
            }
        }
        read("database", of: section, into: &settings.database, Parse.number(0...65_535))
        read("key_prefix", of: section, into: &settings.keyPrefix, Self.keyPrefix)
        readRedisLimits(section, into: &settings)
        if place != nil || problems.count > known { redis = settings }
    }

    private mutating func readPlace(_ section: Section, of whole: Value) -> RedisSettings.Place? {
        let known = problems.count
        var isHAProxy = false
        read("via", of: section, into: &isHAProxy) { (text) throws(TextProblem) in
            switch text {
            case "direct": false
            case "haproxy": true
            default: throw TextProblem(expected: "direct or haproxy", found: text)
            }
        }
        let address = section["address"].flatMap {
            parse($0) { (text) throws(TextProblem) in try ServerAddress.parse(text, port: 6379) }
        }
        let sentinels = readSentinels(section)
        if isHAProxy, section["address"] == nil, let via = section["via"] {
            report(via, TextProblem("expected address beside it, HAProxy's, found none"))
        } else if !isHAProxy, section["address"] != nil, let other = section["sentinels"] {
            report(
                other,
                TextProblem("expected either address or sentinels, or via: haproxy, found both"))
        } else if section["address"] == nil, section["sentinels"] == nil {
            report(whole, TextProblem("expected address, or sentinels and group, found none"))
        }
        guard problems.count == known else { return nil }
        if let address { return isHAProxy ? .haproxy(address, sentinels) : .address(address) }
        return sentinels.map(RedisSettings.Place.sentinels)
    }

    private mutating func readSentinels(_ section: Section) -> RedisSettings.Sentinels? {
        var group: String?
        read("group", of: section, into: &group) { (text) throws(TextProblem) in
            try Parse.token(text)
        }
        guard let value = section["sentinels"] else {
            if let group = section["group"] {
                report(group, TextProblem("expected sentinels beside it, found none"))
            }
            return nil
        }
        var addresses: [ServerAddress] = []
        let elements = list(value, countMax: 16)
        for element in elements {
            guard
                let address = parse(
                    element,
                    { (text) throws(TextProblem) in try ServerAddress.parse(text, port: 26_379) })
            else { continue }
            if addresses.contains(address) {
                report(element, TextProblem("`\(address)` appears more than once"))
            }
            addresses.append(address)
        }
        if elements.isEmpty {
            report(value, TextProblem("expected at least one Sentinel, found none"))
        }
        guard section["group"] != nil else {
            report(value, TextProblem("expected group beside it, found none"))
            return nil
        }
        return group.map { RedisSettings.Sentinels(addresses: addresses, group: $0) }
    }

    private mutating func readCredentials(
        _ section: Section, _ userKey: String, _ passwordKey: String
    ) -> RedisSettings.Credentials? {
        var user: String?
        read(userKey, of: section, into: &user) { (text) throws(TextProblem) in
            guard !text.contains(" ") else {
                throw TextProblem(expected: "a user without blanks", found: text)
            }
            return try Parse.line(text)
        }
        guard let value = section[passwordKey] else {
            if let user = section[userKey] {
                report(user, TextProblem("expected \(passwordKey) beside it, found none"))
            }
            return nil
        }
        // What is wrong with a password is said without showing it.
        let password = parse(value) { (text) throws(TextProblem) in
            guard !text.isEmpty, text.utf8.count <= 4096 else {
                throw TextProblem("expected a password of 1 to 4096 bytes")
            }
            return text
        }
        return password.map { RedisSettings.Credentials(user: user, password: $0) }
    }

    private mutating func readRedisLimits(_ section: Section, into settings: inout RedisSettings) {
        let timeout = Parse.duration(1_000_000...(10 * second))
        read("connect_timeout", of: section, into: &settings.connectTimeoutNanoseconds, timeout)
        read("command_timeout", of: section, into: &settings.commandTimeoutNanoseconds, timeout)
        read("write_timeout", of: section, into: &settings.writeTimeoutNanoseconds, timeout)
        read("pending_max", of: section, into: &settings.pendingMax, Parse.number(1...1_000_000))
        read(
            "pending_bytes_max", of: section, into: &settings.pendingBytesMax,
            Parse.bytes((64 << 10)...(1 << 30)))
        guard let value = section["breaker"], let breaker = self.section(value) else { return }
        read(
            "failures", of: breaker, into: &settings.breaker.failuresMax, Parse.number(1...1_000))
        let span = Parse.duration((second / 100)...(600 * second))
        read("window", of: breaker, into: &settings.breaker.windowNanoseconds, span)
        read("open", of: breaker, into: &settings.breaker.openNanoseconds, span)
    }

    /// Visible ASCII characters. Short: it is in every key.
    private static func keyPrefix(_ text: String) throws(TextProblem) -> String {
        guard text.utf8.count <= 32, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw TextProblem(expected: "at most 32 visible ASCII characters", found: text)
        }
        return text
    }

    /// `cache.redis`: `on`, `off` or a map.
    mutating func readSharedCache(_ value: Value, into shared: inout SharedCacheSettings) {
        if case .scalar(_) = value.node, !Self.isNull(value.node) {
            if let isOn = parse(value, Self.onOrOff) { shared.isOn = isOn }
            return
        }
        guard let section = section(value) else { return }
        read("enabled", of: section, into: &shared.isOn, Parse.boolean)
        read(
            "entry_max", of: section, into: &shared.entryBytesMax,
            Parse.bytes((1 << 10)...(16 << 20)))
        read("l1_max_age", of: section, into: &shared.copyMaxSeconds) {
            (text) throws(TextProblem) in
            UInt32(try Parse.duration(second...(3600 * second))(text) / second)
        }
        read("coherence", of: section, into: &shared.coherence, Parse.word)
        read(
            "lease", of: section, into: &shared.leaseNanoseconds,
            Parse.duration((second / 10)...(600 * second)))
        read("compress", of: section, into: &shared.compression, Parse.word)
    }

    /// What only `cache` and `redis` together show.
    mutating func checkSharedCache(_ cache: Section, hasRedis: Bool, _ settings: Settings) {
        guard let value = cache["redis"], settings.shared.isOn else { return }
        if !hasRedis {
            report(value, TextProblem("expected redis at the top of the file, found none"))
        } else if settings.memory == nil {
            report(value, TextProblem("expected cache.memory beside it, found `off`"))
        }
    }
}

extension ServerAddress {
    /// Reads `host`, `host:port`, `IPv4:port` or `[IPv6]:port`.
    static func parse(_ text: String, port: UInt16) throws(TextProblem) -> ServerAddress {
        let (host, port) = try HostAndPort.split(text[...], defaultPort: port)
        return ServerAddress(host: host, port: port)
    }
}
