internal import HTTP1
internal import Telemetry

/// The trace that a request belongs to (W3C Trace Context): continued from a valid `traceparent`, or new.
struct RequestTrace {
    /// Trace id, the caller's span, flags.
    private(set) var context = TraceContext(
        traceID: TraceID(high: 0, low: 0), parentSpanID: nil, flags: 0)
    /// Our own span, the parent of what the upstream does.
    private(set) var span = SpanID(0)
    /// Whether the client's trace goes on; only then does its `tracestate` mean anything.
    private(set) var isContinued = false

    /// Reads the client's `traceparent`; two of them count as none.
    mutating func identify(_ head: RequestHead, random: inout Xoshiro) {
        span = SpanID(random: random.next())
        if head.contains(.traceparent), head.count(of: .traceparent) == 1,
            let value = head.value(of: .traceparent),
            let parsed = TraceContext.parse(
                traceparent: head.bytes.span.extracting(value.indices))
        {
            context = parsed
            isContinued = true
        } else {
            context = TraceContext(randomHigh: random.next(), randomLow: random.next())
        }
    }

    /// A new trace, for what is no readable request.
    mutating func start(random: inout Xoshiro) {
        span = SpanID(random: random.next())
        context = TraceContext(randomHigh: random.next(), randomLow: random.next())
    }

    /// Appends the 55 bytes for the upstream.
    func appendTraceparent(to out: inout ByteWriter) {
        out.append("00-")
        appendTraceID(to: &out)
        out.append("-")
        appendSpanID(to: &out)
        out.append("-0")
        out.append(byte: 0x30 + (context.flags & 0x03))
    }

    /// Appends the span's 16 digits.
    func appendSpanID(to out: inout ByteWriter) { out.append(hex16: span.value) }

    /// Appends the trace id's 32 digits.
    func appendTraceID(to out: inout ByteWriter) {
        out.append(hex16: context.traceID.high)
        out.append(hex16: context.traceID.low)
    }
}

extension ByteWriter {
    /// Appends `value` as 16 lower-case hexadecimal digits.
    fileprivate mutating func append(hex16 value: UInt64) {
        append(word: hexDigits(UInt32(truncatingIfNeeded: value >> 32)))
        append(word: hexDigits(UInt32(truncatingIfNeeded: value)))
    }
}

/// xoshiro256** (Blackman and Vigna, 2018): identifiers that must not collide, not secrets.
struct Xoshiro {
    private var state: (UInt64, UInt64, UInt64, UInt64)

    /// Seeded with four numbers, not all of them 0.
    init(_ a: UInt64, _ b: UInt64, _ c: UInt64, _ d: UInt64) {
        state = (a | 1, b, c, d)
    }

    /// The next 64 bits.
    mutating func next() -> UInt64 {
        let scrambled = state.1 &* 5
        let result = (scrambled << 7 | scrambled >> 57) &* 9
        let shifted = state.1 << 17
        state.2 ^= state.0
        state.3 ^= state.1
        state.1 ^= state.2
        state.0 ^= state.3
        state.2 ^= shifted
        state.3 = state.3 << 45 | state.3 >> 19
        return result
    }
}
