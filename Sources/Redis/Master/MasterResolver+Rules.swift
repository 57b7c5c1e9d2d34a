internal import Time

/// What two Sentinels mean when they name the same server by different addresses.
enum Identity: Hashable, Sendable {
    /// The run at the address is known.
    case run(RunID)
    /// Nothing but the address is.
    case address(Endpoint)
}

/// The rules.
extension MasterResolver {
    /// How the published master does.
    private enum Condition {
        case absent
        case answers
        case silent(since: Instant)
        case lost(PublicationCause)
    }

    /// Applies the rules to what is known: switches, gives the master up, or leaves all as it is.
    mutating func review(_ now: Instant, _ actions: inout [ResolverAction]) {
        let condition = condition(now)
        switch condition {
        case .absent: break
        case .answers:
            if let master = standing.master { standing = .serving(master) }
        case .silent(let since):
            if let master = standing.master { standing = .doubted(master, since: since) }
        case .lost: break
        }
        follow(nomineeOf: now)
        if let node = promoted(now, condition) {
            switchTo(node, .promotion, now, &actions)
        } else if let node = elected(now, condition) {
            switchTo(node, isAddress ? .address : .majority, now, &actions)
        } else if case .lost(let cause) = condition {
            lose(cause, now, &actions)
        } else if case .none = standing {
            followEmergency(&actions)
        }
    }

    var isAddress: Bool {
        if case .address = settings.mode { true } else { false }
    }

    private func condition(_ now: Instant) -> Condition {
        guard let master = standing.master else { return .absent }
        let same = nodes.filter { $0.isUp && $0.runID == master.runID }
        if same.contains(where: \.answersMaster) { return .answers }
        if same.contains(where: { $0.replicaOffset != nil }) { return .lost(.demoted) }
        let present = nodes.first { $0.endpoint == master.endpoint && $0.isUp }
        if let present, present.runID != master.runID { return .lost(.restarted) }
        let since: Instant
        if case .doubted(_, let earlier) = standing { since = earlier } else { since = now }
        return now.nanoseconds(since: since) >= settings.lostNanoseconds
            ? .lost(.unreachable) : .silent(since: since)
    }

    /// Rule a: the same run that was seen as a replica answers as a master now, and the present master
    /// is gone or a failover was announced. This is 0.7 s earlier than any Sentinel tells.
    private func promoted(_ now: Instant, _ condition: Condition) -> WatchedNode? {
        if case .answers = condition {
            guard let failoverAt,
                now.nanoseconds(since: failoverAt) <= settings.failoverNanoseconds
            else { return nil }
        }
        return nodes.filter { node in
            guard node.answersMaster, let promotedAt = node.promotedAt else { return false }
            return node.runID != standing.master?.runID
                && now.nanoseconds(since: promotedAt) <= settings.failoverNanoseconds
        }.max { ($0.promotedAt ?? now) < ($1.promotedAt ?? now) }
    }

    /// Rule b: the majority of the Sentinels names it, it answers as a master, and the present master
    /// does not, or it was named twice with some time between.
    private func elected(_ now: Instant, _ condition: Condition) -> WatchedNode? {
        if case .address(let endpoint) = settings.mode {
            // The exception: with a single address there is nothing else to go by.
            return standing.master == nil
                ? nodes.first { $0.endpoint == endpoint && $0.answersMaster } : nil
        }
        guard let nominee,
            let node = nodes.first(where: { $0.answersMaster && identity($0) == nominee.key }),
            let runID = node.runID, runID != standing.master?.runID
        else { return nil }
        let isDeposed = deposed.map { now < $0.until } == true
        // Where the old master was, another run of it: it has come back, and what the Sentinels say is
        // about the past.
        if isDeposed, let deposed, deposed.endpoint == node.endpoint, deposed.runID != runID {
            return nil
        }
        switch condition {
        case .absent: return node
        // Give it up first; what the Sentinels said until then may have been about the past.
        case .silent, .lost: return nil
        case .answers:
            if isDeposed, deposed?.runID == runID { return nil }
            let second = nominee.since.advanced(byNanoseconds: settings.confirmNanoseconds)
            let votes = ballot(now).filter { $0.key == nominee.key && $0.at >= second }
            return votes.count >= majority ? node : nil
        }
    }

    private mutating func switchTo(
        _ node: WatchedNode, _ cause: PublicationCause, _ now: Instant,
        _ actions: inout [ResolverAction]
    ) {
        guard let runID = node.runID else { return }
        // The old master may have been given up before its replica was seen to take over.
        if cause == .promotion, let old = latest {
            let until = now.advanced(byNanoseconds: settings.failoverNanoseconds)
            deposed = (old.endpoint, old.runID, until)
        }
        // A promotion counts once. One that was not followed is not to be followed later, either.
        for index in nodes.indices { nodes[index].promotedAt = nil }
        let master = Standing.Master(endpoint: node.endpoint, runID: runID)
        standing = .serving(master)
        latest = master
        publish(.master(node.endpoint, runID), cause, &actions)
        look(now)
    }

    private mutating func lose(
        _ cause: PublicationCause, _ now: Instant, _ actions: inout [ResolverAction]
    ) {
        standing = .none
        forgetVotes(now)
        publish(.none(emergency: emergency), cause, &actions)
    }

    private mutating func followEmergency(_ actions: inout [ResolverAction]) {
        let emergency = emergency
        if publication.target != .none(emergency: emergency) {
            publish(.none(emergency: emergency), .emergency, &actions)
        }
    }

    /// The replica to read from without a master: the one published if it still is one, or the one
    /// that has got furthest.
    private var emergency: Endpoint? {
        let replicas = nodes.filter { $0.replicaOffset != nil }
        if case .none(let present?) = publication.target,
            replicas.contains(where: { $0.endpoint == present })
        {
            return present
        }
        return replicas.max { ($0.replicaOffset ?? 0) < ($1.replicaOffset ?? 0) }?.endpoint
    }
}

/// What the Sentinels say.
extension MasterResolver {
    struct Vote {
        let key: Identity
        let at: Instant
    }

    /// More than half of all Sentinels that there are known to be, whether they answer or not. The same one
    /// may be known by several addresses: their identities are counted, and the settings' addresses if
    /// those are more.
    var majority: Int {
        let known = Set(sentinels.compactMap(\.id)).count
        return max(known, givenSentinels, 1) / 2 + 1
    }

    /// Votes that count, one of each Sentinel.
    func ballot(_ now: Instant) -> [Vote] {
        var seen: Set<RunID> = []
        // Without identity one Sentinel could be counted twice, by the address given and by that told.
        let needsID = sentinels.contains { $0.isUp && $0.id != nil }
        return sentinels.compactMap { sentinel in
            guard case .endpoint(let endpoint) = sentinel.vote, now >= sentinel.tiltUntil,
                now.nanoseconds(since: sentinel.votedAt) <= settings.voteNanosecondsMax
            else { return nil }
            if let id = sentinel.id {
                guard seen.insert(id).inserted else { return nil }
            } else if needsID {
                return nil
            }
            let node = nodes.first { $0.endpoint == endpoint }
            return Vote(key: node.map(identity) ?? .address(endpoint), at: sentinel.votedAt)
        }
    }

    func identity(_ node: WatchedNode) -> Identity {
        node.runID.map { .run($0) } ?? .address(node.endpoint)
    }

    private mutating func follow(nomineeOf now: Instant) {
        let (ballot, majority) = (ballot(now), majority)
        var key: Identity?
        if ballot.count >= majority {
            key = ballot.lazy.map(\.key).first { key in
                ballot.count { $0.key == key } >= majority
            }
        }
        guard key != nominee?.key else { return }
        nominee = key.map { ($0, now) }
    }

    mutating func forgetVotes(_ now: Instant) {
        for index in sentinels.indices { sentinels[index].vote = nil }
        nominee = nil
        nextPoll = now
        nextRoles = now
    }
}
