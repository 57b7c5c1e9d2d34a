/// The eight bytes of a protocol version (RFC 9112 §2.3), at the end of a request line or at the
/// start of a status line.
enum VersionToken {
    static let length = 8
    /// "HTTP/1.1" and "HTTP/1.0" as little-endian words.
    private static let http11: UInt64 = 0x312E_312F_5054_5448
    private static let http10: UInt64 = 0x302E_312F_5054_5448

    /// The version at `start`; `.unsupported` for another well-formed one, nil when the bytes up to
    /// `limit` are a beginning of one. Throws at the first byte that does not fit.
    static func read(
        _ bytes: Span<UInt8>, at start: Int, limit: Int
    ) throws(Rejection) -> Outcome? {
        if start &+ length <= limit {
            let word = bytes.word(at: start, length: length)
            if word == http11 { return .supported(.http11) }
            if word == http10 { return .supported(.http10) }
        }
        for index in 0..<length {
            guard start &+ index < limit else { return nil }
            let byte = bytes[start &+ index]
            let fits =
                switch index {
                case 5, 7: Octet.isDigit(byte)
                default: byte == ("HTTP/1.1" as StaticString).octet(at: index)
                }
            guard fits else { throw byte == Octet.lineFeed ? .bareLineFeed : .invalidVersion }
        }
        return .unsupported
    }

    enum Outcome {
        case supported(Version)
        case unsupported
    }
}
