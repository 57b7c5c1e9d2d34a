extension Settings {
    /// `cache`, with its shared tier where there may be one.
    var cacheJSON: JSONValue {
        var fields = memory?.fields ?? [("memory", .text("off"))]
        if redis != nil { fields.append(("redis", shared.json)) }
        return .object(fields)
    }
}

extension SharedCacheSettings {
    var json: JSONValue {
        .object([
            ("enabled", .bool(isOn)),
            ("entry_max", .size(entryBytesMax)),
            ("l1_max_age", .duration(UInt64(copyMaxSeconds) * second)),
            ("coherence", .text(coherence.rawValue)),
            ("lease", .duration(leaseNanoseconds)),
            ("compress", .text(compression.rawValue)),
        ])
    }
}

extension RedisSettings {
    var json: JSONValue {
        var fields: [(String, JSONValue)] = []
        switch place {
        case .address(let address): fields.append(("address", .text(address.description)))
        case .sentinels(let sentinels): fields += sentinels.fields
        case .haproxy(let address, let sentinels):
            fields += [("via", .text("haproxy")), ("address", .text(address.description))]
            fields += sentinels?.fields ?? []
        }
        if let credentials { fields += credentials.fields(prefix: "") }
        if let sentinelCredentials { fields += sentinelCredentials.fields(prefix: "sentinel_") }
        fields.append(("database", .number(database)))
        if !keyPrefix.isEmpty { fields.append(("key_prefix", .text(keyPrefix))) }
        fields += [
            ("connect_timeout", .duration(connectTimeoutNanoseconds)),
            ("command_timeout", .duration(commandTimeoutNanoseconds)),
            ("write_timeout", .duration(writeTimeoutNanoseconds)),
            ("pending_max", .number(pendingMax)),
            ("pending_bytes_max", .size(pendingBytesMax)),
            (
                "breaker",
                .object([
                    ("failures", .number(breaker.failuresMax)),
                    ("window", .duration(breaker.windowNanoseconds)),
                    ("open", .duration(breaker.openNanoseconds)),
                ])
            ),
        ]
        return .object(fields)
    }
}

extension RedisSettings.Sentinels {
    fileprivate var fields: [(String, JSONValue)] {
        [("sentinels", .list(addresses.map(\.description))), ("group", .text(group))]
    }
}

extension RedisSettings.Credentials {
    fileprivate func fields(prefix: String) -> [(String, JSONValue)] {
        let user = user.map { [(prefix + "user", JSONValue.text($0))] } ?? []
        return user + [(prefix + "password", .text(Settings.redacted))]
    }
}
