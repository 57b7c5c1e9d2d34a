internal import EventLoop
internal import HTTP1
internal import ProxyCore
internal import Telemetry
internal import Time

// Rate limits of a request: asked before the cache, and again before the upstream. Deciding neither waits nor, for
// keys that are known, allocates.

extension ClientRequest {
    /// Asks the rules of `stage`. True if the request was refused, and is answered.
    func isRefused(_ stage: LimitStage) -> Bool {
        guard let set = limiting.set ?? worker.snapshot.limits,
            set.plans.concern(route: route.index), set.plans.hasRules(of: stage)
        else { return false }
        let facts = LimitFacts(
            head, client: client, route: route.index, routeName: route.nameBytes, set.plans)
        let first = set.match(facts, stage, &limiting)
        if first == limiting.matches.count { return false }
        limiting.set = set
        let isAllowed = set.decide(&limiting, from: first, now: stage == .all ? started : .now())
        worker.count(limiting, from: first)
        if isAllowed { return false }
        // What rules of an earlier stage took goes back: a refusal costs nothing elsewhere.
        set.giveBack(&limiting, status: nil)
        answerLimited(set)
        return true
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
        set.giveBack(&limiting, status: status)
    }
}

extension Worker {
    /// Counts what each rule from `first` on decided.
    func count(_ use: LimitUse, from first: Int) {
        for index in first..<use.matches.count {
            let match = use.matches[index]
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
