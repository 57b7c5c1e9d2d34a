internal import Time

/// The transitions. Each names every state: a new state does not compile before all of them know it.
extension Coherence.State {
    var phase: Coherence.Phase {
        switch self {
        case .off: .off
        case .connecting: .connecting
        case .awaiting: .awaiting
        case .live: .live
        case .silent: .silent
        }
    }

    private var listener: Coherence.Listener? {
        switch self {
        case .off: nil
        case .connecting(let listener, _): listener
        case .awaiting(let listener, _, _): listener
        case .live(let listener, _, _): listener
        case .silent(let listener, _, _): listener
        }
    }

    /// When something is due without an event.
    func wake(_ settings: CoherenceSettings) -> Instant {
        let patience = settings.patienceNanoseconds
        return switch self {
        case .off: .never
        case .connecting(_, let since): since.advanced(byNanoseconds: patience)
        case .awaiting(_, let beats, let since):
            min(beats.dueAt, since.advanced(byNanoseconds: patience))
        case .silent(_, let beats, let since):
            min(beats.dueAt, since.advanced(byNanoseconds: patience))
        case .live(_, let beats, let until): min(beats.dueAt, until)
        }
    }

    /// What the passing of time alone does.
    mutating func expire(_ step: inout Coherence.Step) {
        self =
            switch consume self {
            case .off: .off
            case .connecting(let listener, let since):
                step.isOver(since)
                    ? .anew(listener.generation, &step) : .connecting(listener, since: since)
            case .awaiting(let listener, let beats, let since):
                step.isOver(since)
                    ? .anew(listener.generation, &step)
                    : .awaiting(listener, beats, since: since)
            case .live(let listener, let beats, let until):
                step.now >= until
                    ? .fallenSilent(listener, &step) : .live(listener, beats, until: until)
            case .silent(let listener, let beats, let since):
                step.isOver(since)
                    ? .anew(listener.generation, &step)
                    : .silent(listener, beats, since: since)
            }
    }

    /// There is nothing to listen to any more.
    mutating func stop(_ reason: NotLiveReason, _ step: inout Coherence.Step) {
        self =
            switch consume self {
            case .off: .off
            case .connecting: .stopped(&step)
            case .awaiting: .stopped(&step)
            case .silent: .stopped(&step)
            case .live: .stopped(reason, &step)
            }
    }

    /// There is a master; if it is the same as before, nothing changes.
    mutating func follow(_ generation: UInt64, _ step: inout Coherence.Step) {
        if listener?.generation == generation { return }
        self =
            switch consume self {
            case .off: .changed(generation, &step)
            case .connecting: .changed(generation, &step)
            case .awaiting: .changed(generation, &step)
            case .silent: .changed(generation, &step)
            case .live: .changed(.generation, generation, &step)
            }
    }

    /// The listener is set up: now prove it.
    mutating func listening(_ attempt: UInt64, _ step: inout Coherence.Step) {
        self =
            switch consume self {
            case .off: .off
            case .connecting(let listener, let since):
                listener.attempt == attempt
                    ? .awaiting(
                        listener, HeartbeatsUnderway(attempt: step.attempt(), at: step.now),
                        since: step.now)
                    : .connecting(listener, since: since)
            case .awaiting(let listener, let beats, let since):
                .awaiting(listener, beats, since: since)
            case .live(let listener, let beats, let until): .live(listener, beats, until: until)
            case .silent(let listener, let beats, let since):
                .silent(listener, beats, since: since)
            }
    }

    /// The listener is gone: what it did not get to say is not known.
    mutating func lost(_ attempt: UInt64, _ step: inout Coherence.Step) {
        guard let listener, listener.attempt == attempt else { return }
        self =
            switch consume self {
            case .off: .off
            case .connecting: .anew(listener.generation, &step)
            case .awaiting: .anew(listener.generation, &step)
            case .silent: .anew(listener.generation, &step)
            case .live:
                .anew(.listenerLost, listener.generation, &step)
            }
    }

    /// Keys were written. The heartbeat's is looked at last: all others of a message are as old.
    mutating func invalidated(_ attempt: UInt64, _ keys: [[UInt8]]?, _ step: inout Coherence.Step) {
        guard let listener, listener.attempt == attempt else { return }
        guard let keys else {
            step.actions.append(.flush)
            return
        }
        var seenAt: Instant?
        for key in keys {
            if key.starts(with: Heartbeat.prefix) {
                seenAt = seen(key, step.settings.instance) ?? seenAt
            } else {
                step.actions.append(.invalidate(key))
            }
        }
        if let seenAt { proved(by: seenAt, &step) }
    }

    /// When the heartbeat of this key was sent, if it is awaited.
    private mutating func seen(_ key: [UInt8], _ instance: [UInt8]) -> Instant? {
        var seenAt: Instant?
        self =
            switch consume self {
            case .off: .off
            case .connecting(let listener, let since): .connecting(listener, since: since)
            case .awaiting(let listener, var beats, let since):
                .awaiting(listener, beats.noting(key, instance, &seenAt), since: since)
            case .live(let listener, var beats, let until):
                .live(listener, beats.noting(key, instance, &seenAt), until: until)
            case .silent(let listener, var beats, let since):
                .silent(listener, beats.noting(key, instance, &seenAt), since: since)
            }
        return seenAt
    }

    /// A heartbeat sent at `instant` is back.
    private mutating func proved(by instant: Instant, _ step: inout Coherence.Step) {
        step.actions.append(.lag(step.now.nanoseconds(since: instant)))
        let until = step.until(instant)
        // So late that it proves nothing about now.
        if until <= step.now { return }
        self =
            switch consume self {
            case .off: .off
            case .connecting(let listener, let since): .connecting(listener, since: since)
            case .awaiting(let listener, let beats, _): .begun(listener, beats, until, &step)
            case .silent(let listener, let beats, _): .begun(listener, beats, until, &step)
            case .live(let listener, let beats, let before):
                .prolonged(listener, beats, max(before, until), &step)
            }
    }

    /// Sends the next heartbeat if it is time.
    mutating func beat(_ step: inout Coherence.Step) {
        self =
            switch consume self {
            case .off: .off
            case .connecting(let listener, let since): .connecting(listener, since: since)
            case .awaiting(let listener, var beats, let since):
                .awaiting(listener, step.beating(&beats), since: since)
            case .live(let listener, var beats, let until):
                .live(listener, step.beating(&beats), until: until)
            case .silent(let listener, var beats, let since):
                .silent(listener, step.beating(&beats), since: since)
            }
    }
}

/// Ways into a state.
extension Coherence.State {
    private static func stopped(_ step: inout Coherence.Step) -> Self {
        step.actions.append(.stopListening)
        return .off
    }

    private static func stopped(_ reason: NotLiveReason, _ step: inout Coherence.Step) -> Self {
        step.notLive(reason)
        return stopped(&step)
    }

    /// Another listener to the same master.
    private static func anew(_ generation: UInt64, _ step: inout Coherence.Step) -> Self {
        let listener = Coherence.Listener(generation: generation, attempt: step.attempt())
        step.actions.append(.listen(attempt: listener.attempt, generation: generation))
        return .connecting(listener, since: step.now)
    }

    private static func anew(
        _ reason: NotLiveReason, _ generation: UInt64, _ step: inout Coherence.Step
    ) -> Self {
        step.notLive(reason)
        return anew(generation, &step)
    }

    /// Another master: what the old one had may never have reached it.
    private static func changed(_ generation: UInt64, _ step: inout Coherence.Step) -> Self {
        step.actions.append(.flush)
        return anew(generation, &step)
    }

    private static func changed(
        _ reason: NotLiveReason, _ generation: UInt64, _ step: inout Coherence.Step
    ) -> Self {
        step.actions.append(.notLive(reason))
        return changed(generation, &step)
    }

    /// The same listener, with heartbeats of a new attempt: old ones prove nothing any more.
    private static func fallenSilent(
        _ listener: Coherence.Listener, _ step: inout Coherence.Step
    ) -> Self {
        step.notLive(.silent)
        let beats = HeartbeatsUnderway(attempt: step.attempt(), at: step.now)
        return .silent(listener, beats, since: step.now)
    }

    /// Live from now on, and empty.
    private static func begun(
        _ listener: Coherence.Listener, _ beats: HeartbeatsUnderway, _ until: Instant,
        _ step: inout Coherence.Step
    ) -> Self {
        step.actions.append(.flush)
        return prolonged(listener, beats, until, &step)
    }

    private static func prolonged(
        _ listener: Coherence.Listener, _ beats: HeartbeatsUnderway, _ until: Instant,
        _ step: inout Coherence.Step
    ) -> Self {
        step.actions.append(.live(until: until))
        return .live(listener, beats, until: until)
    }
}
