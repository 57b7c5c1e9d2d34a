extension CacheMemorySettings {
    var fields: [(String, JSONValue)] {
        var fields: [(String, JSONValue)] = [
            ("memory", .size(bytesMax)),
            ("followers_max", .number(followersMax)),
        ]
        if let fillsMax { fields.append(("fill_bytes_max", .size(fillsMax))) }
        return fields
    }
}

extension CacheSettings {
    var json: JSONValue {
        if !isOn { return .text("off") }
        var fields: [(String, JSONValue)] = [
            ("enabled", .bool(isOn)),
            ("request_directives", .text(requestDirectives.rawValue)),
        ]
        if !statusTTLSeconds.isEmpty {
            let statuses = statusTTLSeconds.sorted { $0.key < $1.key }
            fields.append(("ttl", .object(statuses.map { (String($0.key), .seconds($0.value)) })))
        }
        fields += [
            ("negative_ttl", .seconds(negativeTTLSeconds)),
            ("error_ttl", .seconds(errorTTLSeconds)),
            ("ttl_min", .seconds(ttlMinSeconds)),
            ("ttl_max", ttlMaxSeconds.map(JSONValue.seconds) ?? .text("off")),
            ("ttl_jitter", .number(jitterPercent)),
            (
                "stale_while_revalidate",
                staleWhileRevalidateSeconds.map(JSONValue.seconds) ?? .text("response")
            ),
            ("stale_while_revalidate_max", .seconds(staleWhileRevalidateMaxSeconds)),
            (
                "stale_if_error",
                staleIfErrorSeconds.map(JSONValue.seconds) ?? .text("response")
            ),
            ("stale_if_error_max", .seconds(staleIfErrorMaxSeconds)),
            (
                "refresh_ahead",
                refreshAheadSeconds == 0 ? .text("off") : .seconds(refreshAheadSeconds)
            ),
            ("heuristic_with_query", .bool(heuristicForQuery)),
            ("vary_ignore", .names(varyIgnore)),
            ("set_cookie", .text(setCookie.rawValue)),
            ("drop_fields", .names(dropFields)),
            ("body_bytes_max", .size(bodyBytesMax)),
            ("key", key.json),
        ]
        return .object(fields)
    }
}

extension KeyRules {
    var json: JSONValue {
        var fields: [(String, JSONValue)] = [
            ("sort_query", .bool(sortQuery)),
            ("ignore_query", .names(ignoreQuery)),
        ]
        if let onlyQuery { fields.append(("only_query", .names(onlyQuery))) }
        fields += [
            ("fields", .names(self.fields)),
            ("cookies", .names(cookies)),
            ("bypass_query", .names(bypassQuery)),
        ]
        return .object(fields)
    }
}

extension JSONValue {
    fileprivate static func seconds(_ seconds: UInt32) -> JSONValue {
        .duration(UInt64(seconds) * 1_000_000_000)
    }

    fileprivate static func names(_ names: [[UInt8]]) -> JSONValue {
        .list(names.map { String(decoding: $0, as: UTF8.self) })
    }
}

extension Settings {
    /// The start of a route's cache keys: a stable hash of all that decides which answer a target has.
    /// After a reload that changes none of it, what is stored stays usable.
    public func keyPrefix(of route: RouteSettings) -> [UInt8] {
        var text = route.name + "\n" + route.upstream + "\n"
        if let index = upstreamIndex(named: route.upstream) {
            let upstream = upstreams[index]
            text += upstream.urls.map(\.description).joined(separator: ",") + "\n"
            text += upstream.host.text + "\n"
        }
        JSONValue.object([
            ("request", route.request.fingerprint), ("response", route.response.fingerprint),
            ("rewrite", route.rewrite?.json ?? .null), ("key", route.cache.key.json),
            ("vary_ignore", .names(route.cache.varyIgnore)),
        ]).write(to: &text)
        let hash = stableHash(Array(text.utf8).span)
        return (0..<8).map { UInt8(truncatingIfNeeded: hash >> (UInt64($0) * 8)) }
    }
}

extension FieldEdits {
    /// Everything, secrets included: it is hashed, not shown.
    fileprivate var fingerprint: JSONValue {
        .list((self.set + add).map { "\($0.name): \($0.value)" } + remove)
    }
}
