/// The line before the data of a chunk: `1*HEXDIG [ chunk-ext ] CRLF` (RFC 9112 §7.1), byte by byte.
///
/// Strictly by the grammar: blanks only around the parts of an extension, where "bad white space" is
/// to be accepted, none between the size and CRLF. Extensions are checked and dropped.
struct ChunkLine: Sendable {
    private enum Place: UInt8 {
        case sizeStart, size
        /// Blanks before ";", where neither "=" nor CRLF may follow.
        case beforeSemicolon
        case nameStart, name, afterName
        case valueStart, value
        case quoted, escaped, afterQuoted
        case lineFeed
    }

    /// Sixteen digits are all that 64 bits hold.
    private static let digitsMax: UInt8 = 16

    /// The size as far as read; final once `take` has returned true.
    private(set) var size: UInt64 = 0
    private var place = Place.sizeStart
    private var digits: UInt8 = 0

    /// Whether the byte taken last belongs to an extension or to the blanks around it.
    var isInExtension: Bool { place.rawValue > Place.size.rawValue && place != .lineFeed }

    /// Takes the next byte; whether it was the LF that ends the line.
    mutating func take(_ byte: UInt8) throws(Rejection) -> Bool {
        switch place {
        case .sizeStart, .size: try takeSize(byte)
        case .lineFeed:
            guard byte == Octet.lineFeed else { throw .bareCarriageReturn }
            return true
        case .quoted, .escaped: try takeQuoted(byte)
        default: try takeExtension(byte)
        }
        return false
    }

    private mutating func takeSize(_ byte: UInt8) throws(Rejection) {
        if let digit = Octet.hexValue(byte) {
            digits &+= 1
            guard digits <= Self.digitsMax else { throw .bodyTooLarge }
            size = size &<< 4 | UInt64(digit)
            place = .size
            return
        }
        if byte == Octet.lineFeed { throw .bareLineFeed }
        guard place == .size else { throw .invalidChunkSize }
        switch byte {
        case Octet.carriageReturn: place = .lineFeed
        case UInt8(ascii: ";"): place = .nameStart
        case Octet.space, Octet.tab: place = .beforeSemicolon
        default: throw .invalidChunkSize
        }
    }

    private mutating func takeExtension(_ byte: UInt8) throws(Rejection) {
        if byte == Octet.lineFeed { throw .bareLineFeed }
        switch (place, byte) {
        case (.beforeSemicolon, Octet.carriageReturn): throw .invalidChunkSize
        case (.beforeSemicolon, Octet.space), (.beforeSemicolon, Octet.tab),
            (.nameStart, Octet.space), (.nameStart, Octet.tab),
            (.afterName, Octet.space), (.afterName, Octet.tab),
            (.valueStart, Octet.space), (.valueStart, Octet.tab):
            break
        case (.name, Octet.space), (.name, Octet.tab): place = .afterName
        case (.value, Octet.space), (.value, Octet.tab),
            (.afterQuoted, Octet.space), (.afterQuoted, Octet.tab):
            place = .beforeSemicolon
        case (.beforeSemicolon, UInt8(ascii: ";")), (.name, UInt8(ascii: ";")),
            (.afterName, UInt8(ascii: ";")), (.value, UInt8(ascii: ";")),
            (.afterQuoted, UInt8(ascii: ";")):
            place = .nameStart
        case (.name, UInt8(ascii: "=")), (.afterName, UInt8(ascii: "=")): place = .valueStart
        case (.name, Octet.carriageReturn), (.value, Octet.carriageReturn),
            (.afterQuoted, Octet.carriageReturn):
            place = .lineFeed
        case (.valueStart, Octet.quote): place = .quoted
        case (.nameStart, _), (.name, _):
            guard Octet.isToken(byte) else { throw .invalidChunkExtension }
            place = .name
        case (.valueStart, _), (.value, _):
            guard Octet.isToken(byte) else { throw .invalidChunkExtension }
            place = .value
        default: throw .invalidChunkExtension
        }
    }

    /// RFC 9110 §5.6.4: anything but controls; a quote or backslash after a backslash is plain.
    private mutating func takeQuoted(_ byte: UInt8) throws(Rejection) {
        if byte == Octet.lineFeed { throw .bareLineFeed }
        if byte == Octet.carriageReturn { throw .bareCarriageReturn }
        guard byte >= 0x20 && byte != 0x7F || byte == Octet.tab else {
            throw .invalidChunkExtension
        }
        switch (place, byte) {
        case (.quoted, Octet.quote): place = .afterQuoted
        case (.quoted, Octet.backslash): place = .escaped
        default: place = .quoted
        }
    }
}
