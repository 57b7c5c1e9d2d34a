internal import HTTP1
public import Time

/// What goes into the shared cache, and for how long it is kept there.
public enum SharedKeeping {
    /// How much longer than it can be used something is kept that can be validated.
    static let validatorSeconds: Int64 = 3600
    /// The longest that anything is kept.
    static let secondsMax: Int64 = 30 * 86_400
    /// A smaller body is not worth compressing.
    public static let compressedBytesMin = 1024

    /// For how many milliseconds a response is kept; nil if it would be of no use. Never made longer by its being
    /// read: that would be a change to all who listen.
    public static func milliseconds(_ stored: StoredMetadata, now: Timestamp) -> UInt64? {
        var seconds = stored.usableSeconds &- Freshness.currentAge(stored, now: now)
        if stored.hasValidator { seconds = max(seconds, 0) &+ validatorSeconds }
        guard seconds > 0 else { return nil }
        return UInt64(min(seconds, secondsMax)) * 1000
    }

    /// Whether compressing the body may be worth its while: not if it is coded already, or of a type that is.
    public static func isCompressible(_ head: StoredHead, bodyCount: Int) -> Bool {
        guard bodyCount >= compressedBytesMin, head.value(of: .contentEncoding) == nil,
            let type = head.value(of: .contentType)
        else { return false }
        let bytes = head.bytes.span
        let texts: [StaticString] = [
            "text/", "application/json", "application/javascript", "application/xml",
            "application/x-javascript", "application/ld+json", "application/problem+json",
            "image/svg+xml",
        ]
        return texts.contains { bytes.hasPrefixIgnoringCase($0, in: type) }
    }
}

extension Span where Element == UInt8 {
    /// Whether the bytes of `range` begin with `text`, letters of either case being equal.
    fileprivate func hasPrefixIgnoringCase(_ text: StaticString, in range: ByteRange) -> Bool {
        let start = ByteRange(
            start: range.start, count: min(range.count, Int32(text.utf8CodeUnitCount)))
        return equalsIgnoringCase(start, text)
    }
}
