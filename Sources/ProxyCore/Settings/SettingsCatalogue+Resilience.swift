extension SettingsCatalogue {
    static let resilience = breaker + admission + retries

    private static let breaker = [
        SettingsKey(
            "upstreams.<name>.breaker.enabled", "boolean", "`true`",
            "Whether failures open a circuit breaker; `breaker: off` is short for `false`."),
        SettingsKey(
            "upstreams.<name>.breaker.window", "duration", "`10s`",
            "How far back its rates look, in ten steps."),
        SettingsKey(
            "upstreams.<name>.breaker.calls_min", "number", "`20`",
            "Calls in the window below which rates mean nothing."),
        SettingsKey(
            "upstreams.<name>.breaker.failure_percent", "percent", "`50`",
            "Share of failures that opens it: no connection, timeout, broken answer, 5xx but 501"
                + " and 505."),
        SettingsKey(
            "upstreams.<name>.breaker.slow", "duration", "`10s`",
            "From when on an answer counts as slow, by its first byte."),
        SettingsKey(
            "upstreams.<name>.breaker.slow_percent", "percent", "`80`",
            "Share of slow answers that opens it."),
        SettingsKey(
            "upstreams.<name>.breaker.connect_failures", "number", "`5`",
            "Failed connects in a row that open it, if nothing succeeded for a second."),
        SettingsKey(
            "upstreams.<name>.breaker.open", "duration", "`1s`",
            "How long it refuses at first; doubles each time, give or take a fifth."),
        SettingsKey(
            "upstreams.<name>.breaker.open_max", "duration", "`30s`", "The longest of these times."),
        SettingsKey(
            "upstreams.<name>.breaker.probes", "number", "`3`",
            "Requests that try a half-open upstream at a time; so many successes close it."),
        SettingsKey(
            "upstreams.<name>.breaker.ramp", "duration", "`5s`",
            "From a tenth of the requests to all of them, after it closed."),
    ]

    private static let admission = [
        SettingsKey(
            "upstreams.<name>.concurrency.enabled", "boolean", "`true`",
            "Whether requests under way are limited, by how long answers take; `concurrency: off`"
                + " is short for `false`."),
        SettingsKey(
            "upstreams.<name>.concurrency.min", "number", "`4`", "Smallest limit."),
        SettingsKey(
            "upstreams.<name>.concurrency.start", "number", "`20`",
            "Limit before anything was measured."),
        SettingsKey(
            "upstreams.<name>.concurrency.max", "number", "`512`", "Largest limit."),
        SettingsKey(
            "upstreams.<name>.concurrency.wait_percent", "percent", "`10`",
            "Share of the time it has left that a request may wait for its turn."),
        SettingsKey(
            "upstreams.<name>.gate.enabled", "boolean", "`true`",
            "Whether 429 and 503 with `Retry-After` stop requests; `gate: off` is short for"
                + " `false`."),
        SettingsKey(
            "upstreams.<name>.gate.max", "duration", "`60s`",
            "The longest such pause, whatever the upstream says."),
        SettingsKey(
            "upstreams.<name>.pacing.rate", "rate such as `1000/1m`", "none",
            "A quota of the upstream's that is known: requests are spread evenly below it."),
        SettingsKey(
            "upstreams.<name>.pacing.burst", "number", "`1`",
            "Requests that may go at once after a pause."),
        SettingsKey(
            "upstreams.<name>.deadline_field", "field name", "none",
            "Field with the milliseconds left: a client's shortens `total_timeout`, the upstream"
                + " is sent the rest."),
    ]

    private static let retries = [
        SettingsKey(
            "upstreams.<name>.retries.max", "number", "`1`", "Most retries of one request."),
        SettingsKey(
            "upstreams.<name>.retries.on[]",
            "`connect`, `reset`, `timeout`, `500`, `502`, `503` or `504`", "connect and reset",
            "What is tried again, on another connection, unless the client has got a part of the"
                + " answer."),
        SettingsKey(
            "upstreams.<name>.retries.methods[]", "method", "GET and HEAD",
            "Methods for which that is done."),
        SettingsKey(
            "upstreams.<name>.retries.budget_percent", "percent", "`10`",
            "Retries for each hundred requests of the last ten seconds."),
        SettingsKey(
            "upstreams.<name>.retries.budget_per_second", "number", "`3`",
            "Retries a second besides."),
        SettingsKey(
            "upstreams.<name>.retries.pause_min", "duration", "`20ms`",
            "Shortest pause before one."),
        SettingsKey(
            "upstreams.<name>.retries.pause_max", "duration", "`100ms`",
            "Longest pause before one."),
    ]

    static let routeFallback = [
        SettingsKey(
            "routes[].fallback.status", "status", "`200`",
            "Status of what is sent in place of 502, 503 and 504 when nothing stale may be."),
        SettingsKey(
            "routes[].fallback.content_type", "text", "`application/json`", "Its media type."),
        SettingsKey("routes[].fallback.body", "text", "empty", "Its body."),
    ]
}
