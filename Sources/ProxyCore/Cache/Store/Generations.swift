/// All purges, at a cost that does not depend on how much is stored: a purge is written down, and entries
/// are compared with what is written when they are used.
///
/// `epoch` counts the purges. A fetch takes it when it *starts*, and its answer is stored with that number
/// as its sequence: a purge concerns what has a lower sequence than its own, so that what was on
/// its way while the purge came is purged, too. An entry once found valid may take the present epoch as
/// its sequence (nothing up to then concerns it); as long as both are equal there is nothing to check.
///
/// Bounded: when there are too many purges to remember, the oldest become one hard purge of everything
/// before them. More than asked for may be forgotten; nothing that was purged comes back.
public struct Generations: Sendable {
    /// The latest purges of one name, by mode; 0 for none.
    struct Mark: Sendable {
        var soft: UInt64 = 0
        var hard: UInt64 = 0

        var latest: UInt64 { max(soft, hard) }

        mutating func set(_ mode: PurgeMode, _ sequence: UInt64) {
            switch mode {
            case .soft: soft = sequence
            case .hard: hard = sequence
            }
        }

        func verdict(_ sequence: UInt64) -> PurgeVerdict {
            sequence < hard ? .hard : sequence < soft ? .soft : .valid
        }
    }

    /// What a hash is the hash of.
    enum Kind: UInt8, Sendable {
        /// The name of a route.
        case route
        /// A tag.
        case tag
        /// A target, with or without host.
        case target
    }

    /// A purged name.
    struct Name: Hashable, Sendable {
        var kind: Kind
        var hash: UInt64
    }

    /// A purged prefix.
    struct Prefix: Sendable {
        var path: [UInt8]
        var host: [UInt8]?
        var mark = Mark()
    }

    /// The number of the latest purge; 0 before the first.
    public internal(set) var epoch: UInt64 = 0

    let hashesMax: Int
    let prefixesMax: Int
    /// Purges of everything, and those that were forgotten.
    var floor = Mark()
    var marks: [Name: Mark] = [:]
    var marksLatest: UInt64 = 0
    /// In the order of their latest purges.
    var prefixes: [Prefix] = []

    /// Remembers `hashesMax` routes, tags and targets, and `prefixesMax` prefixes, one at least of each.
    public init(hashesMax: Int = 65_536, prefixesMax: Int = 1_024) {
        self.hashesMax = max(hashesMax, 1)
        self.prefixesMax = max(prefixesMax, 1)
    }

    /// Writes a purge down. Returns its number, which is the epoch from now on.
    @discardableResult
    public mutating func record(_ purge: Purge, _ mode: PurgeMode) -> UInt64 {
        epoch += 1
        switch purge {
        case .all:
            floor.set(mode, epoch)
            if mode == .hard { dropUnderFloor() }
        case .route(let hash): mark(Name(kind: .route, hash: hash), mode)
        case .tag(let hash): mark(Name(kind: .tag, hash: hash), mode)
        case .target(let hash): mark(Name(kind: .target, hash: hash), mode)
        case .prefix(let path, let host): mark(path, host, mode)
        }
        return epoch
    }

    /// What the purges so far mean for an entry of `sequence`: the epoch when its fetch started, or when it
    /// was last found valid.
    ///
    /// `targets` are its target's hashes, with the host and without; `host` and `path` are in
    /// normal form (see `Purge.prefix`).
    public func check(
        sequence: UInt64, route: UInt64, targets: (UInt64, UInt64), host: Span<UInt8>,
        path: Span<UInt8>, tags: [UInt64]
    ) -> PurgeVerdict {
        if sequence >= epoch { return .valid }
        var verdict = floor.verdict(sequence)
        if sequence < marksLatest {
            verdict = max(verdict, self.verdict(sequence, Name(kind: .route, hash: route)))
            verdict = max(verdict, self.verdict(sequence, Name(kind: .target, hash: targets.0)))
            verdict = max(verdict, self.verdict(sequence, Name(kind: .target, hash: targets.1)))
            for tag in tags {
                verdict = max(verdict, self.verdict(sequence, Name(kind: .tag, hash: tag)))
            }
        }
        for prefix in prefixes.reversed() {
            // All others are older.
            if verdict == .hard || sequence >= prefix.mark.latest { break }
            let here = prefix.mark.verdict(sequence)
            if here > verdict, prefix.covers(host, path) { verdict = here }
        }
        return verdict
    }

    private func verdict(_ sequence: UInt64, _ name: Name) -> PurgeVerdict {
        marks[name]?.verdict(sequence) ?? .valid
    }
}

extension Generations.Prefix {
    func covers(_ host: Span<UInt8>, _ path: Span<UInt8>) -> Bool {
        guard path.hasPrefix(self.path) else { return false }
        guard let own = self.host else { return true }
        return host.isEqual(to: own)
    }
}
