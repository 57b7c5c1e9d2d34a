/// One key of the settings file: the source of what the loader accepts and of
/// `docs/configuration.md`.
public struct SettingsKey: Sendable, Equatable {
    /// Where it stands: `[]` is any element of a list, `<name>` any key of a map.
    public let path: String
    /// What its value is.
    public let type: String
    /// What it is when it is not said.
    public let defaultText: String
    /// What it does, in one sentence.
    public let meaning: String

    init(_ path: String, _ type: String, _ defaultText: String, _ meaning: String) {
        self.path = path
        self.type = type
        self.defaultText = defaultText
        self.meaning = meaning
    }
}

/// Every key of the settings file.
public enum SettingsCatalogue {
    /// The keys in the order of the documentation.
    public static let keys: [SettingsKey] =
        instance + client + cache + sharedCache + redis + upstreams + resilience + routes
        + routeCache + routeFallback + limits
        + operation

    /// The keys that may stand directly below `schema` (a path of the catalogue's form; empty: the
    /// top of the file), in the catalogue's order; nil if any name may.
    static func keys(below schema: String) -> [String]? {
        let prefix = schema.isEmpty ? "" : schema + "."
        var result: [String] = []
        for key in keys where key.path.hasPrefix(prefix) {
            let name = key.path.dropFirst(prefix.utf8.count).prefix { $0 != "." && $0 != "[" }
            if name.hasPrefix("<") { return nil }
            if !result.contains(String(name)) { result.append(String(name)) }
        }
        return result
    }

    private static let instance = [
        SettingsKey(
            "instance", "text", "`hostname:port`", "Name of this instance in logs and metrics."),
        SettingsKey(
            "listen[].address", "HOST:PORT", "`0.0.0.0:8080`",
            "Where clients connect: `IPv4:port`, `[IPv6]:port` or `:port`. A plain text in place of"
                + " the map is an address, and one in place of the list a single listener."),
        SettingsKey(
            "listen[].proxy_protocol", "boolean", "`false`",
            "Whether connections start with a PROXY protocol header; then required."),
        SettingsKey("listen[].backlog", "number", "`4096`", "Length of the kernel's accept queue."),
        SettingsKey(
            "admin.listen", "HOST:PORT", "`127.0.0.1:9900`",
            "Where metrics, health and the admin API are; beyond loopback a token is required."),
        SettingsKey("admin.token", "text, secret", "none", "Bearer token that changes need."),
        SettingsKey(
            "admin.token_file", "file", "none", "File with the token, instead of `admin.token`."),
        SettingsKey("workers", "number", "`0`", "Worker threads; 0: one per core."),
        SettingsKey(
            "trusted_proxies[]", "IP address or block", "none",
            "Peers whose `X-Forwarded-For` and `Forwarded` are believed."),
        SettingsKey("via", "token", "`meliproxy`", "Pseudonym in `Via`, and for finding loops."),
        SettingsKey(
            "forwarded", "`append`, `replace` or `off`", "`append`",
            "What happens to `X-Forwarded-For`, `-Proto` and `-Host` towards the upstream."),
    ]

    private static let client = [
        SettingsKey(
            "client.head_timeout", "duration", "`10s`",
            "From a request head's first byte to its last."),
        SettingsKey(
            "client.idle_timeout", "duration", "`60s`",
            "How long a kept-alive connection may wait for a request."),
        SettingsKey(
            "client.body_min_rate", "size", "`256B`",
            "Slowest allowed request body a second, on average; 0: any."),
        SettingsKey(
            "client.body_grace", "duration", "`10s`",
            "How long a body may be slower than that at first."),
        SettingsKey(
            "client.write_stall_timeout", "duration", "`30s`",
            "How long a client may take no byte of its answer."),
        SettingsKey(
            "client.head_bytes_max", "size", "`32KiB`", "Largest request head; above: 431."),
        SettingsKey(
            "client.fields_max", "number", "`100`", "Most fields of a request; above: 431."),
        SettingsKey(
            "client.target_bytes_max", "size", "`8KiB`", "Longest request target; above: 414."),
        SettingsKey(
            "client.body_bytes_max", "size or `unlimited`", "`unlimited`",
            "Largest request body; above: 413."),
        SettingsKey(
            "client.connections_max", "number", "`20000`",
            "Most client connections; 0: as many as the descriptor limit allows."),
        SettingsKey(
            "client.expect_timeout", "duration", "`1s`",
            "How long the upstream may stay silent before 100 (Continue) is sent for it."),
        SettingsKey(
            "client.half_close_timeout", "duration", "`1s`",
            "How long a client that closed its sending side may keep an exchange going."),
        SettingsKey(
            "client.lingering_timeout", "duration", "`2s`",
            "How long a refused connection is read, so that the client can see its answer."),
        SettingsKey(
            "client.interim_responses_max", "number", "`16`",
            "Most interim (1xx) responses relayed for one request."),
    ]

    private static let upstreams = [
        SettingsKey(
            "upstreams.<name>.url", "URL", "required, or `urls`",
            "Where the upstream is: `http(s)://host[:port][/prefix]`."),
        SettingsKey("upstreams.<name>.urls[]", "URL", "required, or `url`", "Several such places."),
        SettingsKey(
            "upstreams.<name>.host", "`upstream`, `preserve` or a host", "`upstream`",
            "What `Host` is sent: the URL's, the client's, or this one."),
        SettingsKey(
            "upstreams.<name>.tls.verify", "boolean", "`true`",
            "Whether the certificate is verified."),
        SettingsKey(
            "upstreams.<name>.tls.ca_file", "file", "the system's", "PEM file of authorities."),
        SettingsKey(
            "upstreams.<name>.tls.server_name", "host", "the URL's",
            "Name asked for and verified instead of the URL's host."),
        SettingsKey(
            "upstreams.<name>.proxy", "URL", "none",
            "Outbound proxy to go through, `http://[user:password@]host:port`."),
        SettingsKey(
            "upstreams.<name>.connect_timeout", "duration", "`2s`",
            "Longest wait for a connection, DNS and TLS included."),
        SettingsKey(
            "upstreams.<name>.first_byte_timeout", "duration", "`15s`",
            "From the request's last byte to the answer's first."),
        SettingsKey(
            "upstreams.<name>.idle_timeout", "duration", "`30s`",
            "Longest silence within the answer's body."),
        SettingsKey(
            "upstreams.<name>.total_timeout", "duration or `off`", "`60s`",
            "From the request's head to the answer's end, tries included."),
        SettingsKey(
            "upstreams.<name>.pool.connections_max", "number", "`1024`",
            "Most connections of the instance, divided by its workers."),
        SettingsKey(
            "upstreams.<name>.pool.idle_max", "number", "`1024`", "Most idle ones of them."),
        SettingsKey(
            "upstreams.<name>.pool.idle_timeout", "duration", "`30s`",
            "How long a connection may be idle."),
        SettingsKey(
            "upstreams.<name>.pool.age_max", "duration or `off`", "`10m`",
            "How old a connection may get."),
        SettingsKey(
            "upstreams.<name>.pool.pending_max", "number", "`1024`",
            "Most requests that wait for a connection."),
        SettingsKey(
            "upstreams.<name>.response_head_bytes_max", "size", "`64KiB`", "Largest response head."),
        SettingsKey(
            "upstreams.<name>.dns_cache", "duration", "`60s`",
            "How long a resolved address is kept."),
    ]

    private static let routes = [
        SettingsKey(
            "routes[].name", "text", "the path template",
            "Unique name; the `route` label of metrics."),
        SettingsKey(
            "routes[].match.path", "path template", "`/**`",
            "`{name}` is one segment, `*` any one, a final `**` any number."),
        SettingsKey(
            "routes[].match.methods[]", "method", "every method",
            "Methods that the route takes; `GET` takes `HEAD` along."),
        SettingsKey(
            "routes[].match.hosts[]", "host or `*.` host", "every host",
            "Hosts that the route answers for."),
        SettingsKey(
            "routes[].upstream", "name", "the only upstream", "The upstream that requests go to."),
        SettingsKey(
            "routes[].timeouts.connect", "duration", "the upstream's",
            "Instead of `connect_timeout`."),
        SettingsKey(
            "routes[].timeouts.first_byte", "duration", "the upstream's",
            "Instead of `first_byte_timeout`."),
        SettingsKey(
            "routes[].timeouts.total", "duration or `off`", "the upstream's",
            "Instead of `total_timeout`."),
        SettingsKey(
            "routes[].request.set.<field>", "text", "none",
            "Request fields that replace those of the same name."),
        SettingsKey(
            "routes[].request.add.<field>", "text", "none", "Request fields that are added."),
        SettingsKey(
            "routes[].request.remove[]", "field name", "none", "Request fields dropped first."),
        SettingsKey(
            "routes[].response.set.<field>", "text", "none",
            "Response fields that replace those of the same name."),
        SettingsKey(
            "routes[].response.add.<field>", "text", "none", "Response fields that are added."),
        SettingsKey(
            "routes[].response.remove[]", "field name", "none", "Response fields dropped first."),
        SettingsKey(
            "routes[].rewrite.path", "path template", "none",
            "New path; may use the parameters and a final `**` of `match.path`."),
        SettingsKey(
            "routes[].rewrite.strip_prefix", "path", "none",
            "Leading segments to drop; a prefix of `match.path`."),
        SettingsKey(
            "routes[].rewrite.add_prefix", "path", "none", "Path put in front, after that."),
        SettingsKey(
            "routes[].body_bytes_max", "size or `unlimited`", "`client.body_bytes_max`",
            "Largest request body of this route."),
    ]

    private static let operation = [
        SettingsKey(
            "log.access.path", "file, `-` or `off`", "`-`",
            "Where the access log goes; `-`: standard output."),
        SettingsKey("log.access.format", "`json` or `text`", "`json`", "Form of its lines."),
        SettingsKey(
            "log.access.sample_rate", "number", "`1`", "One in so many requests is logged."),
        SettingsKey(
            "log.access.slow", "duration or `off`", "`1s`",
            "Requests at least this slow are always logged."),
        SettingsKey(
            "log.level", "`debug`, `info`, `notice`, `warning` or `error`", "`info`",
            "Least severe diagnostic that is written."),
        SettingsKey(
            "telemetry.route_labels_max", "number", "`64`",
            "Most values of the `route` label; the rest is `_other`."),
        SettingsKey(
            "telemetry.upstream_labels_max", "number", "`16`",
            "Most values of the `upstream` label; the rest is `_other`."),
        SettingsKey(
            "telemetry.exemplars", "boolean", "`true`", "Whether histograms carry exemplars."),
        SettingsKey(
            "shutdown.drain_delay", "duration", "`0s`",
            "How long to keep serving after readiness flipped."),
        SettingsKey(
            "shutdown.grace", "duration", "`30s`",
            "How long requests in flight may take after that."),
    ]
}
