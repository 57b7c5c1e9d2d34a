import Testing

@testable import Telemetry

@Suite("Page") struct PageTests {
    /// One of everything.
    private func filled() -> Registry {
        let registry = sampleRegistry()
        let shard = registry.makeShard()
        shard.counter(Sample.plain).add(7)
        shard.counter(Sample.byRoute, ["/b"]).add(2)
        shard.counter(Sample.byRoute, ["/a"]).add(1)
        shard.counter(Sample.busy).add(1_500_000_001)
        shard.gauge(Sample.level).set(-2.25)
        let trace = TraceID(high: 0x4bf9_2f35_77b3_4da6, low: 0xa3ce_929d_0e0e_4736)
        shard.histogram(Sample.time, ["/a"]).observe(nanoseconds: 100_000)
        shard.histogram(Sample.time, ["/a"]).observe(nanoseconds: 67_000_000, traceID: trace)
        shard.histogram(Sample.time, ["/a"]).observe(nanoseconds: 11_000_000_000)
        shard.histogram(Sample.size).observe(bytes: 300)
        return registry
    }

    @Test("text format 0.0.4, byte for byte up to the histograms") func text() {
        let expected = #"""
            # HELP t_busy_seconds_total Busy.
            # TYPE t_busy_seconds_total counter
            t_busy_seconds_total 1.500000001
            # HELP t_by_route_total By route.
            # TYPE t_by_route_total counter
            t_by_route_total{route="/a"} 1
            t_by_route_total{route="/b"} 2
            # HELP t_level A "level" with \\ and\nmore.
            # TYPE t_level gauge
            t_level -2.25
            # HELP t_plain_total Plain.
            # TYPE t_plain_total counter
            t_plain_total 7
            # HELP t_size_bytes Size.
            # TYPE t_size_bytes histogram
            t_size_bytes_bucket{le="256.0"} 0
            t_size_bytes_bucket{le="1024.0"} 1
            t_size_bytes_bucket{le="4096.0"} 1
            t_size_bytes_bucket{le="16384.0"} 1
            t_size_bytes_bucket{le="65536.0"} 1
            t_size_bytes_bucket{le="262144.0"} 1
            t_size_bytes_bucket{le="1.048576e+06"} 1
            t_size_bytes_bucket{le="4.194304e+06"} 1
            t_size_bytes_bucket{le="+Inf"} 1
            t_size_bytes_sum 300
            t_size_bytes_count 1
            # HELP t_time_seconds Time.
            # TYPE t_time_seconds histogram
            t_time_seconds_bucket{route="/a",le="0.0001"} 1

            """#
        #expect(page(filled()).hasPrefix(expected))
    }

    @Test("OpenMetrics: names without _total, unit, escaped quote, EOF") func openMetrics() {
        let text = page(filled(), .openMetrics100)
        #expect(
            text.hasPrefix(
                """
                # TYPE t_busy_seconds counter
                # UNIT t_busy_seconds seconds
                # HELP t_busy_seconds Busy.
                t_busy_seconds_total 1.500000001
                # TYPE t_by_route counter
                # HELP t_by_route By route.
                t_by_route_total{route="/a"} 1

                """))
        #expect(text.contains(#"# HELP t_level A \"level\" with \\ and\nmore."# + "\n"))
        #expect(text.hasSuffix("\n# EOF\n"))
        #expect(!text.contains("_created"))
        #expect(!page(filled()).contains("# EOF"))
    }

    @Test("exemplars only in OpenMetrics, inside their bucket") func exemplar() {
        let name = #"t_time_seconds_bucket{route="/a",le="0.1"} 2"#
        let trace = ##" # {trace_id="4bf92f3577b34da6a3ce929d0e0e4736"} 0.067"##
        let openMetrics = lines(page(filled(), .openMetrics100))
        #expect(openMetrics.contains(name + trace))
        #expect(openMetrics.filter { $0.contains("trace_id") }.count == 1)
        let text = lines(page(filled()))
        #expect(text.contains(name))
        #expect(!text.contains { $0.contains("trace_id") })
    }

    @Test("an exemplar of each bucket lies in it") func exemplarsInBuckets() throws {
        let registry = sampleRegistry()
        let histogram = registry.makeShard().histogram(Sample.time, ["/a"])
        for exponent in 0..<36 {
            let value = UInt64(1) << exponent
            histogram.observe(nanoseconds: value, traceID: TraceID(high: 0, low: value))
        }
        var below = -1.0
        var found = 0
        for line in samples(page(registry, .openMetrics100)) where line.contains("_bucket") {
            let text = try #require(line.split(separator: "le=\"").last?.prefix { $0 != "\"" })
            let bound = try #require(text == "+Inf" ? .infinity : Double(text))
            if line.contains(" # ") {
                let value = try #require(line.split(separator: " ").last.flatMap { Double($0) })
                #expect(value > below && value <= bound, "\(line)")
                found += 1
            }
            below = bound
        }
        #expect(found == 17)
    }

    @Test("buckets ascend, +Inf is _count, the sum is that of the values") func histogram() {
        let text = page(filled())
        let buckets = lines(text).filter { $0.hasPrefix("t_time_seconds_bucket") }
        let counts = buckets.compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }
        #expect(counts.count == 17)
        #expect(counts == counts.sorted())
        #expect(value(#"t_time_seconds_bucket{route="/a",le="10.0"}"#, in: text) == "2")
        #expect(value(#"t_time_seconds_bucket{route="/a",le="+Inf"}"#, in: text) == "3")
        #expect(value(#"t_time_seconds_count{route="/a"}"#, in: text) == "3")
        #expect(value(#"t_time_seconds_sum{route="/a"}"#, in: text) == "11.0671")
    }

    @Test("sorted, grouped, described once, no blank line", arguments: ExpositionFormat.allCases)
    func grouping(format: ExpositionFormat) {
        let registry = Registry()
        registry.createKnown(routes: ["/b", "/a"], upstreams: ["two", "one"])
        _ = registry.makeShard().histogram(Catalogue.httpRequestDuration, ["/a", "hit"])
        let text = page(registry, format)
        let all = lines(text)
        #expect(text.hasSuffix("\n"))
        #expect(!all.contains(""))
        let types = all.filter { $0.hasPrefix("# TYPE ") }
        #expect(Set(types).count == types.count)
        // No family name is the beginning of another with a character below "_" or a space next.
        #expect(types == types.sorted())
        #expect(all.filter { $0.hasPrefix("# HELP ") }.count == types.count)
        let names = samples(text).map { $0.prefix { $0 != " " } }
        #expect(Set(names).count == names.count)
        #expect(registry.seriesCount == names.count)
    }

    @Test("a family without children is not on the page") func empty() {
        #expect(page(Registry()) == "")
        #expect(page(Registry(), .openMetrics100) == "# EOF\n")
    }

    @Test("the page replaces what was in the buffer; the number of samples is returned")
    func reuse() {
        let registry = filled()
        var bytes: [UInt8] = Array("old".utf8)
        let first = registry.render(format: .text004, into: &bytes)
        let again = bytes
        #expect(registry.render(format: .text004, into: &bytes) == first)
        #expect(bytes == again)
        #expect(samples(String(decoding: bytes, as: UTF8.self)).count == first)
        #expect(registry.seriesCount == first)
    }

    @Test("a gauge that is not finite is left out", arguments: [Double.nan, .infinity, -.infinity])
    func notFinite(value: Double) {
        let registry = sampleRegistry()
        registry.makeShard().gauge(Sample.level).set(value)
        registry.register { $0.set(Sample.plain, to: value) }
        #expect(page(registry) == "")
    }
}

@Suite("Numbers") struct NumberTests {
    @Test("decimal", arguments: [(0, "0"), (9, "9"), (10, "10"), (.max, "18446744073709551615")])
    func decimal(value: UInt64, text: String) {
        var bytes: [UInt8] = []
        bytes.append(decimal: value)
        #expect(String(decoding: bytes, as: UTF8.self) == text)
    }

    @Test(
        "seconds of nanoseconds, exact",
        arguments: [
            (0, "0"), (1, "0.000000001"), (50_000, "0.00005"), (1_000_000_000, "1"),
            (1_500_000_000, "1.5"), (10_000_000_010, "10.00000001"),
            (.max, "18446744073.709551615"),
        ] as [(UInt64, String)])
    func seconds(value: UInt64, text: String) {
        var bytes: [UInt8] = []
        bytes.append(seconds: value)
        #expect(String(decoding: bytes, as: UTF8.self) == text)
    }

    @Test(
        "real numbers",
        arguments: [
            (0, "0"), (-0.0, "0"), (1, "1"), (-3, "-3"), (0.1, "0.1"), (-2.5, "-2.5"),
            (1.7e9, "1700000000"), (1e300, "1e+300"), (5e-05, "5e-05"),
            (1_700_000_000.25, "1700000000.25"),
        ] as [(Double, String)])
    func real(value: Double, text: String) {
        var bytes: [UInt8] = []
        bytes.append(real: value)
        #expect(String(decoding: bytes, as: UTF8.self) == text)
    }

    @Test(
        "le is a canonical float",
        arguments: [
            (5e-05, "5e-05"), (0.0001, "0.0001"), (0.00025, "0.00025"), (0.25, "0.25"),
            (1, "1.0"), (10, "10.0"), (30, "30.0"), (256, "256.0"), (262_144, "262144.0"),
            (1_048_576, "1.048576e+06"), (1_000_000, "1e+06"), (1e10, "1e+10"),
            (12_500_000, "1.25e+07"),
        ] as [(Double, String)])
    func canonical(value: Double, text: String) {
        #expect(canonicalFloat(value) == text)
    }

    @Test("the bucket lists of the reference") func lists() {
        #expect(
            Buckets.duration.texts.joined(separator: " ")
                == "0.0001 0.00025 0.0005 0.001 0.0025 0.005 0.01 0.025 0.05 0.1 0.25 0.5 1.0 2.5 "
                + "5.0 10.0")
        #expect(
            Buckets.upstream.texts.joined(separator: " ")
                == "0.001 0.0025 0.005 0.01 0.025 0.05 0.1 0.25 0.5 1.0 2.5 5.0 10.0 30.0")
        #expect(Buckets.size.bounds == (0..<8).map { 256 << (2 * $0) })
    }
}
