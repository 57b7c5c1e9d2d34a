internal import HTTP1
internal import Locking
internal import ProxyCore
internal import Telemetry
internal import Time

/// A rule that is about a request, with what it said.
struct LimitMatch {
    var rule: Int
    var variant: Int
    var cost: UInt32
    /// Where the key is within `LimitUse.keys`.
    var key: Range<Int>
    var hash: UInt64
    /// The table's place in the order in which locks are taken.
    var ordinal: UInt64
    var isShadow: Bool
    var verdict: LimitVerdict?
    var decision = RateLimitDecision.allow
    /// Whether the rates on trial refused.
    var isCandidateDenied = false
    var isCharged = false
    var isCandidateCharged = false
    /// When it was charged, by the clock of limits.
    var chargedAt = Instant(nanoseconds: 0)
    /// Whether leases decide, and not what is counted here.
    var isLeased = false
    /// Whether its verdict is there before what is counted here was asked.
    var isDecided = false
    /// What it costs of this instance's share, which counts beside the lease for a while after the store was away; 0: it
    /// does not.
    var localCost: UInt32 = 0
    /// Where the marks of the grants that it was charged to begin within `LimitUse.marks`.
    var marks = 0

    /// Whether it refuses the request.
    var refuses: Bool { !isShadow && verdict.map { !$0.isAllowed } ?? false }
}

/// What limits know about one request. Part of a `ClientRequest`, reused with it.
struct LimitUse {
    /// The rules of the settings under which it came; nil: none is about it.
    var set: LimitSet?
    var matches: [LimitMatch] = []
    /// The keys, one after the other.
    var keys: [UInt8] = []
    /// The marks of grants that were charged, one for each rate.
    var marks: [UInt64] = []
    /// The number of the question to the store that the request waits for.
    var ticket: UInt64 = 0
    /// What the client is told, in the order of the rules.
    var notices: [LimitNotice] = []
    /// The decision, for the log.
    var decision = RateLimitDecision.allow
    /// The rule that decided, or has least room.
    var policy = 0
    /// What a refused client is told to wait, in seconds; 0: it is not refused.
    var retrySeconds: UInt64 = 0

    /// Forgets the last request, with the memory at hand.
    mutating func reset() {
        if set == nil { return }
        set = nil
        while !matches.isEmpty { matches.removeLast() }
        keys.removeAll(keepingCapacity: true)
        if !marks.isEmpty { marks.removeAll(keepingCapacity: true) }
        while !notices.isEmpty { notices.removeLast() }
        decision = .allow
        retrySeconds = 0
    }
}

extension LimitSet {
    /// Finds the rules of `stage` that are about a request, and their keys; the position of the first.
    /// `isLeasing`: there is a store that instances share.
    func match(
        _ facts: borrowing LimitFacts, _ stage: LimitStage, isLeasing: Bool = false,
        _ use: inout LimitUse
    ) -> Int {
        let first = use.matches.count
        var search = LimitPlans.Search()
        while let (rule, choice) = plans.next(&search, facts) {
            let plan = plans.plans[rule]
            guard plan.stage == stage else { continue }
            let start = use.keys.count
            plan.appendKey(facts, variant: choice.variant, to: &use.keys)
            let key = start..<use.keys.count
            var match = LimitMatch(
                rule: rule, variant: choice.variant, cost: choice.cost, key: key,
                hash: hash(use.keys.span.extracting(key)), ordinal: tables[rule].ordinal,
                isShadow: plan.isShadow)
            match.isLeased = isLeasing && plan.isShared
            use.matches.append(match)
            var place = use.matches.count - 1
            while place > first, use.matches[place - 1].ordinal > match.ordinal {
                use.matches.swapAt(place - 1, place)
                place -= 1
            }
        }
        return first
    }

    /// Decides on the matches from `first` on, together: with the locks of all of them held, every rule is asked,
    /// and only if none refuses is anything spent. True if the request may go on.
    func decide(_ use: inout LimitUse, from first: Int, now: Instant) -> Bool {
        if first == use.matches.count { return true }
        return decideHere(&use, from: first, clock.time(now)) == 0
    }

    /// Decides with what is counted here, and with what was decided before: the number of rules that refuse.
    func decideHere(_ use: inout LimitUse, from first: Int, _ now: Instant) -> Int {
        let isAlone =
            first + 1 == use.matches.count && !use.matches[first].isDecided
            && !plans.plans[use.matches[first].rule].hasCandidates
        let refusals = isAlone ? take(first, &use, now) : step(first, first, &use, now)
        conclude(&use, from: first, refusals)
        return refusals
    }

    /// Asks the rule of the match at `index` and, under its lock, those behind it, then acts on what all have said:
    /// the number that refuse, which is returned. Locks are taken in one order everywhere, that of the tables.
    private func step(
        _ index: Int, _ first: Int, _ use: inout LimitUse, _ now: Instant
    ) -> Int {
        guard index < use.matches.count else {
            var refusals = 0
            for place in first..<index where use.matches[place].refuses { refusals += 1 }
            return refusals
        }
        let match = use.matches[index]
        let isHereToo = match.localCost > 0
        if match.isDecided, !isHereToo, !countsHere(match) {
            return step(index + 1, first, &use, now)
        }
        return tables[match.rule].shard(match.hash).withLock { shard in
            let slot = LimitSet.slot(match, &shard, use.keys, now)
            let cost = isHereToo ? match.localCost : match.cost
            let local = shard.check(slot, cost: cost, now: now)
            use.matches[index].verdict =
                match.verdict?.with(local: local, isBinding: isHereToo) ?? local
            let refusals = step(index + 1, first, &use, now)
            settle(&use.matches[index], slot, &shard, refusals, now)
            return refusals
        }
    }

    /// The same for the most common case, a rule that decides alone.
    private func take(_ index: Int, _ use: inout LimitUse, _ now: Instant) -> Int {
        let (rule, hash) = (use.matches[index].rule, use.matches[index].hash)
        let verdict = tables[rule].shard(hash).withLock { shard in
            shard.take(
                use.keys.span.extracting(use.matches[index].key), hash: hash,
                cost: use.matches[index].cost, now: now)
        }
        use.matches[index].verdict = verdict
        use.matches[index].chargedAt = now
        use.matches[index].isCharged = verdict.isAllowed
        if !verdict.isAllowed {
            use.matches[index].decision = use.matches[index].isShadow ? .shadowDeny : .deny
        }
        return use.matches[index].refuses ? 1 : 0
    }

    private static func slot(
        _ match: LimitMatch, _ shard: inout LimitShard, _ keys: [UInt8], _ now: Instant
    ) -> Int {
        shard.slot(keys.span.extracting(match.key), hash: match.hash, now: now)
    }

    /// Charges one rule, or takes note of its refusal.
    private func settle(
        _ match: inout LimitMatch, _ slot: Int, _ shard: inout LimitShard, _ refusals: Int,
        _ now: Instant
    ) {
        guard let verdict = match.verdict else { return }
        match.chargedAt = now
        if !verdict.isAllowed {
            match.decision = match.isShadow ? .shadowDeny : .deny
            if !verdict.isPenalized { shard.strike(slot, now: now) }
        } else if refusals == 0, !match.isDecided || match.localCost > 0 {
            shard.spend(slot, cost: max(match.cost, match.localCost), now: now)
            match.isCharged = true
        }
        // Rates on trial see what they would see in place of the rule's own.
        guard plans.plans[match.rule].hasCandidates, shape(match).hasCandidates,
            refusals == (match.refuses ? 1 : 0)
        else { return }
        if verdict.isCandidateAllowed {
            shard.spendCandidate(slot, cost: match.cost, now: now)
            match.isCandidateCharged = true
        } else {
            match.isCandidateDenied = true
        }
    }

    private func shape(_ match: LimitMatch) -> LimitVariant {
        plans.plans[match.rule].variants[match.variant]
    }

    /// Writes down what clients and the log are told.
    private func conclude(_ use: inout LimitUse, from first: Int, _ refusals: Int) {
        var retry: UInt64 = 0
        for index in first..<use.matches.count {
            let match = use.matches[index]
            guard let verdict = match.verdict else { continue }
            if match.decision == .failOpen { use.raise(.failOpen, match.rule) }
            if match.isShadow {
                if match.decision == .shadowDeny { use.raise(.shadowDeny, match.rule) }
                if match.isCandidateDenied { use.raise(.candidateDeny, match.rule) }
                continue
            }
            // A rule that has room keeps all of it if another one refuses.
            let spared = refusals > 0 && verdict.isAllowed ? match.cost : 0
            let notice = LimitNotice(
                rule: match.rule, variant: match.variant, rate: verdict.rate,
                remaining: verdict.remaining &+ spared, resetNanoseconds: verdict.resetNanoseconds)
            use.add(notice)
            if match.isCandidateDenied { use.raise(.candidateDeny, match.rule) }
            if match.refuses, verdict.retryNanoseconds >= retry {
                retry = verdict.retryNanoseconds
                use.decision = match.decision
                use.policy = match.rule
            }
        }
        if refusals > 0 { use.retrySeconds = max(1, LimitPlans.seconds(retry)) }
        if use.decision == .allow, let notice = plans.tightest(use.notices) {
            use.policy = notice.rule
        }
    }

    /// Returns charges of the matches: all, or those of rules that an answer with `status` takes nothing of.
    func giveBack(_ use: inout LimitUse, status: UInt16?, _ link: LimitLink? = nil) {
        for index in use.matches.indices {
            let match = use.matches[index]
            guard match.isCharged || match.isCandidateCharged else { continue }
            if let status, plans.plans[match.rule].isDeducted(status) { continue }
            if match.isLeased, match.isCharged { link?.giveBack(match, use) }
            let isEnforced = match.isCharged && !match.isLeased
            let keys = use.keys
            tables[match.rule].shard(match.hash).withLock { shard in
                shard.refund(
                    keys.span.extracting(match.key), hash: match.hash, cost: match.cost,
                    chargedAt: match.chargedAt, isEnforced: isEnforced,
                    isCandidate: match.isCandidateCharged)
            }
            use.matches[index].isCharged = false
            use.matches[index].isCandidateCharged = false
        }
    }
}

extension LimitUse {
    /// Notes what is worth more in the log than `allow`; a refusal is worth most.
    mutating func raise(_ decision: RateLimitDecision, _ rule: Int) {
        guard self.decision == .allow else { return }
        self.decision = decision
        policy = rule
    }

    /// Adds what the client is told, in the order of the rules.
    mutating func add(_ notice: LimitNotice) {
        notices.append(notice)
        var place = notices.count - 1
        while place > 0, notices[place - 1].rule > notice.rule {
            notices.swapAt(place - 1, place)
            place -= 1
        }
    }
}
