import HTTP1
import Testing

/// One message and what must come of it.
struct MessageCase: Sendable, CustomTestStringConvertible {
    /// Where the specification says so; RFC 9112 unless another one is named.
    var section: String
    /// The bytes; one scalar below U+0100 is one byte, so that "\u{80}" is the byte 0x80.
    var text: String
    /// A summary of the message (see the `summary` functions), "more" if it is incomplete, else the
    /// word of the rejection.
    var expected: String

    init(_ section: String, _ text: String, _ expected: String) {
        self.section = section
        self.text = text
        self.expected = expected
    }

    var bytes: [UInt8] { octets(text) }

    var testDescription: String { "§\(section) \(text.debugDescription) → \(expected)" }
}

/// The bytes of a text in which every scalar stands for one byte.
func octets(_ text: String) -> [UInt8] {
    text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
}

/// The text in which every scalar stands for one byte of `range`.
func text(_ bytes: [UInt8], _ range: ByteRange) -> String {
    var text = ""
    for index in range.indices { text.unicodeScalars.append(Unicode.Scalar(bytes[index])) }
    return text
}

extension BodyFraming {
    var word: String {
        switch self {
        case .none: "none"
        case .length(let length): "\(length)"
        case .chunked: "chunked"
        case .untilClose: "close-delimited"
        }
    }
}

extension RequestHead {
    /// "METHOD path[?query] authority body keep|close", then what is out of the ordinary.
    var summary: String {
        var parts = [text(bytes, methodRange), text(bytes, path)]
        if let query { parts[1] += "?" + text(bytes, query) }
        parts.append(authority.map { text(bytes, $0) } ?? "-")
        parts.append(body.word)
        parts.append(isPersistent ? "keep" : "close")
        if targetForm == .absolute { parts.append("absolute") }
        if scheme == .https { parts.append("https") }
        if version == .http10 { parts.append("1.0") }
        if expectsContinue { parts.append("continue") }
        if let maxForwards { parts.append("forwards=\(maxForwards)") }
        return parts.joined(separator: " ")
    }

    /// The fields as "name=value" with their known names.
    var fieldDump: [String] { dump(fields, bytes) }
}

extension ResponseHead {
    /// "status reason|body keep|close", then what is out of the ordinary.
    var summary: String {
        var parts = ["\(status)", text(bytes, reason), body.word, isPersistent ? "keep" : "close"]
        if version == .http10 { parts.append("1.0") }
        if let contentLength, body != .length(contentLength) {
            parts.append("announced=\(contentLength)")
        }
        return parts.joined(separator: "|")
    }

    var fieldDump: [String] { dump(fields, bytes) }
}

func dump(_ fields: [Field], _ bytes: [UInt8]) -> [String] {
    fields.map { "\(text(bytes, $0.name))=\(text(bytes, $0.value)) [\($0.known)]" }
}
