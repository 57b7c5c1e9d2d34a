internal import EventLoop
internal import HTTP1
internal import ProxyCore
internal import Telemetry
internal import Time

// Rate limits of a request: asked before the cache, and again before the upstream. Deciding does not allocate for keys
// that are known, and waits only where the store has to be asked that instances share.

extension ClientRequest {
    /// Asks the rules of `stage`. True if the request goes no further for now: it was refused, and is answered, or
    /// waits for the store.
    func isHeld(at stage: LimitStage) -> Bool {
        guard let set = limiting.set ?? worker.snapshot.limits,
            set.plans.concern(route: route.index), set.plans.hasRules(of: stage)
        else { return false }
        let facts = LimitFacts(
            head, client: client, clientText: isFromTrustedPeer ? [] : peerText,
            route: route.index, set.plans)
        let link = worker.limits
        let first = set.match(facts, stage, isLeasing: link != nil, &limiting)
        if first == limiting.matches.count { return false }
        limiting.set = set
        let now = stage == .all ? started : .now()
        guard let link else {
            let isAllowed = set.decide(&limiting, from: first, now: now)
            return conclude(isAllowed, set, from: first)
        }
        let outcome = set.decide(
            &limiting, from: first, now: now, link, isNew: true, mayAsk: true)
        guard case .waits = outcome else { return conclude(outcome == .allowed, set, from: first) }
        step = .limits(stage, first: first)
        worker.takeRunner().run(self)
        return true
    }

    /// Counts what was decided, and answers a request that is refused: then it is true.
    private func conclude(_ isAllowed: Bool, _ set: LimitSet, from first: Int) -> Bool {
        worker.countLimits(of: self, from: first)
        if isAllowed { return false }
        // What rules of an earlier stage took goes back: a refusal costs nothing elsewhere.
        set.giveBack(&limiting, status: nil, worker.limits)
        answerLimited(set)
        return true
    }

    /// Waits for the store, then goes on as if it had not been asked.
    func passLimits(_ stage: LimitStage, from first: Int) async {
        guard let set = limiting.set, let link = worker.limits else { return }
        step = .fetch
        let deadline = Instant.now().advanced(byNanoseconds: link.deadlineNanoseconds)
        var outcome = LimitOutcome.waits
        while case .waits = outcome {
            let isAnswered = await link.wait(
                storeAnswered, ticket: limiting.ticket, until: deadline)
            if isClientGone { return fail(.clientLeft) }
            let now = Instant.now()
            outcome = set.decide(
                &limiting, from: first, now: now, link, isNew: false,
                mayAsk: isAnswered && now < deadline)
        }
        if conclude(outcome == .allowed, set, from: first) { return }
        if stage == .all, answerFromMemory() || isHeld(at: .miss) { return }
        readClientDeadline()
        await fetch()
    }

    private func answerLimited(_ set: LimitSet) {
        let rule = set.plans.plans[limiting.policy].rule
        answerLocally(429, "over the limit \(rule.name), \(Rate.text(rule.rates))")
    }

    /// What the problem details of a refusal say besides: the rule, and the word of metrics and log.
    var limitMembers: String {
        guard let set = limiting.set, limiting.retrySeconds > 0 else { return "" }
        return ",\"rule\":\"\(set.plans.plans[limiting.policy].rule.name)\","
            + "\"decision\":\"\(limiting.decision.rawValue)\",\"retry_after_s\":\(limiting.retrySeconds)"
    }

    /// The request is over: what its answer does not count for goes back.
    func settleLimits() {
        guard let set = limiting.set, set.plans.returnsCharges else { return }
        set.giveBack(&limiting, status: status, worker.limits)
    }
}

extension Worker {
    /// Counts what each rule from `first` on decided.
    func countLimits(of request: ClientRequest, from first: Int) {
        for index in first..<request.limiting.matches.count {
            let match = request.limiting.matches[index]
            guard match.rule < limitCounters.count else { continue }
            limitCounters[match.rule][match.decision].add()
            if match.isCandidateDenied { limitCounters[match.rule][.candidateDeny].add() }
        }
    }

    /// The fields about limits, and when a refused client may come again.
    func appendLimits(of request: ClientRequest) {
        guard let set = request.limiting.set else { return }
        if request.limiting.retrySeconds > 0 {
            out.appendField("Retry-After", decimal: request.limiting.retrySeconds)
        }
        set.plans.append(
            request.limiting.notices, set.fields, nowSeconds: request.startedWall.seconds, to: &out)
    }

    /// `rl_policy` and `rl_decision` of a log line.
    func appendLimitsJSON(of request: ClientRequest) {
        guard let set = request.limiting.set else {
            return line.append(",\"rl_policy\":null,\"rl_decision\":null")
        }
        line.append(",\"rl_policy\":\"")
        let name = set.plans.plans[request.limiting.policy].nameBytes
        line.append(escaping: name.span)
        line.append("\",\"rl_decision\":\"")
        line.append(request.limiting.decision.word)
        line.append("\"")
    }
}

extension RateLimitDecision {
    /// The raw value as a literal.
    var word: StaticString {
        switch self {
        case .allow: "allow"
        case .deny: "deny"
        case .shadowDeny: "shadow_deny"
        case .candidateDeny: "candidate_deny"
        case .failOpen: "fail_open"
        case .failClosed: "fail_closed"
        }
    }
}
