import ProxyCore
import Redis
import Time

/// What a data connection owes an answer to.
enum Pending {
    case lease(Int)
    case fill(Int)
    case purge(key: Int, number: UInt64)
    case replay
}

/// A fetch that is on its way.
final class Flight {
    var lease: FetchLease
    var placeholder: FillGuard.Placeholder?
    let token: UInt64

    init(_ terms: LeaseTerms) {
        token = terms.token
        lease = .idle(terms)
    }
}

/// Requests, purges, and the way through memory, shared cache and origin.
extension Instance {
    /// Requests come until all is to be quiet.
    func work() {
        guard isBusy else { return }
        later(ms(world.between(20, 120))) { [self] in work() }
        let key = world.chance(keys.count)
        if world.chance(purgeOneIn) == 0 { purge(key) } else { request(key) }
    }

    private func request(_ key: Int) {
        if isLive, let value = memory[key] { return judge.served(value, by: self) }
        guard flights[key] == nil else { return }
        let flight = Flight(
            LeaseTerms(
                token: world.chance() | 1, durationNanoseconds: ms(world.between(150, 500)),
                deadline: world.now.advanced(byNanoseconds: ms(1_500))))
        flights[key] = flight
        step(flight, key) { $0.start(at: world.now) }
    }

    private func step(_ flight: Flight, _ key: Int, _ body: (inout FetchLease) -> LeaseAction) {
        let before = flight.lease.phase
        let action = body(&flight.lease)
        reached("lease", before.rawValue, flight.lease.phase.rawValue)
        switch action {
        case .ask(let token, let duration):
            flight.placeholder = fills.begin(keyBytes[key])
            let sent = ask(.lease(key)) {
                .getOrLease($0, key: key, token: token, duration: duration)
            }
            if !sent { answered(.unavailable, nil, key) }
        case .use: flights[key] = nil
        case .fetch: fetch(flight, key)
        case .wait(let until):
            later(until.nanoseconds - min(world.time, until.nanoseconds)) { [self] in
                guard flights[key] === flight else { return }
                step(flight, key) { $0.tick(at: world.now) }
            }
        case .fill, .keepOut, .nothing: break
        }
    }

    private func fetch(_ flight: Flight, _ key: Int) {
        let value = Value(key: key, number: origin(), fetchedFrom: world.time)
        later(ms(world.between(10, 600))) { [self] in
            guard flights[key] === flight else { return }
            let before = flight.lease.phase
            let action = flight.lease.fetched(isStorable: true, at: world.now)
            reached("lease", before.rawValue, flight.lease.phase.rawValue)
            let isChecked = !flaws.contains(.fillsWithoutToken)
            switch action {
            case .fill: break
            case .keepOut(.expired) where !isChecked: break
            case .keepOut(.purged) where !isChecked: break
            default:
                flights[key] = nil
                return
            }
            let sent = ask(.fill(key)) {
                .fill($0, key: key, token: flight.token, value, isChecked: isChecked)
            }
            if !sent { flights[key] = nil }
        }
    }

    /// The answer to `get_or_lease`.
    private func answered(_ answer: LeaseAnswer, _ value: Value?, _ key: Int) {
        guard let flight = flights[key] else { return }
        if let placeholder = flight.placeholder {
            flight.placeholder = nil
            // In this order: the placeholder goes in any case.
            if fills.finish(placeholder), let value, isLive {
                judge.kept(value, by: self)
                memory[key] = value
            }
        }
        step(flight, key) { $0.answered(answer, at: world.now) }
    }

    private func purge(_ key: Int) {
        let number = journal.record(key, at: world.now)
        forget(key, isPurge: true)
        _ = ask(.purge(key: key, number: number)) { .purge($0, key: key) }
    }

    private func forget(_ key: Int, isPurge: Bool) {
        memory[key] = nil
        if !flaws.contains(.fillsIgnoreInvalidations) { fills.invalidate(keyBytes[key]) }
        if let flight = flights[key] {
            step(flight, key) { $0.invalidated(isPurge: isPurge, at: world.now) }
        }
    }

    func reached(_ machine: String, _ before: String, _ after: String) {
        if before != after { transitions.insert("\(machine) \(before)>\(after)") }
    }
}

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
        case .purge, .replay, nil: break
        }
    }

    private func ask(_ what: Pending, _ message: (Int) -> Message) -> Bool {
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
            replays[number] = { [self] in
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
            forget(key, isPurge: false)
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
        step(flight, key) { $0.invalidated(isPurge: false, at: world.now) }
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
