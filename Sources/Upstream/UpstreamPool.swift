internal import EventLoop
internal import Telemetry
public import Time

/// The bounds of one worker's connections to one upstream. Times in nanoseconds.
public struct PoolLimits: Sendable, Equatable {
    /// Connections of all kinds: in use, being made, idle.
    public var connectionsMax: Int
    /// Idle connections kept.
    public var idleMax: Int
    /// How long a connection may be idle; below what servers usually allow (60 s).
    public var idleNanoseconds: UInt64
    /// Age after which a connection is not used again, so that changed addresses are noticed.
    public var ageNanoseconds: UInt64
    /// Requests that may wait for a connection.
    public var pendingMax: Int

    /// Limits, each with its meaning above.
    public init(
        connectionsMax: Int = 256, idleMax: Int = 128, idleNanoseconds: UInt64 = 30_000_000_000,
        ageNanoseconds: UInt64 = 600_000_000_000, pendingMax: Int = 1024
    ) {
        self.connectionsMax = connectionsMax
        self.idleMax = idleMax
        self.idleNanoseconds = idleNanoseconds
        self.ageNanoseconds = ageNanoseconds
        self.pendingMax = pendingMax
    }
}

/// One worker's connections to one upstream, which may have several addresses (endpoints).
///
/// New requests take the endpoints in turn; one that refused a connection is left out for a second while
/// another one can be had. Idle connections are used last-in first-out, so that the rest may age.
public final class UpstreamPool {
    /// How long an endpoint that could not be connected to is passed over.
    private static let avoidNanoseconds: UInt64 = 1_000_000_000

    private struct Slot {
        let endpoint: Endpoint
        var idle: [UpstreamConnection] = []
        var avoidUntil = Instant(nanoseconds: 0)
    }

    private final class PendingLease: Interruptible {
        let isFresh: Bool
        let granted = Suspension<Wake>()
        /// The connection that came back for this lease; without one it dials.
        var connection: UpstreamConnection?
        init(isFresh: Bool) { self.isFresh = isFresh }
        func interrupt() { granted.resume(.interrupted) }
    }

    private let context: DialContext
    private let limits: PoolLimits
    private var slots: [Slot]
    private var turn: Int
    private var pending: [PendingLease] = []
    private var sweeper: Timer?
    private var isClosed = false

    /// Connections in use or being made.
    public private(set) var active = 0
    /// Idle connections.
    public private(set) var idle = 0
    /// Told when `active` or `idle` changed.
    public var changed: () -> Void = {}
    /// Told of each connection made: nanoseconds that it took.
    public var opened: (_ nanoseconds: UInt64) -> Void = { _ in }

    /// A pool without connections. `firstTurn` spreads the workers over the endpoints.
    public init(
        _ context: DialContext, endpoints: [Endpoint], limits: PoolLimits, firstTurn: Int = 0
    ) {
        self.context = context
        self.limits = limits
        slots = endpoints.map { Slot(endpoint: $0) }
        turn = firstTurn % max(1, endpoints.count)
        sweeper = Timer(on: context.loop) { [unowned self] in sweep(at: .now()) }
    }

    deinit {
        // Whoever listens may be gone already.
        changed = {}
        close()
    }

    /// The endpoint of a connection of this pool.
    public func endpoint(of connection: UpstreamConnection) -> Endpoint {
        slots[connection.endpointIndex].endpoint
    }

    /// Changes the counters, both at once where a connection goes from one kind to the other.
    private func count(active activeChange: Int = 0, idle idleChange: Int = 0) {
        active += activeChange
        idle += idleChange
        changed()
    }

    // MARK: Leasing

    /// A connection for one request: an idle one, or with `fresh` always a new one. Fails with dns,
    /// connect, tls, timeout, pool_full or canceled. `giveBack` must follow.
    public func lease(
        fresh: Bool, until deadline: Instant, _ interrupt: Interrupt
    ) async throws(UpstreamFailure) -> UpstreamConnection {
        if !fresh, let connection = leaseIdle(interrupt) { return connection }
        if let connection = try await waitForRoom(fresh: fresh, until: deadline, interrupt) {
            return begin(connection, interrupt)
        }
        do {
            return begin(try await dial(until: deadline, interrupt), interrupt)
        } catch {
            count(active: -1)
            admitNext()
            throw error
        }
    }

    /// An idle connection if there is one, without ever suspending: the fast path of `lease`.
    public func leaseIdle(_ interrupt: Interrupt) -> UpstreamConnection? {
        guard let connection = takeIdle(at: .now()) else { return nil }
        return begin(connection, interrupt)
    }

    private func begin(
        _ connection: UpstreamConnection, _ interrupt: Interrupt
    ) -> UpstreamConnection {
        connection.begin(interrupt)
        connection.countUse()
        return connection
    }

    /// Returns a leased connection. Kept only if the exchange ended cleanly (`reusable`), it is young
    /// enough, nothing unread is on it, and there is room.
    public func giveBack(_ connection: UpstreamConnection, reusable: Bool) {
        connection.end()
        let now = Instant.now()
        let isYoung = now.nanoseconds(since: connection.created) < limits.ageNanoseconds
        let isUsable = reusable && isYoung && connection.isQuiet()
        if isUsable, grant(connection) { return }
        if isUsable, !isClosed, idle < limits.idleMax {
            keep(connection, at: now)
        } else {
            count(active: -1)
            connection.close()
        }
        if !pending.isEmpty { admitNext() }
    }

    private func keep(_ connection: UpstreamConnection, at now: Instant) {
        connection.rest(at: now)
        slots[connection.endpointIndex].idle.append(connection)
        count(active: -1, idle: 1)
        if sweeper?.deadline == .never {
            sweeper?.arm(at: now.advanced(byNanoseconds: limits.idleNanoseconds))
        }
    }

    /// The upstream closed an idle connection, or sent what nobody asked for. Under TLS it may have been
    /// a session ticket only.
    private func idleSpoke(_ connection: UpstreamConnection) {
        if connection.isStillIdle() { return }
        let slot = connection.endpointIndex
        guard let index = slots[slot].idle.firstIndex(where: { $0 === connection }) else { return }
        slots[slot].idle.remove(at: index)
        count(idle: -1)
        connection.close()
        if !pending.isEmpty { admitNext() }
    }

    /// Counts what it returns as active.
    private func takeIdle(at now: Instant) -> UpstreamConnection? {
        guard idle > 0 else { return nil }
        // Two rounds at most: first the endpoints in turn, none of them avoided.
        for step in 0..<slots.count {
            let index = (turn + step) % slots.count
            while let connection = slots[index].idle.popLast() {
                let age = now.nanoseconds(since: connection.created)
                if age < limits.ageNanoseconds, connection.awake() {
                    count(active: 1, idle: -1)
                    turn = (index + 1) % slots.count
                    return connection
                }
                count(idle: -1)
                connection.close()
            }
            // With several endpoints the one in turn is dialled and not passed over for an idle one.
            if slots.count > 1, slots[index].avoidUntil <= now,
                active + idle < limits.connectionsMax
            {
                return nil
            }
        }
        return nil
    }

    // MARK: Room

    /// Waits until one more connection may be made, or one that is in use comes back: then it is returned.
    /// Counts the lease as active either way.
    private func waitForRoom(
        fresh: Bool, until deadline: Instant, _ interrupt: Interrupt
    ) async throws(UpstreamFailure) -> UpstreamConnection? {
        makeRoom()
        if active + idle < limits.connectionsMax {
            count(active: 1)
            return nil
        }
        guard pending.count < limits.pendingMax else {
            throw UpstreamFailure(.poolFull, "\(limits.pendingMax) requests wait for a connection")
        }
        if interrupt.isRaised { throw .unwanted }
        let lease = PendingLease(isFresh: fresh)
        pending.append(lease)
        interrupt.target = lease
        let timer = Timer(on: context.loop) { [unowned lease] in lease.granted.resume(.deadline) }
        timer.arm(at: deadline)
        let wake = await lease.granted.wait()
        timer.cancel()
        interrupt.target = nil
        // `grant` and `admitNext` have already counted the lease as active.
        if wake == .ready { return lease.connection }
        pending.removeAll { $0 === lease }
        throw wake == .interrupted
            ? .unwanted : UpstreamFailure(.poolFull, "no connection became free in time")
    }

    /// Hands a connection that came back to the lease that has waited longest, unless that wants a new one.
    /// Put among the idle ones it could be taken by a later request first.
    private func grant(_ connection: UpstreamConnection) -> Bool {
        forgetAbandoned()
        // Read before use, as for an idle one.
        guard let next = pending.first, !next.isFresh, connection.awake() else { return false }
        // It stays active, for somebody else.
        next.connection = connection
        admit(next)
        return true
    }

    private func admitNext() {
        forgetAbandoned()
        guard let next = pending.first else { return }
        makeRoom()
        guard active + idle < limits.connectionsMax else { return }
        count(active: 1)
        admit(next)
    }

    private func admit(_ next: PendingLease) {
        pending.removeFirst()
        next.granted.resume(.ready)
    }

    /// Drops leases whose task was already woken, by an interrupt or the deadline, and has yet to run:
    /// room granted to them would be lost.
    private func forgetAbandoned() {
        while let first = pending.first, !first.granted.isWaiting { pending.removeFirst() }
    }

    private func makeRoom() {
        if active + idle >= limits.connectionsMax, idle > 0 { closeOldestIdle() }
    }

    private func closeOldestIdle() {
        var oldest: (slot: Int, since: Instant)?
        for (index, slot) in slots.enumerated() {
            if let first = slot.idle.first, first.idleSince < oldest?.since ?? .never {
                oldest = (index, first.idleSince)
            }
        }
        guard let oldest else { return }
        let connection = slots[oldest.slot].idle.removeFirst()
        count(idle: -1)
        connection.close()
    }

    // MARK: Dialling

    private func dial(
        until deadline: Instant, _ interrupt: Interrupt
    ) async throws(UpstreamFailure) -> UpstreamConnection {
        var failure: UpstreamFailure?
        let started = Instant.now()
        for index in dialOrder(at: started) {
            do {
                let start = Instant.now()
                let connection = try await UpstreamConnection.dial(
                    slots[index].endpoint, index: index, context, until: deadline, interrupt)
                connection.idleEvent = { [unowned self, unowned connection] in
                    idleSpoke(connection)
                }
                slots[index].avoidUntil = Instant(nanoseconds: 0)
                opened(Instant.now().nanoseconds(since: start))
                return connection
            } catch {
                if error.reason == .canceled { throw error }
                let now = Instant.now()
                slots[index].avoidUntil = now.advanced(
                    byNanoseconds: UpstreamPool.avoidNanoseconds)
                failure = failure ?? error
                if now >= deadline { break }
            }
        }
        throw failure ?? UpstreamFailure(.connect, "the upstream has no address")
    }

    /// The endpoint whose turn it is, then the others; those that failed lately come last.
    private func dialOrder(at now: Instant) -> [Int] {
        let inTurn = (0..<slots.count).map { (turn + $0) % slots.count }
        turn = (turn + 1) % max(1, slots.count)
        return inTurn.filter { slots[$0].avoidUntil <= now }
            + inTurn.filter { slots[$0].avoidUntil > now }
    }

    // MARK: Ageing

    private func sweep(at now: Instant) {
        var next = Instant.never
        for index in slots.indices {
            // Oldest first: idle connections are taken from and put to the end.
            while let first = slots[index].idle.first {
                let end = first.idleSince.advanced(byNanoseconds: limits.idleNanoseconds)
                if end > now {
                    next = min(next, end)
                    break
                }
                slots[index].idle.removeFirst()
                count(idle: -1)
                first.close()
            }
        }
        if next != .never { sweeper?.arm(at: next) }
    }

    /// Closes what is idle now and what is given back from now on.
    public func close() {
        if isClosed { return }
        isClosed = true
        sweeper?.cancel()
        for slot in slots { for connection in slot.idle { connection.close() } }
        for index in slots.indices { slots[index].idle.removeAll() }
        count(idle: -idle)
    }
}
