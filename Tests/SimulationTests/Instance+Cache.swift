import ProxyCore
import Redis
import Time

/// The data connection.
extension Instance {
    func dialData() {
        guard case .master(let endpoint, _) = target, let node = nodes[endpoint], data == nil,
            candidate == nil, !isDialling
        else { return }
        isDialling = true
        let generation = generation
        network.dial(self, node) { [self] connection in
            isDialling = false
            guard generation == self.generation else {
                if let connection { network.close(connection, by: self) }
                return dialData()
            }
            guard let connection else { return redialData() }
            connection.generation = generation
            candidate = connection
            network.send(.info, connection, from: self)
            later(ms(200)) { [self] in
                if candidate === connection { refuse(connection) }
            }
        }
    }

    /// A connection is used when it has shown that it leads to the very run that was published: a
    /// restarted server listens at the same address before the resolver knows.
    func isPublished(_ run: RunID) -> Bool {
        guard case .master(_, let published) = target else { return false }
        return run == published || flaws.contains(.noRunIdentity)
    }

    /// A data connection told where it leads.
    func introduced(_ run: RunID, _ connection: Connection) {
        guard isPublished(run), connection.generation == generation else {
            return refuse(connection)
        }
        candidate = nil
        data = connection
        connectedAt = world.time
        backoff.succeeded()
        replay()
    }

    func refuse(_ connection: Connection) {
        candidate = nil
        network.close(connection, by: self)
        tell(.hint(.disconnected, generation: connection.generation))
        redialData()
    }

    private func redialData() {
        later(backoff.failed(chance: world.chance())) { [self] in dialData() }
    }

    /// Closes a data connection, and whatever waits for it.
    func abort(_ connection: Connection) {
        network.close(connection, by: self)
        if connection === data { dropData() }
    }

    private func dropData() {
        data = nil
        let waiting = pending
        pending = [:]
        for number in waiting.keys.sorted() { failed(waiting[number]) }
    }

    func lostData(_ hint: DataHint) {
        let generation = data?.generation ?? 0
        dropData()
        tell(.hint(hint, generation: generation))
        redialData()
    }

    private func failed(_ pending: Pending?) {
        switch pending {
        case .lease(let key): answered(.unavailable, nil, key)
        case .fill(let key): flights[key] = nil
        case .renewal(let key, let token): renewed(.unknown, key, token)
        case .release, .purge, .replay, nil: break
        }
    }

    func ask(_ what: Pending, _ message: (Int) -> Message) -> Bool {
        guard let data else { return false }
        nextRequest += 1
        let number = nextRequest
        pending[number] = what
        network.send(message(number), data, from: self)
        later(ms(200)) { [self] in
            guard pending[number] != nil, self.data === data else { return }
            network.close(data, by: self)
            lostData(.timeout)
        }
        return true
    }

    private func replay() {
        guard !flaws.contains(.noReplay), let owed = journal.owed(to: generation, at: world.now)
        else { return }
        // The purges go over one connection, and are carried out all or, if it breaks, again.
        for key in owed.entries { _ = ask(.replay) { .purge($0, key: key) } }
        let (generation, data) = (generation, data)
        _ = ask(.replay) { [self] number in
            replays[number] = { [unowned self] in
                guard self.data === data else { return }
                journal.carriedOut(owed, by: generation)
            }
            return .purge(number, key: owed.entries.last ?? 0)
        }
        judge.count("replays")
    }

    func answered(_ message: Message, _ connection: Connection) {
        switch message {
        case .lease(let number, let answer, let value):
            guard case .lease(let key)? = pending.removeValue(forKey: number) else { return }
            answered(answer, value, key)
        case .filled(let number, _):
            guard case .fill(let key)? = pending.removeValue(forKey: number) else { return }
            flights[key] = nil
        case .renewed(let number, let isHeld):
            guard case .renewal(let key, let token)? = pending.removeValue(forKey: number)
            else { return }
            renewed(isHeld ? .renewed : .gone, key, token)
        case .released(let number): pending[number] = nil
        case .purged(let number, let appliedAt):
            switch pending.removeValue(forKey: number) {
            case .purge(let key, let purge):
                journal.carriedOut(purge, by: connection.generation)
                judge.purged(key, appliedAt: appliedAt, by: self)
            case .replay: replays.removeValue(forKey: number)?()
            default: break
            }
        case .refused(let number, let hint):
            let what = pending.removeValue(forKey: number)
            failed(what)
            tell(.hint(hint, generation: connection.generation))
        default: break
        }
    }
}

/// The listener.
extension Instance {
    func tell(_ event: CoherenceEvent) {
        let before = coherence.phase
        var actions: [CoherenceAction] = []
        coherence.handle(event, at: world.now, into: &actions)
        reached("coherence", before.rawValue, coherence.phase.rawValue)
        if before != coherence.phase {
            world.note("instance-\(number) coherence \(before)>\(coherence.phase)")
        }
        for (index, action) in actions.enumerated() {
            let next = index + 1 < actions.count ? actions[index + 1] : nil
            perform(action, before: next)
        }
        armCoherence()
    }

    private func armCoherence() {
        let wake = coherence.wake.nanoseconds
        guard wake != .max, wake < coherenceWakeAt || coherenceWakeAt <= world.time else { return }
        coherenceWakeAt = wake
        later(wake > world.time ? wake - world.time : 0) { [self] in
            guard coherenceWakeAt == wake else { return }
            coherenceWakeAt = .max
            tell(CoherenceEvent.tick)
        }
    }

    private func perform(_ action: CoherenceAction, before next: CoherenceAction?) {
        switch action {
        case .listen(let attempt, _): listen(attempt)
        case .stopListening: dropListener()
        case .sendHeartbeat(let beat): send(beat)
        case .flush:
            if case .live? = next, flaws.contains(.noFlushBeforeLive) { return }
            memory = [:]
            if !flaws.contains(.fillsIgnoreInvalidations) { fills.flush() }
            for key in flights.keys.sorted() { wake(key) }
        case .invalidate(let bytes):
            guard let key = keyBytes.firstIndex(of: bytes) else { return }
            if flaws.contains(.ignoresInvalidations) { return wake(key) }
            forget(key)
        case .live(let until): liveUntil = until.nanoseconds
        case .notLive(let reason):
            judge.count("not live \(reason.rawValue)")
            if !flaws.contains(.servesUnproved) { liveUntil = 0 }
        case .lag: break
        }
    }

    /// Whoever waits for somebody else's fill looks again.
    private func wake(_ key: Int) {
        guard let flight = flights[key] else { return }
        step(flight, key) { $0.invalidated(at: world.now) }
    }

    private func listen(_ attempt: UInt64) {
        dropListener()
        self.attempt = attempt
        // A success is what lasts; a new master starts from the first delay again.
        later(listenerBackoff.failed(chance: world.chance())) { [self] in dialListener(attempt) }
    }

    private func dialListener(_ attempt: UInt64) {
        guard attempt == self.attempt, case .master(let endpoint, _) = target,
            let node = nodes[endpoint]
        else { return }
        network.dial(self, node) { [self] connection in
            guard attempt == self.attempt else {
                if let connection { network.close(connection, by: self) }
                return
            }
            guard let connection else { return tell(.lost(attempt: attempt)) }
            connection.attempt = attempt
            listener = connection
            network.send(.info, connection, from: self)
        }
    }

    private func dropListener() {
        attempt = 0
        if let listener { network.close(listener, by: self) }
        listener = nil
    }

    private func send(_ beat: Heartbeat) {
        let key = beat.key(instance: Array("i\(number)".utf8))
        sentBeats[key] = world.time
        if sentBeats.count > 256 { sentBeats = [key: world.time] }
        if let data { network.send(.heartbeat(key), data, from: self) }
        if flaws.contains(.fakesHeartbeats) {
            let attempt = attempt
            later(1_000) { [self] in tell(.invalidated(attempt: attempt, keys: [key])) }
        }
    }

    func heard(_ message: Message, _ connection: Connection, _ sentAt: UInt64) {
        switch message {
        case .run(let run):
            guard isPublished(run) else {
                network.close(connection, by: self)
                listener = nil
                return tell(.lost(attempt: connection.attempt))
            }
            network.send(.listen, connection, from: self)
        case .listening:
            connection.isMute = isNextListenerMute
            isNextListenerMute = false
            tell(.listening(attempt: connection.attempt))
        case .invalidated(let keys):
            for key in keys ?? keyBytes {
                if let sentAt = sentBeats[key] { provedAt = max(provedAt, sentAt) }
                if let number = keyBytes.firstIndex(of: key) { toldOf[number] = sentAt }
            }
            tell(.invalidated(attempt: connection.attempt, keys: keys))
            if coherence.phase == .live { listenerBackoff.succeeded() }
        default: break
        }
    }
}
