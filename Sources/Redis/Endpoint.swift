/// Where a Redis server or a Sentinel listens.
public struct Endpoint: Hashable, Sendable {
    /// A name or an IP address, without brackets.
    public let host: String
    /// The TCP port.
    public let port: UInt16

    /// An endpoint of these parts.
    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }
}

extension Endpoint: CustomStringConvertible {
    /// `host:port`; an IPv6 address in brackets.
    public var description: String {
        host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}
