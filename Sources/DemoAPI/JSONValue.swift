internal import Responder

/// A JSON value whose members keep their order, so that the same data is always the same bytes.
indirect enum JSONValue {
    case null
    case bool(Bool)
    case number(Int)
    case string(String)
    case array([JSONValue])
    case object([(name: String, value: JSONValue)])

    /// A text, or null where there is none.
    static func optional(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }

    /// The compact text (RFC 8259).
    var text: String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .number(let value): String(value)
        case .string(let value): JSONText.quoted(value)
        case .array(let values): "[" + values.map(\.text).joined(separator: ",") + "]"
        case .object(let members):
            "{"
                + members.map { "\(JSONText.quoted($0.name)):\($0.value.text)" }
                .joined(separator: ",") + "}"
        }
    }
}
