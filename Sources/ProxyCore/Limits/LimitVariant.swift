internal import Time

/// The rates that some of a rule's requests have, and how a key's state is laid out for them.
public struct LimitVariant: Sendable, Equatable {
    /// The rates that are enforced.
    public let meters: [RateMeter]
    /// Those on trial.
    public let candidates: [RateMeter]
    /// What happens to who keeps being refused.
    public let penalty: LimitPenalty?
    /// Whether there are rates on trial.
    public var hasCandidates: Bool { !candidates.isEmpty }
    /// Words of a key's state: those of `meters`, of `candidates`, then of the penalty: two for its end, two for
    /// the window of refusals, one for their number.
    public let wordCount: Int
    private let penaltyBase: Int

    /// The variant for `rates` under the rest of `rule`.
    public init(_ rule: LimitRule, rates: [Rate]) {
        let isUneven =
            rule.cost > 1 || !rule.deductWhen.isEmpty
            || rule.overrides.contains { $0.cost ?? 1 > 1 }
        func meter(_ rate: Rate) -> RateMeter {
            RateMeter(rate, rule.algorithm, isUneven: isUneven)
        }
        meters = rates.map(meter)
        candidates = rule.candidate.map(meter)
        penalty = rule.penalty
        penaltyBase = (meters + candidates).reduce(0) { $0 + $1.wordCount }
        wordCount = penaltyBase + (rule.penalty == nil ? 0 : 5)
    }

    /// What the rates say about a request of `cost`. A state brought up to `now`, and nothing spent.
    func check(_ words: inout [UInt32], cost: UInt32, now: Instant) -> LimitVerdict {
        var verdict = LimitVerdict()
        var base = 0
        for index in meters.indices {
            let quota = meters[index].check(&words, at: base, cost: cost, now: now)
            verdict.take(quota, of: index, limit: meters[index].limit, cost: cost)
            base += meters[index].wordCount
        }
        for index in candidates.indices {
            let quota = candidates[index].check(&words, at: base, cost: cost, now: now)
            if !quota.isAllowed { verdict.isCandidateAllowed = false }
            base += candidates[index].wordCount
        }
        if penalty != nil {
            let end = RateMeter.wide(words, penaltyBase)
            if end > now.nanoseconds {
                verdict.isAllowed = false
                verdict.isPenalized = true
                verdict.retryNanoseconds = max(verdict.retryNanoseconds, end - now.nanoseconds)
            }
        }
        return verdict
    }

    /// Charges the rates that are enforced; after a check that allowed it.
    func spend(_ words: inout [UInt32], cost: UInt32, now: Instant) {
        var base = 0
        for index in meters.indices {
            meters[index].spend(&words, at: base, cost: cost, now: now)
            base += meters[index].wordCount
        }
    }

    /// Charges those on trial; after a check that found they allow it.
    func spendCandidate(_ words: inout [UInt32], cost: UInt32, now: Instant) {
        var base = meters.reduce(0) { $0 + $1.wordCount }
        for index in candidates.indices {
            candidates[index].spend(&words, at: base, cost: cost, now: now)
            base += candidates[index].wordCount
        }
    }

    /// Returns what was charged at `chargedAt`, to the rates that `isEnforced` and `isCandidate` name.
    func refund(
        _ words: inout [UInt32], cost: UInt32, chargedAt: Instant, isEnforced: Bool,
        isCandidate: Bool
    ) {
        var base = 0
        for index in meters.indices {
            if isEnforced {
                meters[index].refund(&words, at: base, cost: cost, chargedAt: chargedAt)
            }
            base += meters[index].wordCount
        }
        guard isCandidate else { return }
        for index in candidates.indices {
            candidates[index].refund(&words, at: base, cost: cost, chargedAt: chargedAt)
            base += candidates[index].wordCount
        }
    }

    /// Takes note of a refusal by the rates.
    func strike(_ words: inout [UInt32], now: Instant) {
        guard let penalty, RateMeter.wide(words, penaltyBase) <= now.nanoseconds else { return }
        let window = now.nanoseconds / penalty.after.periodNanoseconds
        if RateMeter.wide(words, penaltyBase + 2) != window {
            RateMeter.setWide(&words, penaltyBase + 2, window)
            words[penaltyBase + 4] = 0
        }
        words[penaltyBase + 4] += 1
        guard words[penaltyBase + 4] >= penalty.after.count else { return }
        words[penaltyBase + 4] = 0
        let end = now.advanced(byNanoseconds: penalty.nanoseconds)
        RateMeter.setWide(&words, penaltyBase, end.nanoseconds)
    }

    /// Whether a state says no more than that of a key never seen.
    func isFresh(_ words: [UInt32], now: Instant) -> Bool {
        var base = 0
        for meter in meters {
            guard meter.isFresh(words, at: base, now: now) else { return false }
            base += meter.wordCount
        }
        for meter in candidates {
            guard meter.isFresh(words, at: base, now: now) else { return false }
            base += meter.wordCount
        }
        guard let penalty else { return true }
        return RateMeter.wide(words, penaltyBase) <= now.nanoseconds
            && (words[penaltyBase + 4] == 0
                || RateMeter.wide(words, penaltyBase + 2)
                    < now.nanoseconds / penalty.after.periodNanoseconds)
    }
}

/// What a rule says about one request of one key.
public struct LimitVerdict: Sendable, Equatable {
    /// Whether every rate has room and there is no penalty.
    public var isAllowed = true
    /// Whether a penalty is in force.
    public var isPenalized = false
    /// Whether the rates on trial have room.
    public var isCandidateAllowed = true
    /// The position of the rate that has least room.
    public var rate = 0
    /// What is left of it once the request is charged.
    public var remaining: UInt32 = .max
    /// Nanoseconds until more is left of it by itself.
    public var resetNanoseconds: UInt64 = 0
    /// Nanoseconds until the request would be allowed; 0 if it is.
    public var retryNanoseconds: UInt64 = 0
    private var limit: UInt32 = 1

    init() {}

    /// Takes the next rate's word in.
    mutating func take(_ quota: Quota, of rate: Int, limit: UInt32, cost: UInt32) {
        let left = quota.isAllowed ? quota.remaining - min(quota.remaining, cost) : quota.remaining
        let isTighter: Bool
        if quota.isAllowed {
            isTighter =
                isAllowed
                && (remaining == .max
                    || UInt64(left) * UInt64(self.limit) < UInt64(remaining) * UInt64(limit))
        } else {
            isTighter = isAllowed || quota.retryNanoseconds > retryNanoseconds
            isAllowed = false
            retryNanoseconds = max(retryNanoseconds, quota.retryNanoseconds)
        }
        guard isTighter else { return }
        self.rate = rate
        self.limit = limit
        remaining = left
        resetNanoseconds = quota.resetNanoseconds
    }
}
