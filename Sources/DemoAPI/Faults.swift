internal import ProxyCore
internal import Responder

/// What goes wrong on purpose with one answer.
struct Fault: Equatable {
    /// Milliseconds and more are waited before the answer, in nanoseconds.
    var latencyNanoseconds: UInt64 = 0
    /// Answered in place of the resource.
    var status: UInt16?
    /// Whether the connection is dropped in the middle of the body.
    var breaksOff = false

    /// Reads `_latency`, `_status` and `_break` of the query or X-Demo-Latency, -Status and -Break of
    /// the head; the query wins.
    init(_ inquiry: Inquiry) throws(APIError) {
        func value(_ name: String) -> String? {
            inquiry.parameter("_" + name) ?? inquiry.field("x-demo-" + name)
        }
        if let text = value("latency") { latencyNanoseconds = try FaultText.latency(text) }
        if let text = value("status") { status = try FaultText.status(text) }
        if let text = value("break") { breaksOff = try FaultText.flag(text) }
    }
}

/// The faults of all requests, from flags or `PUT /_demo`.
public struct Faults: Equatable, Sendable {
    /// Waited before each answer, in nanoseconds.
    public var latencyNanoseconds: UInt64 = 0
    /// Share of requests that fail with 503, 0 to 1.
    public var errorRate = 0.0

    /// Nothing goes wrong.
    public init() {}

    /// Takes over one setting by its name in `PUT /_demo`.
    mutating func set(_ name: String, _ value: String) throws(APIError) {
        switch name {
        case "latency": latencyNanoseconds = try FaultText.latency(value)
        case "error_rate": errorRate = try FaultText.rate(value)
        default: throw .badRequest("there is no setting \(name): expected latency or error_rate")
        }
    }

    /// Whether request number `count` (from 1) fails. The pattern is even and the same every time: with
    /// a rate of 1/n each n-th request.
    func fails(_ count: UInt64) -> Bool {
        (Double(count) * errorRate + Faults.rounding).rounded(.down)
            > (Double(count - 1) * errorRate + Faults.rounding).rounded(.down)
    }

    /// Ten times 0.1 is to reach 1, whatever binary fractions make of it.
    private static let rounding = 1e-9

    var json: JSONValue {
        .object([
            ("latency", .string(DurationText.format(latencyNanoseconds))),
            ("error_rate", .string("\(errorRate)")),
        ])
    }
}

/// The values of faults as text.
public enum FaultText {
    /// The longest latency; the server itself gives an answer 30 seconds.
    static let latencyNanosecondsMax: UInt64 = 25_000_000_000

    /// A duration such as `200ms`, in nanoseconds; nil for anything else.
    public static func latencyNanoseconds(_ text: String) -> UInt64? { try? latency(text) }

    /// A share from 0 to 1; nil for anything else.
    public static func errorRate(_ text: String) -> Double? { try? rate(text) }

    static func latency(_ text: String) throws(APIError) -> UInt64 {
        guard let nanoseconds = try? DurationText.parse(text), nanoseconds <= latencyNanosecondsMax
        else { throw .badRequest("latency: expected a duration of at most 25s, such as 200ms") }
        return nanoseconds
    }

    static func rate(_ text: String) throws(APIError) -> Double {
        guard let rate = Double(text), (0...1).contains(rate) else {
            throw .badRequest("error_rate: expected a number from 0 to 1")
        }
        return rate
    }

    static func status(_ text: String) throws(APIError) -> UInt16 {
        guard let status = UInt16(text), (400...599).contains(status) else {
            throw .badRequest("status: expected a number from 400 to 599")
        }
        return status
    }

    static func flag(_ text: String) throws(APIError) -> Bool {
        switch text {
        case "1", "true": return true
        case "0", "false": return false
        default: throw .badRequest("break: expected 1 or 0")
        }
    }
}
