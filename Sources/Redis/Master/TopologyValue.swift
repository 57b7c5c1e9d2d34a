/// An answer of a server, as far as questions about the topology go: what the parsers of this folder read.
public enum TopologyValue: Sendable, Equatable {
    /// A simple or bulk string.
    case text([UInt8])
    /// An integer.
    case number(Int64)
    /// An array.
    case list([TopologyValue])
    /// A nil string or array.
    case null
    /// An error, without its "-".
    case error([UInt8])
}

extension TopologyValue {
    /// The bytes of a string; nil for everything else.
    var text: [UInt8]? {
        if case .text(let bytes) = self { bytes } else { nil }
    }

    /// An integer, or the decimal digits of a string; nil for everything else.
    var number: Int64? {
        switch self {
        case .number(let value): value
        case .text(let bytes): Decimal.value(bytes).flatMap { Int64(exactly: $0) }
        default: nil
        }
    }

    /// The elements of an array; nil for everything else.
    var list: [TopologyValue]? {
        if case .list(let elements) = self { elements } else { nil }
    }
}

/// Numbers as servers write them: digits only. `Int("+5")` is a number, too, and no port.
enum Decimal {
    /// The value of 1 to 19 digits.
    static func value(_ bytes: some Collection<UInt8>) -> UInt64? {
        guard (1...19).contains(bytes.count) else { return nil }
        var value: UInt64 = 0
        for byte in bytes {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            value = value * 10 + UInt64(byte - UInt8(ascii: "0"))
        }
        return value
    }
}

extension Endpoint {
    /// A longer host is no name (RFC 1035 §2.3.4).
    static let hostBytesMax = 253

    /// The endpoint that a server writes as these two; nil unless it could be dialled.
    init?(host: [UInt8], port: UInt64?) {
        guard (1...Endpoint.hostBytesMax).contains(host.count),
            host.allSatisfy({ (0x21...0x7E).contains($0) }),
            let port = port.flatMap(UInt16.init(exactly:)), port > 0
        else { return nil }
        self.init(host: String(decoding: host, as: UTF8.self), port: port)
    }
}
