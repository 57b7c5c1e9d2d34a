internal import CUV
internal import Glibc

/// An IP address and a port. IPv4 addresses are held in their IPv4-mapped form (RFC 4291 §2.5.5.2).
public struct SocketAddress: Equatable, Sendable {
    /// The first 64 bits of the address, most significant byte first.
    public var high: UInt64
    /// The last 64 bits of the address.
    public var low: UInt64
    /// The TCP port.
    public var port: UInt16

    /// An address from its halves.
    public init(high: UInt64, low: UInt64, port: UInt16) {
        self.high = high
        self.low = low
        self.port = port
    }

    /// 127.0.0.1 and the given port.
    public static func loopback(port: UInt16) -> SocketAddress {
        SocketAddress(high: 0, low: 0xffff_7f00_0001, port: port)
    }

    /// Whether this is an IPv4 address.
    public var isIPv4: Bool { high == 0 && low >> 32 == 0xffff }

    /// From the numeric text of an address (`127.0.0.1`, `::1`) and a port; nil for anything else.
    public init?(numeric host: String, port: UInt16) {
        var four = in_addr()
        var six = in6_addr()
        if unsafe inet_pton(AF_INET, host, &four) == 1 {
            let value = UInt64(UInt32(bigEndian: four.s_addr))
            self.init(high: 0, low: 0xffff_0000_0000 | value, port: port)
        } else if unsafe inet_pton(AF_INET6, host, &six) == 1 {
            self.init(six, port: port)
        } else {
            return nil
        }
    }

    init(_ six: in6_addr, port: UInt16) {
        let halves = unsafe withUnsafeBytes(of: six) { bytes in
            unsafe (
                bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self).bigEndian,
                bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self).bigEndian
            )
        }
        self.init(high: halves.0, low: halves.1, port: port)
    }

    init(_ storage: sockaddr_storage) {
        self = unsafe withUnsafeBytes(of: storage) { bytes in
            if Int32(storage.ss_family) == AF_INET {
                let address = unsafe bytes.load(as: sockaddr_in.self)
                let value = UInt64(UInt32(bigEndian: address.sin_addr.s_addr))
                return SocketAddress(
                    high: 0, low: 0xffff_0000_0000 | value,
                    port: UInt16(bigEndian: address.sin_port))
            }
            let address = unsafe bytes.load(as: sockaddr_in6.self)
            return SocketAddress(address.sin6_addr, port: UInt16(bigEndian: address.sin6_port))
        }
    }

    /// Calls `body` with the address as the socket interface wants it.
    func withSockaddr<Result>(
        _ body: (UnsafePointer<sockaddr>, socklen_t) throws -> Result
    ) rethrows -> Result {
        var storage = sockaddr_storage()
        let length = unsafe withUnsafeMutableBytes(of: &storage) { bytes in
            if isIPv4 {
                var address = sockaddr_in()
                address.sin_family = sa_family_t(AF_INET)
                address.sin_port = port.bigEndian
                address.sin_addr.s_addr = UInt32(truncatingIfNeeded: low).bigEndian
                unsafe bytes.storeBytes(of: address, as: sockaddr_in.self)
                return MemoryLayout<sockaddr_in>.size
            }
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            unsafe withUnsafeMutableBytes(of: &address.sin6_addr) { bytes in
                unsafe bytes.storeBytes(of: high.bigEndian, as: UInt64.self)
                unsafe bytes.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
            }
            unsafe bytes.storeBytes(of: address, as: sockaddr_in6.self)
            return MemoryLayout<sockaddr_in6>.size
        }
        return try unsafe withUnsafePointer(to: &storage) { pointer in
            try unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                try unsafe body($0, socklen_t(length))
            }
        }
    }
}
