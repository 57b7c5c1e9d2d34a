/// One row of the catalogue: a metric family as it is exposed, documented, drawn and alerted on.
public struct Family: Sendable {
    /// The three metric types in use; the raw value is the word of the `# TYPE` line.
    public enum Kind: String, Sendable {
        /// Only ever grows; its name ends in `_total`.
        case counter
        /// Goes up and down.
        case gauge
        /// Cumulative buckets, `_sum` and `_count`.
        case histogram
    }

    /// What is counted. Counters and histograms of a `seconds` family hold whole nanoseconds, which
    /// are divided once, on the page; gauges hold seconds.
    public enum Unit: String, Sendable {
        /// Things: requests, connections, lines.
        case none = ""
        /// Seconds.
        case seconds
        /// Bytes.
        case bytes
    }

    /// The exposed name, for a counter with its `_total`.
    public let name: String
    /// Counter, gauge or histogram.
    public let kind: Kind
    /// One sentence; the text of the `# HELP` line.
    public let help: String
    /// The labels in the order in which their values are given and written.
    public let labels: [Label]
    /// Unit of the values; the name of the family ends in it.
    public let unit: Unit
    /// The bounds of a histogram, `nil` for the other kinds.
    public let buckets: Buckets?
    /// Whether the histogram keeps one trace id per bucket.
    public let keepsExemplars: Bool

    /// The family name in OpenMetrics, which has no `_total`.
    public var openMetricsName: String {
        kind == .counter ? String(name.dropLast("_total".count)) : name
    }

    /// The names of the labels, in order.
    public var labelNames: [String] { labels.map(\.name.rawValue) }

    /// A counter. `name` must end in `_total`.
    public static func counter(
        _ name: String, _ help: String, _ labels: [Label] = [], unit: Unit = .none
    ) -> Family {
        precondition(name.hasSuffix("_total"), "counter \(name) does not end in _total")
        return Family(
            name: name, kind: .counter, help: help, labels: labels, unit: unit, buckets: nil,
            keepsExemplars: false)
    }

    /// A gauge.
    public static func gauge(
        _ name: String, _ help: String, _ labels: [Label] = [], unit: Unit = .none
    ) -> Family {
        Family(
            name: name, kind: .gauge, help: help, labels: labels, unit: unit, buckets: nil,
            keepsExemplars: false)
    }

    /// A histogram; its unit is that of its buckets.
    public static func histogram(
        _ name: String, _ help: String, _ labels: [Label] = [], buckets: Buckets,
        keepsExemplars: Bool = false
    ) -> Family {
        Family(
            name: name, kind: .histogram, help: help, labels: labels, unit: buckets.unit,
            buckets: buckets, keepsExemplars: keepsExemplars)
    }
}

/// A label of a family: its name, and its values where they form a closed vocabulary.
public struct Label: Sendable {
    /// The name as exposed.
    public let name: LabelName
    /// All values the label can have besides `_other`; empty for an open label, which is capped.
    public let values: [String]

    /// What a value outside the vocabulary or beyond the cap is folded into.
    public static let other = "_other"

    /// A label whose values come from the configuration or the protocol; capped by the registry.
    public static func open(_ name: LabelName) -> Label { Label(name: name, values: []) }

    /// A label whose values are the words of `vocabulary`.
    public static func words<Words: Vocabulary>(
        _ name: LabelName, _ vocabulary: Words.Type
    ) -> Label {
        Label(name: name, values: vocabulary.allCases.map(\.rawValue))
    }
}

/// Every label name in use; the raw value is what is exposed.
public enum LabelName: String, CaseIterable, Sendable {
    /// The route's path template from the configuration.
    case route
    /// The request method, from a fixed list.
    case method
    /// The status code, 100 to 599.
    case code
    /// Who made the response (`Origin`).
    case origin
    /// What the cache did (`CacheOutcome`).
    case cache
    /// Why something happened; each family has its own closed list.
    case reason
    /// The upstream's name from the configuration.
    case upstream
    /// How something ended; each family has its own closed list.
    case outcome
    /// The state of the things a gauge counts.
    case state
    /// The number of a worker thread, from 0.
    case worker
    /// The severity of a log line (`LogLevel`).
    case level
    /// The version of the program.
    case version
    /// The revision it was built from.
    case revision
    /// The version of the compiler.
    case swift
    /// The name of a label, where labels are counted.
    case label
    /// The name of an endpoint of the admin listener.
    case endpoint
    /// Where a stored response lay (`CacheTier`).
    case tier
    /// What the cache did (`CacheResult`).
    case result
    /// What part a request had in a fetch (`CacheFlightRole`).
    case role
    /// What a purge was about (`CachePurgeKind`), or an invalidation (`CacheInvalidationKind`).
    case kind
    /// What a command is for (`RedisOperation`).
    case op
    /// One of the configured Sentinels: its address.
    case sentinel
    /// The name of a rule of `limits`.
    case rule
    /// What a rule decided (`RateLimitDecision`).
    case decision
}
