internal import Yams

extension SettingsReader {
    /// `application_id`, `limit_fields` and `limits`; routes are read already.
    mutating func readLimits(_ top: Section, into settings: inout Settings) {
        if let value = top["application_id"] {
            settings.applicationID = list(value, countMax: 8).compactMap { element in
                parse(element, Self.applicationSource)
            }
        }
        read("limit_fields", of: top, into: &settings.limitFields, Parse.word)
        guard let value = top["limits"] else { return }
        var lines: [String: Int] = [:]
        for element in list(value, countMax: 256) {
            guard let section = section(element), let rule = readRule(section, element, settings)
            else { continue }
            if let line = lines[rule.name] {
                report(
                    section["name"] ?? element,
                    TextProblem("the name `\(rule.name)` is taken by the rule in line \(line)"))
            }
            lines[rule.name] = element.mark?.line ?? 0
            settings.limits.append(rule)
        }
    }

    private mutating func readRule(
        _ section: Section, _ element: Value, _ settings: Settings
    ) -> LimitRule? {
        var name = ""
        read("name", of: section, into: &name, Self.ruleName)
        if section["name"] == nil { report(element, TextProblem("expected name, found none")) }
        var rule = LimitRule(name: name)
        rule.when = conditions(section["when"], settings)
        rule.exempt = conditions(section["exempt"], settings)
        read("default", of: section, into: &rule.isDefault, Parse.boolean)
        if let key = section["key"] {
            rule.key = list(key, countMax: 8).compactMap { parse($0, Self.keyPart) }
        }
        read("algorithm", of: section, into: &rule.algorithm, Parse.word)
        read("rate", of: section, into: &rule.rates, Rate.list)
        if section["rate"] == nil {
            report(element, TextProblem("expected rate, such as 1000/1m, found none"))
        }
        read("cost", of: section, into: &rule.cost, Self.cost)
        read("on", of: section, into: &rule.stage, Parse.word)
        read("shadow", of: section, into: &rule.isShadow, Parse.boolean)
        read("candidate", of: section, into: &rule.candidate, Rate.list)
        read(
            "tracked_keys_max", of: section, into: &rule.trackedKeysMax,
            Parse.number(1...10_000_000))
        read("scope", of: section, into: &rule.scope, Parse.word)
        read("on_store_failure", of: section, into: &rule.onStoreFailure, Parse.word)
        if let value = section["deduct_when"] {
            rule.deductWhen = list(value, countMax: 64).compactMap { parse($0, Self.statuses) }
        }
        if let value = section["penalty"] { readPenalty(value, into: &rule) }
        readBurst(section, into: &rule)
        if let value = section["overrides"] { readOverrides(value, settings, into: &rule) }
        checkRoom(section, rule)
        return rule.name.isEmpty || rule.rates.isEmpty ? nil : rule
    }

    /// `burst` goes with one rate, and with a token bucket; that goes with it.
    private mutating func readBurst(_ section: Section, into rule: inout LimitRule) {
        guard let value = section["burst"] else {
            if rule.algorithm == .tokenBucket, let place = section["algorithm"] {
                report(place, TextProblem("expected burst for a token_bucket, found none"))
            }
            return
        }
        guard let burst = parse(value, Parse.number(1...Int(Rate.countMax))) else { return }
        if rule.algorithm != .tokenBucket, section["algorithm"] != nil {
            report(value, TextProblem("expected algorithm token_bucket beside burst"))
        }
        rule.algorithm = .tokenBucket
        if rule.rates.count > 1 {
            report(value, TextProblem("expected one rate beside burst, found \(rule.rates.count)"))
        }
        for index in rule.rates.indices { rule.rates[index].burst = UInt32(burst) }
        for index in rule.candidate.indices { rule.candidate[index].burst = UInt32(burst) }
        if let rate = rule.rates.first { checkBurst(value, rate, UInt32(burst)) }
    }

    private mutating func checkBurst(_ value: Value, _ rate: Rate, _ burst: UInt32) {
        let interval = rate.periodNanoseconds / UInt64(rate.count) + 1
        let years = interval.multipliedReportingOverflow(by: UInt64(burst))
        if years.overflow || years.partialValue > 10 * 366 * 86_400 * second {
            report(value, TextProblem("expected a burst that comes back within 10 years"))
        }
    }

    private mutating func readPenalty(_ value: Value, into rule: inout LimitRule) {
        guard let section = section(value) else { return }
        var after: Rate?
        read("after", of: section, into: &after) { (text) throws(TextProblem) in try Rate(text) }
        var nanoseconds: UInt64 = 0
        read("for", of: section, into: &nanoseconds, Parse.duration(Rate.periods))
        if section["after"] == nil || section["for"] == nil {
            report(value, TextProblem("expected after and for"))
        }
        if let after { rule.penalty = LimitPenalty(after: after, nanoseconds: nanoseconds) }
    }

    private mutating func readOverrides(
        _ value: Value, _ settings: Settings, into rule: inout LimitRule
    ) {
        for element in list(value, countMax: 64) {
            guard let section = section(element) else { continue }
            var override = LimitOverride()
            override.when = conditions(section["when"], settings)
            if section["when"] == nil {
                report(element, TextProblem("expected when, found none"))
            }
            read("rate", of: section, into: &override.rates, Rate.list)
            read("cost", of: section, into: &override.cost) { (text) throws(TextProblem) in
                try Self.cost(text)
            }
            var burst: Int?
            read("burst", of: section, into: &burst) { (text) throws(TextProblem) in
                try Parse.number(1...Int(Rate.countMax))(text)
            }
            if rule.algorithm == .tokenBucket, !override.rates.isEmpty {
                if burst == nil { report(element, TextProblem("expected burst beside rate")) }
                for index in override.rates.indices {
                    override.rates[index].burst = burst.map { UInt32($0) }
                }
            } else if burst != nil, let place = section["burst"] {
                report(place, TextProblem("expected burst only beside rate, in a token_bucket"))
            }
            if override.rates.isEmpty, override.cost == nil {
                report(element, TextProblem("expected rate or cost, found neither"))
            }
            rule.overrides.append(override)
        }
    }

    /// A request that costs more than there ever is could never pass.
    private mutating func checkRoom(_ section: Section, _ rule: LimitRule) {
        let costs = [rule.cost] + rule.overrides.compactMap(\.cost)
        let rates = rule.rates + rule.candidate + rule.overrides.flatMap(\.rates)
        let least = rates.map { $0.burst ?? $0.count }.min() ?? .max
        guard let most = costs.max(), most > least else { return }
        let place = section["cost"] ?? section["overrides"] ?? section["rate"]
        guard let place else { return }
        report(place, TextProblem("expected a cost of at most \(least), the smallest rate's"))
    }

    /// A name that can stand in a path and in a structured field.
    private static func ruleName(_ text: String) throws(TextProblem) -> String {
        guard !text.isEmpty, text.utf8.count <= 64, text.first != "_",
            text.utf8.allSatisfy({ $0.isAlphanumeric || "-_.".utf8.contains($0) })
        else {
            throw TextProblem(
                expected: "a name of letters, digits, `-`, `.` and, not first, `_`", found: text)
        }
        return text
    }

    private static func cost(_ text: String) throws(TextProblem) -> UInt32 {
        UInt32(try Parse.number(1...4095)(text))
    }
}
