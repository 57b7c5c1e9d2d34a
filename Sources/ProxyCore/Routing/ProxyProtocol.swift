/// The PROXY protocol header (v1 and v2) with which a load balancer names the client of a connection.
/// Reads the start of a connection again and again while it grows, until there is a verdict.
public enum ProxyProtocol {
    /// Longest header of version 1, in bytes, CRLF included.
    public static let versionOneBytesMax = 107
    /// Longest block behind the fixed part of version 2, in bytes: addresses and TLVs.
    public static let versionTwoBlockBytesMax = 4096

    /// What the bytes so far say.
    public enum Result: Sendable, Equatable {
        /// No verdict yet.
        case needMore
        /// A header of `consumed` bytes. `source` is the client, with its port; nil: the header names
        /// none (LOCAL, UNKNOWN, a socket without addresses), and the connection's own peer counts.
        case complete(consumed: Int, source: ClientAddress?, port: UInt16)
        /// Not a valid header: the connection must be closed.
        case reject(Rejection)
    }

    /// Why a header is refused.
    public enum Rejection: String, Sendable, Equatable, CaseIterable {
        /// Neither version's signature.
        case signature
        /// Version 1: longer than allowed, or not a line that ends in CRLF.
        case line
        /// An unknown protocol or address family, or one that is not a byte stream.
        case family
        /// An address that is none, or not of the family.
        case address
        /// A port that is no number from 0 to 65535.
        case port
        /// Version 2: a version other than 2.
        case version
        /// Version 2: an unknown command.
        case command
        /// Version 2: a block too short for its addresses, or too long.
        case length
    }

    /// The verdict on the start of a connection.
    public static func parse(_ bytes: Span<UInt8>) -> Result {
        guard !bytes.isEmpty else { return .needMore }
        return bytes[0] == versionTwoSignature[0] ? parseVersionTwo(bytes) : parseVersionOne(bytes)
    }
}
