internal import ProxyCore
internal import Time

/// What the cache holds for one key: its variants, newest first.
struct CacheEntry {
    struct Variant {
        let response: StoredResponse
        /// Whether a soft purge, or an answer to HEAD, made it stale.
        var isSoft: Bool
    }

    private(set) var variants: [Variant] = []
    /// The moment up to which purges were applied.
    var checked: PurgeMoment
    let target: PurgeTarget
    /// Until when no refresh in the background is started, because the last one failed.
    var refreshAfter = Instant(nanoseconds: 0)

    private static let variantsMax = 32

    init(_ target: PurgeTarget, checked: PurgeMoment) {
        self.target = target
        self.checked = checked
    }

    /// Bytes of memory, key and table apart.
    var bytes: Int { ownBytes + responseBytes }
    /// Those of the responses.
    var responseBytes: Int { variants.reduce(0) { $0 &+ $1.response.bytes } }

    private var ownBytes: Int {
        target.host.count + target.path.count + CacheEntry.overheadBytes
    }

    /// What three arrays cost beside their contents.
    private static let overheadBytes = 144

    /// Whether `response` alone fits into `bytesMax`.
    func canHold(_ response: StoredResponse, bytesMax: Int) -> Bool {
        ownBytes + response.bytes <= bytesMax
    }

    /// The variant that a request selects: the newest one, should several fit (RFC 9111 §4.1); nil if none
    /// does.
    func select(_ selects: (StoredResponse) -> Bool) -> MemoryCache.Found? {
        for index in variants.indices where selects(variants[index].response) {
            return .response(variants[index].response, isSoft: variants[index].isSoft)
        }
        return nil
    }

    /// Adds a variant in place of those that the same requests select; how many those were. The oldest ones
    /// make room, in number and in bytes. What goes is added to `dropped`.
    mutating func put(
        _ response: StoredResponse, isSoft: Bool, bytesMax: Int, _ dropped: inout [StoredResponse]
    ) -> Int {
        let replaced = drop(&dropped) { $0.response.metadata.vary == response.metadata.vary }
        while let oldest = variants.last,
            variants.count == CacheEntry.variantsMax || bytes + response.bytes > bytesMax
        {
            dropped.append(oldest.response)
            variants.removeLast()
        }
        variants.insert(Variant(response: response, isSoft: isSoft), at: 0)
        return replaced
    }

    /// Applies purges: drops what was purged hard, marks what was purged softly. Returns how many went.
    mutating func apply(
        _ purges: Purges, until now: PurgeMoment, _ dropped: inout [StoredResponse]
    ) -> Int {
        let target = target
        func verdict(_ variant: Variant) -> PurgeVerdict {
            purges.verdict(
                since: variant.response.started.purges, target,
                tags: variant.response.metadata.tags)
        }
        checked = now
        let gone = drop(&dropped) { verdict($0) == .hard }
        for index in variants.indices where verdict(variants[index]) == .soft {
            variants[index].isSoft = true
        }
        return gone
    }

    /// Drops what can neither be served, stale or not, nor validated. Returns how many went.
    mutating func dropUseless(at now: Timestamp, _ dropped: inout [StoredResponse]) -> Int {
        drop(&dropped) { !$0.response.isUseful(at: now) }
    }

    /// Drops `response`, if it is still there. Returns how many went.
    mutating func remove(_ response: StoredResponse, _ dropped: inout [StoredResponse]) -> Int {
        drop(&dropped) { $0.response === response }
    }

    /// Makes `response`, if it is still there, stale.
    mutating func soften(_ response: StoredResponse) {
        for index in variants.indices where variants[index].response === response {
            variants[index].isSoft = true
        }
    }

    private mutating func drop(
        _ dropped: inout [StoredResponse], where isGone: (Variant) -> Bool
    ) -> Int {
        guard variants.contains(where: isGone) else { return 0 }
        let before = variants.count
        for variant in variants where isGone(variant) { dropped.append(variant.response) }
        variants.removeAll(where: isGone)
        return before - variants.count
    }
}
