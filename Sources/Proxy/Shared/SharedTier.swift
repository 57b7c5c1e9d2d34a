internal import EventLoop
internal import Locking
internal import ProxyCore
internal import Redis
internal import Synchronization
internal import Time

/// What workers and control loop have in common of the tier in Redis (L2), which all instances share.
///
/// A response in memory (L1) that is also in Redis is a copy: it counts only as long as this instance
/// hears of what others change (`Coherence`), and never longer than `copyMaxSeconds`.
final class SharedTier: Sendable {
    let settings: SharedCacheSettings
    let redis: RedisSettings
    let names: SharedNames
    /// Who is the master: found out by the control loop, followed by each worker.
    let feed = MasterFeed()
    /// Copies in memory, by their names in Redis.
    let copies = SharedCopies()
    private let form = Locked(SharedCommands.Form.functions)
    private let liveUntilNanoseconds = Atomic<UInt64>(0)
    private let fills = Locked(FillGuard(pendingMax: SharedTier.fillsMax))
    private let own = Locked<[SharedKey: UInt64]>([:])
    private let waiting = Locked<[SharedKey: [ConfinedCall]]>([:])
    private let purges = Locked<[JournaledPurge]>([])
    private let carryOut = Locked<ConfinedCall?>(nil)
    private let libraryMissing = Locked<ConfinedCall?>(nil)

    /// Look-ups under way; above it the oldest answer is not kept in memory.
    private static let fillsMax = 65_536
    /// Records written and not heard of yet; should there be more, all count as another's.
    private static let ownMax = 65_536
    /// Purges by unsafe requests that are not sent yet; more are left to the lifetime of what is stored.
    private static let purgesMax = 16_384
    /// Requests that wait for other instances; more of them fetch for themselves.
    private static let waitingMax = 16_384

    init(_ settings: SharedCacheSettings, _ redis: RedisSettings) {
        self.settings = settings
        self.redis = redis
        names = SharedNames(prefix: Array(redis.keyPrefix.utf8))
    }

    /// Commands in the form that the server takes.
    var commands: SharedCommands { SharedCommands(names: names, form: form.withLock { $0 }) }

    /// Calls functions, or a script from now on.
    func use(_ form: SharedCommands.Form) { self.form.withLock { $0 = form } }

    // MARK: Coherence

    /// Until when what is in memory is known to be what is in Redis.
    var liveUntil: Instant {
        get { Instant(nanoseconds: liveUntilNanoseconds.load(ordering: .acquiring)) }
        set { liveUntilNanoseconds.store(newValue.nanoseconds, ordering: .releasing) }
    }

    /// Whether a response in memory may be used without asking Redis.
    func mayUse(_ response: StoredResponse, at now: Instant) -> Bool {
        now < response.copyUntil && (settings.coherence == .available || now < liveUntil)
    }

    /// When a copy that is taken now has to be looked at again.
    func copyEnd(from now: Instant, chance: UInt64) -> Instant {
        now.advanced(byNanoseconds: settings.copyNanoseconds(chance: chance))
    }

    // MARK: Fills

    /// Before a record is asked for; see `FillGuard`.
    func beginFill(_ key: SharedKey) -> FillGuard.Placeholder {
        fills.withLock { $0.begin(names.object(key)) }
    }

    /// Whether what came may be kept: nothing was heard of a change since `beginFill`.
    func endFill(_ placeholder: FillGuard.Placeholder) -> Bool {
        fills.withLock { $0.finish(placeholder) }
    }

    /// The record changed or went.
    func invalidateFill(_ key: SharedKey) {
        fills.withLock { $0.invalidate(names.object(key)) }
    }

    /// Anything may have changed.
    func flushFills() { fills.withLock { $0.flush() } }

    // MARK: What this instance writes itself

    /// A record of ours is about to be written, or with write-id 0 a lease to be given back without one: what is
    /// heard of it is first taken for that.
    func noteOwn(_ identity: SharedIdentity) {
        own.withLock { own in
            if own.count >= SharedTier.ownMax { own.removeAll(keepingCapacity: true) }
            own[identity.key] = identity.writeID
        }
    }

    /// It was not written, or was heard of.
    func forgetOwn(_ identity: SharedIdentity) {
        own.withLock { own in
            if own[identity.key] == identity.writeID { own[identity.key] = nil }
        }
    }

    /// The write-id of the record of ours that was written last under `key`, if nothing was heard of it yet; only
    /// once. 0 if none was.
    func takeOwn(_ key: SharedKey) -> UInt64? { own.withLock { $0.removeValue(forKey: key) } }

    // MARK: Waiting for other instances

    /// Calls `wake` when something is heard about `key`; false if too many wait already.
    func wait(for key: SharedKey, _ wake: ConfinedCall) -> Bool {
        waiting.withLock { waiting in
            guard waiting.count < SharedTier.waitingMax else { return false }
            waiting[key, default: []].append(wake)
            return true
        }
    }

    /// `wake` is called no more.
    func stopWaiting(for key: SharedKey, _ wake: ConfinedCall) {
        let gone = waiting.withLock { waiting -> [ConfinedCall] in
            let gone = waiting[key]?.filter { $0 === wake } ?? []
            waiting[key]?.removeAll { $0 === wake }
            if waiting[key]?.isEmpty ?? false { waiting[key] = nil }
            return gone
        }
        withExtendedLifetime(gone) {}
    }

    /// Wakes who waits for `key`.
    func wake(_ key: SharedKey) {
        let woken = waiting.withLock { $0.removeValue(forKey: key) } ?? []
        for wake in woken { wake.run() }
    }

    // MARK: Purges

    /// Purges in Redis, soon: what a request changed.
    func enqueue(_ purge: JournaledPurge) {
        let isFirst = purges.withLock { purges -> Bool? in
            guard purges.count < SharedTier.purgesMax else { return nil }
            purges.append(purge)
            return purges.count == 1
        }
        if isFirst ?? false { carryOut.withLock { $0 }?.run() }
    }

    /// What is to be purged, in order; none of it is there any more.
    func takePurges() -> [JournaledPurge] {
        purges.withLock { purges in
            defer { purges = [] }
            return purges
        }
    }

    /// Runs `carryOut` when there is something to purge.
    func onPurge(_ call: ConfinedCall) { carryOut.withLock { $0 = call } }

    // MARK: The functions

    /// Runs `load` whenever a server turns out to lack the functions.
    func onLibraryMissing(_ load: ConfinedCall) { libraryMissing.withLock { $0 = load } }

    /// A server lacks the functions.
    func requestLibrary() { libraryMissing.withLock { $0 }?.run() }
}

/// Where the copies of records are in memory, so that what is heard of a record finds its copy.
final class SharedCopies: Sendable {
    private struct Copy {
        let key: [UInt8]
        let writeID: UInt64
    }

    private static let shardsCount = 16
    private let shards = (0..<SharedCopies.shardsCount).map { _ in
        Locked<[SharedKey: Copy]>([:])
    }

    private func shard(_ key: SharedKey) -> Locked<[SharedKey: Copy]> {
        shards[Int(truncatingIfNeeded: key.low % UInt64(SharedCopies.shardsCount))]
    }

    /// The response with that identity is about to be stored in memory under `key`.
    func insert(_ identity: SharedIdentity, key: [UInt8]) {
        shard(identity.key).withLock {
            $0[identity.key] = Copy(key: key, writeID: identity.writeID)
        }
    }

    /// The response with that identity is in memory no more.
    func remove(_ identity: SharedIdentity) {
        shard(identity.key).withLock { copies in
            if copies[identity.key]?.writeID == identity.writeID { copies[identity.key] = nil }
        }
    }

    /// The key in memory of the record's copy, and which record it is a copy of.
    func find(_ key: SharedKey) -> (key: [UInt8], writeID: UInt64)? {
        shard(key).withLock { $0[key].map { ($0.key, $0.writeID) } }
    }

    /// There is no copy any more.
    func forget(_ key: SharedKey) {
        let gone = shard(key).withLock { $0.removeValue(forKey: key) }
        withExtendedLifetime(gone) {}
    }

    /// There are no copies any more.
    func removeAll() { for shard in shards { shard.withLock { $0.removeAll() } } }

    /// Names that are remembered.
    var count: Int { shards.reduce(0) { $0 + $1.withLock { $0.count } } }
}

/// Which record in Redis a response in memory is a copy of.
struct SharedIdentity: Sendable, Equatable {
    /// The record's name.
    let key: SharedKey
    /// What tells it from other records under that name.
    let writeID: UInt64
}

extension SharedCopies {
    /// These are in memory no more.
    func remove(_ dropped: CacheShard.Dropped) {
        for response in dropped.responses { if let identity = response.shared { remove(identity) } }
        for entry in dropped.entries {
            for variant in entry.value.variants {
                if let identity = variant.response.shared { remove(identity) }
            }
        }
    }
}
