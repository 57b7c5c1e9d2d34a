/// What the cache did for a request, in the words of RFC 9211 where it has one. The log's word, the metric's
/// label and the Cache-Status field agree.
public enum CacheResult: String, Vocabulary {
    /// A fresh stored response answered.
    case hit
    /// A stale stored response answered, as its windows or the client allow.
    case staleServed = "stale-served"
    /// The answer that another request was fetching already.
    case collapsed
    /// Nothing was stored for the target.
    case uriMiss = "uri-miss"
    /// What was stored for the target was selected by other request fields.
    case varyMiss = "vary-miss"
    /// Nothing usable was stored, for whatever reason.
    case miss
    /// What was stored had to be validated or replaced.
    case stale
    /// The request asked for a newer answer than the stored one.
    case request
    /// The method is not answered from a cache.
    case method
    /// The route, or a rule about the query, keeps the request away from the cache.
    case bypass
    /// Only a part of what was asked for was stored.
    case partial

    /// The position of this case in `allCases`.
    @inlinable
    public var index: Int {
        switch self {
        case .hit: 0
        case .staleServed: 1
        case .collapsed: 2
        case .uriMiss: 3
        case .varyMiss: 4
        case .miss: 5
        case .stale: 6
        case .request: 7
        case .method: 8
        case .bypass: 9
        case .partial: 10
        }
    }

    /// The coarser word by which durations and bytes are told apart.
    @inlinable
    public var outcome: CacheOutcome {
        switch self {
        case .hit: .hit
        case .staleServed: .stale
        case .method, .bypass: .bypass
        default: .miss
        }
    }

    /// The raw value as a literal.
    public var word: StaticString {
        switch self {
        case .hit: "hit"
        case .staleServed: "stale-served"
        case .collapsed: "collapsed"
        case .uriMiss: "uri-miss"
        case .varyMiss: "vary-miss"
        case .miss: "miss"
        case .stale: "stale"
        case .request: "request"
        case .method: "method"
        case .bypass: "bypass"
        case .partial: "partial"
        }
    }
}

/// Where a stored response lay.
public enum CacheTier: String, Vocabulary {
    /// In the memory of this instance.
    case local
    /// In the Redis that the instances share.
    case redis
    /// Nowhere: no stored response was used.
    case none

    /// The position of this case in `allCases`.
    @inlinable
    public var index: Int {
        switch self {
        case .local: 0
        case .redis: 1
        case .none: 2
        }
    }
}

/// What became of an answer that the cache looked at.
public enum CacheStoreOutcome: String, Vocabulary {
    /// It is stored.
    case stored
    /// The rules forbid to store it, or it would never be used again.
    case uncacheable
    /// It is larger than one entry may be, or there was no room to collect it.
    case tooLarge = "too_large"
    /// It broke off, or the store failed.
    case error

    /// The position of this case in `allCases`.
    @inlinable
    public var index: Int {
        switch self {
        case .stored: 0
        case .uncacheable: 1
        case .tooLarge: 2
        case .error: 3
        }
    }
}

/// Why a stored response went.
public enum CacheEvictionReason: String, Vocabulary {
    /// Its room was needed.
    case size
    /// It was past every use.
    case expired
    /// It was purged, or an unsafe request changed its target.
    case invalidated
    /// A newer answer took its place.
    case replaced

    /// The position of this case in `allCases`.
    @inlinable
    public var index: Int {
        switch self {
        case .size: 0
        case .expired: 1
        case .invalidated: 2
        case .replaced: 3
        }
    }
}

/// Why a stale response was served.
public enum CacheStaleReason: String, Vocabulary {
    /// Within stale-while-revalidate, or the client allows it (max-stale).
    case revalidate
    /// Within stale-if-error: the upstream could not answer.
    case error

    /// The position of this case in `allCases`.
    @inlinable
    public var index: Int {
        switch self {
        case .revalidate: 0
        case .error: 1
        }
    }
}

/// How a conditional request for a stored response ended.
public enum CacheRevalidationOutcome: String, Vocabulary {
    /// The stored response is still good (304).
    case notModified = "not_modified"
    /// A new answer came.
    case modified
    /// No answer came, or a 5xx.
    case error

    /// The position of this case in `allCases`.
    @inlinable
    public var index: Int {
        switch self {
        case .notModified: 0
        case .modified: 1
        case .error: 2
        }
    }
}

/// What part a request had in a fetch.
public enum CacheFlightRole: String, Vocabulary {
    /// It fetched.
    case leader
    /// It waited for another request's fetch.
    case follower
    /// It fetched for itself, since the target's answers are known not to be shared.
    case hitForMiss = "hit_for_miss"

    /// The position of this case in `allCases`.
    @inlinable
    public var index: Int {
        switch self {
        case .leader: 0
        case .follower: 1
        case .hitForMiss: 2
        }
    }
}

/// What a purge was about.
public enum CachePurgeKind: String, Vocabulary {
    /// One target.
    case key
    /// All targets that begin alike.
    case prefix
    /// All of a route.
    case route
    /// All responses that carry a tag.
    case tag
    /// Everything.
    case all

    /// The position of this case in `allCases`.
    @inlinable
    public var index: Int {
        switch self {
        case .key: 0
        case .prefix: 1
        case .route: 2
        case .tag: 3
        case .all: 4
        }
    }
}
