import Testing

@testable import Telemetry

@Suite("W3C Trace Context") struct TraceContextTests {
    static let id = "4bf92f3577b34da6a3ce929d0e0e4736"
    static let span = "00f067aa0ba902b7"

    /// Field values with the flags they parse to.
    static let valid: [(String, UInt8)] = [
        ("00-\(id)-\(span)-00", 0),
        ("00-\(id)-\(span)-01", 1),
        ("00-\(id)-\(span)-02", 2),
        ("00-\(id)-\(span)-03", 3),
        // Unknown flags are dropped.
        ("00-\(id)-\(span)-ff", 3),
        ("00-\(id)-\(span)-f0", 0),
        // Later versions: the same beginning, then nothing or a dash and more.
        ("01-\(id)-\(span)-01", 1),
        ("cc-\(id)-\(span)-01", 1),
        ("fe-\(id)-\(span)-01", 1),
        ("01-\(id)-\(span)-01-", 1),
        ("cc-\(id)-\(span)-01-what-the-future-will-be-like", 1),
        ("01-\(id)-\(span)-01-\(String(repeating: "x", count: 500))", 1),
    ]

    @Test("valid", arguments: valid)
    func parses(field: String, flags: UInt8) {
        let bytes = Array(field.utf8)
        let expected = TraceContext(
            traceID: TraceID(high: 0x4bf9_2f35_77b3_4da6, low: 0xa3ce_929d_0e0e_4736),
            parentSpanID: SpanID(0x00f0_67aa_0ba9_02b7), flags: flags)
        #expect(parse(bytes) == expected)
        #expect(expected.isSampled == (flags & 1 == 1))
    }

    static let invalid: [String] = [
        "", "-", "00", "00-", "---", "00-\(id)", "00-\(id)-\(span)",
        // Version
        "ff-\(id)-\(span)-01", "ff-\(id)-\(span)-01-more", "0-\(id)-\(span)-01",
        ".0-\(id)-\(span)-01", "0.-\(id)-\(span)-01", "FE-\(id)-\(span)-01",
        "000-\(id)-\(span)-01", "0x-\(id)-\(span)-01",
        // Length of version 00
        "00-\(id)-\(span)-0", "00-\(id)-\(span)-001", "00-\(id)-\(span)-01-",
        "00-\(id)-\(span)-01-more", "00-\(id)-\(span)-01.",
        // Later versions go on only behind a dash
        "cc-\(id)-\(span)-01.what", "01-\(id)-\(span)-010", "01-\(id)-\(span)-0",
        // Trace id
        "00-00000000000000000000000000000000-\(span)-01", "00-\(id.uppercased())-\(span)-01",
        "00-\(id.dropLast())-\(span)-01", "00-\(id.dropLast())g-\(span)-01",
        "00-.0000000000000000000000000000001-\(span)-01", "00-\(id)0-\(span)-01",
        // Parent id
        "00-\(id)-0000000000000000-01", "00-\(id)-\(span.uppercased())-01",
        "00-\(id)-\(span.dropLast())-01", "00-\(id)-\(span.dropLast()).-01",
        "00-\(id)-\(span)0-01",
        // Flags
        "00-\(id)-\(span)-.0", "00-\(id)-\(span)-0.", "00-\(id)-\(span)-0G",
        "00-\(id)-\(span)-FF", "00-\(id)-\(span)- 1", "00-\(id)-\(span)-+1",
        // Separators and white space
        "00_\(id)-\(span)-01", "00-\(id)_\(span)-01", "00-\(id)-\(span)_01",
        " 00-\(id)-\(span)-01", "00-\(id)-\(span)-01 ", "00-\(id)-\(span)-01\t",
        "00-\(id)-\(span)-01,00-\(id)-\(span)-01",
    ]

    @Test("invalid", arguments: invalid)
    func refuses(field: String) {
        let bytes = Array(field.utf8)
        #expect(parse(bytes) == nil)
    }

    @Test("one changed byte never parses to the same context nor traps") func everyByte() throws {
        let field = Array("00-\(Self.id)-\(Self.span)-01".utf8)
        let original = try #require(parse(field))
        for index in field.indices {
            for byte in UInt8.min...UInt8.max where byte != field[index] {
                var changed = field
                changed[index] = byte
                let parsed = parse(changed)
                let isHex = (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
                #expect(parsed == nil || isHex)
                // Version and the unknown flags may change without effect.
                if index > 1, index < 53 { #expect(parsed != original) }
            }
        }
    }

    @Test("new ids are never all zeros", arguments: [(0, 0), (0, 5), (7, 0), (.max, .max)])
    func new(high: UInt64, low: UInt64) {
        let context = TraceContext(randomHigh: high, randomLow: low, sampled: true)
        #expect(!context.traceID.isZero)
        #expect(context.traceID.high == high)
        #expect(context.parentSpanID == nil)
        #expect(context.isSampled)
        #expect(!TraceContext(randomHigh: high, randomLow: low).isSampled)
        #expect(SpanID(random: low).value == (low == 0 ? 1 : low))
    }
}

// The expectation macros cannot take a span apart.
private func parse(_ bytes: [UInt8]) -> TraceContext? {
    TraceContext.parse(traceparent: bytes.span)
}
