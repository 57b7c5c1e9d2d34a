internal import HTTP1

/// The name under which instances share one response: 128 bits of SHA-256 over its key. Two keys with one
/// name are not known, and would do no harm: a record holds its whole key, and that is compared.
public struct SharedKey: Hashable, Sendable {
    /// The first eight bytes, as a big-endian number.
    public let high: UInt64
    /// The other eight.
    public let low: UInt64

    init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The name of a target's record: its response, or the record of its variants. `key` is its key in
    /// the memory cache.
    public init(base key: Span<UInt8>) {
        var message: [UInt8] = [UInt8(ascii: "b")]
        message.append(copying: key)
        self.init(hash: message)
    }

    /// The name of one variant. `variant` is what `VaryRule.appendVariantKey` gives for a request.
    public init(base key: Span<UInt8>, variant: Span<UInt8>) {
        var message: [UInt8] = [UInt8(ascii: "v")]
        // Where the key ends must be part of what is hashed.
        message.append(littleEndian: UInt32(truncatingIfNeeded: key.count))
        message.append(copying: key)
        message.append(copying: variant)
        self.init(hash: message)
    }

    private init(hash message: [UInt8]) {
        let words = SHA256.words(message.span)
        high = UInt64(words[0]) << 32 | UInt64(words[1])
        low = UInt64(words[2]) << 32 | UInt64(words[3])
    }

    /// The name from 16 bytes; nil if it is not as many.
    init?(bytes: Span<UInt8>) {
        guard bytes.count == Self.bytesCount else { return nil }
        high = (0..<8).reduce(0) { $0 << 8 | UInt64(bytes[$1]) }
        low = (8..<16).reduce(0) { $0 << 8 | UInt64(bytes[$1]) }
    }

    /// The name from 32 hexadecimal digits in small letters; nil if it is anything else.
    init?(hex: Span<UInt8>) {
        guard hex.count == 2 * Self.bytesCount, let high = hex.extracting(0..<16).hexNumber,
            let low = hex.extracting(16..<32).hexNumber
        else { return nil }
        self.init(high: high, low: low)
    }

    static let bytesCount = 16

    /// The 16 bytes.
    public var bytes: [UInt8] {
        var bytes: [UInt8] = []
        for word in [high, low] { bytes.append(bigEndian: word) }
        return bytes
    }
}

extension [UInt8] {
    /// Appends 16 hexadecimal digits in small letters.
    mutating func append(hex number: UInt64) {
        for shift in stride(from: UInt64(60), through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: number >> shift & 15)
            append(digit < 10 ? 0x30 + digit : 0x57 + digit)
        }
    }

    mutating func append<T: FixedWidthInteger>(littleEndian number: T) {
        var rest = number
        for _ in 0..<(T.bitWidth / 8) {
            append(UInt8(truncatingIfNeeded: rest))
            rest >>= T.bitWidth > 8 ? 8 : 0
        }
    }

    mutating func append(bigEndian number: UInt64) {
        for shift in stride(from: UInt64(56), through: 0, by: -8) {
            append(UInt8(truncatingIfNeeded: number >> shift))
        }
    }
}

extension Span where Element == UInt8 {
    /// The number in 16 hexadecimal digits in small letters; nil if it is anything else.
    var hexNumber: UInt64? {
        guard count == 16 else { return nil }
        var number: UInt64 = 0
        for index in indices {
            switch self[index] {
            case 0x30...0x39: number = number << 4 | UInt64(self[index] - 0x30)
            case 0x61...0x66: number = number << 4 | UInt64(self[index] - 0x57)
            default: return nil
            }
        }
        return number
    }
}
