extension Catalogue {
    static let upstream = [
        upstreamRequests, upstreamErrors, upstreamRequestDuration, upstreamConnectDuration,
        upstreamFirstByte, upstreamRetries, upstreamConnections, upstreamConnectionsOpened,
    ]

    /// Answers; together with the errors it is the number of attempts.
    public static let upstreamRequests = Family.counter(
        "meliproxy_upstream_requests_total", "Attempts at an upstream that brought an answer.",
        [.open(.upstream), .open(.code)])

    /// Attempts without an answer.
    public static let upstreamErrors = Family.counter(
        "meliproxy_upstream_errors_total", "Attempts at an upstream that brought no answer.",
        [.open(.upstream), .words(.reason, UpstreamErrorReason.self)])

    /// Duration of attempts.
    public static let upstreamRequestDuration = Family.histogram(
        "meliproxy_upstream_request_duration_seconds",
        "Duration of one attempt at an upstream; each retry is an attempt of its own.",
        [.open(.upstream)], buckets: .upstream, keepsExemplars: true)

    /// Duration of dialling.
    public static let upstreamConnectDuration = Family.histogram(
        "meliproxy_upstream_connect_duration_seconds",
        "Time to a usable connection: name resolution, connect and TLS.",
        [.open(.upstream)], buckets: .upstream)

    /// Think time of the upstream.
    public static let upstreamFirstByte = Family.histogram(
        "meliproxy_upstream_first_byte_seconds",
        "Time from the request sent to the first byte of the answer.",
        [.open(.upstream)], buckets: .upstream, keepsExemplars: true)

    /// Retries.
    public static let upstreamRetries = Family.counter(
        "meliproxy_upstream_retries_total", "Retries at an upstream, by how they ended.",
        [.open(.upstream), .words(.outcome, RetryOutcome.self)])

    /// The pool.
    public static let upstreamConnections = Family.gauge(
        "meliproxy_upstream_connections", "Connections to an upstream, by what they are doing.",
        [.open(.upstream), .words(.state, UpstreamConnectionState.self)])

    /// Connections made; attempts minus these is the reuse.
    public static let upstreamConnectionsOpened = Family.counter(
        "meliproxy_upstream_connections_opened_total", "Connections to an upstream opened.",
        [.open(.upstream)])
}
