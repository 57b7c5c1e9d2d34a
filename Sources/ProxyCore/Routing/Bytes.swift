extension UInt8 {
    /// `A`–`Z`, `a`–`z`, `0`–`9`.
    @inlinable
    var isAlphanumeric: Bool {
        isDigit || (self | 0x20) &- 0x61 < 26
    }

    /// `0`–`9`.
    @inlinable
    var isDigit: Bool { self &- 0x30 < 10 }

    /// The value of a hexadecimal digit in either case, nil for any other byte.
    @inlinable
    var hexValue: UInt8? {
        if isDigit { return self &- 0x30 }
        let letter = (self | 0x20) &- 0x61
        return letter < 6 ? letter &+ 10 : nil
    }

    /// `A`–`Z` as `a`–`z`, all else as it is.
    @inlinable
    var lowercased: UInt8 { self &- 0x41 < 26 ? self | 0x20 : self }

    /// A byte of a token (RFC 9110 §5.6.2).
    var isTokenByte: Bool {
        switch self {
        case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"),
            UInt8(ascii: "&"), UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"),
            UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "^"), UInt8(ascii: "_"),
            UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
            true
        default: isAlphanumeric
        }
    }
}

extension Span where Element == UInt8 {
    /// The part without blanks (SP, HTAB) at its ends, as a range of indices.
    func trimmed(_ range: Range<Int>) -> Range<Int> {
        var lower = range.lowerBound
        var upper = range.upperBound
        while lower < upper, self[lower] == 0x20 || self[lower] == 0x09 { lower += 1 }
        while lower < upper, self[upper - 1] == 0x20 || self[upper - 1] == 0x09 { upper -= 1 }
        return lower..<upper
    }
}
