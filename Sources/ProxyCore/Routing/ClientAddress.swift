/// An IP address, IPv4 or IPv6, as a value of 16 bytes. IPv4 addresses are kept as IPv4-mapped IPv6
/// ones (RFC 4291 §2.5.5.2), so that one comparison serves both, and a mapped address that arrives on
/// an IPv6 socket equals the IPv4 address it stands for.
public struct ClientAddress: Sendable, Hashable {
    /// The first eight bytes in network order, the first byte highest.
    public var high: UInt64
    /// The last eight bytes in network order.
    public var low: UInt64

    /// An address from its 16 bytes as two big-endian halves.
    @inlinable
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The IPv4 address whose four bytes, the first highest, are `value`.
    @inlinable
    public init(ipv4 value: UInt32) {
        high = 0
        low = 0xffff << 32 | UInt64(value)
    }

    /// `0.0.0.0`.
    public static let anyIPv4 = ClientAddress(ipv4: 0)
    /// `127.0.0.1`.
    public static let loopbackIPv4 = ClientAddress(ipv4: 0x7f00_0001)
    /// `::`.
    public static let anyIPv6 = ClientAddress(high: 0, low: 0)
    /// `::1`.
    public static let loopbackIPv6 = ClientAddress(high: 0, low: 1)

    /// Whether it is an IPv4 address.
    @inlinable
    public var isIPv4: Bool { high == 0 && low >> 32 == 0xffff }

    /// The IPv4 address as a number, the first byte highest; meaningless for IPv6.
    @inlinable
    public var ipv4: UInt32 { UInt32(truncatingIfNeeded: low) }

    /// Whether it stands for every address of its family.
    public var isUnspecified: Bool { self == .anyIPv4 || self == .anyIPv6 }

    /// `127.0.0.0/8` and `::1`.
    public var isLoopback: Bool {
        isIPv4 ? ipv4 >> 24 == 127 : self == .loopbackIPv6
    }

    /// The textual form (RFC 5952).
    public var text: String {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Reads a whole text as an address; nil if it is none.
    public init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        self.init(bytes.span)
    }
}

extension ClientAddress: CustomStringConvertible {
    /// The textual form (RFC 5952).
    public var description: String { text }
}
