import Telemetry

/// The page of `registry` as text.
func page(_ registry: Registry, _ format: ExpositionFormat = .text004) -> String {
    var bytes: [UInt8] = []
    registry.render(format: format, into: &bytes)
    return String(decoding: bytes, as: UTF8.self)
}

/// The lines of `text`, without the last, empty one.
func lines(_ text: String) -> [String] {
    text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
}

/// The value of the sample that starts with `name`, which includes its labels.
func value(_ name: String, in text: String) -> String? {
    for line in text.split(separator: "\n") where line.hasPrefix(name + " ") {
        return String(line.dropFirst(name.count + 1).prefix { $0 != " " })
    }
    return nil
}

/// Samples: all lines that are not comments.
func samples(_ text: String) -> [String] { lines(text).filter { !$0.hasPrefix("#") } }

/// A few families of every kind, apart from the catalogue.
enum Sample {
    static let plain = Family.counter("t_plain_total", "Plain.")
    static let byRoute = Family.counter("t_by_route_total", "By route.", [.open(.route)])
    static let busy = Family.counter("t_busy_seconds_total", "Busy.", unit: .seconds)
    static let level = Family.gauge("t_level", #"A "level" with \ and"# + "\nmore.")
    static let time = Family.histogram(
        "t_time_seconds", "Time.", [.open(.route)], buckets: .duration, keepsExemplars: true)
    static let size = Family.histogram("t_size_bytes", "Size.", buckets: .size)
    static let all = [
        plain, byRoute, busy, level, time, size, Catalogue.metricsLabelOverflow,
    ]
}

/// A registry of those families.
func sampleRegistry(_ limits: CardinalityLimits = .init()) -> Registry {
    Registry(limits: limits, families: Sample.all)
}
