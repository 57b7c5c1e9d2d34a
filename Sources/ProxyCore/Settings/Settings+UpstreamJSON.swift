extension UpstreamSettings {
    var json: JSONValue {
        var fields: [(String, JSONValue)] = [
            ("urls", .list(urls.map(\.description))),
            ("host", .text(host.text)),
            ("tls", tls.json),
        ]
        if let proxy { fields.append(("proxy", .text(proxy.redactedText))) }
        fields += [
            ("connect_timeout", .duration(connectTimeoutNanoseconds)),
            ("first_byte_timeout", .duration(firstByteTimeoutNanoseconds)),
            ("idle_timeout", .duration(idleTimeoutNanoseconds)),
            ("total_timeout", .durationOrOff(totalTimeoutNanoseconds)),
            ("pool", pool.json),
            ("retries", resilience.retry.json(max: retriesMax)),
            ("response_head_bytes_max", .size(responseHeadBytesMax)),
            ("dns_cache", .duration(dnsCacheNanoseconds)),
        ]
        fields += resilience.json
        return .object(fields)
    }
}

extension HostPolicy {
    /// The policy as settings write it.
    var text: String {
        switch self {
        case .upstream: "upstream"
        case .preserve: "preserve"
        case .literal(let host): host
        }
    }
}

extension OutboundProxy {
    /// The URL without credentials, for logs.
    public var redactedText: String {
        let credentials = userInfo == nil ? "" : "\(Settings.redacted)@"
        return "\(url.scheme.rawValue)://\(credentials)\(url.authority)"
    }
}

extension TLSSettings {
    var json: JSONValue {
        var fields: [(String, JSONValue)] = [("verify", .bool(verify))]
        if let caFile { fields.append(("ca_file", .text(caFile))) }
        if let serverName { fields.append(("server_name", .text(serverName))) }
        return .object(fields)
    }
}

extension PoolSettings {
    var json: JSONValue {
        .object([
            ("connections_max", .number(connectionsMax)),
            ("idle_max", .number(idleMax)),
            ("idle_timeout", .duration(idleTimeoutNanoseconds)),
            ("age_max", .durationOrOff(ageMaxNanoseconds)),
            ("pending_max", .number(pendingMax)),
        ])
    }
}

extension RouteSettings {
    var json: JSONValue {
        var fields: [(String, JSONValue)] = [
            ("name", .text(name)),
            ("match", match.json),
            ("upstream", .text(upstream)),
            (
                "timeouts",
                .object([
                    ("connect", .duration(connectTimeoutNanoseconds)),
                    ("first_byte", .duration(firstByteTimeoutNanoseconds)),
                    ("total", .durationOrOff(totalTimeoutNanoseconds)),
                ])
            ),
        ]
        if !request.isEmpty { fields.append(("request", request.json)) }
        if !response.isEmpty { fields.append(("response", response.json)) }
        if let rewrite { fields.append(("rewrite", rewrite.json)) }
        fields.append(("body_bytes_max", .sizeOrUnlimited(bodyBytesMax)))
        fields.append(("cache", cache.json))
        if let fallback { fields.append(("fallback", fallback.json)) }
        return .object(fields)
    }
}

extension MatchSettings {
    var json: JSONValue {
        var fields: [(String, JSONValue)] = [("path", .text(path.text))]
        if methods != .all {
            fields.append(("methods", .list(methods.namesInSettings)))
        }
        if !hosts.isEmpty { fields.append(("hosts", .list(hosts.map(\.description)))) }
        return .object(fields)
    }
}

extension FieldEdits {
    var json: JSONValue {
        let parts: [(String, [FieldEdit])] = [("set", self.set), ("add", add)]
        var fields: [(String, JSONValue)] = parts.filter { !$0.1.isEmpty }.map { name, edits in
            (
                name,
                .object(edits.map { ($0.name, .text($0.isSecret ? Settings.redacted : $0.value)) })
            )
        }
        if !remove.isEmpty { fields.append(("remove", .list(remove))) }
        return .object(fields)
    }
}

extension PathRewrite {
    var json: JSONValue {
        switch self {
        case .template(let template): return .object([("path", .text(template.text))])
        case .prefix(let strip, let add):
            var fields: [(String, JSONValue)] = []
            if let strip { fields.append(("strip_prefix", .text(strip.text))) }
            if !add.isEmpty { fields.append(("add_prefix", .text(add))) }
            return .object(fields)
        }
    }
}
