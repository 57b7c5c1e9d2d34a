public import Time

/// Whether what is in memory can be trusted to be what is in Redis. Decides; a driver owns the listener.
///
/// Redis tells of writes under our prefixes, but not of its own silence: a stopped server, a cut line
/// and a quiet one look alike. So a heartbeat is written every 250 ms on the data connection, and has to come
/// back through the listener. The server tells of writes in the order in which it carries them out: when a heartbeat
/// sent at `t` is back, all invalidations of writes up to `t` have been applied. So what is in memory
/// is coherent until `t` + 250 ms + 750 ms, whether or not this process gets to run by then: readers compare
/// the time with `live(until:)` themselves.
///
/// Before it becomes live everything goes: what happened while nobody listened is not known.
public struct Coherence: ~Copyable, Sendable {
    /// The states, for metrics and for admin pages.
    public enum Phase: String, Sendable, CaseIterable {
        /// No shared cache, or no master.
        case off
        /// A listener is to be made, or is being made.
        case connecting
        /// The listener is set up; no heartbeat has come back yet.
        case awaiting
        /// Heartbeats come back.
        case live
        /// The listener is there, and heartbeats do not come back.
        case silent
    }

    /// When to call `handle(.tick)`.
    public private(set) var wake = Instant.never

    private var state = State.off
    private var attempts: UInt64 = 0
    private let settings: CoherenceSettings

    /// Nothing is shared yet.
    public init(_ settings: CoherenceSettings) { self.settings = settings }

    /// Where it stands.
    public var phase: Phase { state.phase }

    /// Takes note of an event, and appends what is to be done.
    public mutating func handle(
        _ event: CoherenceEvent, at now: Instant, into actions: inout [CoherenceAction]
    ) {
        var step = Step(now, settings, attempts: attempts)
        // Time first: what comes too late changes nothing any more.
        state.expire(&step)
        switch event {
        case .off: state.stop(.off, &step)
        case .noMaster: state.stop(.noMaster, &step)
        case .master(let generation): state.follow(generation, &step)
        case .listening(let attempt): state.listening(attempt, &step)
        case .lost(let attempt): state.lost(attempt, &step)
        case .invalidated(let attempt, let keys): state.invalidated(attempt, keys, &step)
        case .tick: break
        }
        state.beat(&step)
        attempts = step.attempts
        actions += step.actions
        wake = state.wake(settings)
    }
}

extension Coherence {
    /// What is known in each state, and nothing more.
    enum State: ~Copyable, Sendable {
        case off
        case connecting(Listener, since: Instant)
        case awaiting(Listener, HeartbeatsUnderway, since: Instant)
        case live(Listener, HeartbeatsUnderway, until: Instant)
        case silent(Listener, HeartbeatsUnderway, since: Instant)
    }

    /// A connection, made or in the making.
    struct Listener: Sendable, Equatable {
        let generation: UInt64
        let attempt: UInt64
    }

    /// What all transitions need.
    struct Step: ~Copyable {
        let now: Instant
        let settings: CoherenceSettings
        /// The latest attempt of any kind; each gets a number of its own.
        var attempts: UInt64
        var actions: [CoherenceAction] = []

        init(_ now: Instant, _ settings: CoherenceSettings, attempts: UInt64) {
            self.now = now
            self.settings = settings
            self.attempts = attempts
        }

        mutating func attempt() -> UInt64 {
            attempts += 1
            return attempts
        }

        /// Until when a heartbeat sent at `instant` proves coherence.
        func until(_ instant: Instant) -> Instant {
            instant.advanced(byNanoseconds: settings.stalenessNanosecondsMax)
        }

        func isOver(_ since: Instant) -> Bool {
            now.nanoseconds(since: since) >= settings.patienceNanoseconds
        }

        mutating func notLive(_ reason: NotLiveReason) {
            actions.append(.notLive(reason))
            if settings.whileNotLive == .flush { actions.append(.flush) }
        }

        /// `beats` with the next one on its way if it is time.
        mutating func beating(_ beats: inout HeartbeatsUnderway) -> HeartbeatsUnderway {
            if let beat = beats.beat(at: now, interval: settings.heartbeatNanoseconds) {
                actions.append(.sendHeartbeat(beat))
            }
            return beats
        }
    }
}
