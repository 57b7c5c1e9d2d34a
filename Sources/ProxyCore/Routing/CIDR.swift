/// A block of addresses, `10.0.0.0/8` or `2001:db8::/32`; a lone address is a block of one.
public struct CIDR: Sendable, Hashable {
    /// The first address of the block.
    public let network: ClientAddress
    /// Leading bits that decide, of 128; 96 more than written for IPv4.
    public let prefixLength: Int
    private let highMask: UInt64
    private let lowMask: UInt64

    /// The block of the addresses that share their first `prefixLength` (0…128) bits with `address`.
    public init(_ address: ClientAddress, prefixLength: Int) {
        self.prefixLength = min(max(prefixLength, 0), 128)
        highMask = Self.mask(self.prefixLength)
        lowMask = Self.mask(self.prefixLength - 64)
        network = ClientAddress(high: address.high & highMask, low: address.low & lowMask)
    }

    /// Reads `address/length` or an address alone; bits behind the prefix must be zero.
    public init(_ text: String) throws(TextProblem) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let address = ClientAddress(first) else {
            throw TextProblem(expected: "an IP address or a block such as 10.0.0.0/8", found: text)
        }
        let offset = address.isIPv4 ? 96 : 0
        guard parts.count == 2 else {
            self.init(address, prefixLength: 128)
            return
        }
        let digits = parts[1].utf8
        guard digits.count <= 3, !digits.isEmpty, digits.allSatisfy({ $0.isDigit }),
            let length = Int(parts[1]), length <= 128 - offset
        else {
            throw TextProblem(
                expected: "a prefix length from 0 to \(128 - offset)", found: String(parts[1]))
        }
        self.init(address, prefixLength: length + offset)
        guard network == address else {
            throw TextProblem(expected: "`\(network)/\(length)`", found: text)
        }
    }

    /// Whether `address` is in the block. IPv4 addresses are in IPv4 blocks only.
    @inlinable
    public func contains(_ address: ClientAddress) -> Bool {
        isEqual(address) && (prefixLength >= 96 || !address.isIPv4)
    }

    @usableFromInline
    func isEqual(_ address: ClientAddress) -> Bool {
        address.high & highMask == network.high && address.low & lowMask == network.low
    }

    private static func mask(_ bits: Int) -> UInt64 {
        bits <= 0 ? 0 : bits >= 64 ? .max : ~(UInt64.max >> UInt64(bits))
    }
}

extension CIDR: CustomStringConvertible {
    /// The block as it is written, always with its length.
    public var description: String {
        "\(network)/\(network.isIPv4 && prefixLength >= 96 ? prefixLength - 96 : prefixLength)"
    }
}
