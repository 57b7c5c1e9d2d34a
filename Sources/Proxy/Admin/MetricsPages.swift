internal import EventLoop
internal import Responder
internal import Telemetry
internal import Time

/// Renders the metrics page, at most one at a time; scrapers that come at once get the same bytes.
final class MetricsPages {
    private static let freshNanoseconds: UInt64 = 250_000_000
    /// Smaller pages are sent as they are.
    private static let gzipBytesMin = 1024

    private struct Page {
        var bytes: [UInt8] = []
        var compressed: [UInt8]?
        var made: Instant?
    }

    private let registry: Registry
    private let gauges: ControlGauges
    private var text = Page()
    private var openMetrics = Page()

    init(_ registry: Registry, _ gauges: ControlGauges) {
        self.registry = registry
        self.gauges = gauges
    }

    /// The page in `format`, compressed if asked for and worth it.
    func page(
        _ format: ExpositionFormat, gzip: Bool, at now: Instant
    ) -> (bytes: [UInt8], isCompressed: Bool) {
        switch format {
        case .text004: bytes(&text, format, gzip: gzip, at: now)
        case .openMetrics100: bytes(&openMetrics, format, gzip: gzip, at: now)
        }
    }

    private func bytes(
        _ page: inout Page, _ format: ExpositionFormat, gzip: Bool, at now: Instant
    ) -> (bytes: [UInt8], isCompressed: Bool) {
        if page.made.map({ now.nanoseconds(since: $0) > MetricsPages.freshNanoseconds }) ?? true {
            let series = registry.render(format: format, into: &page.bytes)
            page.compressed = nil
            page.made = now
            gauges.series.set(Double(series))
            gauges.renderSeconds.set(Double(Instant.now().nanoseconds(since: now)) / 1e9)
        }
        guard gzip, page.bytes.count >= MetricsPages.gzipBytesMin else {
            return (page.bytes, false)
        }
        if page.compressed == nil { page.compressed = Gzip.compress(page.bytes) }
        return page.compressed.map { ($0, true) } ?? (page.bytes, false)
    }
}
