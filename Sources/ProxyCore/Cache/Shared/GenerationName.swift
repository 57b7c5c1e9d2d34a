internal import HTTP1

/// One of the things by which a shared response can be purged without looking for it: what its generation is
/// called in Redis.
public struct GenerationName: Hashable, Sendable {
    /// What is purged; the letter is part of the key.
    public enum Kind: UInt8, Sendable, CaseIterable {
        /// Everything.
        case all = 0x61  // a
        /// What a list of prefixes covers.
        case prefix = 0x70  // p
        /// What was answered under a route.
        case route = 0x72  // r
        /// Targets whose hashes end alike: there are too many targets for a generation each.
        case bucket = 0x78  // x
        /// What carries a tag.
        case tag = 0x74  // t
    }

    /// What is purged.
    public let kind: Kind
    /// The route's or the tag's stable hash, or the bucket; 0 for all and prefix.
    public let number: UInt64

    /// Everything.
    public static let all = GenerationName(kind: .all, number: 0)
    /// All purged prefixes together.
    public static let prefix = GenerationName(kind: .prefix, number: 0)

    /// A route, by the stable hash of its name.
    public static func route(_ hash: UInt64) -> GenerationName {
        GenerationName(kind: .route, number: hash)
    }

    /// A tag, by its stable hash.
    public static func tag(_ hash: UInt64) -> GenerationName {
        GenerationName(kind: .tag, number: hash)
    }

    /// The bucket of a target, by the stable hash of its path and query, without its host.
    public static func bucket(target hash: UInt64) -> GenerationName {
        GenerationName(kind: .bucket, number: hash % bucketsCount)
    }

    /// A purge of one target concerns one in so many others.
    static let bucketsCount: UInt64 = 4096

    /// What a response under this route and target, with these tags, depends on, in the order of its record.
    static func names(route: UInt64, target: Span<UInt8>, tags: [UInt64]) -> [GenerationName] {
        [.all, .prefix, .route(route), .bucket(target: stableHash(target))] + tags.map(tag)
    }
}
