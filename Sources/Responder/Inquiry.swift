public import HTTP1

/// A request as a small server sees it: complete, with its body, in texts.
public struct Inquiry {
    /// The method; `.other` for unknown ones.
    public let method: Method
    /// The path, percent-decoded where that gives valid UTF-8; `/` at least.
    public let path: String
    /// The query's pairs in order, decoded.
    public let query: [(name: String, value: String)]
    /// The whole body.
    public let body: [UInt8]
    private let fields: [(name: String, value: String)]

    init(_ head: RequestHead, body: [UInt8]) {
        method = head.method
        self.body = body
        path = head.path.isEmpty ? "/" : PercentCoding.decode(Inquiry.text(head, head.path))
        query = head.query.map { PercentCoding.pairs(Inquiry.text(head, $0)) } ?? []
        fields = head.fields.map {
            (Inquiry.text(head, $0.name).lowercased(), Inquiry.text(head, $0.value))
        }
    }

    private static func text(_ head: RequestHead, _ range: ByteRange) -> String {
        String(decoding: head.bytes[range.indices], as: UTF8.self)
    }

    /// The value of field `name` (lower case); several lines joined by commas (RFC 9110 §5.3).
    public func field(_ name: String) -> String? {
        let values = fields.filter { $0.name == name }.map(\.value)
        return values.isEmpty ? nil : values.joined(separator: ", ")
    }

    /// The first value of query parameter `name`.
    public func parameter(_ name: String) -> String? {
        query.first { $0.name == name }?.value
    }
}

/// What a small server answers.
public struct Reply: Sendable {
    /// 200 to 599.
    public var status: UInt16
    /// Field lines besides Date, Content-Length and Connection.
    public var fields: [(name: String, value: String)]
    /// The whole body.
    public var body: [UInt8]
    /// Whether the connection is dropped in the middle of the body: a fault to be shown.
    public var breaksOff = false

    /// A reply from its parts.
    public init(
        _ status: UInt16, _ contentType: String? = nil, _ body: [UInt8] = [],
        fields: [(name: String, value: String)] = []
    ) {
        self.status = status
        self.fields = (contentType.map { [("Content-Type", $0)] } ?? []) + fields
        self.body = body
    }

    /// A JSON reply.
    public static func json(_ text: String, status: UInt16 = 200) -> Reply {
        Reply(status, "application/json", Array(text.utf8))
    }

    /// Problem details (RFC 9457). `detail` must not need escaping beyond quotes and backslashes.
    public static func problem(
        _ status: UInt16, _ detail: String, fields: [(name: String, value: String)] = []
    ) -> Reply {
        let text =
            "{\"type\":\"about:blank\",\"title\":\"\(StatusText.reason(for: status))\","
            + "\"status\":\(status),\"detail\":\(JSONText.quoted(detail))}\n"
        return Reply(status, "application/problem+json", Array(text.utf8), fields: fields)
    }
}

/// Texts as JSON strings (RFC 8259 §7).
public enum JSONText {
    /// `text` in quotes, escaped.
    public static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

/// Percent coding of targets (RFC 3986 §2.1).
enum PercentCoding {
    static func decode(_ text: String) -> String {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return text }
        var bytes: [UInt8] = []
        let source = Array(text.utf8)
        var index = 0
        while index < source.count {
            if source[index] == UInt8(ascii: "%"), index + 2 < source.count,
                let high = hexValue(source[index + 1]), let low = hexValue(source[index + 2])
            {
                bytes.append(high << 4 | low)
                index += 3
            } else {
                bytes.append(source[index])
                index += 1
            }
        }
        return String(validating: bytes, as: UTF8.self) ?? text
    }

    private static func hexValue(_ digit: UInt8) -> UInt8? {
        // Not through UInt8(_:radix:) with both digits, which would take a sign.
        Character(UnicodeScalar(digit)).hexDigitValue.map(UInt8.init)
    }

    static func pairs(_ query: String) -> [(name: String, value: String)] {
        query.split(separator: "&").prefix(100).map { part in
            let halves = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = halves.count > 1 ? String(halves[1]) : ""
            return (decode(String(halves[0])), decode(value))
        }
    }
}
