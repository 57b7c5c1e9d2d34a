extension Catalogue {
    static let resilience = [
        breakerState, breakerTransitions, breakerRejected, shed, gateClosed, concurrencyLimit,
        concurrencyInFlight, concurrencyQueued,
    ]

    /// One of the states is 1.
    public static let breakerState = Family.gauge(
        "meliproxy_circuit_breaker_state",
        "Whether an upstream's circuit breaker is in this state (1) or not (0).",
        [.open(.upstream), .words(.state, BreakerState.self)])

    /// Changes of the state.
    public static let breakerTransitions = Family.counter(
        "meliproxy_circuit_breaker_transitions_total",
        "Times that an upstream's circuit breaker came into a state.",
        [.open(.upstream), .words(.state, BreakerState.self)])

    /// Work of the breaker.
    public static let breakerRejected = Family.counter(
        "meliproxy_circuit_breaker_rejected_total",
        "Requests that a circuit breaker kept from their upstream.", [.open(.upstream)])

    /// Requests not sent.
    public static let shed = Family.counter(
        "meliproxy_shed_total",
        "Requests not sent to their upstream, by why; the client got a stale answer or a 503.",
        [.open(.upstream), .words(.reason, ShedReason.self)])

    /// A pause that was asked for.
    public static let gateClosed = Family.gauge(
        "meliproxy_upstream_gate_closed",
        "Whether an upstream has asked for a pause that is not over (1) or not (0).",
        [.open(.upstream)])

    /// The adaptive limit.
    public static let concurrencyLimit = Family.gauge(
        "meliproxy_concurrency_limit",
        "Requests that may be under way at an upstream at the same time.", [.open(.upstream)])

    /// Its use.
    public static let concurrencyInFlight = Family.gauge(
        "meliproxy_concurrency_in_flight",
        "Requests sent to an upstream that has not begun to answer.", [.open(.upstream)])

    /// Its queue.
    public static let concurrencyQueued = Family.gauge(
        "meliproxy_concurrency_queued", "Requests that wait for their turn at an upstream.",
        [.open(.upstream)])
}
