extension SettingsReader {
    private static let timeouts = 1_000_000...(24 * 3600 * second)

    /// `upstreams`.
    mutating func readUpstreams(
        _ value: Value, needsURL: Bool, into upstreams: inout [UpstreamSettings]
    ) {
        guard let section = section(value) else { return }
        for (name, value) in section.entries {
            guard let fields = self.section(value) else { continue }
            do throws(TextProblem) { _ = try Parse.name(name) } catch { report(value, error) }
            var upstream = UpstreamSettings(name: name, urls: [])
            readURLs(fields, of: value, needsURL: needsURL, into: &upstream.urls)
            read("host", of: fields, into: &upstream.host, Self.hostPolicy)
            read("proxy", of: fields, into: &upstream.proxy, Self.proxy)
            if let tls = fields["tls"] { readTLS(tls, into: &upstream.tls) }
            readTimeouts(fields, into: &upstream)
            if let pool = fields["pool"] { readPool(pool, into: &upstream.pool) }
            readResilience(fields, into: &upstream)
            upstreams.append(upstream)
        }
    }

    private mutating func readURLs(
        _ section: Section, of upstream: Value, needsURL: Bool, into urls: inout [UpstreamURL]
    ) {
        if section["url"] != nil, let other = section["urls"] {
            report(other, TextProblem("expected either url or urls, found both"))
            return
        }
        let known = problems.count
        var places = section["urls"].map { list($0, countMax: 64) } ?? []
        if let url = section["url"] { places = [url] }
        if places.isEmpty, needsURL, problems.count == known {
            report(section["urls"] ?? upstream, TextProblem("expected url or urls, found none"))
        }
        for place in places {
            guard let url = parse(place, { (text) throws(TextProblem) in try UpstreamURL(text) })
            else { continue }
            if urls.contains(url) {
                report(place, TextProblem("`\(url)` appears more than once"))
            } else if let first = urls.first,
                first.scheme != url.scheme || first.prefix != url.prefix
            {
                report(
                    place,
                    TextProblem(
                        expected: "the scheme and prefix of `\(first)`", found: url.description))
            }
            urls.append(url)
        }
    }

    private static func hostPolicy(_ text: String) throws(TextProblem) -> HostPolicy {
        switch text {
        case "upstream": .upstream
        case "preserve": .preserve
        default: .literal(try Parse.authority(text))
        }
    }

    private static func proxy(_ text: String) throws(TextProblem) -> OutboundProxy? {
        let (url, userInfo) = try UpstreamURL.parse(text)
        guard url.prefix.isEmpty else {
            throw TextProblem(expected: "a proxy without a path", found: url.prefix)
        }
        return OutboundProxy(url: url, userInfo: userInfo)
    }

    private mutating func readTLS(_ value: Value, into tls: inout TLSSettings) {
        guard let section = section(value) else { return }
        read("verify", of: section, into: &tls.verify, Parse.boolean)
        read("ca_file", of: section, into: &tls.caFile, Parse.optionalLine)
        read("server_name", of: section, into: &tls.serverName) { (text) throws(TextProblem) in
            guard HostPattern.isHostName(text) else {
                throw TextProblem(expected: "a host name", found: text)
            }
            return text.lowercased()
        }
    }

    private mutating func readTimeouts(
        _ section: Section, into upstream: inout UpstreamSettings
    ) {
        let timeout = Parse.duration(Self.timeouts)
        read("connect_timeout", of: section, into: &upstream.connectTimeoutNanoseconds, timeout)
        read(
            "first_byte_timeout", of: section, into: &upstream.firstByteTimeoutNanoseconds, timeout)
        read("idle_timeout", of: section, into: &upstream.idleTimeoutNanoseconds, timeout)
        read(
            "total_timeout", of: section, into: &upstream.totalTimeoutNanoseconds,
            Parse.durationOrOff(Self.timeouts))
        read(
            "response_head_bytes_max", of: section, into: &upstream.responseHeadBytesMax,
            Parse.bytes(1024...(16 << 20)))
        read(
            "dns_cache", of: section, into: &upstream.dnsCacheNanoseconds,
            Parse.duration(0...(24 * 3600 * second)))
    }

    private mutating func readPool(_ value: Value, into pool: inout PoolSettings) {
        guard let section = section(value) else { return }
        read(
            "connections_max", of: section, into: &pool.connectionsMax, Parse.number(1...1_000_000))
        read("idle_max", of: section, into: &pool.idleMax, Parse.number(0...1_000_000))
        read(
            "idle_timeout", of: section, into: &pool.idleTimeoutNanoseconds,
            Parse.duration(Self.timeouts))
        read(
            "age_max", of: section, into: &pool.ageMaxNanoseconds,
            Parse.durationOrOff(second...(24 * 3600 * second)))
        read("pending_max", of: section, into: &pool.pendingMax, Parse.number(0...1_000_000))
        if pool.idleMax > pool.connectionsMax, let idle = section["idle_max"] {
            report(
                idle,
                TextProblem(
                    "expected at most connections_max (\(pool.connectionsMax)), "
                        + "found `\(pool.idleMax)`"))
        }
    }
}
