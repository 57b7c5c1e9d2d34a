public import Time

/// What a fetch was given to coordinate itself with.
public struct LeaseTerms: Sendable, Equatable {
    /// What a fetch does while somebody else has the lease.
    public enum Patience: Sendable, Equatable {
        /// It waits for what the other one brings.
        case waits
        /// It leaves it to the other one: nobody waits for the answer.
        case leaves
        /// It goes ahead without lease: no answer but its own will do.
        case fetches
    }

    /// Chosen at random by the caller; nobody else's.
    public let token: UInt64
    /// How long a lease lasts from its granting or its renewal, nanoseconds: whoever dies with it keeps the
    /// others waiting for so long.
    public let durationNanoseconds: UInt64
    /// What it does while somebody else has the lease.
    public let patience: Patience
    /// When waiting for others ends in any case, and from when on a lease is not renewed.
    public let deadline: Instant

    /// Terms of these parts.
    public init(
        token: UInt64, durationNanoseconds: UInt64, patience: Patience, deadline: Instant
    ) {
        self.token = token
        self.durationNanoseconds = durationNanoseconds
        self.patience = patience
        self.deadline = deadline
    }

    /// A lease that was asked for, or renewed, at `sent`. It begins when the question arrives, which is after
    /// it was sent: ours ends no later.
    func held(from sent: Instant) -> HeldLease {
        HeldLease(
            expires: sent.advanced(byNanoseconds: durationNanoseconds),
            renews: sent.advanced(byNanoseconds: durationNanoseconds / 2), asked: nil)
    }
}

/// A lease that is ours.
public struct HeldLease: Sendable, Equatable {
    /// When it runs out, at the latest.
    public let expires: Instant
    /// When it is to be renewed; `.never` if no more, or while that is on its way.
    public var renews: Instant
    /// When its renewal was sent, while no answer is there.
    public var asked: Instant?
}

/// The answer to `get_or_lease`, or to a mere look.
public enum LeaseAnswer: Sendable, Equatable {
    /// What is there answers the question.
    case object
    /// What is there says that the answer is under another name: to be asked for that one.
    case elsewhere
    /// The lease is ours.
    case granted
    /// Somebody else's lease lasts this long yet, nanoseconds.
    case held(remainingNanoseconds: UInt64)
    /// Nothing of use is there, and no lease was to be had: a replica was asked.
    case ungranted
    /// Redis did not answer, or there is no master.
    case unavailable
}

/// The answer to `renew_lease`.
public enum RenewalAnswer: Sendable, Equatable {
    /// It lasts as long as at first, from the sending of the question on.
    case renewed
    /// It was not ours any more: a purge took it, or it had run out.
    case gone
    /// Redis did not answer, or was not asked.
    case unknown
}

/// What to do next.
public enum LeaseAction: Sendable, Equatable {
    /// Send `get_or_lease` with the token.
    case ask(token: UInt64, durationNanoseconds: UInt64)
    /// Use what came with the answer.
    case use
    /// Fetch from the origin. With the lease, call `tick` at `FetchLease.wake`.
    case fetch
    /// Leave the fetch to whoever has the lease.
    case leave
    /// Wait for the key's invalidation, and call `tick` then or at this time, whichever is first.
    case wait(until: Instant)
    /// Send `renew_lease` with the token, and go on fetching.
    case renew(token: UInt64, durationNanoseconds: UInt64)
    /// Send `fill_if_lease` with the token.
    case fill(token: UInt64)
    /// Send `release_lease` with the token: nothing is filled, and others need not wait.
    case giveBack(token: UInt64)
    /// Do not put what was fetched into the shared cache.
    case keepOut(LeaseEnd)
    /// Nothing.
    case nothing
}

/// How it ended: log word and metric label.
public enum LeaseEnd: String, Sendable, CaseIterable {
    /// The object was there, from the start or after waiting.
    case object
    /// Left to the fetch of whoever has the lease.
    case left
    /// Offered to the shared cache with the token.
    case offered
    /// The lease ran out during the fetch, or was taken away by a purge.
    case lost
    /// Fetched without lease.
    case unleased
    /// The fetch failed, or what it brought is not to be stored.
    case abandoned
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
    /// The lease is ours, and its renewal is on its way.
    case renewing
    /// Fetching without lease.
    case unleased
    /// Over.
    case done
}
