/// A closed set of words. The raw values are metric labels, log words and Grafana legends at once,
/// so that the three cannot differ.
public protocol Vocabulary: RawRepresentable<String>, CaseIterable, Hashable, Sendable {
    /// The position of this case in `allCases`; what tables of cells are indexed with.
    var index: Int { get }
}

/// Who made a response.
public enum Origin: String, Vocabulary {
    /// The cache: nothing was asked of an upstream.
    case cache
    /// An upstream: the answer was passed on.
    case upstream
    /// The proxy itself: refusals, limits, failures to reach an upstream.
    case proxy

    /// The position of this case in `allCases`.
    @inlinable
    public var index: Int {
        switch self {
        case .cache: 0
        case .upstream: 1
        case .proxy: 2
        }
    }
}

/// What the cache did for a request.
public enum CacheOutcome: String, Vocabulary {
    /// A fresh stored response was used.
    case hit
    /// A stale stored response was used.
    case stale
    /// Nothing usable was stored; the upstream was asked.
    case miss
    /// The cache was left aside by the rules of the route or of the request.
    case bypass
    /// The request never came as far as the cache.
    case none

    /// The position of this case in `allCases`.
    @inlinable
    public var index: Int {
        switch self {
        case .hit: 0
        case .stale: 1
        case .miss: 2
        case .bypass: 3
        case .none: 4
        }
    }
}

/// Severity of a log line.
public enum LogLevel: String, Vocabulary {
    /// Of use only while looking for a fault.
    case debug
    /// Normal events: start, reload, drain.
    case info
    /// Something is wrong and was coped with.
    case warning
    /// Something failed.
    case error

    /// The position of this case in `allCases`.
    @inlinable
    public var index: Int {
        switch self {
        case .debug: 0
        case .info: 1
        case .warning: 2
        case .error: 3
        }
    }
}
