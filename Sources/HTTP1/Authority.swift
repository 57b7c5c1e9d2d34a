/// The syntax of `uri-host [ ":" port ]` (RFC 9110 §7.2, RFC 3986 §3.2.2) for http and https, which
/// require a host. User information is not part of it: "@" makes it invalid (RFC 9110 §4.2.4).
public enum Authority {
    /// Whether the bytes of `range` are such an authority. An empty port is one; a port above 65535
    /// is none.
    public static func isValid(_ bytes: Span<UInt8>, _ range: ByteRange) -> Bool {
        guard range.count > 0, range.upperBound <= bytes.count else { return false }
        let end = range.upperBound
        var index = range.lowerBound
        if bytes[index] == UInt8(ascii: "[") {
            guard let close = literalEnd(bytes, from: index, to: end) else { return false }
            index = close
        } else {
            while index < end, bytes[index] != UInt8(ascii: ":") {
                guard let next = registeredName(bytes, at: index, end) else { return false }
                index = next
            }
            guard index > range.lowerBound else { return false }
        }
        if index == end { return true }
        guard bytes[index] == UInt8(ascii: ":") else { return false }
        return isPort(bytes, from: index &+ 1, to: end)
    }

    /// Behind one character or one percent-encoded byte of a registered name at `index`.
    @inline(__always)
    private static func registeredName(_ bytes: Span<UInt8>, at index: Int, _ end: Int) -> Int? {
        if Octet.isRegisteredName(bytes[index]) { return index &+ 1 }
        guard bytes[index] == UInt8(ascii: "%"), index &+ 2 < end,
            Octet.hexValue(bytes[index &+ 1]) != nil, Octet.hexValue(bytes[index &+ 2]) != nil
        else { return nil }
        return index &+ 3
    }

    private static func isPort(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Bool {
        var port = 0
        for index in start..<end {
            guard Octet.isDigit(bytes[index]) else { return false }
            port = port &* 10 &+ Int(bytes[index] &- 0x30)
            guard port <= 65_535 else { return false }
        }
        return true
    }

    /// Behind the "]" of an IP literal that starts at `start`; nil if there is none or it is invalid.
    private static func literalEnd(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Int? {
        let close = bytes.offset(of: UInt8(ascii: "]"), from: start, limit: end)
        guard close < end, close > start &+ 1 else { return nil }
        let inner = ByteRange(start &+ 1, close)
        let isFuture = bytes[inner.lowerBound] | 0x20 == UInt8(ascii: "v")
        let valid = isFuture ? isFutureAddress(bytes, inner) : isIPv6(bytes, inner)
        return valid ? close &+ 1 : nil
    }

    /// `"v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" )`.
    private static func isFutureAddress(_ bytes: Span<UInt8>, _ range: ByteRange) -> Bool {
        var index = range.lowerBound &+ 1
        while index < range.upperBound, Octet.hexValue(bytes[index]) != nil { index &+= 1 }
        guard index > range.lowerBound &+ 1, index &+ 1 < range.upperBound,
            bytes[index] == UInt8(ascii: ".")
        else { return false }
        for rest in (index &+ 1)..<range.upperBound
        where !Octet.isRegisteredName(bytes[rest]) && bytes[rest] != UInt8(ascii: ":") {
            return false
        }
        return true
    }

    /// Eight groups of one to four hexadecimal digits; one "::" may stand for one or more of them, an
    /// IPv4 address for the last two. No zone identifier.
    private static func isIPv6(_ bytes: Span<UInt8>, _ range: ByteRange) -> Bool {
        let end = range.upperBound
        var index = range.lowerBound
        var groups = 0
        var compressed = false
        if index &+ 1 < end, bytes[index] == UInt8(ascii: ":") {
            guard bytes[index &+ 1] == UInt8(ascii: ":") else { return false }
            compressed = true
            index &+= 2
        }
        while index < end {
            let start = index
            while index < end, Octet.hexValue(bytes[index]) != nil { index &+= 1 }
            if index < end, bytes[index] == UInt8(ascii: ".") {
                groups &+= 2
                guard isIPv4(bytes, ByteRange(start, end)) else { return false }
                index = end
                break
            }
            guard index > start, index &- start <= 4 else { return false }
            groups &+= 1
            guard index < end else { break }
            guard bytes[index] == UInt8(ascii: ":"), index &+ 1 < end else { return false }
            index &+= 1
            if bytes[index] == UInt8(ascii: ":") {
                guard !compressed else { return false }
                compressed = true
                index &+= 1
            }
        }
        return compressed ? groups < 8 : groups == 8
    }

    /// Four numbers of 0 to 255 without leading zeros, with dots between them.
    private static func isIPv4(_ bytes: Span<UInt8>, _ range: ByteRange) -> Bool {
        var parts = 0
        var index = range.lowerBound
        while true {
            let start = index
            var value = 0
            while index < range.upperBound, Octet.isDigit(bytes[index]), index &- start < 4 {
                value = value &* 10 &+ Int(bytes[index] &- 0x30)
                index &+= 1
            }
            let digits = index &- start
            guard digits >= 1, digits <= 3, value <= 255 else { return false }
            guard digits == 1 || bytes[start] != UInt8(ascii: "0") else { return false }
            parts &+= 1
            if index == range.upperBound { return parts == 4 }
            guard bytes[index] == UInt8(ascii: "."), parts < 4 else { return false }
            index &+= 1
        }
    }
}
