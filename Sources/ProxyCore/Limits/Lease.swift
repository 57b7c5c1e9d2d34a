public import Time

/// What holds for the leases of one rate: how much may be asked for at once, and how long it is good.
public struct GrantTerms: Sendable, Equatable {
    /// The most that there can be of the rate: its burst, or its count.
    public let limit: UInt32
    /// How long a lease is good, in nanoseconds. A sliding window counts what is granted from the end of the
    /// lease on, so that a lease of a hundred-and-twenty-fifth of the period costs 0.8 % of the limit. A bucket's is a
    /// tenth of the time in which it fills, for what is granted and not spent yet comes on top of the burst.
    public let nanoseconds: UInt64
    /// How long a refusal is believed, in nanoseconds, whatever the store says: not to ask for each single token that
    /// is there again; and no longer than others may take to return what they took.
    public let refusalNanoseconds: ClosedRange<UInt64>
    /// The most that is asked for at once: what all instances together leave untouched is at most half the limit.
    public let wantMax: UInt32

    /// The terms of `meter` among `holders` (at least 1), each of which has leases of its own.
    public init(_ meter: RateMeter, holders: Int) {
        limit = meter.limit
        let period = meter.rate.periodNanoseconds
        nanoseconds =
            switch meter.algorithm {
            case .slidingWindow: min(max(period / 125, 5_000_000), 400_000_000)
            case .fixedWindow: min(max(period / 20, 5_000_000), 100_000_000)
            case .tokenBucket: min(max(meter.depth / 10, 5_000_000), 100_000_000)
            }
        refusalNanoseconds = nanoseconds / 2...min(max(period / 20, 200_000_000), 2 * second)
        let share = limit / UInt32(clamping: 2 * max(holders, 1))
        wantMax = max(1, min(share, limit / 10))
    }
}

/// A hold on one key of one rate that the instances share: tokens that the store has granted and that are spent here
/// without asking again, or the knowledge that there are none.
///
/// Pure: the caller sends what `want` says, and tells what came of it. All of a key's requests wait for the same
/// answer: while a question is under way, `want` gives nothing more to send.
public struct Lease: Sendable, Equatable {
    /// What becomes of a request.
    public enum Answer: Sendable, Equatable {
        /// There is room in the lease.
        case allow
        /// The store has refused, and it is not yet time to ask again.
        case deny(retryNanoseconds: UInt64)
        /// The store has to be asked.
        case ask
    }

    /// Tokens a second that a request of one token stands for at first: one within a fifth of a second.
    private static let noteWeight = 5.0

    /// What is left of the lease.
    public private(set) var tokens: UInt32 = 0
    /// When it ends; also a lease of nothing.
    public private(set) var end = Instant(nanoseconds: 0)
    /// The store's name for the grant, which a return has to give.
    public private(set) var mark: UInt64 = 0
    /// The number of the question that is under way; 0: none is.
    public private(set) var ticket: UInt64 = 0
    /// Tokens a second that were wanted of late, whether or not they were granted.
    public private(set) var tokensPerSecond = 0.0
    /// What the store had left for all, as it said last.
    public private(set) var remaining: UInt32 = 0
    /// When more is left by itself, as the store said last.
    public private(set) var resetAt = Instant(nanoseconds: 0)
    private var denyUntil = Instant(nanoseconds: 0)
    private var retryAt = Instant(nanoseconds: 0)
    /// The least cost that was refused.
    private var deniedCost: UInt32 = 0
    /// Tokens that requests wait for which came while a question was under way.
    private var waiting: UInt32 = 0
    private var lastWanted = Instant(nanoseconds: 0)

    /// Nothing is held, nothing known.
    public init() {}

    /// Takes note of a request, once for each: how much is asked for follows what is used.
    public mutating func note(_ cost: UInt32, now: Instant) {
        // What came longer ago than about a fifth of a second weighs nothing: traffic comes in bursts.
        let passed = Double(now.nanoseconds(since: lastWanted)) / 1e9
        let weight = Self.noteWeight
        tokensPerSecond = tokensPerSecond * max(0, 1 - weight * passed) + weight * Double(cost)
        lastWanted = max(lastWanted, now)
    }

    /// What becomes of a request of `cost`. Spends nothing.
    public func check(_ cost: UInt32, now: Instant) -> Answer {
        if now < end, tokens >= cost { return .allow }
        if now < denyUntil, cost >= deniedCost {
            return .deny(retryNanoseconds: retryAt.nanoseconds(since: now))
        }
        return .ask
    }

    /// Spends what `check` has just allowed.
    public mutating func spend(_ cost: UInt32) { tokens -= min(tokens, cost) }

    /// Returns what a request took of the grant `mark` and does not need. False if that grant is over: then it has
    /// to go back to the store.
    public mutating func putBack(_ cost: UInt32, mark: UInt64, now: Instant) -> Bool {
        guard now < end, self.mark == mark else { return false }
        tokens += cost
        return true
    }

    /// How many tokens to ask the store for, after `ask`: what is used within a lease, or is waited for, at least
    /// `cost`. Nil while a question is under way.
    public mutating func want(_ cost: UInt32, _ terms: GrantTerms) -> UInt32? {
        guard ticket == 0 else {
            waiting = min(waiting &+ cost, 1 << 30)
            return nil
        }
        // A request that comes alone says nothing about a pace: what else it asked for would have to go back.
        let isAlone = tokensPerSecond <= Self.noteWeight * Double(cost)
        let inLease = tokensPerSecond * Double(terms.nanoseconds) / 1e9
        // Rounded up: a lease that is used up before its end costs one more call than one that is not.
        let used = isAlone ? cost : UInt32(min(inLease.rounded(.up), 1e9))
        let want = min(max(used, waiting), terms.wantMax)
        waiting = 0
        return max(cost, want)
    }

    /// The question that `want` has led to has this number.
    public mutating func asked(_ ticket: UInt64) { self.ticket = ticket }

    /// The store has granted something of the `wanted`. It has been running since the question was sent, so that no
    /// delay makes it longer. What is left of an earlier lease was given back before.
    public mutating func granted(
        _ reply: LeaseReply, wanted: UInt32, _ terms: GrantTerms, sentAt: Instant
    ) {
        tokens = reply.granted
        end = sentAt.advanced(byNanoseconds: reply.goodNanoseconds)
        mark = reply.mark
        denyUntil = Instant(nanoseconds: 0)
        learn(reply, sentAt)
        guard reply.granted < wanted else { return }
        // These were the last ones. Those behind them are not asked for one by one.
        denyUntil = sentAt.advanced(byNanoseconds: terms.refusalNanoseconds.lowerBound)
        retryAt = resetAt
        deniedCost = 0
    }

    /// The store has refused a request of `cost`, and says how long that is going to last.
    public mutating func refused(
        _ reply: LeaseReply, cost: UInt32, _ terms: GrantTerms, now: Instant
    ) {
        let range = terms.refusalNanoseconds
        let believed = min(max(reply.retryNanoseconds, range.lowerBound), range.upperBound)
        denyUntil = now.advanced(byNanoseconds: believed)
        retryAt = now.advanced(byNanoseconds: reply.retryNanoseconds)
        deniedCost = cost
        learn(reply, now)
    }

    /// No answer came, or none about this rate. What was asked for may have been granted, and counts as spent.
    public mutating func failed() { ticket = 0 }

    /// What is left goes back to the store: nothing more is spent. 0 if nothing is.
    public mutating func giveBack() -> UInt32 {
        defer {
            tokens = 0
            end = Instant(nanoseconds: 0)
        }
        return tokens
    }

    private mutating func learn(_ reply: LeaseReply, _ now: Instant) {
        ticket = 0
        remaining = reply.remaining
        resetAt = now.advanced(byNanoseconds: reply.resetNanoseconds)
    }
}
