public import Time

/// Which Redis server is the master, and since when: decides, and leaves the connections to a driver.
///
/// The driver calls `start` once, then `handle` for everything that happens, carries out the actions
/// that are appended, and calls `handle(.tick)` at `wake`, which changes with every call.
///
/// A master is switched to for one of two reasons (`MasterResolver+Rules.swift`): a replica was seen to
/// become master, or the majority of the Sentinels names it. Never because a node merely says master: an
/// old master that returns says so, too. Nothing of what is received can make this trap, and no list
/// of what is watched grows without bound.
public struct MasterResolver: Sendable {
    /// What has happened so far, for metrics.
    public struct Counts: Sendable, Equatable {
        /// Publications of a master, by cause.
        public internal(set) var switches: [PublicationCause: UInt64] = [:]
        /// Publications of none, by cause; `emergency` is none of them.
        public internal(set) var losses: [PublicationCause: UInt64] = [:]
        /// Answers and messages that no parser took.
        public internal(set) var malformed: UInt64 = 0
        /// Nodes and Sentinels that were told of and not watched, since the list is full.
        public internal(set) var refused: UInt64 = 0
        /// Hints by kind, those of old generations left out.
        public internal(set) var hints: [DataHint: UInt64] = [:]
        /// Times that this process was not run for so long that what it knew had become old.
        public internal(set) var pauses: UInt64 = 0
    }

    /// What was published last; `start` publishes the first one.
    public internal(set) var publication: Publication
    /// What has happened so far.
    public internal(set) var counts = Counts()
    /// When to call `handle(.tick)`.
    public internal(set) var wake: Instant

    let settings: ResolverSettings
    var standing = Standing.none
    var nodes: [WatchedNode] = []
    var sentinels: [WatchedSentinel] = []
    /// Sentinels from the settings.
    var givenSentinels = 0
    /// When a sign of a failover was last seen.
    var failoverAt: Instant?
    /// Look closely until then.
    var alertUntil: Instant
    /// Whom the majority names, and since when without a break.
    var nominee: (key: Identity, since: Instant)?
    /// The master that a promotion replaced: Sentinels go on to name it for a while.
    var deposed: (endpoint: Endpoint, runID: RunID, until: Instant)?
    /// The master published last, also after it was given up.
    var latest: Standing.Master?
    var nextPoll: Instant
    var nextRoles: Instant
    var lastPoll: Instant?
    var lastEvent: Instant

    /// A resolver that knows nothing yet.
    public init(_ settings: ResolverSettings, at now: Instant) {
        self.settings = settings
        publication = Publication(generation: 0, target: .none(emergency: nil), cause: .start)
        wake = now
        alertUntil = now
        nextPoll = now
        nextRoles = now
        lastEvent = now
    }

    /// Begins: watches what the settings name, and publishes that there is no master yet.
    public mutating func start(at now: Instant, into actions: inout [ResolverAction]) {
        switch settings.mode {
        case .address(let endpoint):
            watchNode(endpoint, isGiven: true, at: now, &actions)
        case .sentinels(let endpoints, _, let given):
            for endpoint in endpoints {
                watchSentinel(endpoint, isGiven: true, id: nil, at: now, &actions)
            }
            for endpoint in given { watchNode(endpoint, isGiven: true, at: now, &actions) }
        }
        lastEvent = now
        publish(.none(emergency: nil), .start, &actions)
        conclude(now, &actions)
    }

    /// Takes note of an event, and appends what is to be done.
    public mutating func handle(
        _ event: ResolverEvent, at now: Instant, into actions: inout [ResolverAction]
    ) {
        noticePause(now)
        note(event, now, &actions)
        conclude(now, &actions)
    }

    private mutating func note(
        _ event: ResolverEvent, _ now: Instant, _ actions: inout [ResolverAction]
    ) {
        switch event {
        case .sentinelUp(let endpoint, let id): sentinelUp(endpoint, id, now, &actions)
        case .sentinelDown(let endpoint):
            change(sentinel: endpoint) { $0.disconnected() }
        case .named(let endpoint, let master): named(by: endpoint, master, now, &actions)
        case .replicas(let endpoint, let list): replicas(by: endpoint, list, now, &actions)
        case .sentinels(let endpoint, let list): peers(by: endpoint, list, now, &actions)
        case .message(let endpoint, let message): heard(from: endpoint, message, now, &actions)
        case .nodeUp(let endpoint, let id): change(node: endpoint) { $0.connected(id) }
        case .nodeRole(let endpoint, let role):
            let memory = settings.failoverNanoseconds
            change(node: endpoint) {
                guard $0.isUp else { return }
                $0.answered(role, at: now, memoryNanoseconds: memory)
            }
        case .nodeDown(let endpoint): change(node: endpoint) { $0.disconnected() }
        case .hint(let hint, let generation):
            guard generation == publication.generation else { return }
            counts.hints[hint, default: 0] += 1
            look(now)
        case .malformed: counts.malformed += 1
        case .tick: break
        }
    }

    /// If this process was not run for long, the Sentinels' answers are as old: ask them again.
    private mutating func noticePause(_ now: Instant) {
        if now.nanoseconds(since: lastEvent) > settings.voteNanosecondsMax / 2 {
            counts.pauses += 1
            forgetVotes(now)
        }
        lastEvent = now
    }

    /// All that follows from what is known now.
    private mutating func conclude(_ now: Instant, _ actions: inout [ResolverAction]) {
        expire(now, &actions)
        review(now, &actions)
        ask(now, &actions)
        wake = nextWake(now)
    }

    mutating func publish(
        _ target: PublishedTarget, _ cause: PublicationCause, _ actions: inout [ResolverAction]
    ) {
        publication = Publication(
            generation: publication.generation + 1, target: target, cause: cause)
        actions.append(.publish(publication))
        switch target {
        case .master: counts.switches[cause, default: 0] += 1
        case .none where cause != .emergency: counts.losses[cause, default: 0] += 1
        case .none: break
        }
    }

    /// Asks everyone now, and looks closely for a while.
    mutating func look(_ now: Instant) {
        alertUntil = max(alertUntil, now.advanced(byNanoseconds: settings.alertNanoseconds))
        guard let lastPoll, now.nanoseconds(since: lastPoll) < settings.hintNanosecondsMin else {
            nextPoll = now
            nextRoles = now
            return
        }
        nextPoll = min(nextPoll, lastPoll.advanced(byNanoseconds: settings.hintNanosecondsMin))
        nextRoles = min(nextRoles, nextPoll)
    }
}
