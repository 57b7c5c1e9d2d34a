extension ResilienceSettings {
    /// The keys that stand directly on an upstream, but for `retries`.
    var json: [(String, JSONValue)] {
        var fields: [(String, JSONValue)] = [
            ("breaker", breaker.json), ("concurrency", concurrency.json), ("gate", gate.json),
        ]
        if let pacing { fields.append(("pacing", pacing.json)) }
        if let deadlineField { fields.append(("deadline_field", .text(deadlineField))) }
        return fields
    }
}

extension BreakerSettings {
    var json: JSONValue {
        .object([
            ("enabled", .bool(isOn)),
            ("window", .duration(windowNanoseconds)),
            ("calls_min", .number(callsMin)),
            ("failure_percent", .number(failurePercent)),
            ("slow", .duration(slowNanoseconds)),
            ("slow_percent", .number(slowPercent)),
            ("connect_failures", .number(connectFailuresMax)),
            ("open", .duration(openNanoseconds)),
            ("open_max", .duration(openNanosecondsMax)),
            ("probes", .number(probes)),
            ("ramp", .duration(rampNanoseconds)),
        ])
    }
}

extension ConcurrencySettings {
    var json: JSONValue {
        .object([
            ("enabled", .bool(isOn)),
            ("min", .number(least)),
            ("start", .number(start)),
            ("max", .number(most)),
            ("wait_percent", .number(waitPercent)),
        ])
    }
}

extension GateSettings {
    var json: JSONValue {
        .object([("enabled", .bool(isOn)), ("max", .duration(nanosecondsMax))])
    }
}

extension PacingSettings {
    var json: JSONValue {
        .object([
            ("rate", .text("\(requests)/\(DurationText.format(periodNanoseconds))")),
            ("burst", .number(burst)),
        ])
    }
}

extension RetrySettings {
    /// With `max`, which stands beside them.
    func json(max retriesMax: Int) -> JSONValue {
        .object([
            ("max", .number(retriesMax)),
            ("on", .list(RetryCondition.allCases.filter(conditions.contains).map(\.rawValue))),
            ("methods", .list(methods.namesInSettings)),
            ("budget_percent", .number(budget.percent)),
            ("budget_per_second", .number(budget.perSecond)),
            ("pause_min", .duration(pause.nanosecondsMin)),
            ("pause_max", .duration(pause.nanosecondsMax)),
        ])
    }
}

extension MethodSet {
    /// The names that settings know.
    var namesInSettings: [String] {
        MethodSet.names.indices.dropLast().filter { contains(index: MethodIndex($0)) }
            .map { MethodSet.names[$0] }
    }
}

extension FallbackSettings {
    var json: JSONValue {
        .object([
            ("status", .number(Int(status))),
            ("content_type", .text(contentType)),
            ("body", .text(body)),
        ])
    }
}
