extension Settings {
    /// The effective settings as JSON of the settings file's own shape, in a fixed order, with every
    /// secret replaced by `***`. Without secrets it is itself a valid settings file.
    public func redactedJSON() -> String {
        var fields: [(String, JSONValue)] = []
        if let instanceName { fields.append(("instance", .text(instanceName))) }
        fields += [
            ("listen", .list(listeners.map(\.json))),
            ("admin", admin.json),
            ("workers", .number(workers)),
            ("trusted_proxies", .list(trustedProxies.map(\.description))),
            ("client", client.json),
            ("via", .text(via)),
            ("forwarded", .text(forwarded.rawValue)),
            ("cache", cacheJSON),
        ]
        if let redis { fields.append(("redis", redis.json)) }
        fields += [
            ("upstreams", .object(upstreams.map { ($0.name, $0.json) })),
            ("routes", .list(routes.map(\.json))),
            ("application_id", .list(applicationID.map(\.text))),
            ("limit_fields", .text(limitFields.rawValue)),
            ("limits", .list(limits.map(\.json))),
            ("log", log.json),
            ("telemetry", telemetry.json),
            ("shutdown", shutdown.json),
        ]
        var text = ""
        JSONValue.object(fields).write(to: &text)
        return text + "\n"
    }

    /// What stands in for a secret.
    static let redacted = "***"
}

extension ListenerSettings {
    var json: JSONValue {
        .object([
            ("address", .text(address.description)),
            ("proxy_protocol", .bool(proxyProtocol)),
            ("backlog", .number(backlog)),
        ])
    }
}

extension AdminSettings {
    var json: JSONValue {
        var fields: [(String, JSONValue)] = [("listen", .text(address.description))]
        if token != nil { fields.append(("token", .text(Settings.redacted))) }
        if let tokenFile { fields.append(("token_file", .text(tokenFile))) }
        return .object(fields)
    }
}

extension ClientSettings {
    var json: JSONValue {
        .object([
            ("head_timeout", .duration(headTimeoutNanoseconds)),
            ("idle_timeout", .duration(idleTimeoutNanoseconds)),
            ("body_min_rate", .size(bodyRateBytesPerSecondMin)),
            ("body_grace", .duration(bodyGraceNanoseconds)),
            ("write_stall_timeout", .duration(writeStallTimeoutNanoseconds)),
            ("head_bytes_max", .size(headBytesMax)),
            ("fields_max", .number(fieldsMax)),
            ("target_bytes_max", .size(targetBytesMax)),
            ("body_bytes_max", .sizeOrUnlimited(bodyBytesMax)),
            ("connections_max", .number(connectionsMax)),
            ("expect_timeout", .duration(expectTimeoutNanoseconds)),
            ("half_close_timeout", .duration(halfCloseTimeoutNanoseconds)),
            ("lingering_timeout", .duration(lingeringTimeoutNanoseconds)),
            ("interim_responses_max", .number(interimResponsesMax)),
        ])
    }
}

extension LogSettings {
    var json: JSONValue {
        .object([
            (
                "access",
                .object([
                    ("path", .text(access.target.text)),
                    ("format", .text(access.format.rawValue)),
                    ("sample_rate", .number(access.sampleRate)),
                    ("slow", .durationOrOff(access.slowNanoseconds)),
                ])
            ),
            ("level", .text(level.rawValue)),
        ])
    }
}

extension AccessLogTarget {
    /// The target as settings write it.
    var text: String {
        switch self {
        case .off: "off"
        case .standardOutput: "-"
        case .file(let path): path
        }
    }
}

extension TelemetrySettings {
    var json: JSONValue {
        .object([
            ("route_labels_max", .number(routeLabelsMax)),
            ("upstream_labels_max", .number(upstreamLabelsMax)),
            ("exemplars", .bool(exemplars)),
        ])
    }
}

extension ShutdownSettings {
    var json: JSONValue {
        .object([
            ("drain_delay", .duration(drainDelayNanoseconds)),
            ("grace", .duration(graceNanoseconds)),
        ])
    }
}
