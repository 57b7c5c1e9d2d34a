internal import HTTP1
internal import ProxyCore
internal import Telemetry
internal import Time

/// What the cache knows about one request and does for it. Part of a `ClientRequest`, reused with it.
struct CacheUse {
    /// What was done, for header, log and metrics; nil for what never came as far as the cache.
    var result: CacheResult?
    /// Why the request goes to the upstream, for Cache-Status; the reason before it was collapsed.
    var forward: CacheResult?
    /// Where the response lay that answered.
    var tier = CacheTier.none
    /// The Age of the answer in seconds, for the log, where it came from the cache.
    var ageSeconds: Int64?
    /// A closed list of words for Cache-Status (RFC 9211 §2.8).
    var detail: CacheDetail?
    /// What the request says about caching.
    var facts = CacheRequest.none
    /// Whether the request was looked up: then `key`, `hash` and `parts` are its.
    var isLookedUp = false
    var key: [UInt8] = []
    var hash: UInt64 = 0
    var parts = KeyParts(host: 0..<0, target: 0..<0)
    /// Whether answers for the key are known not to be shared.
    var isUnshared = false
    /// A stored response that may not be used as it is: to be validated, or for when nothing else comes.
    var candidate: StoredResponse?
    /// What may be done with it while it is stale.
    var staleUse = CacheUse.noUse
    /// Whether the upstream is asked with the candidate's validators in place of the client's.
    var isValidating = false
    /// Since when purges and invalidations concern what comes of the request: when its fetch started, or when
    /// the candidate was found.
    var started = FetchStart(
        purges: PurgeMoment(purges: 0, unsafeRequests: 0), invalidations: 0)
    var requestTime = Timestamp(nanoseconds: 0)
    /// What is known of the tier that instances share, once it was asked.
    var shared: SharedFetch?
    /// The flight that this request leads and has not settled yet.
    var flight: FlightTicket?
    /// The answer that is being collected.
    var fill: Fill?
    /// Whether the client is told that the answer is stored.
    var isStoring = false
    /// Whether the upstream's answer is not for the client: 304 to our own condition, or an error that
    /// a stale response stands in for.
    var isWithheld = false
    /// What is to be sent in place of it.
    var replacement: StoredResponse?
    /// How long the rest of a withheld answer is waited for, which would let its connection be kept.
    var withheldUntil = Instant.never
    /// What the answer became when it was whole.
    var landed: StoredResponse?
    /// The upstream's status, 0 while there is none.
    var upstreamStatus: UInt16 = 0
    /// Whether the 304 that came was not about the candidate: to be asked again, without conditions.
    var isMismatch = false

    static let noUse = StaleUse(
        mayServeWhileRevalidating: false, mayServeOnError: false, allowedByClient: false)

    /// Forgets the last request, with the memory at hand.
    mutating func reset() {
        if result == nil, !isLookedUp { return }
        result = nil
        forward = nil
        tier = .none
        ageSeconds = nil
        detail = nil
        facts = .none
        isLookedUp = false
        key.removeAll(keepingCapacity: true)
        isUnshared = false
        candidate = nil
        shared = nil
        staleUse = CacheUse.noUse
        isValidating = false
        flight = nil
        fill = nil
        isStoring = false
        isWithheld = false
        replacement = nil
        withheldUntil = .never
        landed = nil
        isMismatch = false
        upstreamStatus = 0
    }
}
