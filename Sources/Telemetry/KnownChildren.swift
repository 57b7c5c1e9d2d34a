extension ChildTable {
    /// See `Registry.createKnown`.
    mutating func createKnown(routes: [String], upstreams: [String]) {
        // Only a collector knows the counters of the process.
        let counters = families.map(\.family).filter {
            $0.kind == .counter && !$0.name.hasPrefix("process_")
        }
        for family in counters { create(family, allOf: family.labels, after: []) }
        for upstream in upstreams {
            for family in counters where family.labels.first?.name == .upstream {
                create(family, allOf: Array(family.labels.dropFirst()), after: [upstream])
            }
            for state in UpstreamConnectionState.allCases {
                create(Catalogue.upstreamConnections, [upstream, state.rawValue])
            }
            create(Catalogue.upstreamRequests, [upstream, "200"])
        }
        for route in routes {
            for (code, origin) in Self.usualAnswers {
                create(Catalogue.httpRequests, [route, "GET", code, origin.rawValue])
            }
        }
    }

    private static let usualAnswers: [(String, Origin)] = [
        ("200", .cache), ("200", .upstream), ("429", .proxy), ("502", .proxy), ("503", .proxy),
        ("504", .proxy),
    ]

    /// Every combination of the words of `labels` behind `values`; nothing if one is open.
    private mutating func create(_ family: Family, allOf labels: [Label], after values: [String]) {
        guard let label = labels.first else {
            create(family, values)
            return
        }
        for word in label.values {
            create(family, allOf: Array(labels.dropFirst()), after: values + [word])
        }
    }
}
