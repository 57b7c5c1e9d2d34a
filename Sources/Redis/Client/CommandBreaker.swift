public import Time

/// Refuses commands for a while after several timeouts in a short time, so that a server that hangs
/// costs its users a few deadlines and not one each.
public struct CommandBreaker: Sendable {
    /// When to open, and for how long. Times in nanoseconds.
    public struct Limits: Sendable, Equatable {
        /// Timeouts within the window that open it.
        public var timeoutsMax: Int
        /// The window.
        public var windowNanoseconds: UInt64
        /// How long it stays open.
        public var openNanoseconds: UInt64

        /// Limits, each with its meaning above.
        public init(
            timeoutsMax: Int = 5, windowNanoseconds: UInt64 = 1_000_000_000,
            openNanoseconds: UInt64 = 500_000_000
        ) {
            self.timeoutsMax = timeoutsMax
            self.windowNanoseconds = windowNanoseconds
            self.openNanoseconds = openNanoseconds
        }
    }

    private enum State {
        case closed
        case open(until: Instant)
        /// The next connection decides.
        case trial
    }

    private let limits: Limits
    private var state = State.closed
    /// The latest timeouts, oldest first; at most `timeoutsMax`.
    private var timeouts: [Instant] = []

    /// Closed: commands may be sent.
    public init(_ limits: Limits = Limits()) { self.limits = limits }

    /// When commands may be sent, or a trial made, again; nil if now.
    public mutating func blockedUntil(_ now: Instant) -> Instant? {
        guard case .open(let until) = state else { return nil }
        if now < until { return until }
        state = .trial
        return nil
    }

    /// `count` commands, or a dial, have run out of time.
    public mutating func timedOut(_ count: Int, at now: Instant) {
        if case .trial = state { return open(at: now) }
        for _ in 0..<min(count, limits.timeoutsMax) { timeouts.append(now) }
        let start =
            now.nanoseconds > limits.windowNanoseconds
            ? now.nanoseconds - limits.windowNanoseconds : 0
        timeouts.removeAll { $0.nanoseconds < start }
        timeouts.removeFirst(max(0, timeouts.count - limits.timeoutsMax))
        if timeouts.count >= limits.timeoutsMax { open(at: now) }
    }

    /// A server has answered a new connection.
    public mutating func answered() {
        if case .trial = state { state = .closed }
    }

    /// Another server is in charge: what its predecessor did says nothing.
    public mutating func reset() {
        state = .closed
        timeouts.removeAll()
    }

    private mutating func open(at now: Instant) {
        state = .open(until: now.advanced(byNanoseconds: limits.openNanoseconds))
        timeouts.removeAll()
    }
}
