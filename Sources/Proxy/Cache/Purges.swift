internal import Locking
internal import ProxyCore
internal import Synchronization

/// The instance's purges so far. Asking whether anything was purged is one atomic load; only after a
/// purge is each stored response checked once more, when it is next looked at.
final class Purges: Sendable {
    private let generations = Locked(Generations())
    private let published = Atomic<UInt64>(0)

    /// Changes with each purge.
    var epoch: UInt64 { published.load(ordering: .acquiring) }

    /// Records a purge: from now on nothing that it covers is served as fresh.
    func record(_ purge: Purge, _ mode: PurgeMode) {
        generations.withLock { generations in
            _ = generations.record(purge, mode)
            published.store(generations.epoch, ordering: .releasing)
        }
    }

    /// What purges since its fetch started mean for a response.
    func verdict(on response: StoredResponse, _ target: PurgeTarget) -> PurgeVerdict {
        generations.withLock { generations in
            generations.check(
                sequence: response.started.purges, route: target.route,
                targets: (target.hostAndTarget, target.target), host: target.host.span,
                path: target.path.span, tags: response.metadata.tags)
        }
    }
}

/// Bytes of answers that are being collected for the cache, bounded for the instance as a whole.
final class FillBudget: Sendable {
    private let bytesMax: Int
    private let taken = Atomic<Int>(0)

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// Bytes taken now.
    var used: Int { taken.load(ordering: .relaxed) }

    /// Takes `count` bytes; false, and nothing taken, if there are not as many.
    func take(_ count: Int) -> Bool {
        if taken.add(count, ordering: .relaxed).newValue <= bytesMax { return true }
        giveBack(count)
        return false
    }

    /// Gives back what was taken.
    func giveBack(_ count: Int) { taken.subtract(count, ordering: .relaxed) }
}
