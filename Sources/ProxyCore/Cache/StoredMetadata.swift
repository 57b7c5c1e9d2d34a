public import HTTP1
public import Time

/// What is kept about a stored response besides its bytes: all that decisions about its reuse need.
public struct StoredMetadata: Sendable, Equatable {
    /// What holds for a stored response.
    public struct Flags: OptionSet, Sendable, Equatable {
        /// The bits.
        public let rawValue: UInt8

        /// A set from its bits.
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// `no-cache`: never used without validation (RFC 9111 §5.2.2.4).
        public static let requiresValidation = Flags(rawValue: 1)
        /// `must-revalidate`, `proxy-revalidate`, `s-maxage` or `no-cache`: never used stale (§4.2.4).
        public static let forbidsStale = Flags(rawValue: 1 << 1)
        /// `immutable`: validating it while it is fresh tells nothing (RFC 8246).
        public static let isImmutable = Flags(rawValue: 1 << 2)
        /// Something is not there, or has failed: 404, 410 and 5xx.
        public static let isNegative = Flags(rawValue: 1 << 3)
        /// The lifetime is a guess (§4.2.2).
        public static let isHeuristic = Flags(rawValue: 1 << 4)
        /// The entity tag is a weak one, or none by its syntax.
        public static let hasWeakETag = Flags(rawValue: 1 << 5)
        /// It may answer requests with credentials (§3.5).
        public static let isShareableWithAuthorization = Flags(rawValue: 1 << 6)
    }

    /// The status.
    public var status: UInt16
    /// The Date of the response, or when it was received if it has none.
    public var date: Timestamp
    /// When it was received.
    public var responseTime: Timestamp
    /// How old it was then (`corrected_initial_age`, §4.2.3).
    public var initialAgeSeconds: UInt32
    /// How old it may become (`freshness_lifetime`, §4.2.1), settings applied.
    public var lifetimeSeconds: UInt32
    /// For how long after that it may be used while it is validated (RFC 5861 §3); 0 if that is
    /// forbidden.
    public var staleWhileRevalidateSeconds: UInt32
    /// For how long after that it may be used if validating it fails (RFC 5861 §4); 0 if that is
    /// forbidden.
    public var staleIfErrorSeconds: UInt32
    /// The rest, bit by bit.
    public var flags: Flags
    /// The value of ETag within the bytes of the `StoredHead`; empty if there is none.
    public var etag: ByteRange
    /// Last-Modified, if it is a date.
    public var lastModified: Timestamp?
    /// The value of Last-Modified within the bytes of the `StoredHead`; empty if it is no date.
    public var lastModifiedText: ByteRange
    /// Which requests it answers besides the one it was the answer to (§4.1).
    public var vary: VaryRule
    /// The tags it can be purged by; see `CacheTags`.
    public var tags: [UInt64]

    /// Whether the lifetime is a guess.
    public var isHeuristic: Bool { flags.contains(.isHeuristic) }
    /// Whether it is an answer that something is not there, or has failed.
    public var isNegative: Bool { flags.contains(.isNegative) }
    /// Whether there is something to validate it with.
    public var hasValidator: Bool { !etag.isEmpty || lastModified != nil }
    /// Whether there is an entity tag that tells every byte (RFC 9110 §8.8.3).
    public var hasStrongETag: Bool { !etag.isEmpty && !flags.contains(.hasWeakETag) }

    /// Whether Last-Modified may count as a strong validator (RFC 9110 §8.8.2.2): the response was
    /// made at least a second after the modification, so that a second one would show.
    var hasStrongLastModified: Bool {
        guard let lastModified else { return false }
        return date.seconds > lastModified.seconds
    }

    /// Shortens the lifetime by a part of it, between nothing and `percent`, that `random` chooses. What an
    /// origin forbids to use longer is only used for less time.
    public mutating func shorten(byPercent percent: Int, random: UInt64) {
        guard percent > 0 else { return }
        let most = UInt64(lifetimeSeconds) &* UInt64(min(percent, 100)) / 100
        let part = random.multipliedFullWidth(by: most &+ 1).high
        lifetimeSeconds -= UInt32(truncatingIfNeeded: min(part, UInt64(lifetimeSeconds)))
    }

    /// Age at which nothing but a validation makes it usable again, in seconds: beyond it an entry
    /// without a validator is of no use.
    public var usableSeconds: Int64 {
        if flags.contains(.requiresValidation) { return 0 }
        return Int64(lifetimeSeconds)
            &+ Int64(max(staleWhileRevalidateSeconds, staleIfErrorSeconds))
    }
}
