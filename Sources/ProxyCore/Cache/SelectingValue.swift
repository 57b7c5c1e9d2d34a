internal import HTTP1

/// The value of a request field that tells variants apart, in a form in which equal values are equal
/// bytes (RFC 9111 §4.1). A cursor that gives the form byte by byte, so that comparing allocates nothing.
///
/// Lines of one name are one list; blanks around its commas go. Inside of members nothing changes,
/// letters become small only where the field is known not to care.
struct SelectingValue {
    private let known: FieldName
    private let isSingle: Bool
    private let isCaseless: Bool
    /// Index of the field whose value is being read.
    private var index = -1
    private var position = 0
    private var end = 0
    /// Blanks before this offset stay.
    private var kept = 0
    private var isQuoted = false
    private var isAfterComma = true

    /// Before the first line of the field; `known` is its name if that is a known one.
    init(_ known: FieldName) {
        self.known = known
        isSingle = Self.isSingle(known)
        isCaseless = known == .acceptEncoding || known == .acceptLanguage
    }

    /// Fields that are no lists: a comma in them separates nothing.
    private static func isSingle(_ known: FieldName) -> Bool {
        switch known {
        case .authorization, .cookie, .userAgent, .origin, .host, .ifRange, .ifModifiedSince,
            .ifUnmodifiedSince:
            true
        default: false
        }
    }

    /// Moves to the next line of that name; whether there is one. `name` is in lower case.
    mutating func nextLine(
        of name: Span<UInt8>, in bytes: Span<UInt8>, _ fields: Span<Field>
    ) -> Bool {
        var next = index &+ 1
        while next < fields.count {
            if Self.isNamed(fields[next], known, name, bytes) {
                index = next
                position = fields[next].value.lowerBound
                end = min(fields[next].value.upperBound, bytes.count)
                kept = position
                return true
            }
            next &+= 1
        }
        return false
    }

    /// The next byte of the form; nil behind the last of the last line.
    mutating func next(
        of name: Span<UInt8>, in bytes: Span<UInt8>, _ fields: Span<Field>
    ) -> UInt8? {
        while true {
            if position >= end {
                guard nextLine(of: name, in: bytes, fields) else { return nil }
                isQuoted = false
                isAfterComma = true
                return UInt8(ascii: ",")
            }
            let byte = bytes[position]
            if isSingle || isQuoted {
                if byte == UInt8(ascii: "\"") { isQuoted = false }
                position &+= 1
                return byte
            }
            if byte == 0x20 || byte == 0x09, !isKeptBlank(bytes) { continue }
            position &+= 1
            isAfterComma = byte == UInt8(ascii: ",")
            isQuoted = byte == UInt8(ascii: "\"")
            return isCaseless ? byte.lowercased : byte
        }
    }

    /// Whether the blank here stays; if not, moves behind it and those that follow. Each run of blanks
    /// is looked at once.
    private mutating func isKeptBlank(_ bytes: Span<UInt8>) -> Bool {
        if position < kept { return true }
        var after = position
        while after < end, bytes[after] == 0x20 || bytes[after] == 0x09 { after &+= 1 }
        kept = after
        if isAfterComma || after == end || bytes[after] == UInt8(ascii: ",") {
            position = after
            return false
        }
        return true
    }

    private static func isNamed(
        _ field: Field, _ known: FieldName, _ name: Span<UInt8>, _ bytes: Span<UInt8>
    ) -> Bool {
        guard field.known == known else { return false }
        return known != .other
            || bytes.equalsIgnoringCase(field.name, of: name, ByteRange(0, name.count))
    }
}

extension SelectingValue {
    /// Appends the form of the field's value; whether the field is there. Absent and empty differ.
    static func append(
        _ known: FieldName, _ name: Span<UInt8>, of head: RequestHead, to out: inout [UInt8]
    ) -> Bool {
        guard known == .other || head.contains(known) else { return false }
        let bytes = head.bytes
        let fields = head.fields
        var cursor = SelectingValue(known)
        guard cursor.nextLine(of: name, in: bytes.span, fields.span) else { return false }
        while let byte = cursor.next(of: name, in: bytes.span, fields.span) { out.append(byte) }
        return true
    }

    /// Whether the field is there and its form is `value`.
    static func equals(
        _ known: FieldName, _ name: Span<UInt8>, of head: RequestHead, _ value: Span<UInt8>
    ) -> Bool {
        guard known == .other || head.contains(known) else { return false }
        let bytes = head.bytes
        let fields = head.fields
        var cursor = SelectingValue(known)
        guard cursor.nextLine(of: name, in: bytes.span, fields.span) else { return false }
        var index = 0
        while let byte = cursor.next(of: name, in: bytes.span, fields.span) {
            guard index < value.count, value[index] == byte else { return false }
            index &+= 1
        }
        return index == value.count
    }
}
