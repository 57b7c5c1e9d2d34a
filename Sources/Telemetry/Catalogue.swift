/// Every metric family this program exposes, each exactly once. The page, `docs/metrics.md`, the
/// dashboards and the alert rules are checked against it.
public enum Catalogue {
    /// All families, sorted by name.
    public static let all: [Family] =
        (http + cache + redis + limits + connections + upstream + resilience + instance + process)
        .sorted { $0.name < $1.name }
}

// MARK: - HTTP

extension Catalogue {
    static let http = [
        httpRequests, httpRequestDuration, httpRequestsInFlight, httpReceivedBytes, httpSentBytes,
        httpResponseSize, httpRequestErrors,
    ]

    /// Requests answered.
    public static let httpRequests = Family.counter(
        "meliproxy_http_requests_total",
        "Requests answered, by who made the response.",
        [.open(.route), .open(.method), .open(.code), .words(.origin, Origin.self)])

    /// Duration of requests.
    public static let httpRequestDuration = Family.histogram(
        "meliproxy_http_request_duration_seconds",
        "Time from the parsed request head to the last byte given to the kernel.",
        [.open(.route), .words(.cache, CacheOutcome.self)],
        buckets: .duration, keepsExemplars: true)

    /// Requests being worked on.
    public static let httpRequestsInFlight = Family.gauge(
        "meliproxy_http_requests_in_flight", "Requests read and not yet completely answered.")

    /// Bytes from clients.
    public static let httpReceivedBytes = Family.counter(
        "meliproxy_http_received_bytes_total", "Bytes received from clients.", unit: .bytes)

    /// Bytes to clients.
    public static let httpSentBytes = Family.counter(
        "meliproxy_http_sent_bytes_total", "Bytes sent to clients, by what the cache did.",
        [.words(.cache, CacheOutcome.self)], unit: .bytes)

    /// Size of response bodies.
    public static let httpResponseSize = Family.histogram(
        "meliproxy_http_response_size_bytes", "Size of response bodies sent to clients.",
        buckets: .size)

    /// Refusals and aborts.
    public static let httpRequestErrors = Family.counter(
        "meliproxy_http_request_errors_total",
        "Requests refused or broken off at the level of the protocol.",
        [.words(.reason, RequestErrorReason.self)])
}

// MARK: - Client connections

extension Catalogue {
    static let connections = [
        connectionsAccepted, connectionsClosed, connectionsActive, connectionsMax,
        connectionsRejected, proxyProtocolErrors,
    ]

    /// Connections accepted; minus those closed it is the number of active ones.
    public static let connectionsAccepted = Family.counter(
        "meliproxy_connections_accepted_total", "Client connections accepted.")

    /// Connections closed.
    public static let connectionsClosed = Family.counter(
        "meliproxy_connections_closed_total", "Client connections closed, by why they ended.",
        [.words(.reason, ConnectionCloseReason.self)])

    /// Connections open now.
    public static let connectionsActive = Family.gauge(
        "meliproxy_connections_active", "Client connections open now.")

    /// The configured limit.
    public static let connectionsMax = Family.gauge(
        "meliproxy_connections_max", "Client connections allowed at the same time.")

    /// Connections turned away.
    public static let connectionsRejected = Family.counter(
        "meliproxy_connections_rejected_total",
        "Client connections turned away before their first request.",
        [.words(.reason, ConnectionRejectReason.self)])

    /// Bad PROXY headers.
    public static let proxyProtocolErrors = Family.counter(
        "meliproxy_proxy_protocol_errors_total",
        "Connections closed because their PROXY header was missing or malformed.")
}
