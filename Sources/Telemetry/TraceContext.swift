/// The 128-bit id of a trace (W3C Trace Context §3.2.2.3). All zeros means none.
public struct TraceID: Hashable, Sendable {
    /// The first eight bytes.
    public var high: UInt64
    /// The last eight bytes.
    public var low: UInt64

    /// The id made of these halves.
    @inlinable
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Whether the id is all zeros, which is invalid on the wire.
    @inlinable
    public var isZero: Bool { high | low == 0 }

    /// Appends the 32 lower-case hexadecimal digits.
    public func appendHex(to bytes: inout [UInt8]) {
        bytes.append(hex: high)
        bytes.append(hex: low)
    }
}

/// The 64-bit id of a span (W3C Trace Context §3.2.2.4). All zeros means none.
public struct SpanID: Hashable, Sendable {
    /// The eight bytes.
    public var value: UInt64

    /// The id with this value.
    @inlinable
    public init(_ value: UInt64) { self.value = value }

    /// A new id from a `random` number; never all zeros.
    @inlinable
    public init(random: UInt64) { value = random == 0 ? 1 : random }
}

/// Where a request stands in a distributed trace (W3C Trace Context).
public struct TraceContext: Hashable, Sendable {
    /// The id of the whole trace.
    public var traceID: TraceID
    /// The caller's span; `nil` if the trace begins here.
    public var parentSpanID: SpanID?
    /// The flags this program knows: bit 0 sampled, bit 1 random trace id (level 2). Others are
    /// dropped, as §3.2.2.5 asks.
    public var flags: UInt8

    /// Whether the caller records this trace.
    public var isSampled: Bool { flags & 0x01 != 0 }

    /// The context with these parts; unknown `flags` are dropped.
    public init(traceID: TraceID, parentSpanID: SpanID?, flags: UInt8) {
        self.traceID = traceID
        self.parentSpanID = parentSpanID
        self.flags = flags & 0x03
    }

    /// A new trace from two random numbers; never all zeros. The flags say that the id is random.
    public init(randomHigh high: UInt64, randomLow low: UInt64, sampled: Bool = false) {
        let id = TraceID(high: high, low: high | low == 0 ? 1 : low)
        self.init(traceID: id, parentSpanID: nil, flags: sampled ? 0x03 : 0x02)
    }

    /// The length of a version 00 `traceparent`.
    public static let traceparentBytes = 55

    /// The context in a `traceparent` field value, without white space around it; `nil` if it is
    /// invalid, and a new trace has to begin (W3C Trace Context §3.2 and §4.3).
    public static func parse(traceparent bytes: Span<UInt8>) -> TraceContext? {
        guard bytes.count >= traceparentBytes,
            let version = hex(bytes, 0, digits: 2), version != 0xff,
            bytes[2] == dash, bytes[35] == dash, bytes[52] == dash,
            let high = hex(bytes, 3, digits: 16), let low = hex(bytes, 19, digits: 16),
            let parent = hex(bytes, 36, digits: 16), let flags = hex(bytes, 53, digits: 2),
            high | low != 0, parent != 0
        else { return nil }
        if bytes.count > traceparentBytes {
            // Version 00 ends here; a later one may go on, but only behind another dash.
            guard version != 0, bytes[traceparentBytes] == dash else { return nil }
        }
        return TraceContext(
            traceID: TraceID(high: high, low: low), parentSpanID: SpanID(parent),
            flags: UInt8(truncatingIfNeeded: flags))
    }
}

private let dash: UInt8 = 0x2d

/// The value of `digits` lower-case hexadecimal digits from `start` on; `nil` on any other byte.
private func hex(_ bytes: Span<UInt8>, _ start: Int, digits: Int) -> UInt64? {
    var value: UInt64 = 0
    for index in start..<(start + digits) {
        let digit: UInt8
        switch bytes[index] {
        case 0x30...0x39: digit = bytes[index] &- 0x30
        case 0x61...0x66: digit = bytes[index] &- 0x57
        default: return nil
        }
        value = value << 4 | UInt64(digit)
    }
    return value
}
