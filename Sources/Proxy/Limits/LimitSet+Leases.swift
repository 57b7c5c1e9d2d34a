internal import EventLoop
internal import ProxyCore
internal import Telemetry
internal import Time

/// What becomes of a request at its limits.
enum LimitOutcome {
    /// It may go on.
    case allowed
    /// A rule refuses it.
    case refused
    /// The store has been asked: the same again once it has answered.
    case waits
}

// Rules decided together, some of them by leases: nothing is spent unless all allow it, so that nothing has to be
// returned if one refuses.

extension LimitSet {
    /// Decides on the matches from `first` on, with the leases of `link` for rules that are shared. `isNew`: the
    /// request comes for the first time. `mayAsk`: the store may be asked, and waited for; else rules that have to
    /// ask do what `on_store_failure` says.
    func decide(
        _ use: inout LimitUse, from first: Int, now: Instant, _ link: LimitLink, isNew: Bool,
        mayAsk: Bool
    ) -> LimitOutcome {
        if first == use.matches.count { return .allowed }
        var (asks, isRefused) = (false, false)
        for index in first..<use.matches.count where use.matches[index].isLeased {
            let verdict = verdict(use.matches[index], use.keys, link, isNew: isNew, now)
            use.matches[index].verdict = verdict
            use.matches[index].isDecided = verdict != nil
            if let verdict, !verdict.isAllowed {
                use.matches[index].decision = .deny
                isRefused = true
            }
            if verdict == nil { asks = true }
        }
        if asks, !isRefused, mayAsk, let ticket = ask(use, from: first, now, link) {
            use.ticket = ticket
            return .waits
        }
        if asks { doWithout(&use, from: first, link, isRefused: isRefused) }
        if link.absence.isRemembered(at: now) { countHereToo(&use, from: first, now, link) }
        let refusals = decideHere(&use, from: first, clock.time(now))
        if refusals == 0 { spend(&use, from: first, link) }
        return refusals == 0 ? .allowed : .refused
    }

    private func verdict(
        _ match: LimitMatch, _ keys: [UInt8], _ link: LimitLink, isNew: Bool, _ now: Instant
    ) -> LimitVerdict? {
        guard let leases = link.leases(match) else { return nil }
        let slot = leases.slot(keys.span.extracting(match.key), hash: match.hash)
        return leases.check(slot, cost: match.cost, isNew: isNew, now: now)
    }

    /// Asks the store for all that is missing, together.
    private func ask(
        _ use: LimitUse, from first: Int, _ now: Instant, _ link: LimitLink
    ) -> UInt64? {
        guard link.isReachable else { return nil }
        var (returns, wants, ticket) = ([LeaseAsk](), [LeaseAsk](), UInt64(0))
        for index in first..<use.matches.count where use.matches[index].isLeased {
            let match = use.matches[index]
            guard match.verdict == nil, let leases = link.leases(match) else { continue }
            let slot = leases.slot(use.keys.span.extracting(match.key), hash: match.hash)
            let questions = leases.questions(
                slot, cost: match.cost, holders: link.store.holders, now: now)
            returns += questions.returns
            wants += questions.wants
            ticket = max(ticket, questions.ticket)
        }
        if wants.isEmpty { return ticket > 0 ? ticket : nil }
        return link.ask(wants, returning: returns)
    }

    /// The store is of no help: the rules that would have to ask it do what they say. Behind a refusal they are not
    /// asked at all.
    private func doWithout(
        _ use: inout LimitUse, from first: Int, _ link: LimitLink, isRefused: Bool
    ) {
        for index in first..<use.matches.count {
            let match = use.matches[index]
            guard match.isLeased, match.verdict == nil else { continue }
            let plan = plans.plans[match.rule]
            use.matches[index].isLeased = false
            if isRefused {
                use.matches[index].verdict = .open(plan.variants[match.variant])
                use.matches[index].isDecided = true
                continue
            }
            switch plan.rule.onStoreFailure {
            case .local:
                use.matches[index].cost = plan.localCost(
                    match.cost, variant: match.variant, instances: link.store.instances)
            case .allow:
                use.matches[index].verdict = .open(plan.variants[match.variant])
                use.matches[index].decision = .failOpen
                use.matches[index].isDecided = true
            case .deny:
                use.matches[index].verdict = .closed()
                use.matches[index].decision = .failClosed
                use.matches[index].isDecided = true
            }
        }
    }

    /// The store is back and knows nothing of what instances let through without it: their shares go on counting
    /// beside it for a while.
    private func countHereToo(
        _ use: inout LimitUse, from first: Int, _ now: Instant, _ link: LimitLink
    ) {
        for index in first..<use.matches.count where use.matches[index].isLeased {
            let match = use.matches[index]
            let plan = plans.plans[match.rule]
            let memory = plan.variants[match.variant].memoryNanoseconds
            guard plan.rule.onStoreFailure == .local,
                link.absence.isRemembered(for: memory, at: now)
            else { continue }
            use.matches[index].localCost = plan.localCost(
                match.cost, variant: match.variant, instances: link.store.instances)
        }
    }

    /// Spends what the leases have allowed.
    private func spend(_ use: inout LimitUse, from first: Int, _ link: LimitLink) {
        for index in first..<use.matches.count where use.matches[index].isLeased {
            let match = use.matches[index]
            guard let leases = link.leases(match) else { continue }
            let slot = leases.slot(use.keys.span.extracting(match.key), hash: match.hash)
            use.matches[index].marks = use.marks.count
            leases.spend(slot, cost: match.cost, marks: &use.marks)
            use.matches[index].isCharged = true
        }
    }

    /// Whether some of what a rule says is counted here although leases decide: penalties, and rates on trial.
    func countsHere(_ match: LimitMatch) -> Bool {
        let variant = plans.plans[match.rule].variants[match.variant]
        return match.isLeased && (variant.hasCandidates || variant.penalty != nil)
    }
}

extension LimitLink {
    /// Returns what a request was charged.
    func giveBack(_ match: LimitMatch, _ use: LimitUse) {
        guard let leases = leases(match) else { return }
        let now = Instant.now()
        let slot = leases.slot(use.keys.span.extracting(match.key), hash: match.hash)
        for rate in 0..<leases.rates(slot) where use.marks.indices.contains(match.marks + rate) {
            let back = leases.putBack(
                slot, rate, cost: match.cost, mark: use.marks[match.marks + rate], now: now)
            if let back { giveBack(back) }
        }
        flush()
    }
}
