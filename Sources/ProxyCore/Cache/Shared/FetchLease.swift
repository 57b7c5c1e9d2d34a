public import Time

/// How one key's fetch from the origin is coordinated with other instances through Redis: at most
/// one of them has the lease, and only it may fill the shared cache.
///
/// One value for each fetch, from the miss to its end. `get_or_lease` returns the object, or the lease, or
/// that somebody else has it; `fill_if_lease` stores only while the lease still has our token, which a purge
/// takes away. Who waits is woken by the invalidation that the fill causes, and asks again when the
/// lease has run out: one of those that wait gets it then. After `asksMax` questions, without Redis, or past its
/// deadline, a fetch goes ahead without lease, and does not fill.
public enum FetchLease: ~Copyable, Sendable {
    /// Nothing was asked yet.
    case idle(LeaseTerms)
    /// `get_or_lease` is on its way.
    case asked(LeaseTerms, asks: Int, since: Instant)
    /// Somebody else has the lease, at most until then.
    case waiting(LeaseTerms, asks: Int, until: Instant)
    /// The lease is ours, until then at the latest.
    case leased(LeaseTerms, expires: Instant)
    /// Fetching without lease: nothing is filled.
    case unleased
    /// Over.
    case done(LeaseEnd)
}

/// What a fetch was given to coordinate itself with.
public struct LeaseTerms: Sendable, Equatable {
    /// Chosen at random by the caller; nobody else's.
    public let token: UInt64
    /// How long a lease lasts, nanoseconds: what nearly all fetches take, and some (`duration`).
    public let durationNanoseconds: UInt64
    /// When waiting for others ends in any case.
    public let deadline: Instant

    /// Terms of these parts.
    public init(token: UInt64, durationNanoseconds: UInt64, deadline: Instant) {
        self.token = token
        self.durationNanoseconds = durationNanoseconds
        self.deadline = deadline
    }

    /// How long a lease is to last if 99 % of the fetches take at most this long, nanoseconds.
    public static func duration(p99Nanoseconds: UInt64) -> UInt64 {
        min(p99Nanoseconds, 60_000_000_000) + 250_000_000
    }
}

/// The answer to `get_or_lease`.
public enum LeaseAnswer: Sendable, Equatable {
    /// The object is there.
    case object
    /// The lease is ours.
    case granted
    /// Somebody else's lease lasts this long yet, nanoseconds.
    case held(remainingNanoseconds: UInt64)
    /// Redis did not answer, or there is no master.
    case unavailable
}

/// What to do next.
public enum LeaseAction: Sendable, Equatable {
    /// Send `get_or_lease` with the token.
    case ask(token: UInt64, durationNanoseconds: UInt64)
    /// Use the object that came with the answer.
    case use
    /// Fetch from the origin.
    case fetch
    /// Wait for the key's invalidation, and call `tick` then or at this time, whichever is first.
    case wait(until: Instant)
    /// Send `fill_if_lease` with the token.
    case fill(token: UInt64)
    /// Do not put what was fetched into the shared cache.
    case keepOut(LeaseEnd)
    /// Nothing.
    case nothing
}

/// How it ended: log word and metric label.
public enum LeaseEnd: String, Sendable, CaseIterable {
    /// The object was there, from the start or after waiting.
    case object
    /// Offered to the shared cache with the token.
    case offered
    /// The lease ran out during the fetch.
    case expired
    /// A purge took the lease away.
    case purged
    /// Fetched without lease.
    case unleased
    /// The fetch failed, or what it brought is not to be stored.
    case abandoned
}

extension FetchLease {
    /// Questions that one fetch asks.
    public static let asksMax = 3

    /// How far it is.
    public var phase: LeasePhase {
        switch self {
        case .idle: .idle
        case .asked: .asked
        case .waiting: .waiting
        case .leased: .leased
        case .unleased: .unleased
        case .done: .done
        }
    }

    /// Asks for the object or the lease. The first thing to do; does nothing later.
    public mutating func start(at now: Instant) -> LeaseAction {
        var action = LeaseAction.nothing
        self =
            switch consume self {
            case .idle(let terms): .asking(terms, asks: 0, now, &action)
            case let other: other
            }
        return action
    }

    /// The answer to `get_or_lease` is there.
    public mutating func answered(_ answer: LeaseAnswer, at now: Instant) -> LeaseAction {
        var action = LeaseAction.nothing
        self =
            switch consume self {
            case .asked(let terms, let asks, let since):
                .told(answer, terms, asks, since, now, &action)
            case let other: other
            }
        return action
    }

    /// The key was invalidated: filled or purged. `isPurge` if we know that it was the latter.
    public mutating func invalidated(isPurge: Bool, at now: Instant) -> LeaseAction {
        var action = LeaseAction.nothing
        self =
            switch consume self {
            case .waiting(let terms, let asks, _): .asking(terms, asks: asks, now, &action)
            case .leased where isPurge: .done(.purged)
            case let other: other
            }
        return action
    }

    /// Time has passed: to be called when `wait(until:)` is over.
    public mutating func tick(at now: Instant) -> LeaseAction {
        var action = LeaseAction.nothing
        self =
            switch consume self {
            case .waiting(let terms, let asks, let until):
                now >= until
                    ? .asking(terms, asks: asks, now, &action)
                    : .waiting(terms, asks: asks, until: until)
            case let other: other
            }
        return action
    }

    /// The fetch is over. `isStorable` if it brought something to share.
    public mutating func fetched(isStorable: Bool, at now: Instant) -> LeaseAction {
        let end: LeaseEnd
        var token: UInt64?
        switch consume self {
        case .leased(let terms, let expires):
            if !isStorable {
                end = .abandoned
            } else if now < expires {
                end = .offered
                token = terms.token
            } else {
                end = .expired
            }
        case .unleased: end = isStorable ? .unleased : .abandoned
        case .done(let earlier): end = earlier
        case .idle: end = .abandoned
        case .asked: end = .abandoned
        case .waiting: end = .abandoned
        }
        self = .done(end)
        return token.map { .fill(token: $0) } ?? .keepOut(end)
    }

    private static func asking(
        _ terms: LeaseTerms, asks: Int, _ now: Instant, _ action: inout LeaseAction
    ) -> FetchLease {
        guard asks < asksMax, now < terms.deadline else {
            action = .fetch
            return .unleased
        }
        action = .ask(token: terms.token, durationNanoseconds: terms.durationNanoseconds)
        return .asked(terms, asks: asks + 1, since: now)
    }

    private static func told(
        _ answer: LeaseAnswer, _ terms: LeaseTerms, _ asks: Int, _ since: Instant, _ now: Instant,
        _ action: inout LeaseAction
    ) -> FetchLease {
        switch answer {
        case .object:
            action = .use
            return .done(.object)
        case .granted:
            action = .fetch
            // It began when the question arrived, which is after it was sent: ours ends no later.
            let expires = since.advanced(byNanoseconds: terms.durationNanoseconds)
            return .leased(terms, expires: expires)
        case .held(let remaining):
            let bound = min(remaining, terms.durationNanoseconds)
            let until = min(now.advanced(byNanoseconds: bound), terms.deadline)
            action = .wait(until: until)
            return .waiting(terms, asks: asks, until: until)
        case .unavailable:
            action = .fetch
            return .unleased
        }
    }
}

/// How far a fetch is, for tests and admin pages.
public enum LeasePhase: String, Sendable, CaseIterable {
    /// Nothing was asked yet.
    case idle
    /// The question is on its way.
    case asked
    /// Somebody else has the lease.
    case waiting
    /// The lease is ours.
    case leased
    /// Fetching without lease.
    case unleased
    /// Over.
    case done
}
