extension ProxyProtocol {
    /// `PROXY TCP4 source destination sport dport CRLF`, single spaces, or `PROXY UNKNOWN … CRLF`.
    static func parseVersionOne(_ bytes: Span<UInt8>) -> Result {
        let signature: InlineArray<6, UInt8> = [0x50, 0x52, 0x4f, 0x58, 0x59, 0x20]
        for index in 0..<min(bytes.count, 6) where bytes[index] != signature[index] {
            return .reject(.signature)
        }
        var end = 0
        let limit = min(bytes.count, versionOneBytesMax)
        while end < limit, bytes[end] != UInt8(ascii: "\n") { end += 1 }
        if end == limit {
            return limit == versionOneBytesMax ? .reject(.line) : .needMore
        }
        guard end > 6, bytes[end - 1] == UInt8(ascii: "\r") else { return .reject(.line) }
        return parseLine(bytes, 6..<end - 1, consumed: end + 1)
    }

    private static func parseLine(
        _ bytes: Span<UInt8>, _ range: Range<Int>, consumed: Int
    ) -> Result {
        var rest = range
        let family = nextWord(bytes, &rest)
        if isEqual(bytes, family, "UNKNOWN") {
            return .complete(consumed: consumed, source: nil, port: 0)
        }
        let isIPv4 = isEqual(bytes, family, "TCP4")
        guard isIPv4 || isEqual(bytes, family, "TCP6") else { return .reject(.family) }
        let source = address(bytes, nextWord(bytes, &rest), isIPv4: isIPv4)
        let destination = address(bytes, nextWord(bytes, &rest), isIPv4: isIPv4)
        guard let source, destination != nil else { return .reject(.address) }
        let sourcePort = port(bytes, nextWord(bytes, &rest))
        // The last word takes all that is left, so that nothing can follow it.
        guard let sourcePort, port(bytes, rest) != nil else { return .reject(.port) }
        return .complete(consumed: consumed, source: source, port: sourcePort)
    }

    /// The word at the start of `rest`, which then starts behind the space.
    private static func nextWord(_ bytes: Span<UInt8>, _ rest: inout Range<Int>) -> Range<Int> {
        let space = rest.first { bytes[$0] == UInt8(ascii: " ") } ?? rest.upperBound
        defer { rest = min(space + 1, rest.upperBound)..<rest.upperBound }
        return rest.lowerBound..<space
    }

    private static func isEqual(
        _ bytes: Span<UInt8>, _ range: Range<Int>, _ word: String
    ) -> Bool {
        let word = word.utf8.span
        guard word.count == range.count else { return false }
        return word.indices.allSatisfy { word[$0] == bytes[range.lowerBound + $0] }
    }

    /// An address of the family that was announced; `::ffff:1.2.3.4` is a valid TCP6 address.
    private static func address(
        _ bytes: Span<UInt8>, _ range: Range<Int>, isIPv4: Bool
    ) -> ClientAddress? {
        let hasColon = range.contains { bytes[$0] == UInt8(ascii: ":") }
        return hasColon != isIPv4 ? ClientAddress(bytes, range) : nil
    }

    /// Digits only, no leading zero.
    private static func port(_ bytes: Span<UInt8>, _ range: Range<Int>) -> UInt16? {
        guard (1...5).contains(range.count),
            range.count == 1 || bytes[range.lowerBound] != UInt8(ascii: "0")
        else { return nil }
        var value: UInt32 = 0
        for index in range {
            guard bytes[index].isDigit else { return nil }
            value = value * 10 + UInt32(bytes[index] &- 0x30)
        }
        return UInt16(exactly: value)
    }
}
