internal import HTTP1

/// A rule made ready. A class, for it is large, and looked at in every request.
public final class LimitPlan: Sendable {
    /// What applies to one request.
    public struct Choice: Sendable, Equatable {
        /// Which of the variants.
        public var variant: Int
        /// What the request takes.
        public var cost: UInt32
    }

    /// What became of the question whether a rule is about a request.
    public enum Match: Sendable, Equatable {
        /// It is not.
        case other
        /// It is, and exempts it.
        case exempt
        /// It is.
        case applies(Choice)
    }

    /// The rule.
    public let rule: LimitRule
    /// When it is asked.
    public let stage: LimitStage
    /// Whether it only counts what it would refuse.
    public let isShadow: Bool
    /// Whether its rates are counted for all instances together where there is a store.
    public let isShared: Bool
    /// Its name.
    public let nameBytes: [UInt8]
    /// Its rates, then those of its overrides that have some.
    public let variants: [LimitVariant]
    /// The members of `RateLimit-Policy` for each variant: `"name";q=1000;w=60`.
    public let policies: [[UInt8]]
    /// The names of each variant's rates in those: `"name"`.
    public let policyNames: [[[UInt8]]]
    /// Both fields of an answer that no other rule is about, up to the number that is left.
    let lines: [[[UInt8]]]
    /// The fields that were common before, up to the number that is left.
    let legacyLines: [[[UInt8]]]
    /// Whether any of the variants has rates on trial.
    public let hasCandidates: Bool
    private let when: [LimitMatcher]
    private let exempt: [LimitMatcher]
    private let overrides: [(when: [LimitMatcher], choice: Choice)]
    private let key: LimitKey
    private let routeNames: [[UInt8]]

    /// Whether it looks at the path.
    var readsPath: Bool {
        (when + exempt + overrides.flatMap(\.when)).contains { $0.readsPath }
    }

    /// The rule, with the names of all routes in order.
    init(_ rule: LimitRule, routes: [String]) {
        self.rule = rule
        stage = rule.stage
        isShadow = rule.isShadow
        isShared = rule.isShared
        nameBytes = Array(rule.name.utf8)
        routeNames = routes.map { Array($0.utf8) }
        func ready(_ conditions: [LimitCondition]) -> [LimitMatcher] {
            conditions.map { LimitMatcher($0, routes: routes) }
        }
        when = ready(rule.when)
        exempt = ready(rule.exempt)
        key = LimitKey(rule.key)
        var variants = [LimitVariant(rule, rates: rule.rates)]
        var overrides: [(when: [LimitMatcher], choice: Choice)] = []
        for override in rule.overrides {
            var choice = Choice(variant: 0, cost: override.cost ?? rule.cost)
            if !override.rates.isEmpty {
                choice.variant = variants.count
                variants.append(LimitVariant(rule, rates: override.rates))
            }
            overrides.append((ready(override.when), choice))
        }
        self.variants = variants
        self.overrides = overrides
        policyNames = variants.map { variant in
            variant.meters.map { meter in
                let suffix = variant.meters.count > 1 ? ":\(meter.rate)" : ""
                return Array("\"\(rule.name)\(suffix)\"".utf8)
            }
        }
        policies = zip(variants, policyNames).map { variant, names in
            let members = zip(variant.meters, names).map { meter, name in
                "\(String(decoding: name, as: UTF8.self));q=\(meter.limit);w=\(meter.windowSeconds)"
            }
            return Array(members.joined(separator: ", ").utf8)
        }
        hasCandidates = variants.contains { $0.hasCandidates }
        legacyLines = variants.map { variant in
            variant.meters.map { meter in
                Array("X-RateLimit-Limit: \(meter.limit)\r\nX-RateLimit-Remaining: ".utf8)
            }
        }
        lines = zip(policies, policyNames).map { policy, names in
            names.map { name in
                Array("RateLimit-Policy: ".utf8) + policy + Array("\r\nRateLimit: ".utf8) + name
                    + Array(";r=".utf8)
            }
        }
    }

    /// Whether it is about any request on the route at this position.
    func mayMatch(route: Int) -> Bool {
        when.isEmpty || when.contains { $0.mayMatch(route: route) }
    }

    /// Whether it is about the request, and what applies then.
    public func match(_ facts: borrowing LimitFacts) -> Match {
        guard when.isEmpty || when.anyMatches(facts) else { return .other }
        if !exempt.isEmpty, exempt.anyMatches(facts) { return .exempt }
        for index in overrides.indices where overrides[index].when.anyMatches(facts) {
            return .applies(overrides[index].choice)
        }
        return .applies(Choice(variant: 0, cost: rule.cost))
    }

    /// Appends what the request is counted by: the number of its variant in one byte, then the text of its key.
    public func appendKey(
        _ facts: borrowing LimitFacts, variant: Int, to out: inout [UInt8]
    ) {
        out.append(UInt8(truncatingIfNeeded: variant))
        key.append(facts, routeNames: routeNames, to: &out)
    }

    /// Whether an answer with that status takes something.
    public func isDeducted(_ status: UInt16) -> Bool {
        rule.deductWhen.isEmpty || rule.deductWhen.contains { $0.contains(status) }
    }
}

extension RateMeter {
    /// The window that clients are told, in whole seconds: the period, or the time in which a bucket fills.
    var windowSeconds: UInt64 {
        let nanoseconds = algorithm == .tokenBucket ? depth : rate.periodNanoseconds
        return max(1, nanoseconds / second + (nanoseconds % second == 0 ? 0 : 1))
    }
}

/// All rules made ready.
public final class LimitPlans: Sendable {
    struct Source: Sendable {
        let name: [UInt8]
        let known: FieldName
        let isQuery: Bool
    }

    private struct Part: Sendable {
        let start: Int
        let firstDefault: Int
        let end: Int
    }

    /// The rules in the file's order.
    public let plans: [LimitPlan]
    /// Positions of the rules that may be about requests, route after route: first those that are no defaults.
    private let order: [Int]
    /// Where those of a route are within `order`.
    private let parts: [Part]
    /// Whether charges may have to go back when a request ends.
    public let returnsCharges: Bool
    private let hasMissRules: Bool
    let applications: [Source]
    let readsPath: Bool

    /// The rules of `settings`.
    public init(_ settings: Settings) {
        let routes = settings.routes.map(\.name)
        let plans = settings.limits.map { LimitPlan($0, routes: routes) }
        self.plans = plans
        var order: [Int] = []
        parts = routes.indices.map { route in
            let concerned = plans.indices.filter { plans[$0].mayMatch(route: route) }
            let own = concerned.filter { !plans[$0].rule.isDefault }
            let start = order.count
            order += own + concerned.filter { plans[$0].rule.isDefault }
            return Part(start: start, firstDefault: start + own.count, end: order.count)
        }
        self.order = order
        applications = settings.applicationID.map { source in
            switch source {
            case .header(let name):
                Source(
                    name: Array(name.utf8), known: VaryRule.known(Array(name.utf8)), isQuery: false)
            case .query(let name):
                Source(name: Array(name.utf8), known: .other, isQuery: true)
            }
        }
        readsPath = plans.contains { $0.readsPath }
        returnsCharges = plans.contains { !$0.rule.deductWhen.isEmpty }
        hasMissRules = plans.contains { $0.rule.stage == .miss }
    }

    /// Whether there may be a rule of that stage.
    public func hasRules(of stage: LimitStage) -> Bool { stage == .all || hasMissRules }

    /// The notice with least room in proportion.
    public func tightest(_ notices: [LimitNotice]) -> LimitNotice? {
        guard var tightest = notices.first else { return nil }
        if notices.count == 1 { return tightest }
        for index in notices.indices.dropFirst() {
            let (one, other) = (UInt64(limit(notices[index])), UInt64(limit(tightest)))
            if UInt64(notices[index].remaining) * other < UInt64(tightest.remaining) * one {
                tightest = notices[index]
            }
        }
        return tightest
    }

    /// Whether there may be a rule about requests on the route at this position.
    public func concern(route: Int) -> Bool {
        parts.indices.contains(route) && parts[route].start < parts[route].end
    }

    /// How far the search for the rules about a request is.
    public struct Search {
        fileprivate var place = 0
        fileprivate var isTaken = false

        /// Nothing was found yet.
        public init() {}
    }

    /// The position of the next rule that is about the request and does not exempt it, with what applies.
    /// Defaults only where no other rule is about it, exempting or not.
    public func next(
        _ search: inout Search, _ facts: borrowing LimitFacts
    ) -> (rule: Int, choice: LimitPlan.Choice)? {
        guard parts.indices.contains(facts.route) else { return nil }
        let part = parts[facts.route]
        while part.start + search.place < part.end {
            let place = part.start + search.place
            let isDefault = place >= part.firstDefault
            if isDefault, search.isTaken { return nil }
            search.place += 1
            let match = plans[order[place]].match(facts)
            if case .other = match { continue }
            if !isDefault { search.isTaken = true }
            if case .applies(let choice) = match { return (order[place], choice) }
        }
        return nil
    }
}
