/// Classes of single bytes (RFC 9110 §5.6, RFC 3986 §2), as tests on two 64-bit masks: the masks are
/// immediates, so that no table has to be initialised or loaded.
@usableFromInline
enum Octet {
    @usableFromInline static let tab: UInt8 = 0x09
    @usableFromInline static let lineFeed: UInt8 = 0x0A
    @usableFromInline static let carriageReturn: UInt8 = 0x0D
    @usableFromInline static let space: UInt8 = 0x20
    @usableFromInline static let quote = UInt8(ascii: "\"")
    @usableFromInline static let backslash = UInt8(ascii: "\\")
    @usableFromInline static let comma = UInt8(ascii: ",")

    /// RFC 9110 §5.6.2 `tchar`, codes 0–63: `! # $ % & ' * + - .` and digits.
    private static let tokenLow: UInt64 = 0x03FF_6CFA_0000_0000
    /// Codes 64–127: letters and ``^ _ ` | ~``.
    private static let tokenHigh: UInt64 = 0x57FF_FFFF_C7FF_FFFE
    /// RFC 3986 §3.2.2 `reg-name` without "%", codes 0–63: `! $ & ' ( ) * + , - . ; =` and digits.
    private static let registeredLow: UInt64 = 0x2BFF_7FD2_0000_0000
    /// Codes 64–127: letters, `_` and `~`.
    private static let registeredHigh: UInt64 = 0x47FF_FFFE_87FF_FFFE

    /// A byte that a token may hold: methods, field names, list members.
    @inline(__always)
    static func isToken(_ byte: UInt8) -> Bool {
        test(byte, low: tokenLow, high: tokenHigh)
    }

    /// A byte that a registered name may hold besides percent-encoded ones.
    @inline(__always)
    static func isRegisteredName(_ byte: UInt8) -> Bool {
        test(byte, low: registeredLow, high: registeredHigh)
    }

    /// "0" to "9".
    @inline(__always)
    static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

    /// "A" to "Z" and "a" to "z".
    @inline(__always)
    static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 }

    /// SP or HTAB (RFC 9110 §5.6.3).
    @inlinable
    static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    /// The value of a hexadecimal digit of either case, nil for any other byte.
    @inline(__always)
    static func hexValue(_ byte: UInt8) -> UInt8? {
        if isDigit(byte) { return byte &- 0x30 }
        let letter = (byte | 0x20) &- 0x61
        return letter < 6 ? letter &+ 10 : nil
    }

    /// `byte` with ASCII capitals made small.
    @inlinable
    static func lowercased(_ byte: UInt8) -> UInt8 {
        byte &- 0x41 < 26 ? byte | 0x20 : byte
    }

    @inline(__always)
    private static func test(_ byte: UInt8, low: UInt64, high: UInt64) -> Bool {
        byte < 128 && ((byte < 64 ? low : high) &>> UInt64(byte & 63)) & 1 == 1
    }
}
