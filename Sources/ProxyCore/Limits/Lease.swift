public import Time

/// What holds for the leases of one rate: how much may be asked for at once, and how long it is good.
public struct GrantTerms: Sendable, Equatable {
    /// The most that there can be of the rate: its burst, or its count.
    public let limit: UInt32
    /// How long a lease is good, in nanoseconds: a hundredth of the period, 5 ms to 100 ms.
    public let nanoseconds: UInt64
    /// How long an answer of the store is waited for, in nanoseconds. A later one counts as spent.
    public let deadlineNanoseconds: UInt64
    /// The most that is asked for at once: what all instances together leave untouched is at most half the limit.
    public let wantMax: UInt32

    /// The terms of `meter` among `instances` (at least 1).
    public init(_ meter: RateMeter, instances: Int, deadlineNanoseconds: UInt64 = 15_000_000) {
        limit = meter.limit
        nanoseconds = min(max(meter.rate.periodNanoseconds / 100, 5_000_000), 100_000_000)
        self.deadlineNanoseconds = deadlineNanoseconds
        let share = limit / UInt32(clamping: 2 * max(instances, 1))
        wantMax = max(1, min(share, limit / 10))
    }
}

/// An instance's hold on one key of one rate that the instances share: tokens that the store has granted and that
/// are spent here without asking again, or the knowledge that there are none.
///
/// Pure: the caller sends what `want` says, and tells what came of it. All of a key's requests wait for the same
/// answer: while one is on its way, `take` says `ask`, and `want` gives nothing more to send.
public struct Lease: Sendable, Equatable {
    /// What becomes of a request.
    public enum Answer: Sendable, Equatable {
        /// Spent from the lease.
        case allow
        /// The store has refused, and it is not yet time to ask again.
        case deny(retryNanoseconds: UInt64)
        /// The store has to be asked.
        case ask
    }

    /// What is left of the lease.
    public private(set) var tokens: UInt32 = 0
    /// When it ends; also a lease of nothing.
    public private(set) var end = Instant(nanoseconds: 0)
    /// When the store may be asked again after it refused.
    public private(set) var denyUntil = Instant(nanoseconds: 0)
    /// When the question that is on its way was sent; nil: none is.
    public private(set) var askedAt: Instant?
    /// The store's name for the grant, which a return has to give.
    public private(set) var mark: UInt64 = 0
    /// Tokens a second that were wanted of late, whether or not they were granted.
    public private(set) var tokensPerSecond = 0.0
    private var lastWanted = Instant(nanoseconds: 0)

    /// Nothing is held, nothing known.
    public init() {}

    /// What becomes of a request of `cost`.
    public mutating func take(_ cost: UInt32, now: Instant) -> Answer {
        note(cost, now)
        if now < end, tokens >= cost {
            tokens -= cost
            return .allow
        }
        if now < denyUntil { return .deny(retryNanoseconds: denyUntil.nanoseconds(since: now)) }
        return .ask
    }

    /// Returns what a request took that was refused by another rule, or was not to be charged.
    public mutating func putBack(_ cost: UInt32, now: Instant) {
        if now < end { tokens += cost }
    }

    /// How many tokens to ask the store for, after `ask`: what is used within a lease, at least `cost`. Nil while
    /// a question is on its way.
    public mutating func want(_ cost: UInt32, _ terms: GrantTerms, now: Instant) -> UInt32? {
        if let askedAt, now < askedAt.advanced(byNanoseconds: terms.deadlineNanoseconds) {
            return nil
        }
        askedAt = now
        let used = tokensPerSecond * Double(terms.nanoseconds) / 1e9
        return max(cost, min(UInt32(min(used, 1e9)), terms.wantMax))
    }

    /// The store has granted `count`, of which what is left of an earlier lease is no part. False, and nothing
    /// changes, if the answer came too late: the grant counts as spent.
    @discardableResult
    public mutating func granted(
        _ count: UInt32, mark: UInt64, _ terms: GrantTerms, now: Instant
    ) -> Bool {
        guard let sentAt = askedAt,
            now <= sentAt.advanced(byNanoseconds: terms.deadlineNanoseconds)
        else { return false }
        askedAt = nil
        // It has been running since the question was sent, so that no delay makes it longer.
        tokens = now < end ? tokens + count : count
        end = sentAt.advanced(byNanoseconds: terms.nanoseconds)
        self.mark = mark
        return true
    }

    /// The store has refused, and says how long that is going to last.
    public mutating func refused(retryNanoseconds: UInt64, now: Instant) {
        askedAt = nil
        denyUntil = now.advanced(byNanoseconds: retryNanoseconds)
    }

    /// No answer came. What was asked for may have been granted, and counts as spent.
    public mutating func failed() { askedAt = nil }

    /// Ends the lease early, or after its end: what is left is to be returned to the store. 0 if nothing is.
    public mutating func giveBack() -> UInt32 {
        defer {
            tokens = 0
            end = Instant(nanoseconds: 0)
        }
        return tokens
    }

    /// Takes part in the average: one second's weight, falling off in a straight line.
    private mutating func note(_ cost: UInt32, _ now: Instant) {
        let passed = Double(now.nanoseconds(since: lastWanted)) / 1e9
        tokensPerSecond = tokensPerSecond * max(0, 1 - passed) + Double(cost)
        lastWanted = max(lastWanted, now)
    }
}
