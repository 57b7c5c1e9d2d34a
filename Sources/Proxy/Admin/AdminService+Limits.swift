internal import EventLoop
internal import HTTP1
internal import Locking
internal import ProxyCore
internal import Responder
internal import Time

// /api/v1/limits: the rules of this instance, their keys, and changes of them.

extension AdminService {
    static let limitsPath = "/api/v1/limits"
    private static let keysShown = 1000

    /// Whether a path is this endpoint or below it.
    static func isLimits(_ path: String) -> Bool {
        path == limitsPath || path.hasPrefix(limitsPath + "/")
    }

    /// GET, DELETE and PUT of all rules, of one, or of one key of it.
    func limits(_ inquiry: Inquiry) async -> Reply {
        let rest = inquiry.path.dropFirst(AdminService.limitsPath.count + 1)
        let parts =
            rest.isEmpty
            ? []
            : rest.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(
                String.init)
        let isKey = parts.count == 2
        let allow = isKey || parts.isEmpty ? "GET, HEAD, DELETE" : "GET, HEAD, DELETE, PUT"
        switch inquiry.method {
        case .get, .head: break
        case .put where isKey || parts.isEmpty:
            return .problem(405, "this endpoint takes \(allow)", fields: [("Allow", allow)])
        case .delete, .put:
            if let refusal = refusal(inquiry) { return refusal }
        default:
            return .problem(405, "this endpoint takes \(allow)", fields: [("Allow", allow)])
        }
        guard let set = control.snapshot.limits else {
            return parts.isEmpty && inquiry.method != .delete
                ? .json("{\"limits\":[]}\n") : .problem(404, "there are no limits")
        }
        guard let name = parts.first else { return allLimits(inquiry, set) }
        guard let rule = set.index(of: name) else {
            return .problem(404, "there is no limit of that name")
        }
        if isKey { return limitKey(inquiry, set, rule, parts[1]) }
        switch inquiry.method {
        case .delete:
            return .json("{\"forgotten\":\(forgetAll(set, rule))}\n")
        case .put:
            return await changeRate(inquiry, set.plans.plans[rule].rule)
        default:
            var fields = describe(set, rule)
            let keys = set.tables[rule].keys(count: AdminService.keysShown)
            let shown = keys.map { describe(set, rule, key: $0) }
                .sorted { $0.remaining < $1.remaining }
            fields.append(("keys", .list(shown.map { .object($0.fields) })))
            return .json(ExplainValue.object(fields).json + "\n")
        }
    }

    private func allLimits(_ inquiry: Inquiry, _ set: LimitSet) -> Reply {
        if inquiry.method == .delete {
            let count = set.tables.indices.reduce(0) { $0 + forgetAll(set, $1) }
            return .json("{\"forgotten\":\(count)}\n")
        }
        let rules = set.tables.indices.map { ExplainValue.object(describe(set, $0)) }
        return .json(ExplainValue.object([("limits", .list(rules))]).json + "\n")
    }

    private func forgetAll(_ set: LimitSet, _ rule: Int) -> Int {
        if control.isShared(set.plans.plans[rule].rule) { control.forgetShared(set, rule) }
        return set.tables[rule].removeAll()
    }

    private func describe(_ set: LimitSet, _ index: Int) -> [(String, ExplainValue)] {
        let rule = set.plans.plans[index].rule
        let counts = set.tables[index].counts
        return [
            ("name", .text(rule.name)), ("rate", .text(Rate.text(rule.rates))),
            ("burst", rule.rates.first?.burst.map { .number(Int64($0)) } ?? .null),
            ("algorithm", .text(rule.algorithm.rawValue)), ("on", .text(rule.stage.rawValue)),
            ("shadow", .bool(rule.isShadow)),
            ("candidate", rule.candidate.isEmpty ? .null : .text(Rate.text(rule.candidate))),
            ("tracked_keys", .number(Int64(counts.keys))),
            ("tracked_keys_max", .number(Int64(rule.trackedKeysMax))),
        ]
    }

    /// One key: its first byte is its variant.
    private func describe(
        _ set: LimitSet, _ rule: Int, key: [UInt8]
    ) -> (remaining: UInt32, fields: [(String, ExplainValue)]) {
        let verdict = peek(set, rule, key, cost: 0)
        let variant = set.plans.plans[rule].variants[min(Int(key[0]), variants(set, rule) - 1)]
        return (
            verdict.remaining,
            [
                ("key", .text(String(decoding: key.dropFirst(), as: UTF8.self))),
                ("rate", .text(variant.meters[verdict.rate].rate.description)),
                ("remaining", .number(Int64(verdict.remaining))),
                ("reset_s", .number(Int64(LimitPlans.seconds(verdict.resetNanoseconds)))),
                ("penalized", .bool(verdict.isPenalized)),
            ]
        )
    }

    private func variants(_ set: LimitSet, _ rule: Int) -> Int {
        set.plans.plans[rule].variants.count
    }

    /// What the rule would say now about a request of the key. Nothing is spent.
    private func peek(
        _ set: LimitSet, _ rule: Int, _ key: [UInt8], cost: UInt32
    ) -> LimitVerdict {
        let hash = set.hash(key.span)
        let now = set.clock.time(.now())
        return set.tables[rule].shard(hash).withLock {
            $0.peek(key.span, hash: hash, cost: cost, now: now)
        }
    }

    /// A key by its text, under each of the rule's variants.
    private func limitKey(
        _ inquiry: Inquiry, _ set: LimitSet, _ rule: Int, _ text: String
    ) -> Reply {
        var known: [ExplainValue] = []
        var removed = 0
        for variant in 0..<variants(set, rule) {
            let key = [UInt8(truncatingIfNeeded: variant)] + text.utf8
            guard key.count <= LimitShard.keyBytesMax else { continue }
            let hash = set.hash(key.span)
            let shard = set.tables[rule].shard(hash)
            if inquiry.method == .delete, control.isShared(set.plans.plans[rule].rule) {
                control.forgetShared(set, rule, key: key)
                removed = 1
            } else if inquiry.method == .delete {
                if shard.withLock({ $0.remove(key.span, hash: hash) }) { removed += 1 }
            } else if shard.withLock({ $0.knows(key.span, hash: hash) }) {
                known.append(.object(describe(set, rule, key: key).fields))
            }
        }
        if inquiry.method == .delete {
            return removed > 0
                ? .json("{\"forgotten\":\(removed)}\n") : .problem(404, "the key has no state")
        }
        return known.isEmpty
            ? .problem(404, "the key has no state")
            : .json(ExplainValue.object([("keys", .list(known))]).json + "\n")
    }

    /// `rate=` and `burst=`: in force until the next reload.
    private func changeRate(_ inquiry: Inquiry, _ rule: LimitRule) async -> Reply {
        var settings = control.snapshot.settings
        guard let index = settings.limits.firstIndex(where: { $0.name == rule.name }) else {
            return .problem(404, "there is no limit of that name")
        }
        do throws(TextProblem) {
            try settings.limits[index].change(
                rate: inquiry.parameter("rate"), burst: inquiry.parameter("burst"))
        } catch {
            return .problem(400, error.message)
        }
        await control.adopt(settings)
        let rates = Rate.text(settings.limits[index].rates)
        control.instance.diagnostics.log(.info, "limit \(rule.name) changed to \(rates)")
        return .json(
            "{\"name\":\(JSONText.quoted(rule.name)),\"rate\":\(JSONText.quoted(rates))}\n")
    }

    /// The rules about a request and what they would say, for `explain`. Nothing is spent.
    func explainLimits(
        _ head: RequestHead, client: String?, route: Int
    ) -> [(String, ExplainValue)] {
        guard let set = control.snapshot.limits else { return [("limits", .list([]))] }
        let address = client.flatMap { ClientAddress($0) } ?? .loopbackIPv4
        let facts = LimitFacts(head, client: address, route: route, set.plans)
        var shown: [ExplainValue] = []
        var search = LimitPlans.Search()
        while let (rule, choice) = set.plans.next(&search, facts) {
            var key: [UInt8] = []
            set.plans.plans[rule].appendKey(facts, variant: choice.variant, to: &key)
            let verdict = peek(set, rule, key, cost: choice.cost)
            let isShadow = set.plans.plans[rule].rule.isShadow
            let word = verdict.isAllowed ? "allow" : isShadow ? "shadow_deny" : "deny"
            shown.append(
                .object([
                    ("rule", .text(set.plans.plans[rule].rule.name)),
                    ("on", .text(set.plans.plans[rule].rule.stage.rawValue)),
                    ("key", .text(String(decoding: key.dropFirst(), as: UTF8.self))),
                    ("cost", .number(Int64(choice.cost))),
                    ("decision", .text(word)),
                    ("remaining", .number(Int64(verdict.remaining))),
                    ("retry_after_s", .number(Int64(LimitPlans.seconds(verdict.retryNanoseconds)))),
                ]))
        }
        return [("limits", .list(shown))]
    }
}
