internal import HTTP1

/// What an Accept-Encoding accepts (RFC 9110 §12.5.3), as a set: most of the many spellings mean one of
/// a few sets, and each of them is a variant.
struct AcceptedCodings: OptionSet, Sendable, Equatable {
    let rawValue: UInt8

    static let br = AcceptedCodings(rawValue: 1)
    static let gzip = AcceptedCodings(rawValue: 1 << 1)
    static let deflate = AcceptedCodings(rawValue: 1 << 2)
    static let zstd = AcceptedCodings(rawValue: 1 << 3)
    /// Content without any coding is not acceptable.
    static let refusesIdentity = AcceptedCodings(rawValue: 1 << 4)
    /// Codings that are not named are acceptable.
    static let others = AcceptedCodings(rawValue: 1 << 5)

    /// The set; nil if the field is not there, is malformed, or accepts a coding that has no place in
    /// the set: then its text tells variants apart.
    static func read(_ head: RequestHead) -> AcceptedCodings? {
        guard head.contains(.acceptEncoding) else { return nil }
        let bytes = head.bytes
        let fields = head.fields
        var reader = AcceptedCodingsReader()
        for index in fields.indices where fields[index].known == .acceptEncoding {
            guard reader.read(bytes.span.extracting(fields[index].value.indices)) else {
                return nil
            }
        }
        return reader.result
    }
}

/// Reads the members of Accept-Encoding in one pass: on the way of every hit whose response varies.
private struct AcceptedCodingsReader {
    private var accepted: AcceptedCodings = []
    private var named: AcceptedCodings = []
    private var star: Bool?
    private var identity: Bool?

    /// What all lines together accept.
    var result: AcceptedCodings {
        var result = accepted
        if star == true {
            result.formUnion([.br, .gzip, .deflate, .zstd, .others])
            result.subtract(named.subtracting(accepted))
        }
        // Content as it is stays acceptable unless "identity;q=0", or "*;q=0" without identity, says no.
        if identity == false || star == false && identity == nil {
            result.insert(.refusesIdentity)
        }
        return result
    }

    /// Takes in one line; whether all its members are understood.
    mutating func read(_ line: Span<UInt8>) -> Bool {
        var index = 0
        while index < line.count {
            // The name as a number: its bytes in small letters, the last one in the lowest place.
            var name: UInt64 = 0
            let start = index
            while index < line.count, !Self.endsName(line[index]) {
                name = name &<< 8 | UInt64(line[index] | 0x20)
                index &+= 1
            }
            let length = index &- start
            index = Self.skipBlanks(line, from: index)
            var isAccepted = true
            if index < line.count, line[index] == UInt8(ascii: ";") {
                guard let weight = Self.weight(line, at: &index) else { return false }
                isAccepted = weight
            }
            guard index == line.count || line[index] == UInt8(ascii: ",") else { return false }
            if length == 0 {
                // An empty member; but a weight without a name is malformed.
                if line[start] == UInt8(ascii: ";") { return false }
            } else if !note(length <= 8 ? name : 0, isAccepted) {
                return false
            }
            index = Self.skipBlanks(line, from: index &+ 1)
        }
        return true
    }

    /// Takes in a coding; false if it is accepted and not known.
    private mutating func note(_ name: UInt64, _ isAccepted: Bool) -> Bool {
        let coding: AcceptedCodings
        switch name {
        case 0x62_72: coding = .br
        case 0x67_7A_69_70: coding = .gzip
        // RFC 9110 §8.4.1.3: x-gzip is gzip.
        case 0x78_2D_67_7A_69_70: coding = .gzip
        case 0x64_65_66_6C_61_74_65: coding = .deflate
        case 0x7A_73_74_64: coding = .zstd
        case 0x69_64_65_6E_74_69_74_79:
            identity = isAccepted
            return true
        case 0x2A:
            star = isAccepted
            return true
        default: return !isAccepted
        }
        named.insert(coding)
        if isAccepted { accepted.insert(coding) }
        return true
    }

    @inline(__always)
    private static func endsName(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ",") || byte == UInt8(ascii: ";") || byte == 0x20 || byte == 0x09
    }

    @inline(__always)
    private static func skipBlanks(_ line: Span<UInt8>, from start: Int) -> Int {
        var index = start
        while index < line.count, line[index] == 0x20 || line[index] == 0x09 { index &+= 1 }
        return index
    }

    /// RFC 9110 §12.4.2: whether the weight whose ";" is at `index` is above 0; nil if it is none.
    /// Moves behind it and the blanks that follow.
    private static func weight(_ line: Span<UInt8>, at index: inout Int) -> Bool? {
        index = skipBlanks(line, from: index &+ 1)
        guard index &+ 2 < line.count, line[index].lowercased == UInt8(ascii: "q"),
            line[index &+ 1] == UInt8(ascii: "=")
        else { return nil }
        index &+= 2
        let start = index
        var isAboveZero = false
        while index < line.count, !endsName(line[index]) {
            let byte = line[index]
            switch index &- start {
            case 0: guard byte == UInt8(ascii: "0") || byte == UInt8(ascii: "1") else { return nil }
            case 1: guard byte == UInt8(ascii: ".") else { return nil }
            case 2...4: guard byte.isDigit else { return nil }
            default: return nil
            }
            if byte != UInt8(ascii: "0") && byte != UInt8(ascii: ".") { isAboveZero = true }
            index &+= 1
        }
        guard index > start else { return nil }
        index = skipBlanks(line, from: index)
        return isAboveZero
    }
}
