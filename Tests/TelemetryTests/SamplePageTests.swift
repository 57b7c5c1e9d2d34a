import Foundation
import Testing

@testable import Telemetry

/// Writes pages of a busy registry for `check_exposition.py` and `promtool check metrics`, and the
/// catalogue beside them, into the directory named by `TELEMETRY_PAGES`.
@Suite("Sample pages") struct SamplePageTests {
    private static let directory = ProcessInfo.processInfo.environment["TELEMETRY_PAGES"]

    @Test("pages for other parsers", .enabled(if: directory != nil)) func write() throws {
        let directory = try #require(Self.directory)
        let registry = Self.busy()
        for format in ExpositionFormat.allCases {
            var bytes: [UInt8] = []
            let name = format == .text004 ? "page.txt" : "page.om"
            registry.render(format: format, into: &bytes)
            try Data(bytes).write(to: URL(fileURLWithPath: "\(directory)/\(name)"))
        }
        try Catalogue.markdown().write(
            toFile: "\(directory)/metrics.md", atomically: true, encoding: .utf8)
    }

    /// Every family of the catalogue, with hostile routes and two shards.
    private static func busy() -> Registry {
        let registry = Registry()
        registry.createKnown(routes: ["/items/{id}", "/b"], upstreams: ["api", "other"])
        var seed = UInt64(7)
        func random(_ bound: UInt64) -> UInt64 {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (seed >> 24) % bound
        }
        let routes = LabelTests.hostile.map(\.0).filter { !$0.isEmpty }
        for _ in 0..<2 {
            let shard = registry.makeShard()
            for family in Catalogue.all {
                for (index, route) in routes.enumerated() {
                    let values = family.labels.map { label in
                        if label.name == .code { return "\(200 + index)" }
                        return label.values.isEmpty ? route : label.values[0]
                    }
                    switch family.kind {
                    case .counter: shard.counter(family, values).add(random(1 << 40))
                    case .gauge: shard.gauge(family, values).set(Double(random(1000)) / 7)
                    case .histogram:
                        let histogram = shard.histogram(family, values)
                        for _ in 0..<50 {
                            let id = TraceID(high: random(1 << 30), low: random(1 << 30) + 1)
                            histogram.observe(
                                nanoseconds: random(1 << (random(35) + 1)), traceID: id)
                        }
                    }
                }
            }
        }
        registry.register { sink in
            sink.set(Catalogue.processStartTime, to: 1_700_000_000.25)
            sink.set(Catalogue.processOpenFds, to: 12)
        }
        return registry
    }
}
