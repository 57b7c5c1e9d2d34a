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
        var shift: UInt64 = 64
        while shift > 0 {
            shift &-= 4
            let digit = UInt8(truncatingIfNeeded: value >> shift) & 0x0f
            append(digit &+ (digit < 10 ? 0x30 : 0x57))
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
