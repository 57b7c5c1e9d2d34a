internal import HTTP1

/// Reads Structured Field Values (RFC 8941 and RFC 9651 §4.2): dictionaries and lists of items. Any
/// breach of the grammar makes the whole field invalid, as §4.2 asks. Parameters are checked and
/// left out, as are the values of types that no caller asks for.
struct StructuredField {
    /// A bare item.
    enum Item: Equatable {
        /// An integer of at most 15 digits.
        case integer(Int64)
        /// A boolean.
        case boolean(Bool)
        /// A string, escapes resolved.
        case string([UInt8])
        /// Of another type: decimal, token, byte sequence, date, display string.
        case other
        /// An inner list.
        case list
    }

    private let bytes: [UInt8]
    private var at = 0

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The members of a dictionary; of several with one key the last counts. Nil if it is invalid.
    static func dictionary(_ bytes: [UInt8]) -> [[UInt8]: Item]? {
        var field = StructuredField(bytes)
        var members: [[UInt8]: Item] = [:]
        let isValid = field.members { (field: inout StructuredField) -> Bool in
            guard let key = field.key() else { return false }
            var item: Item? = .boolean(true)
            if field.take("=") {
                item = field.member()
            } else if !field.parameters() {
                item = nil
            }
            members[key] = item
            return item != nil
        }
        return isValid ? members : nil
    }

    /// The members of a list; nil if it is invalid.
    static func list(_ bytes: [UInt8]) -> [Item]? {
        var field = StructuredField(bytes)
        var members: [Item] = []
        let isValid = field.members { (field: inout StructuredField) -> Bool in
            guard let item = field.member() else { return false }
            members.append(item)
            return true
        }
        return isValid ? members : nil
    }

    /// Members with commas between them, none at the end; whether all is well.
    private mutating func members(_ member: (inout StructuredField) -> Bool) -> Bool {
        skip { $0 == 0x20 }
        while at < bytes.count {
            guard member(&self) else { return false }
            skip { $0 == 0x20 || $0 == 0x09 }
            if at == bytes.count { return true }
            guard take(",") else { return false }
            skip { $0 == 0x20 || $0 == 0x09 }
            if at == bytes.count { return false }
        }
        return true
    }

    /// An item or an inner list, with its parameters.
    private mutating func member() -> Item? {
        if take("(") {
            while true {
                skip { $0 == 0x20 }
                if take(")") { return parameters() ? .list : nil }
                guard bareItem() != nil, parameters() else { return nil }
                guard peek == UInt8(ascii: " ") || peek == UInt8(ascii: ")") else { return nil }
            }
        }
        guard let item = bareItem(), parameters() else { return nil }
        return item
    }

    private mutating func parameters() -> Bool {
        while take(";") {
            skip { $0 == 0x20 }
            guard key() != nil else { return false }
            if take("="), bareItem() == nil { return false }
        }
        return true
    }

    private mutating func key() -> [UInt8]? {
        guard let first = peek, first == UInt8(ascii: "*") || (0x61...0x7A).contains(first) else {
            return nil
        }
        let start = at
        skip { byte in
            byte.isDigit || (0x61...0x7A).contains(byte) || byte == UInt8(ascii: "_")
                || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
                || byte == UInt8(ascii: "*")
        }
        return Array(bytes[start..<at])
    }

    private mutating func bareItem() -> Item? {
        switch peek {
        case UInt8(ascii: "\""): return string()
        case UInt8(ascii: "?"): return boolean()
        case UInt8(ascii: ":"): return delimited { $0.isBase64 }
        case UInt8(ascii: "@"):
            at += 1
            if case .integer? = number() { return .other }
            return nil
        case UInt8(ascii: "%"):
            at += 1
            return string(isDisplay: true) == nil ? nil : .other
        case let byte? where byte == UInt8(ascii: "-") || byte.isDigit: return number()
        case let byte? where byte == UInt8(ascii: "*") || byte.isLetter:
            skip { $0.isTokenByte || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "/") }
            return .other
        default: return nil
        }
    }

    /// At most 15 digits, or 12 with one to three behind a point.
    private mutating func number() -> Item? {
        let isNegative = take("-")
        let start = at
        var value: Int64 = 0
        while let byte = peek, byte.isDigit, at - start < 16 {
            value = value * 10 + Int64(byte - 0x30)
            at += 1
        }
        let digits = at - start
        guard (1...15).contains(digits) else { return nil }
        guard take(".") else { return .integer(isNegative ? -value : value) }
        let point = at
        skip { $0.isDigit }
        return digits <= 12 && (1...3).contains(at - point) ? .other : nil
    }

    private mutating func boolean() -> Item? {
        at += 1
        if take("1") { return .boolean(true) }
        return take("0") ? .boolean(false) : nil
    }

    private mutating func delimited(_ isAllowed: (UInt8) -> Bool) -> Item? {
        let end = bytes[at]
        at += 1
        skip(while: isAllowed)
        guard peek == end else { return nil }
        at += 1
        return .other
    }

    private mutating func string(isDisplay: Bool = false) -> Item? {
        guard take("\"") else { return nil }
        var text: [UInt8] = []
        while let byte = peek {
            at += 1
            if byte == UInt8(ascii: "\"") { return .string(text) }
            guard (0x20...0x7E).contains(byte) else { return nil }
            if byte == UInt8(ascii: "\\"), !isDisplay {
                guard let escaped = peek,
                    escaped == UInt8(ascii: "\"") || escaped == UInt8(ascii: "\\")
                else { return nil }
                text.append(escaped)
                at += 1
            } else {
                text.append(byte)
            }
        }
        return nil
    }

    private var peek: UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard let byte = peek, UInt32(byte) == character.value else { return false }
        at += 1
        return true
    }

    private mutating func skip(while isSkipped: (UInt8) -> Bool) {
        while at < bytes.count, isSkipped(bytes[at]) { at += 1 }
    }
}

extension UInt8 {
    fileprivate var isLetter: Bool { (self | 0x20) &- 0x61 < 26 }

    fileprivate var isBase64: Bool {
        isAlphanumeric || self == UInt8(ascii: "+") || self == UInt8(ascii: "/")
            || self == UInt8(ascii: "=")
    }
}
