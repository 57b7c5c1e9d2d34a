extension ProxyProtocol {
    static let versionTwoSignature: InlineArray<12, UInt8> = [
        0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a,
    ]

    /// Twelve bytes of signature, version and command, family, length, then the block: addresses and
    /// TLVs, of which the latter are skipped.
    static func parseVersionTwo(_ bytes: Span<UInt8>) -> Result {
        for index in 0..<min(bytes.count, 12) where bytes[index] != versionTwoSignature[index] {
            return .reject(.signature)
        }
        guard bytes.count > 12 else { return .needMore }
        guard bytes[12] >> 4 == 2 else { return .reject(.version) }
        let command = bytes[12] & 0x0f
        guard command < 2 else { return .reject(.command) }
        guard bytes.count >= 16 else { return .needMore }
        let length = Int(bytes[14]) << 8 | Int(bytes[15])
        guard length <= versionTwoBlockBytesMax else { return .reject(.length) }
        let isLocal = command == 0
        if !isLocal, let rejection = check(family: bytes[13], length: length) {
            return .reject(rejection)
        }
        guard bytes.count >= 16 + length else { return .needMore }
        return source(bytes, family: isLocal ? 0 : bytes[13], consumed: 16 + length)
    }

    /// Checks what a PROXY command announces, before its block is there.
    private static func check(family: UInt8, length: Int) -> Rejection? {
        let needed: Int
        switch family {
        case 0x00: needed = 0
        case 0x11: needed = 12
        case 0x21: needed = 36
        case 0x31: needed = 216
        default: return .family
        }
        return length < needed ? .length : nil
    }

    private static func source(_ bytes: Span<UInt8>, family: UInt8, consumed: Int) -> Result {
        switch family {
        case 0x11:
            let address = ClientAddress(ipv4: UInt32(truncatingIfNeeded: number(bytes, 16, 4)))
            let port = UInt16(truncatingIfNeeded: number(bytes, 24, 2))
            return .complete(consumed: consumed, source: address, port: port)
        case 0x21:
            let address = ClientAddress(high: number(bytes, 16, 8), low: number(bytes, 24, 8))
            let port = UInt16(truncatingIfNeeded: number(bytes, 48, 2))
            return .complete(consumed: consumed, source: address, port: port)
        default:
            return .complete(consumed: consumed, source: nil, port: 0)
        }
    }

    /// The big-endian number of `width` bytes at `start`.
    private static func number(_ bytes: Span<UInt8>, _ start: Int, _ width: Int) -> UInt64 {
        (start..<start + width).reduce(0) { $0 << 8 | UInt64(bytes[$1]) }
    }
}
