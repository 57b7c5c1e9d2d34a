/// What is to be forgotten. A plain value: instances tell each other.
///
/// Routes, tags and targets are named by their `stableHash`.
public enum Purge: Sendable, Hashable {
    /// Everything.
    case all
    /// What was answered under a route.
    case route(UInt64)
    /// What carries a tag.
    case tag(UInt64)
    /// One target, with or without its host, whichever the hash was made of; all its variants.
    case target(UInt64)
    /// Targets whose path begins with these bytes, on every host or on one.
    ///
    /// Bytes, not segments: `/items` is a prefix of `/items/1` and of `/itemsets`; `/items/` is not.
    /// Both are in normal form: the path as in the cache's key, the host in lower case.
    case prefix([UInt8], host: [UInt8]?)
}

/// How thoroughly something is forgotten.
public enum PurgeMode: Sendable, Equatable {
    /// It is stale from now on: to be validated before use, and good enough when the upstream fails.
    case soft
    /// It is not there any more.
    case hard
}

/// What the purges so far mean for an entry; the worst counts.
public enum PurgeVerdict: Int, Sendable, Comparable {
    /// None of them concerns it.
    case valid
    /// A soft one does, and no hard one.
    case soft
    /// A hard one does.
    case hard

    /// `valid` is less than `soft`, and that is less than `hard`.
    public static func < (left: PurgeVerdict, right: PurgeVerdict) -> Bool {
        left.rawValue < right.rawValue
    }
}
