import Foundation
import Synchronization
import Testing

@testable import Telemetry

/// A flag that closures on several threads share.
private final class Flag: Sendable {
    private let flag = Atomic(false)
    var isSet: Bool { flag.load(ordering: .relaxed) }
    func set() { flag.store(true, ordering: .relaxed) }
}

@Suite("Registry") struct RegistryTests {
    @Test("equal labels give the same cell in one shard, another one in the next") func identity() {
        let registry = sampleRegistry()
        let first = registry.makeShard()
        let second = registry.makeShard()
        let counter = first.counter(Sample.byRoute, ["/a"])
        #expect(counter === first.counter(Sample.byRoute, ["/a"]))
        #expect(counter !== first.counter(Sample.byRoute, ["/b"]))
        #expect(counter !== second.counter(Sample.byRoute, ["/a"]))
    }

    @Test("shards are summed: counters, gauges, buckets, sums, exemplars") func sums() {
        let registry = sampleRegistry()
        for number in 1...3 {
            let shard = registry.makeShard()
            shard.counter(Sample.plain).add(UInt64(number))
            shard.gauge(Sample.level).set(Double(number))
            let histogram = shard.histogram(Sample.time, ["/a"])
            let trace = TraceID(high: 0, low: UInt64(number))
            // 1 ms, 10 ms, 100 ms: one exemplar each.
            let value: UInt64 = [1_000_000, 10_000_000, 100_000_000][number - 1]
            histogram.observe(nanoseconds: value, traceID: trace)
        }
        let text = page(registry, .openMetrics100)
        #expect(value("t_plain_total", in: text) == "6")
        #expect(value("t_level", in: text) == "6")
        #expect(value(#"t_time_seconds_count{route="/a"}"#, in: text) == "3")
        #expect(value(#"t_time_seconds_sum{route="/a"}"#, in: text) == "0.111")
        #expect(value(#"t_time_seconds_bucket{route="/a",le="0.01"}"#, in: text) == "2")
        #expect(text.split(separator: "trace_id=").count == 4)
    }

    @Test("collectors: values at the scrape, added to each other and to the cells") func collect() {
        let registry = sampleRegistry()
        let called = Flag()
        registry.makeShard().counter(Sample.busy).add(250_000_000)
        registry.register { sink in
            called.set()
            sink.set(Sample.busy, to: 1.5)
            sink.set(Sample.byRoute, ["/a"], to: 2)
        }
        registry.register { $0.set(Sample.byRoute, ["/a"], to: 3) }
        #expect(!called.isSet)
        let text = page(registry)
        #expect(called.isSet)
        #expect(value("t_busy_seconds_total", in: text) == "1.75")
        #expect(value(#"t_by_route_total{route="/a"}"#, in: text) == "5")
    }

    @Test("what a collector no longer reads is gone, not 0") func noFake() {
        let registry = Registry()
        let unreadable = Flag()
        registry.register { sink in
            if !unreadable.isSet { sink.set(Catalogue.processOpenFds, to: 12) }
        }
        #expect(value("process_open_fds", in: page(registry)) == "12")
        unreadable.set()
        #expect(page(registry) == "")
    }

    @Test("a collector may use the registry") func collectorWithoutLock() {
        let registry = sampleRegistry()
        registry.register { [unowned registry] sink in
            sink.set(Sample.level, to: Double(registry.seriesCount))
        }
        #expect(value("t_level", in: page(registry)) == "0")
    }

    @Test("collected labels are capped too") func collectedLabels() {
        var limits = CardinalityLimits()
        limits.routesMax = 2
        let registry = sampleRegistry(limits)
        registry.register { sink in
            for index in 0..<5 { sink.set(Sample.byRoute, ["/\(index)"], to: 1) }
        }
        let text = page(registry)
        #expect(value(#"t_by_route_total{route="_other"}"#, in: text) == "3")
    }

    @Test("known counters are 0 at start") func known() {
        let registry = Registry()
        registry.createKnown(routes: ["/items/{id}"], upstreams: ["api"])
        let text = page(registry)
        #expect(samples(text).allSatisfy { $0.hasSuffix(" 0") })
        for code in ["200", "429", "502", "503", "504"] {
            let name = #"meliproxy_http_requests_total{route="/items/{id}",method="GET",code=""#
            #expect(text.contains(name + code + "\""), "\(code)")
        }
        for reason in UpstreamErrorReason.allCases {
            let labels = "{upstream=\"api\",reason=\"\(reason.rawValue)\"}"
            #expect(value("meliproxy_upstream_errors_total" + labels, in: text) == "0")
        }
        for state in UpstreamConnectionState.allCases {
            let labels = "{upstream=\"api\",state=\"\(state.rawValue)\"}"
            #expect(value("meliproxy_upstream_connections" + labels, in: text) == "0")
        }
        for name in ["connections_accepted_total", "log_dropped_total"] {
            #expect(value("meliproxy_" + name, in: text) == "0")
        }
        for reason in RequestErrorReason.allCases {
            let labels = "{reason=\"\(reason.rawValue)\"}"
            #expect(value("meliproxy_http_request_errors_total" + labels, in: text) == "0")
        }
        #expect(!text.contains("process_"))
        // A second time, after a reload, changes nothing.
        let before = registry.seriesCount
        registry.createKnown(routes: ["/items/{id}"], upstreams: ["api"])
        #expect(registry.seriesCount == before)
    }

    @Test("20 routes stay within some 2,000 samples") func budget() {
        let registry = Registry()
        let routes = (1...20).map { "/route/\($0)" }
        registry.createKnown(routes: routes, upstreams: ["api"])
        let shard = registry.makeShard()
        for route in routes {
            let byCache = shard.histograms(
                Catalogue.httpRequestDuration, [route], by: CacheOutcome.self)
            for outcome in [CacheOutcome.hit, .stale, .miss, .bypass] { _ = byCache[outcome] }
        }
        #expect(registry.seriesCount < 2_200)
    }
}

@Suite("Reading while another thread writes") struct ConcurrencyTests {
    private struct Seen {
        var count = 0
        var buckets: [Int] = []
        var exact = false
    }

    private static func look(_ registry: Registry) -> Seen? {
        let text = page(registry, .openMetrics100)
        let buckets = samples(text).filter { $0.hasPrefix("t_size_bytes_bucket") }
            .compactMap { $0.split(separator: " ").dropFirst().first.flatMap { Int($0) } }
        guard let count = value("t_size_bytes_count", in: text).flatMap({ Int($0) }),
            let sum = value("t_size_bytes_sum", in: text).flatMap({ Int($0) }),
            buckets.count == 9, buckets.last == count
        else { return nil }
        // The writer alternates 100 and 1,000: the sum follows from the buckets.
        let exact = sum == 100 * buckets[0] + 1_000 * (buckets[1] - buckets[0])
        return Seen(count: count, buckets: buckets, exact: exact)
    }

    // A thread of its own: tasks could share one with the reader and never run beside it.
    private static func write(_ body: @escaping @Sendable (Flag) -> Void) -> Flag {
        let stop = Flag()
        Thread.detachNewThread { body(stop) }
        return stop
    }

    @Test("counts never fall, buckets are monotone, sum and count belong together")
    func scrapeUnderLoad() async {
        let registry = sampleRegistry()
        let stop = Self.write { stop in
            let histogram = registry.makeShard().histogram(Sample.size)
            var turns = UInt64(0)
            while !stop.isSet {
                histogram.observe(bytes: 100)
                for _ in 0..<5_000 { turns = turns &* 31 &+ 7 }
                histogram.observe(bytes: 1_000)
                for _ in 0..<5_000 { turns = turns &* 31 &+ 7 }
            }
        }
        await Self.scrape(registry)
        stop.set()
    }

    private static func scrape(_ registry: Registry) async {
        var last = Seen(buckets: Array(repeating: 0, count: 9))
        while Self.look(registry) == nil { await Task.yield() }
        var exact = 0
        let scrapes = 300
        for _ in 0..<scrapes {
            guard let seen = Self.look(registry) else {
                Issue.record("+Inf is not _count, or a sample is missing")
                return
            }
            #expect(seen.count >= last.count)
            #expect(zip(last.buckets, seen.buckets).allSatisfy(<=))
            #expect(seen.buckets == seen.buckets.sorted())
            if seen.exact { exact += 1 }
            last = seen
            await Task.yield()
        }
        #expect(last.count > 0)
        // Not all: a writer that the scheduler stops in the middle is not waited for.
        #expect(exact > scrapes / 2)
    }

    @Test("an exemplar is never put together from two") func exemplarsNotTorn() async {
        let histogram = Histogram(.duration, keepsExemplars: true)
        let stop = Self.write { stop in
            var turn = UInt64(1)
            while !stop.isSet {
                let id = TraceID(high: turn, low: turn)
                histogram.observe(nanoseconds: turn % 100_000, traceID: id)
                turn += 1
                // Leaves the reader a chance to see it between two observations.
                for _ in 0..<2_000 { turn = turn &* 1 }
            }
        }
        defer { stop.set() }
        var distinct: Set<UInt64> = []
        while distinct.count < 20_000 {
            var snapshot = HistogramSnapshot()
            snapshot.add(histogram, exemplars: true)
            guard let exemplar = snapshot.exemplars[0] else {
                await Task.yield()
                continue
            }
            let id = exemplar.traceID
            if id.high != id.low || exemplar.value != id.low % 100_000 {
                Issue.record("\(exemplar)")
                return
            }
            distinct.insert(id.low)
        }
    }

    @Test("children are created while pages are written") func createUnderLoad() async {
        let registry = sampleRegistry()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    let shard = registry.makeShard()
                    for round in 0..<20 {
                        for route in 0..<60 { shard.counter(Sample.byRoute, ["/\(route)"]).add() }
                        _ = page(registry, round.isMultiple(of: 2) ? .text004 : .openMetrics100)
                        await Task.yield()
                    }
                }
            }
        }
        let text = page(registry)
        for route in 0..<60 {
            #expect(value("t_by_route_total{route=\"/\(route)\"}", in: text) == "80")
        }
    }
}
