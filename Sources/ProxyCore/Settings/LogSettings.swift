/// Access log and diagnostics.
public struct LogSettings: Sendable, Equatable {
    /// The access log.
    public var access = AccessLogSettings()
    /// The least severe diagnostic that is written.
    public var level: LogLevel = .info

    /// The defaults.
    public init() {}
}

/// The access log: one line a request.
public struct AccessLogSettings: Sendable, Equatable {
    /// Where lines go.
    public var target: AccessLogTarget = .standardOutput
    /// Their form.
    public var format: LogFormat = .json
    /// One in so many requests is logged; 1: all.
    public var sampleRate = 1
    /// Requests at least this slow are always logged, in nanoseconds; nil: no such rule.
    public var slowNanoseconds: UInt64? = second

    /// The defaults: every request, JSON, standard output.
    public init() {}
}

/// Where the access log goes.
public enum AccessLogTarget: Sendable, Equatable {
    /// Nowhere.
    case off
    /// Standard output.
    case standardOutput
    /// Appended to this file.
    case file(String)
}

/// The form of log lines.
public enum LogFormat: String, Sendable, Equatable, CaseIterable {
    /// One JSON object a line.
    case json
    /// Words for people.
    case text
}

/// Severity of a diagnostic, least severe first.
public enum LogLevel: String, Sendable, Equatable, CaseIterable {
    /// What the program does, step by step.
    case debug
    /// What an operator may want to know.
    case info
    /// Unusual, but in order.
    case notice
    /// Something may need attention.
    case warning
    /// Something failed.
    case error
}

/// Bounds on metric labels, and exemplars.
public struct TelemetrySettings: Sendable, Equatable {
    /// Most values of the `route` label; the rest count as `_other`.
    public var routeLabelsMax = 64
    /// Most values of the `upstream` label; the rest count as `_other`.
    public var upstreamLabelsMax = 16
    /// Whether histograms carry exemplars in OpenMetrics.
    public var exemplars = true

    /// The defaults.
    public init() {}
}

/// How the instance stops. Durations are in nanoseconds.
public struct ShutdownSettings: Sendable, Equatable {
    /// How long it keeps serving after readiness flipped.
    public var drainDelayNanoseconds: UInt64 = 0
    /// How long requests in flight may take after that.
    public var graceNanoseconds: UInt64 = 30 * second

    /// The defaults.
    public init() {}
}
