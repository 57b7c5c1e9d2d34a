internal import Time

/// Who is watched, and what they tell.
extension MasterResolver {
    mutating func change(node endpoint: Endpoint, _ body: (inout WatchedNode) -> Void) {
        guard let index = nodes.firstIndex(where: { $0.endpoint == endpoint }) else { return }
        body(&nodes[index])
    }

    mutating func change(sentinel endpoint: Endpoint, _ body: (inout WatchedSentinel) -> Void) {
        guard let index = sentinels.firstIndex(where: { $0.endpoint == endpoint }) else { return }
        body(&sentinels[index])
    }

    private func isUp(sentinel endpoint: Endpoint) -> Bool {
        sentinels.contains { $0.endpoint == endpoint && $0.isUp }
    }

    mutating func sentinelUp(
        _ endpoint: Endpoint, _ id: RunID?, _ now: Instant, _ actions: inout [ResolverAction]
    ) {
        guard sentinels.contains(where: { $0.endpoint == endpoint }) else { return }
        change(sentinel: endpoint) {
            $0.isUp = true
            $0.id = id ?? $0.id
            $0.vote = nil
            $0.askedAt = nil
            $0.wasAsked = false
            $0.tiltUntil = Instant(nanoseconds: 0)
            $0.listedAt = now
        }
        if let id { dropAliases(of: endpoint, id, &actions) }
    }

    /// The same Sentinel by another address, of which it was told.
    private mutating func dropAliases(
        of endpoint: Endpoint, _ id: RunID, _ actions: inout [ResolverAction]
    ) {
        sentinels.removeAll { other in
            guard other.id == id, !other.isGiven, other.endpoint != endpoint else { return false }
            actions.append(.dropSentinel(other.endpoint))
            return true
        }
    }

    mutating func named(
        by endpoint: Endpoint, _ master: NamedMaster, _ now: Instant,
        _ actions: inout [ResolverAction]
    ) {
        guard isUp(sentinel: endpoint) else { return }
        change(sentinel: endpoint) {
            $0.vote = master
            $0.votedAt = now
            $0.askedAt = nil
            $0.listedAt = now
        }
        if case .endpoint(let node) = master {
            watchNode(node, isGiven: false, at: now, &actions)
        }
    }

    mutating func replicas(
        by endpoint: Endpoint, _ list: [Endpoint], _ now: Instant,
        _ actions: inout [ResolverAction]
    ) {
        guard isUp(sentinel: endpoint) else { return }
        for node in list.prefix(settings.nodesMax) {
            watchNode(node, isGiven: false, at: now, &actions)
        }
    }

    mutating func peers(
        by endpoint: Endpoint, _ list: [SentinelPeer], _ now: Instant,
        _ actions: inout [ResolverAction]
    ) {
        guard isUp(sentinel: endpoint) else { return }
        for peer in list.prefix(settings.sentinelsMax) { found(peer, now, &actions) }
    }

    mutating func heard(
        from endpoint: Endpoint, _ message: SentinelMessage, _ now: Instant,
        _ actions: inout [ResolverAction]
    ) {
        guard sentinels.contains(where: { $0.endpoint == endpoint }) else { return }
        switch message {
        case .failover(let newMaster):
            failoverAt = now
            if let newMaster { watchNode(newMaster, isGiven: false, at: now, &actions) }
            look(now)
        case .suspicion: look(now)
        case .replica(let node): watchNode(node, isGiven: false, at: now, &actions)
        case .sentinel(let peer): found(peer, now, &actions)
        case .tilt(let isEntered):
            let until = now.advanced(byNanoseconds: settings.tiltNanosecondsMax)
            change(sentinel: endpoint) {
                $0.tiltUntil = isEntered ? until : Instant(nanoseconds: 0)
            }
        }
    }

    /// A Sentinel that is known by another address already is not watched twice.
    private mutating func found(
        _ peer: SentinelPeer, _ now: Instant, _ actions: inout [ResolverAction]
    ) {
        if let index = sentinels.firstIndex(where: { $0.id == peer.id }) {
            sentinels[index].listedAt = now
            if sentinels[index].isUp || sentinels[index].endpoint == peer.endpoint { return }
        }
        watchSentinel(peer.endpoint, isGiven: false, id: peer.id, at: now, &actions)
    }

    mutating func watchNode(
        _ endpoint: Endpoint, isGiven: Bool, at now: Instant, _ actions: inout [ResolverAction]
    ) {
        if let index = nodes.firstIndex(where: { $0.endpoint == endpoint }) {
            nodes[index].listedAt = now
            return
        }
        if !isGiven, nodes.count >= settings.nodesMax {
            let oldest = nodes.indices.filter { isForgettable(nodes[$0]) }
                .min { nodes[$0].listedAt < nodes[$1].listedAt }
            guard let oldest, nodes[oldest].listedAt < now else {
                counts.refused += 1
                return
            }
            actions.append(.dropNode(nodes.remove(at: oldest).endpoint))
        }
        nodes.append(WatchedNode(endpoint, isGiven: isGiven, at: now))
        actions.append(.watchNode(endpoint))
    }

    mutating func watchSentinel(
        _ endpoint: Endpoint, isGiven: Bool, id: RunID?, at now: Instant,
        _ actions: inout [ResolverAction]
    ) {
        if let index = sentinels.firstIndex(where: { $0.endpoint == endpoint }) {
            sentinels[index].listedAt = now
            if !sentinels[index].isUp { sentinels[index].id = id ?? sentinels[index].id }
            return
        }
        if !isGiven, sentinels.count >= settings.sentinelsMax {
            counts.refused += 1
            return
        }
        if isGiven { givenSentinels += 1 }
        sentinels.append(WatchedSentinel(endpoint, isGiven: isGiven, id: id, at: now))
        actions.append(.watchSentinel(endpoint))
    }

    private func isForgettable(_ node: WatchedNode) -> Bool {
        !node.isGiven && !node.isUp && node.endpoint != standing.master?.endpoint
    }

    /// What is too old, or has kept us waiting for too long.
    mutating func expire(_ now: Instant, _ actions: inout [ResolverAction]) {
        for index in nodes.indices where isOverdue(nodes[index].askedAt, now) {
            nodes[index].disconnected()
            actions.append(.redialNode(nodes[index].endpoint))
        }
        for index in sentinels.indices where isOverdue(sentinels[index].askedAt, now) {
            sentinels[index].disconnected()
            actions.append(.redialSentinel(sentinels[index].endpoint))
        }
        let (limit, master) = (settings.forgetNanoseconds, standing.master?.endpoint)
        nodes.removeAll { node in
            guard !node.isGiven, !node.isUp, node.endpoint != master,
                now.nanoseconds(since: node.listedAt) > limit
            else { return false }
            actions.append(.dropNode(node.endpoint))
            return true
        }
        sentinels.removeAll { sentinel in
            guard !sentinel.isGiven, !sentinel.isUp,
                now.nanoseconds(since: sentinel.listedAt) > limit
            else { return false }
            actions.append(.dropSentinel(sentinel.endpoint))
            return true
        }
    }

    private func isOverdue(_ askedAt: Instant?, _ now: Instant) -> Bool {
        guard let askedAt else { return false }
        return now.nanoseconds(since: askedAt) >= settings.answerNanosecondsMax
    }
}

/// Whom to ask, and when.
extension MasterResolver {
    private var isCalm: Bool {
        if case .serving = standing { true } else { false }
    }

    /// At most one question is open with each of them.
    mutating func ask(_ now: Instant, _ actions: inout [ResolverAction]) {
        for index in nodes.indices
        where nodes[index].isUp && nodes[index].askedAt == nil
            && (now >= nextRoles || !nodes[index].isFresh)
        {
            nodes[index].askedAt = now
            actions.append(.askRole(nodes[index].endpoint))
        }
        if now >= nextRoles { nextRoles = now.advanced(byNanoseconds: roleInterval(now)) }
        nextRoles = min(nextRoles, now.advanced(byNanoseconds: roleInterval(now)))
        let isPollDue = now >= nextPoll
        if isPollDue {
            lastPoll = now
            nextPoll = now.advanced(byNanoseconds: pollInterval)
        }
        for index in sentinels.indices
        where sentinels[index].isUp && sentinels[index].askedAt == nil
            && (isPollDue || !sentinels[index].wasAsked)
        {
            sentinels[index].askedAt = now
            sentinels[index].wasAsked = true
            actions.append(.pollSentinel(sentinels[index].endpoint))
        }
        nextPoll = min(nextPoll, now.advanced(byNanoseconds: pollInterval))
    }

    private func roleInterval(_ now: Instant) -> UInt64 {
        let isRecent =
            failoverAt.map { now.nanoseconds(since: $0) <= settings.failoverNanoseconds } ?? false
        return isCalm && now >= alertUntil && !isRecent
            ? settings.roleNanoseconds : settings.urgentRoleNanoseconds
    }

    private var pollInterval: UInt64 {
        let isDisputed = nominee.map { nominee in
            standing.master.map { nominee.key != .run($0.runID) } ?? true
        }
        return isCalm && isDisputed != true
            ? settings.pollNanoseconds : settings.urgentPollNanoseconds
    }

    func nextWake(_ now: Instant) -> Instant {
        var wake = min(nextPoll, nextRoles)
        if case .doubted(_, let since) = standing {
            wake = min(wake, since.advanced(byNanoseconds: settings.lostNanoseconds))
        }
        for asked in nodes.lazy.map(\.askedAt) + sentinels.lazy.map(\.askedAt) {
            guard let asked else { continue }
            wake = min(wake, asked.advanced(byNanoseconds: settings.answerNanosecondsMax))
        }
        return wake
    }
}
