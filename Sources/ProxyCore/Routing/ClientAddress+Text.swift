extension ClientAddress {
    /// Reads all of `bytes` as an address: dotted decimal without leading zeros, or an IPv6 address
    /// (RFC 4291 §2.2) without brackets and without a zone. Nil for anything else.
    public init?(_ bytes: Span<UInt8>) {
        self.init(bytes, 0..<bytes.count)
    }

    /// Reads `range` of `bytes` as an address.
    init?(_ bytes: Span<UInt8>, _ range: Range<Int>) {
        if let value = Self.parseIPv4(bytes, range) {
            self.init(ipv4: value)
            return
        }
        guard let (high, low) = Self.parseIPv6(bytes, range) else { return nil }
        self.init(high: high, low: low)
    }

    private static func parseIPv4(_ bytes: Span<UInt8>, _ range: Range<Int>) -> UInt32? {
        guard range.count >= 7, range.count <= 15 else { return nil }
        var value: UInt32 = 0
        var index = range.lowerBound
        for part in 0..<4 {
            if part > 0 {
                guard index < range.upperBound, bytes[index] == UInt8(ascii: ".") else {
                    return nil
                }
                index += 1
            }
            var octet: UInt32 = 0
            let start = index
            while index < range.upperBound, index - start < 3, bytes[index].isDigit {
                octet = octet * 10 + UInt32(bytes[index] &- 0x30)
                index += 1
            }
            let digits = index - start
            guard digits > 0, octet < 256, digits == 1 || bytes[start] != UInt8(ascii: "0") else {
                return nil
            }
            value = value << 8 | octet
        }
        return index == range.upperBound ? value : nil
    }

    private static func parseIPv6(
        _ bytes: Span<UInt8>, _ range: Range<Int>
    ) -> (UInt64, UInt64)? {
        guard range.count >= 2, range.count <= 45 else { return nil }
        var groups = GroupList()
        var gap: Int?
        var index = range.lowerBound
        let end = range.upperBound
        if bytes[index] == UInt8(ascii: ":") {
            guard bytes[index + 1] == UInt8(ascii: ":") else { return nil }
            gap = 0
            index += 2
        }
        while index < end {
            guard groups.count < 8 else { return nil }
            let start = index
            var group: UInt16 = 0
            while index < end, index - start < 4, let digit = bytes[index].hexValue {
                group = group << 4 | UInt16(digit)
                index += 1
            }
            if index < end, bytes[index] == UInt8(ascii: ".") {
                guard groups.count <= 6, let tail = parseIPv4(bytes, start..<end) else {
                    return nil
                }
                groups.append(UInt16(truncatingIfNeeded: tail >> 16))
                groups.append(UInt16(truncatingIfNeeded: tail))
                index = end
                break
            }
            guard index > start else { return nil }
            groups.append(group)
            if index == end { break }
            guard bytes[index] == UInt8(ascii: ":"), index + 1 < end else { return nil }
            index += 1
            if bytes[index] == UInt8(ascii: ":") {
                guard gap == nil else { return nil }
                gap = groups.count
                index += 1
            }
        }
        return groups.halves(gap: gap)
    }

    /// Appends the textual form (RFC 5952: lower case, no leading zeros, the longest run of at least
    /// two zero groups shortened, the first of equals).
    public func append(to bytes: inout [UInt8]) {
        if isIPv4 {
            for shift in stride(from: UInt32(24), through: 0, by: -8) {
                appendDecimal((ipv4 >> shift) & 0xff, to: &bytes)
                if shift > 0 { bytes.append(UInt8(ascii: ".")) }
            }
            return
        }
        let gap = zeroRun()
        var index = 0
        while index < 8 {
            if index == gap.lowerBound, gap.count > 1 {
                bytes += [UInt8(ascii: ":"), UInt8(ascii: ":")]
                index = gap.upperBound
                continue
            }
            if index > 0, !(gap.count > 1 && index == gap.upperBound) {
                bytes.append(UInt8(ascii: ":"))
            }
            appendHexadecimal(group(index), to: &bytes)
            index += 1
        }
    }

    /// Group `index` (0 to 7) of an IPv6 address.
    private func group(_ index: Int) -> UInt16 {
        let half = index < 4 ? high : low
        return UInt16(truncatingIfNeeded: half >> UInt64(48 - 16 * (index & 3)))
    }

    private func zeroRun() -> Range<Int> {
        var best = 0..<0
        var start = 0
        for index in 0...8 where index == 8 || group(index) != 0 {
            if index - start > best.count { best = start..<index }
            start = index + 1
        }
        return best
    }

    private func appendDecimal(_ value: UInt32, to bytes: inout [UInt8]) {
        if value >= 100 { bytes.append(0x30 + UInt8(value / 100)) }
        if value >= 10 { bytes.append(0x30 + UInt8(value / 10 % 10)) }
        bytes.append(0x30 + UInt8(value % 10))
    }

    private func appendHexadecimal(_ value: UInt16, to bytes: inout [UInt8]) {
        var isLeading = true
        for shift in stride(from: UInt16(12), through: 0, by: -4) {
            let digit = UInt8((value >> shift) & 0xf)
            if digit == 0, isLeading, shift > 0 { continue }
            isLeading = false
            bytes.append(digit < 10 ? 0x30 + digit : 0x57 + digit)
        }
    }
}

/// At most eight 16-bit groups.
private struct GroupList {
    private var high: UInt64 = 0
    private var low: UInt64 = 0
    private(set) var count = 0

    mutating func append(_ group: UInt16) {
        high = high << 16 | low >> 48
        low = low << 16 | UInt64(group)
        count += 1
    }

    /// The two halves of the address, with the zeros that `::` stands for put in at `gap`.
    func halves(gap: Int?) -> (UInt64, UInt64)? {
        guard let gap else { return count == 8 ? (high, low) : nil }
        // RFC 4291 §2.2: `::` stands for one or more groups.
        guard count < 8 else { return nil }
        var result = GroupList()
        for index in 0..<count {
            if index == gap { for _ in count..<8 { result.append(0) } }
            result.append(group(index))
        }
        if gap == count { for _ in count..<8 { result.append(0) } }
        return (result.high, result.low)
    }

    private func group(_ index: Int) -> UInt16 {
        let fromEnd = count - 1 - index
        let half = fromEnd < 4 ? low : high
        return UInt16(truncatingIfNeeded: half >> UInt64(16 * (fromEnd & 3)))
    }
}
