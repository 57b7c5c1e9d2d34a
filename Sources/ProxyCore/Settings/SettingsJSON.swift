/// JSON with its keys in the order they were put in.
indirect enum JSONValue {
    case null
    case bool(Bool)
    case number(UInt64)
    case text(String)
    case list([JSONValue])
    case object([(String, JSONValue)])

    /// Appends the value, indented by two spaces a level.
    func write(to text: inout String, indent: String = "") {
        switch self {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .number(let value): text += String(value)
        case .text(let value): Self.write(value, to: &text)
        case .list(let values):
            Self.write(values, "[", "]", to: &text, indent) { value, text, indent in
                value.write(to: &text, indent: indent)
            }
        case .object(let fields):
            Self.write(fields, "{", "}", to: &text, indent) { field, text, indent in
                Self.write(field.0, to: &text)
                text += ": "
                field.1.write(to: &text, indent: indent)
            }
        }
    }

    private static func write<T>(
        _ values: [T], _ open: String, _ close: String, to text: inout String, _ indent: String,
        _ element: (T, inout String, String) -> Void
    ) {
        text += open
        let inner = indent + "  "
        for (index, value) in values.enumerated() {
            text += index == 0 ? "\n\(inner)" : ",\n\(inner)"
            element(value, &text, inner)
        }
        text += values.isEmpty ? close : "\n\(indent)\(close)"
    }

    /// A string (RFC 8259 §7).
    private static func write(_ value: String, to text: inout String) {
        text += "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }

    static func duration(_ nanoseconds: UInt64) -> JSONValue {
        .text(DurationText.format(nanoseconds))
    }

    static func durationOrOff(_ nanoseconds: UInt64?) -> JSONValue {
        .text(nanoseconds.map(DurationText.format) ?? "off")
    }

    static func size(_ bytes: UInt64) -> JSONValue { .text(SizeText.format(bytes)) }

    static func size(_ bytes: Int) -> JSONValue { size(UInt64(max(bytes, 0))) }

    static func sizeOrUnlimited(_ bytes: UInt64?) -> JSONValue {
        bytes.map(size) ?? .text("unlimited")
    }

    static func number(_ value: Int) -> JSONValue { .number(UInt64(max(value, 0))) }

    static func list(_ texts: [String]) -> JSONValue { .list(texts.map(JSONValue.text)) }
}
