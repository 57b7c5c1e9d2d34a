internal import EventLoop
internal import Locking
internal import ProxyCore
internal import Time

/// Fetches under way that other requests may wait for: at most one for each variant of each key.
/// Touched only under the lock of its shard of the cache.
///
/// The request that fetches is the leader; those that wait are its followers. A flight ends with one
/// `settle`. Should the leader fail, one follower becomes the leader, once; those that have a stale answer to
/// fall back on use that instead.
struct Flights {
    /// What a request is to do that needs a fetch.
    enum Role {
        /// Fetch, then settle.
        case leader(FlightTicket)
        /// Wait for the outcome; the leader, if given, is to be told that somebody waits.
        case follower(FlightTicket, leader: Follower?)
        /// Fetch without anybody waiting: as many as allowed wait already, or they have for too long.
        case alone
    }

    private struct Flight {
        let id: UInt64
        let key: [UInt8]
        /// Told when the first follower comes: whoever leads may be waiting for its own client.
        var leader: Follower?
        let started: Instant
        var followers: [Follower] = []
        /// Whether the leader is the second one.
        var isSecondTry = false

        mutating func admit(
            _ follower: Follower, hash: UInt64, followersMax: Int, now: Instant
        ) -> Role {
            guard followers.count < followersMax,
                now.nanoseconds(since: started) < Flights.joinedNanosecondsMax
            else { return .alone }
            followers.append(follower)
            return .follower(
                FlightTicket(hash: hash, id: id), leader: followers.count == 1 ? leader : nil)
        }
    }

    /// A flight that has taken so long is joined by nobody any more.
    static let joinedNanosecondsMax: UInt64 = 60_000_000_000

    private var flights: [UInt64: [Flight]] = [:]
    private var nextID: UInt64 = 1

    /// Fetches under way.
    var count: Int { flights.values.reduce(0) { $0 + $1.count } }

    /// Takes part in the fetch for `key` (with the variant's part behind it); starts one if there is none.
    mutating func join(
        _ key: [UInt8], hash: UInt64, _ follower: Follower, followersMax: Int, now: Instant
    ) -> Role {
        guard let index = flights[hash]?.firstIndex(where: { $0.key == key }),
            let role = flights[hash]?[index].admit(
                follower, hash: hash, followersMax: followersMax, now: now)
        else { return .leader(start(key, hash, leader: follower, now: now)) }
        return role
    }

    /// Starts a fetch on the cache's own account; nil if one is under way.
    mutating func lead(_ key: [UInt8], hash: UInt64, now: Instant) -> FlightTicket? {
        if flights[hash]?.contains(where: { $0.key == key }) ?? false { return nil }
        return start(key, hash, leader: nil, now: now)
    }

    private mutating func start(
        _ key: [UInt8], _ hash: UInt64, leader: Follower?, now: Instant
    ) -> FlightTicket {
        let ticket = FlightTicket(hash: hash, id: nextID)
        nextID += 1
        flights[hash, default: []].append(
            Flight(id: ticket.id, key: key, leader: leader, started: now))
        return ticket
    }

    /// Whether anybody waits for the fetch.
    func hasFollowers(_ ticket: FlightTicket) -> Bool {
        flights[ticket.hash]?.contains { $0.id == ticket.id && !$0.followers.isEmpty } ?? false
    }

    /// Takes a follower out that waits no longer; false if it has an outcome already.
    mutating func leave(_ ticket: FlightTicket, _ follower: Follower) -> Bool {
        guard let index = index(of: ticket),
            let place = flights[ticket.hash]?[index].followers.firstIndex(where: {
                $0 === follower
            })
        else { return false }
        flights[ticket.hash]?[index].followers.remove(at: place)
        return true
    }

    /// Ends a flight; the followers get `outcome`. They are to be woken without the lock.
    mutating func settle(_ ticket: FlightTicket, _ outcome: FlightOutcome) -> [Follower] {
        guard let flight = remove(ticket) else { return [] }
        for follower in flight.followers { follower.take(outcome) }
        return flight.followers
    }

    /// The leader failed. Followers with something to fall back on get `failure`. Of the others the one that
    /// has waited longest takes over, if the leader was the first one to try; else all get `failure`.
    /// `countsAsTry`: false if the leader only gave up because its client left. Whoever has an outcome now
    /// is returned.
    mutating func fail(
        _ ticket: FlightTicket, _ failure: FlightFailure, countsAsTry: Bool
    ) -> [Follower] {
        guard let index = index(of: ticket), var flight = flights[ticket.hash]?[index] else {
            return []
        }
        if !countsAsTry, let next = flight.followers.first {
            return promote(next, at: index, ticket)
        }
        let told = flight.followers.filter(\.hasFallback)
        flight.followers.removeAll(where: \.hasFallback)
        for follower in told { follower.take(.failed(failure)) }
        flights[ticket.hash]?[index].followers = flight.followers
        guard !flight.isSecondTry, let next = flight.followers.first else {
            return told + settle(ticket, .failed(failure))
        }
        flights[ticket.hash]?[index].isSecondTry = true
        return told + promote(next, at: index, ticket)
    }

    private mutating func promote(
        _ next: Follower, at index: Int, _ ticket: FlightTicket
    ) -> [Follower] {
        flights[ticket.hash]?[index].leader = next
        flights[ticket.hash]?[index].followers.removeAll { $0 === next }
        next.take(.lead(ticket))
        return [next]
    }

    private func index(of ticket: FlightTicket) -> Int? {
        flights[ticket.hash]?.firstIndex { $0.id == ticket.id }
    }

    private mutating func remove(_ ticket: FlightTicket) -> Flight? {
        guard let index = index(of: ticket) else { return nil }
        let flight = flights[ticket.hash]?.remove(at: index)
        if flights[ticket.hash]?.isEmpty ?? false { flights[ticket.hash] = nil }
        return flight
    }
}

/// Names a flight.
struct FlightTicket: Sendable, Equatable {
    /// The hash of its key, which tells the shard.
    let hash: UInt64
    let id: UInt64
}

/// What a follower is told.
enum FlightOutcome: Sendable {
    /// This was fetched and may be shared; it may still be another variant than the follower's.
    case stored(StoredResponse)
    /// Its target was purged or invalidated meanwhile: to be fetched again, by one for all.
    case again
    /// The answer is not to be shared: each for itself, all at once.
    case alone
    /// The leader failed: fetch, and settle the flight.
    case lead(FlightTicket)
    /// Two leaders failed.
    case failed(FlightFailure)
}

/// How a leader failed, for those that waited.
struct FlightFailure: Error, Sendable {
    /// The status to answer with, 500 to 504.
    let status: UInt16
    /// The word for the log.
    let error: StaticString
    /// Set if it did not fail, but was not let through: the same holds for all.
    var refusal: Refusal?
}

/// One request that waits for another's fetch. The leader may be on another thread.
final class Follower: Sendable {
    private let wake: ConfinedCall
    private let slot = Locked<FlightOutcome?>(nil)
    /// Whether it has a stale response that may be served if the fetch fails.
    let hasFallback: Bool

    /// `wake` is called on the follower's own loop when there is an outcome.
    init(_ wake: ConfinedCall, hasFallback: Bool = false) {
        self.wake = wake
        self.hasFallback = hasFallback
    }

    /// Puts the outcome down; under the shard's lock, so that `Flights.leave` is true or it is there.
    func take(_ outcome: FlightOutcome) { slot.withLock { $0 = outcome } }

    /// Tells the waiting task to look. Not under the lock.
    func tell() { wake.run() }

    /// The outcome, nil while there is none.
    var outcome: FlightOutcome? { slot.withLock { $0 } }
}
