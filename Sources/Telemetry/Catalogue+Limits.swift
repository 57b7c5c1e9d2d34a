extension Catalogue {
    static let limits = [rateLimitDecisions, rateLimitTrackedKeys, rateLimitLeases]

    /// Decisions; each rule that is about a request counts once.
    public static let rateLimitDecisions = Family.counter(
        "meliproxy_rate_limit_decisions_total",
        "Decisions of rate-limit rules about requests, by what they were.",
        [.open(.rule), .words(.decision, RateLimitDecision.self)])

    /// Leases on limits that instances share.
    public static let rateLimitLeases = Family.counter(
        "meliproxy_rate_limit_lease_total",
        "Questions to Redis about tokens of shared limits, by what became of them.",
        [.words(.outcome, RateLimitLeaseOutcome.self)])

    /// Keys with a state.
    public static let rateLimitTrackedKeys = Family.gauge(
        "meliproxy_rate_limit_tracked_keys", "Keys of a rate-limit rule that have a state here.",
        [.open(.rule)])
}
