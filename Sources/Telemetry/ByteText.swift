// Numbers and escapes appended to a page as bytes; no strings are built.

extension [UInt8] {
    /// Appends `value` in decimal digits.
    mutating func append(decimal value: UInt64) {
        var digits: [20 of UInt8] = .init(repeating: 0)
        var start = 20
        var rest = value
        repeat {
            let (quotient, remainder) = rest.quotientAndRemainder(dividingBy: 10)
            start &-= 1
            digits[start] = 0x30 &+ UInt8(truncatingIfNeeded: remainder)
            rest = quotient
        } while rest != 0
        for index in start..<20 { append(digits[index]) }
    }

    /// Appends `nanoseconds` as exact decimal seconds: `0.000123456`, `1.5`, `2`.
    mutating func append(seconds nanoseconds: UInt64) {
        let (whole, part) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        append(decimal: whole)
        guard part != 0 else { return }
        append(0x2e)
        var rest = part
        var scale: UInt64 = 100_000_000
        while rest != 0 {
            append(0x30 &+ UInt8(truncatingIfNeeded: rest / scale))
            rest %= scale
            scale /= 10
        }
    }

    /// Appends a finite `value` in the shortest form that reads back to the same number; whole
    /// numbers without a point.
    mutating func append(real value: Double) {
        guard value.rounded(.towardZero) == value, value.magnitude < 9_007_199_254_740_992 else {
            append(contentsOf: value.description.utf8)
            return
        }
        if value < 0 { append(0x2d) }
        append(decimal: UInt64(value.magnitude))
    }

    /// Appends `value` as 16 lower-case hexadecimal digits.
    mutating func append(hex value: UInt64) {
        append(addingCapacity: 16) { output in
            for half in [value >> 32, value] {
                let digits = hexDigits(UInt32(truncatingIfNeeded: half))
                for place in 0..<UInt64(8) {
                    output.append(UInt8(truncatingIfNeeded: digits >> (8 &* place)))
                }
            }
        }
    }

    /// Appends `text` with `\` and newline escaped, and `"` where `quotes` is set.
    mutating func append(escaped text: String, quotes: Bool) {
        for byte in text.utf8 {
            switch byte {
            case 0x5c: append(contentsOf: [0x5c, 0x5c])
            case 0x0a: append(contentsOf: [0x5c, 0x6e])
            case 0x22 where quotes: append(contentsOf: [0x5c, 0x22])
            default: append(byte)
            }
        }
    }
}

/// The eight hexadecimal digits of `value`, the first one in the lowest byte; all eight at once.
public func hexDigits(_ value: UInt32) -> UInt64 {
    // One nibble a byte, the highest nibble in the lowest byte.
    var nibbles = UInt64(value.byteSwapped)
    nibbles = (nibbles | nibbles << 16) & 0x0000_ffff_0000_ffff
    nibbles = (nibbles | nibbles << 8) & 0x00ff_00ff_00ff_00ff
    nibbles = (nibbles >> 4 & 0x000f_000f_000f_000f) | (nibbles & 0x000f_000f_000f_000f) << 8
    // 1 in each byte that is above 9: those are letters.
    let letters = (nibbles &+ 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
    return nibbles &+ 0x3030_3030_3030_3030 &+ letters &* 0x27
}
