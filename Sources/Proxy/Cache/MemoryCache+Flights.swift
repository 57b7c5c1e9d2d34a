internal import Locking
internal import ProxyCore
internal import Time

extension MemoryCache {
    /// See `Flights.join`.
    func join(
        _ key: [UInt8], hash: UInt64, _ follower: Follower, now: Instant
    ) -> Flights.Role {
        let role = shard(hash).withLock {
            $0.flights.join(key, hash: hash, follower, followersMax: followersMax, now: now)
        }
        if case .follower(_, let leader?) = role { leader.tell() }
        return role
    }

    /// Starts a refresh in the background; nil if a fetch for the key is under way, or if one failed just now.
    func leadRefresh(_ key: [UInt8], hash: UInt64, now: Instant) -> FlightTicket? {
        shard(hash).withLock { shard in
            if let slot = shard.slot(key.span, hash: hash, counts: false),
                shard.table[slot].refreshAfter > now
            {
                return nil
            }
            return shard.flights.lead(key, hash: hash, now: now)
        }
    }

    /// A refresh in the background failed: the next one waits.
    func pauseRefresh(_ key: [UInt8], hash: UInt64, now: Instant) {
        let end = now.advanced(byNanoseconds: MemoryCache.refreshPauseNanoseconds)
        shard(hash).withLock { shard in
            guard let slot = shard.slot(key.span, hash: hash, counts: false) else { return }
            shard.noRefresh(slot, until: end)
        }
    }

    /// See `Flights.leave`.
    func leave(_ ticket: FlightTicket, _ follower: Follower) -> Bool {
        shard(ticket.hash).withLock { $0.flights.leave(ticket, follower) }
    }

    /// See `Flights.hasFollowers`.
    func hasFollowers(_ ticket: FlightTicket) -> Bool {
        shard(ticket.hash).withLock { $0.flights.hasFollowers(ticket) }
    }

    /// Ends a flight and wakes its followers.
    func settle(_ ticket: FlightTicket, _ outcome: FlightOutcome) {
        let told = shard(ticket.hash).withLock { $0.flights.settle(ticket, outcome) }
        for follower in told { follower.tell() }
    }

    /// See `Flights.fail`.
    func fail(_ ticket: FlightTicket, _ failure: FlightFailure, countsAsTry: Bool = true) {
        let told = shard(ticket.hash).withLock {
            $0.flights.fail(ticket, failure, countsAsTry: countsAsTry)
        }
        for follower in told { follower.tell() }
    }
}
