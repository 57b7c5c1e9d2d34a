import Testing

@testable import Telemetry

@Suite("Cells") struct CellTests {
    @Test("a counter adds") func counter() {
        let counter = Counter()
        counter.add()
        counter.add(41)
        #expect(counter.value == 42)
    }

    @Test("a gauge sets and adds") func gauge() {
        let gauge = Gauge()
        gauge.set(2.5)
        gauge.add(-4)
        #expect(gauge.value == -1.5)
    }

    /// Every bound of every bucket list, itself and one to each side: `le` is inclusive.
    @Test("bucket search", arguments: [Buckets.duration, .upstream, .size])
    func bucketSearch(buckets: Buckets) {
        let histogram = Histogram(buckets, keepsExemplars: false)
        let around = buckets.bounds.flatMap { [$0 - 1, $0, $0 + 1] as [UInt64] }
        let edges: [UInt64] = around + [0, .max - 1]
        for value in edges {
            let expected = buckets.bounds.firstIndex { value <= $0 } ?? buckets.bounds.count
            #expect(histogram.bucket(of: value) == expected, "\(value)")
        }
    }

    @Test("a full list of 16 bounds reaches +Inf") func lastBucket() {
        let histogram = Histogram(.duration, keepsExemplars: false)
        #expect(histogram.bucket(of: .max) == 16)
    }

    @Test("the sum stays at the top instead of falling") func saturation() {
        let histogram = Histogram(.duration, keepsExemplars: false)
        histogram.observe(nanoseconds: .max)
        histogram.observe(nanoseconds: 5)
        var snapshot = HistogramSnapshot()
        snapshot.add(histogram, exemplars: false)
        #expect(snapshot.sum == .max)
        snapshot.add(histogram, exemplars: false)
        #expect(snapshot.sum == .max)
    }

    @Test("the last writer of a bucket's exemplar wins; none without a trace") func exemplars() {
        let histogram = Histogram(.duration, keepsExemplars: true)
        histogram.observe(nanoseconds: 200_000, traceID: TraceID(high: 1, low: 2))
        histogram.observe(nanoseconds: 240_000, traceID: TraceID(high: 3, low: 4))
        histogram.observe(nanoseconds: 250_000, traceID: TraceID(high: 0, low: 0))
        histogram.observe(nanoseconds: 600_000)
        var snapshot = HistogramSnapshot()
        snapshot.add(histogram, exemplars: true)
        let expected = Exemplar(traceID: TraceID(high: 3, low: 4), value: 240_000)
        #expect(snapshot.exemplars[1] == expected)
        #expect(snapshot.counts[1] == 3)
        #expect(snapshot.counts[3] == 1)
        #expect(snapshot.exemplars[3] == nil)
    }

    @Test("a writer stopped inside is not waited for, and its exemplars are not shown")
    func stoppedWriter() {
        let histogram = Histogram(.duration, keepsExemplars: true)
        histogram.observe(nanoseconds: 1, traceID: TraceID(high: 1, low: 2))
        _ = histogram.begin()
        var snapshot = HistogramSnapshot()
        snapshot.add(histogram, exemplars: true)
        #expect(snapshot.counts[0] == 1)
        #expect(snapshot.exemplars[0] == nil)
    }

    @Test("the counter of each word of a vocabulary") func counterSet() {
        let registry = Registry()
        let shard = registry.makeShard()
        let closed = shard.counters(Catalogue.connectionsClosed, by: ConnectionCloseReason.self)
        for (index, reason) in ConnectionCloseReason.allCases.enumerated() {
            closed[reason].add(UInt64(index) + 1)
        }
        let text = page(registry)
        for (index, reason) in ConnectionCloseReason.allCases.enumerated() {
            let name = "meliproxy_connections_closed_total{reason=\"\(reason.rawValue)\"}"
            #expect(value(name, in: text) == String(index + 1))
        }
    }

    @Test("histograms of a vocabulary are made on first use") func histogramSet() {
        let registry = Registry()
        let shard = registry.makeShard()
        let byCache = shard.histograms(
            Catalogue.httpRequestDuration, ["/a"], by: CacheOutcome.self)
        #expect(registry.seriesCount == 0)
        byCache[.miss].observe(nanoseconds: 1)
        byCache[.miss].observe(nanoseconds: 1)
        #expect(registry.seriesCount == 19)
        let name = #"meliproxy_http_request_duration_seconds_count{route="/a",cache="miss"}"#
        #expect(value(name, in: page(registry)) == "2")
    }
}

@Suite("Counters by method, code and origin") struct RequestCountersTests {
    @Test("every combination finds its own counter, again and again") func combinations() {
        var limits = CardinalityLimits()
        limits.childrenPerFamilyMax = 10_000
        let registry = Registry(limits: limits)
        let counters = RequestCounters(
            shard: registry.makeShard(), route: "/a", methods: ["GET", "HEAD", "POST"])
        let all = (0..<3).flatMap { method in
            (100...599).flatMap { code in Origin.allCases.map { (method, code, $0) } }
        }
        for (method, code, origin) in all + all.reversed() {
            counters.add(method: method, code: code, origin: origin)
        }
        let text = page(registry)
        #expect(samples(text).allSatisfy { $0.hasSuffix(" 2") })
        #expect(registry.seriesCount == 3 * 500 * 3)
        let name =
            #"meliproxy_http_requests_total{route="/a",method="HEAD",code="404",origin="proxy"}"#
        #expect(value(name, in: text) == "2")
    }

    @Test("what is outside of the lists is _other", arguments: [Int.min, -1, 0, 99, 600, Int.max])
    func outside(code: Int) {
        let registry = Registry()
        let shard = registry.makeShard()
        let requests = RequestCounters(shard: shard, route: "/a", methods: ["GET"])
        requests.add(method: code == 0 ? 1 : code, code: code, origin: .upstream)
        let answers = CodeCounters(
            shard: shard, family: Catalogue.upstreamRequests, labels: ["api"])
        answers.add(code: code)
        answers.add(code: 204)
        let text = page(registry)
        let labels = #"{route="/a",method="_other",code="_other",origin="upstream"}"#
        #expect(value("meliproxy_http_requests_total" + labels, in: text) == "1")
        let name = #"meliproxy_upstream_requests_total{upstream="api",code="#
        #expect(value(name + #""_other"}"#, in: text) == "1")
        #expect(value(name + #""204"}"#, in: text) == "1")
    }
}
