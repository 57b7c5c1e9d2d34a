extension Catalogue {
    static let cache = [
        cacheRequests, cacheStores, cacheEvictions, cacheEntries, cacheSize, cacheMaxSize,
        cacheStaleServed, cacheRevalidations, cacheFlights, cachePurges,
    ]

    /// Results; each request that came as far as the cache counts once.
    public static let cacheRequests = Family.counter(
        "meliproxy_cache_requests_total",
        "Requests that came as far as the cache, by where the answer lay and what was done.",
        [.words(.tier, CacheTier.self), .words(.result, CacheResult.self)])

    /// Answers of upstreams that might be stored.
    public static let cacheStores = Family.counter(
        "meliproxy_cache_stores_total",
        "Answers of upstreams to cacheable requests, by whether they were stored.",
        [.words(.tier, CacheTier.self), .words(.outcome, CacheStoreOutcome.self)])

    /// What went.
    public static let cacheEvictions = Family.counter(
        "meliproxy_cache_evictions_total", "Stored responses that went, by why.",
        [.words(.tier, CacheTier.self), .words(.reason, CacheEvictionReason.self)])

    /// Fill, in responses.
    public static let cacheEntries = Family.gauge(
        "meliproxy_cache_entries", "Stored targets; one may have several variants.",
        [.words(.tier, CacheTier.self)])

    /// Fill, in bytes.
    public static let cacheSize = Family.gauge(
        "meliproxy_cache_size_bytes", "Memory of stored responses, keys and overhead included.",
        [.words(.tier, CacheTier.self)], unit: .bytes)

    /// The bound.
    public static let cacheMaxSize = Family.gauge(
        "meliproxy_cache_max_size_bytes", "Memory that stored responses may take.",
        [.words(.tier, CacheTier.self)], unit: .bytes)

    /// Stale answers.
    public static let cacheStaleServed = Family.counter(
        "meliproxy_cache_stale_served_total", "Stale responses served, by why that was allowed.",
        [.words(.reason, CacheStaleReason.self)])

    /// The worth of validators.
    public static let cacheRevalidations = Family.counter(
        "meliproxy_cache_revalidations_total",
        "Conditional requests for stored responses, by how they ended.",
        [.words(.outcome, CacheRevalidationOutcome.self)])

    /// Collapsing at work.
    public static let cacheFlights = Family.counter(
        "meliproxy_cache_flights_total",
        "Requests that needed a fetch, by their part in it.",
        [.words(.role, CacheFlightRole.self)])

    /// Purges.
    public static let cachePurges = Family.counter(
        "meliproxy_cache_purges_total", "Purges asked for, by what they were about.",
        [.words(.kind, CachePurgeKind.self)])
}
