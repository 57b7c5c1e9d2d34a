/// Reads field lines (RFC 9112 §5) up to and including the empty line, of heads and of trailers.
///
/// Resumable: what was examined once is not examined again, so that bytes arriving one at a time cost
/// linear time. Every decision depends only on the bytes up to the one it is made at, so that the
/// result is the same however the input was cut.
struct FieldSection: Sendable {
    private enum Place: UInt8 {
        case lineStart, name, gap, value
    }

    /// Offset of the next byte to examine; after completion, the offset behind the empty line.
    private(set) var position: Int
    /// The known names among the fields, one bit each.
    private(set) var seen: UInt64 = 0
    private var place = Place.lineStart
    private var nameStart = 0
    private var nameEnd = 0

    /// Before a section that starts at offset `position`.
    init(at position: Int) { self.position = position }

    /// Goes on until the section or `limit` ends; whether it was the section. Complete fields are
    /// appended to `fields`. `lenient`: white space before a colon is removed, as RFC 9112 §5.1 asks
    /// of a proxy for responses, instead of refused.
    mutating func scan(
        _ bytes: Span<UInt8>, limit: Int, fieldsMax: Int, lenient: Bool, into fields: inout [Field]
    ) throws(Rejection) -> Bool {
        let table = FieldNameTable.shared
        var at = position
        defer { position = at }
        while true {
            switch place {
            case .lineStart:
                guard at < limit else { return false }
                let byte = bytes[at]
                if byte == Octet.carriageReturn {
                    guard at &+ 1 < limit else { return false }
                    guard bytes[at &+ 1] == Octet.lineFeed else { throw .bareCarriageReturn }
                    at &+= 2
                    return true
                }
                if Octet.isBlank(byte) {
                    throw fields.isEmpty ? .leadingWhitespace : .obsoleteFold
                }
                nameStart = at
                place = .name
                fallthrough
            case .name:
                at = bytes.endOfToken(from: at, limit: limit)
                guard at < limit else { return false }
                nameEnd = at
                place = try Self.afterName(bytes[at], isEmpty: at == nameStart, lenient: lenient)
                guard fields.count < fieldsMax else { throw .tooManyFields }
                at &+= 1
            case .gap:
                while at < limit, Octet.isBlank(bytes[at]) { at &+= 1 }
                guard at < limit else { return false }
                guard bytes[at] == UInt8(ascii: ":") else { throw .invalidFieldName }
                at &+= 1
                place = .value
            case .value:
                at = bytes.endOfText(from: at, limit: limit)
                guard at < limit else { return false }
                guard bytes[at] == Octet.carriageReturn else { throw Self.inValue(bytes[at]) }
                guard at &+ 1 < limit else { return false }
                guard bytes[at &+ 1] == Octet.lineFeed else { throw .bareCarriageReturn }
                let known = table.name(in: bytes, at: nameStart, length: nameEnd &- nameStart)
                seen |= known.bit
                fields.append(field(known, endingAt: at, in: bytes))
                at &+= 2
                place = .lineStart
            }
        }
    }

    @inline(__always)
    private func field(_ known: FieldName, endingAt end: Int, in bytes: Span<UInt8>) -> Field {
        // In lenient mode blanks and the colon itself may stand between name and value.
        var lower = nameEnd
        while bytes[lower] != UInt8(ascii: ":") { lower &+= 1 }
        lower &+= 1
        var upper = end
        while lower < upper, Octet.isBlank(bytes[lower]) { lower &+= 1 }
        while upper > lower, Octet.isBlank(bytes[upper &- 1]) { upper &-= 1 }
        return Field(
            name: ByteRange(nameStart, nameEnd), value: ByteRange(lower, upper), known: known)
    }

    @inline(__always)
    private static func afterName(
        _ byte: UInt8, isEmpty: Bool, lenient: Bool
    ) throws(Rejection) -> Place {
        if byte == UInt8(ascii: ":"), !isEmpty { return .value }
        if byte == Octet.lineFeed { throw .bareLineFeed }
        guard Octet.isBlank(byte), !isEmpty else { throw .invalidFieldName }
        guard lenient else { throw .spaceBeforeColon }
        return .gap
    }

    private static func inValue(_ byte: UInt8) -> Rejection {
        byte == Octet.lineFeed ? .bareLineFeed : .invalidFieldValue
    }
}
