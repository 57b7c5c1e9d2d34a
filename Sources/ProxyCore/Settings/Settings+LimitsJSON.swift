extension LimitRule {
    var json: JSONValue {
        var fields: [(String, JSONValue)] = [("name", .text(name))]
        if !when.isEmpty { fields.append(("when", .list(when.map(\.json)))) }
        if !exempt.isEmpty { fields.append(("exempt", .list(exempt.map(\.json)))) }
        fields += [
            ("default", .bool(isDefault)),
            ("key", .list(key.map(\.text))),
            ("rate", .text(Rate.text(rates))),
        ]
        if let burst = rates.first?.burst { fields.append(("burst", .number(UInt64(burst)))) }
        fields += [
            ("algorithm", .text(algorithm.rawValue)),
            ("cost", .number(UInt64(cost))),
        ]
        if !deductWhen.isEmpty {
            fields.append(("deduct_when", .list(deductWhen.map(Self.text))))
        }
        if let penalty {
            fields.append(
                (
                    "penalty",
                    .object([
                        ("after", .text(penalty.after.description)),
                        ("for", .duration(penalty.nanoseconds)),
                    ])
                ))
        }
        if !overrides.isEmpty { fields.append(("overrides", .list(overrides.map(\.json)))) }
        fields += [("on", .text(stage.rawValue)), ("shadow", .bool(isShadow))]
        if !candidate.isEmpty { fields.append(("candidate", .text(Rate.text(candidate)))) }
        fields += [
            ("tracked_keys_max", .number(trackedKeysMax)),
            ("scope", .text(scope.rawValue)),
            ("on_store_failure", .text(onStoreFailure.rawValue)),
        ]
        return .object(fields)
    }

    private static func text(_ statuses: ClosedRange<UInt16>) -> String {
        statuses.count == 1
            ? String(statuses.lowerBound) : "\(statuses.lowerBound)-\(statuses.upperBound)"
    }
}

extension Rate {
    /// Several rates as they are written.
    public static func text(_ rates: [Rate]) -> String {
        rates.map(\.description).joined(separator: "; ")
    }
}

extension LimitOverride {
    var json: JSONValue {
        var fields: [(String, JSONValue)] = [("when", .list(when.map(\.json)))]
        if !rates.isEmpty { fields.append(("rate", .text(Rate.text(rates)))) }
        if let burst = rates.first?.burst { fields.append(("burst", .number(UInt64(burst)))) }
        if let cost { fields.append(("cost", .number(UInt64(cost)))) }
        return .object(fields)
    }
}

extension LimitCondition {
    var json: JSONValue {
        var fields: [(String, JSONValue)] = []
        func add(_ name: String, _ texts: [String]) {
            if !texts.isEmpty { fields.append((name, .list(texts))) }
        }
        add("client", clients.map(\.description))
        if methods != .all {
            // HEAD goes with GET, and is not said.
            let names = methods.allow.split(separator: ",").map { $0.filter { $0 != " " } }
            add("methods", names.filter { $0 != "HEAD" || !names.contains("GET") })
        }
        add("path", paths.map(\.text))
        add("host", hosts.map(\.description))
        add("route", routes)
        func add(_ name: String, _ values: [ValueCondition]) {
            if values.isEmpty { return }
            fields.append((name, .object(values.map { ($0.name, .text($0.pattern.text)) })))
        }
        add("header", headers)
        add("query", query)
        add("application", applications.map(\.text))
        return .object(fields)
    }
}

extension LimitKeyPart {
    var text: String {
        switch self {
        case .client: "client_ip"
        case .route: "route"
        case .path: "path"
        case .host: "host"
        case .method: "method"
        case .application: "application"
        case .header(let name): "header:\(name)"
        case .query(let name): "query:\(name)"
        case .token(let name): "token:\(name)"
        case .constant(let text): "constant:\(text)"
        }
    }
}

extension ApplicationSource {
    var text: String {
        switch self {
        case .header(let name): "header:\(name)"
        case .query(let name): "query:\(name)"
        }
    }
}
