internal import HTTP1

/// One member of a Via field: `[protocol-name "/"] protocol-version RWS received-by [comment]`
/// (RFC 9110 §7.6.3).
enum ViaMember {
    /// Whether the member's received-by is `pseudonym`, letter case aside.
    static func receivedBy(
        _ member: ByteRange, in bytes: Span<UInt8>, is pseudonym: Span<UInt8>
    ) -> Bool {
        var index = member.lowerBound
        let end = member.upperBound
        while index < end, !isBlank(bytes[index]) { index += 1 }
        while index < end, isBlank(bytes[index]) { index += 1 }
        var length = 0
        while index + length < end, !isBlank(bytes[index + length]) { length += 1 }
        guard length == pseudonym.count, length > 0 else { return false }
        for offset in 0..<length where lower(bytes[index + offset]) != lower(pseudonym[offset]) {
            return false
        }
        return true
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    private static func lower(_ byte: UInt8) -> UInt8 {
        byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
    }
}
