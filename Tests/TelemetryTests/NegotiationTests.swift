import Testing

@testable import Telemetry

@Suite("Negotiation") struct NegotiationTests {
    static let accepts: [(String, ExpositionFormat)] = [
        // Prometheus 2.42
        (
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1"
                + ";q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", .openMetrics100
        ),
        // Prometheus 3
        (
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
                + "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;"
                + "escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
            .openMetrics100
        ),
        // Prometheus with the text format first.
        (
            "text/plain;version=0.0.4;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,"
                + "*/*;q=0.1", .text004
        ),
        ("", .text004),
        ("*/*", .text004),
        ("application/*", .openMetrics100),
        ("text/*, application/*;q=0.5", .text004),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", .text004),
        ("text/plain", .text004),
        ("application/openmetrics-text", .openMetrics100),
        ("APPLICATION/OpenMetrics-Text; VERSION=1.0.0", .openMetrics100),
        ("application/openmetrics-text; version=\"1.0.0\"", .openMetrics100),
        ("application/openmetrics-text;version=0.0.1", .text004),
        ("application/openmetrics-text;version=2.0.0", .text004),
        ("application/openmetrics-text;q=0", .text004),
        ("application/openmetrics-text;q=0, */*", .text004),
        ("application/openmetrics-text;q=0.000, text/plain;q=0", .text004),
        ("application/openmetrics-text, text/plain", .openMetrics100),
        ("text/plain, application/openmetrics-text", .openMetrics100),
        ("application/openmetrics-text;q=0.5, text/plain;q=0.501", .text004),
        ("application/openmetrics-text;q=0.502, text/plain;q=0.501", .openMetrics100),
        ("application/openmetrics-text;q=0.2, */*;q=0.9", .text004),
        ("application/openmetrics-text;q=2", .text004),
        ("application/openmetrics-text;q=1.001", .text004),
        ("application/openmetrics-text;q=", .text004),
        ("application/openmetrics-text;q=0.5x, text/plain;q=0.1", .text004),
        (" ,;,, application/openmetrics-text ;\tq=1.000 ,", .openMetrics100),
        ("a/b;x=\",application/openmetrics-text\"", .text004),
        ("a/b;x=\"\\\",application/openmetrics-text", .text004),
        ("application/json", .text004),
    ]

    @Test("Accept", arguments: accepts)
    func accept(field: String, format: ExpositionFormat) {
        #expect(ExpositionFormat.negotiate(accept: field) == format)
    }

    @Test("no Accept is text") func none() {
        #expect(ExpositionFormat.negotiate(accept: nil) == .text004)
    }

    @Test("bytes that are no text do not trap") func bytes() {
        var field: [UInt8] = []
        for byte in UInt8.min...UInt8.max { field += [byte, 0x3b, byte, 0x3d, byte, 0x2c] }
        #expect(ExpositionFormat.negotiate(accept: field) == .text004)
        #expect(!AcceptEncoding.wantsGzip(field))
    }

    @Test("content types") func contentTypes() {
        #expect(
            ExpositionFormat.text004.contentType == "text/plain; version=0.0.4; charset=utf-8")
        #expect(
            ExpositionFormat.openMetrics100.contentType
                == "application/openmetrics-text; version=1.0.0; charset=utf-8")
    }

    static let encodings: [(String, Bool)] = [
        ("gzip", true), ("GZIP", true), ("x-gzip", true), ("deflate, gzip;q=0.5", true),
        ("*", true), ("*;q=0.1", true), ("gzip;q=0.001", true),
        ("", false), ("identity", false), ("deflate", false), ("br", false),
        ("gzip;q=0", false), ("gzip;q=0.000", false), ("gzip; q=0", false), ("*;q=0", false),
        ("gzip;q=0, *", false), ("*;q=0, gzip", true), ("gzip;q=0.5, identity;q=0.8", false),
        ("gzip;q=0.8, identity;q=0.5", true), ("identity;q=0, gzip;q=0.1", true),
        ("gzip;q=1.5", false), ("gzipped", false),
    ]

    @Test("Accept-Encoding", arguments: encodings)
    func encoding(field: String, gzip: Bool) {
        #expect(AcceptEncoding.wantsGzip(Array(field.utf8)) == gzip)
    }

    @Test("no Accept-Encoding is no gzip") func noEncoding() {
        #expect(!AcceptEncoding.wantsGzip(nil))
    }
}
