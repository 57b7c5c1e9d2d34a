internal import HTTP1
internal import Time

/// For how long a response is fresh, and who said so.
struct Lifetime: Equatable {
    /// Where a lifetime comes from.
    enum Source: Equatable {
        /// The response itself (RFC 9111 §4.2.1).
        case explicit
        /// The route's setting for the status.
        case status
        /// The time since the last modification (§4.2.2).
        case heuristic
        /// The route's setting for answers that something is not there.
        case negative
        /// The route's setting for failures of the upstream.
        case error
        /// Nobody: it is never fresh.
        case none
    }

    var seconds: UInt32
    var source: Source

    /// What a lifetime is derived from.
    struct Basis {
        var lines: FieldLines
        var control: ResponseControl
        var status: UInt16
        var date: Timestamp
        var lastModified: Timestamp?
        var hasQuery: Bool
        var receivedAt: Timestamp
    }

    /// The lifetime of a response before settings lengthen or shorten it.
    init(_ basis: Basis, _ settings: CacheSettings) {
        if let seconds = Self.explicit(basis) {
            self.init(seconds: seconds, source: .explicit)
        } else if let seconds = settings.statusTTLSeconds[basis.status] {
            self.init(seconds: min(seconds, DeltaSeconds.max), source: .status)
        } else if let lastModified = basis.lastModified,
            Self.allowsHeuristic(basis, settings)
        {
            let seconds = Freshness.heuristic(date: basis.date, lastModified: lastModified)
            self.init(seconds: seconds, source: .heuristic)
        } else if basis.status == 404 || basis.status == 410 {
            self.init(seconds: settings.negativeTTLSeconds, source: .negative)
        } else if basis.status >= 500 {
            self.init(seconds: min(settings.errorTTLSeconds, 1), source: .error)
        } else {
            self.init(seconds: 0, source: .none)
        }
    }

    private init(seconds: UInt32, source: Source) {
        self.seconds = seconds
        self.source = source
    }

    /// RFC 9111 §4.2.1, in this order: s-maxage, for this cache is shared; max-age; Expires, unless a
    /// targeted field rules (RFC 9213 §2.2).
    private static func explicit(_ basis: Basis) -> UInt32? {
        if let seconds = basis.control.sharedMaxAge.seconds { return seconds }
        if let seconds = basis.control.maxAge.seconds { return seconds }
        if basis.control.flags.contains(.isTargeted) { return nil }
        return Freshness.expires(basis.lines, date: basis.date, now: basis.receivedAt)
    }

    /// RFC 9111 §4.2.2: for statuses defined so, or marked with `public`. Not for targets with a query
    /// unless the route wants it: origins rarely mean them to be.
    private static func allowsHeuristic(_ basis: Basis, _ settings: CacheSettings) -> Bool {
        (CacheableStatus.isHeuristic(basis.status) || basis.control.flags.contains(.isPublic))
            && (settings.heuristicForQuery || !basis.hasQuery)
    }

    /// The seconds within the bounds of the route. What is stale at once stays so, and an end after
    /// which the origin forbids any use is not moved away.
    func bounded(_ settings: CacheSettings, forbidsStale: Bool) -> UInt32 {
        var seconds = seconds
        if seconds > 0, !forbidsStale { seconds = max(seconds, settings.ttlMinSeconds) }
        return min(seconds, settings.ttlMaxSeconds ?? DeltaSeconds.max, DeltaSeconds.max)
    }
}
