internal import EventLoop
internal import HTTP1
internal import Locking
public import ProxyCore
internal import Telemetry
internal import Time

/// Messages about the instance itself, on standard error: start, reload, drain, trouble. Few, and never
/// about single requests.
public final class Diagnostics: Sendable {
    private let level: ProxyCore.LogLevel
    private let format: LogFormat
    private let counts = Locked<[ProxyCore.LogLevel: UInt64]>([:])

    /// Writes messages at least as severe as `level`.
    public init(level: ProxyCore.LogLevel, format: LogFormat) {
        self.level = level
        self.format = format
    }

    /// Writes one message, and counts it.
    public func log(_ level: ProxyCore.LogLevel, _ message: String) {
        guard Diagnostics.rank(level) >= Diagnostics.rank(self.level) else { return }
        counts.withLock { $0[level, default: 0] += 1 }
        var line = ByteWriter(capacity: 256)
        switch format {
        case .json:
            line.append("{\"ts\":\"")
            line.append(timestamp: .now())
            line.append("\",\"level\":\"")
            line.append(utf8: level.rawValue)
            line.append("\",\"msg\":\"")
            line.append(escapingText: message)
            line.append("\"}\n")
        case .text:
            line.append(timestamp: .now())
            line.append(utf8: " \(level.rawValue): \(message)\n")
        }
        _ = line.withSpan { FileSink.standardError.write($0) }
    }

    private static func rank(_ level: ProxyCore.LogLevel) -> Int {
        ProxyCore.LogLevel.allCases.firstIndex(of: level) ?? 0
    }

    /// Gives the counts to a scrape, in the metric's words.
    func collect(into sink: inout SampleSink) {
        for (level, count) in counts.withLock({ $0 }) {
            let word: Telemetry.LogLevel =
                switch level {
                case .debug: .debug
                case .info, .notice: .info
                case .warning: .warning
                case .error: .error
                }
            sink.set(Catalogue.logMessages, [word.rawValue], to: Double(count))
        }
    }
}
