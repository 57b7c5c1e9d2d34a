internal import Locking
internal import ProxyCore
internal import Synchronization

/// A place in the order of purges: what was recorded later than a fetch started concerns its answer.
struct PurgeMoment: Sendable, Equatable {
    /// Purges asked for by operators before.
    let purges: UInt64
    /// Unsafe requests to routes with selected keys before; see `Purges.invalidate`.
    let unsafeRequests: UInt64
}

/// The instance's purges so far. Asking whether anything was purged is two atomic loads; only after a
/// purge is each stored response checked once more, when it is next looked at.
final class Purges: Sendable {
    private let purges = PurgeLog()
    /// Apart from the others: it fills up with what clients send, and what happens then concerns only
    /// routes with selected keys.
    private let unsafeRequests = PurgeLog()

    /// The present moment.
    var now: PurgeMoment {
        PurgeMoment(purges: purges.epoch, unsafeRequests: unsafeRequests.epoch)
    }

    /// Records a purge: from now on nothing that it covers is served as fresh.
    func record(_ purge: Purge, _ mode: PurgeMode) { purges.record(purge, mode) }

    /// Records an unsafe request to a target whose keys cannot be made from the target alone, because its
    /// route puts request fields or cookies into them. `hash`: of host and target.
    func invalidate(_ hash: UInt64) { unsafeRequests.record(.target(hash), .hard) }

    /// Whether anything was recorded between two moments that may concern what is stored for `target`.
    func mayConcern(_ target: PurgeTarget, since moment: PurgeMoment, until now: PurgeMoment)
        -> Bool
    {
        moment.purges != now.purges
            || target.hasSelectedKey && moment.unsafeRequests != now.unsafeRequests
    }

    /// What was recorded after `moment` means for a response with these tags.
    func verdict(
        since moment: PurgeMoment, _ target: PurgeTarget, tags: [UInt64]
    ) -> PurgeVerdict {
        let verdict = purges.verdict(since: moment.purges, target, tags)
        guard target.hasSelectedKey else { return verdict }
        return max(verdict, unsafeRequests.verdict(since: moment.unsafeRequests, target, tags))
    }
}

/// `Generations` for all threads.
private final class PurgeLog: Sendable {
    private let generations = Locked(Generations())
    private let published = Atomic<UInt64>(0)

    var epoch: UInt64 { published.load(ordering: .acquiring) }

    func record(_ purge: Purge, _ mode: PurgeMode) {
        generations.withLock { generations in
            published.store(generations.record(purge, mode), ordering: .releasing)
        }
    }

    func verdict(since epoch: UInt64, _ target: PurgeTarget, _ tags: [UInt64]) -> PurgeVerdict {
        generations.withLock { generations in
            generations.check(
                sequence: epoch, route: target.route,
                targets: (target.hostAndTarget, target.target), host: target.host.span,
                path: target.path.span, tags: tags)
        }
    }
}

/// What purges of an entry go by.
struct PurgeTarget: Sendable {
    /// The stable hash of the route's name.
    let route: UInt64
    /// The stable hash of host and target.
    let hostAndTarget: UInt64
    /// The stable hash of the target alone.
    let target: UInt64
    /// The normalised host, and path with query, themselves: for purges by prefix.
    let host: [UInt8]
    let path: [UInt8]
    /// Whether the route's keys hold request fields or cookies.
    var hasSelectedKey = false
}
