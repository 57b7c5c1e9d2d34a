/// An address to listen on. The host is always an IP address: listening never waits for DNS.
public struct ListenAddress: Sendable, Equatable, Hashable {
    /// The IP address; `0.0.0.0` or `::` for all of its family. `::` is IPv6 only.
    public var address: ClientAddress
    /// The TCP port; 0: any free one.
    public var port: UInt16

    /// An address from its parts.
    public init(address: ClientAddress, port: UInt16) {
        self.address = address
        self.port = port
    }

    /// The host without brackets, as `inet_pton` reads it.
    public var host: String { address.text }

    /// Whether only this machine can reach it.
    public var isLoopback: Bool { address.isLoopback }
}

extension ListenAddress: CustomStringConvertible {
    /// `127.0.0.1:8080` or `[::1]:8080`.
    public var description: String {
        address.isIPv4 ? "\(address.text):\(port)" : "[\(address.text)]:\(port)"
    }
}

/// One address that clients connect to.
public struct ListenerSettings: Sendable, Equatable {
    /// Where to listen.
    public var address = ListenAddress(address: .anyIPv4, port: 8080)
    /// Whether every connection starts with a PROXY protocol header (v1 or v2); required then.
    public var proxyProtocol = false
    /// Length of the kernel's accept queue, in connections.
    public var backlog = 4096

    /// The default listener, `0.0.0.0:8080`.
    public init() {}
}

/// The admin listener: metrics, health, effective settings, reload.
public struct AdminSettings: Sendable, Equatable {
    /// Where to listen.
    public var address = ListenAddress(address: .loopbackIPv4, port: 9900)
    /// The bearer token that changes need; nil: none, or in `tokenFile`.
    public var token: String?
    /// A file whose first line is the token, read by the caller.
    public var tokenFile: String?

    /// The default admin listener, `127.0.0.1:9900` without a token.
    public init() {}
}

/// Limits and timeouts of the connections with clients. Durations are in nanoseconds.
public struct ClientSettings: Sendable, Equatable {
    /// From a head's first byte to its last.
    public var headTimeoutNanoseconds: UInt64 = 10 * second
    /// How long a kept-alive connection may wait for the next request.
    public var idleTimeoutNanoseconds: UInt64 = 60 * second
    /// Slowest allowed request body, averaged since its first byte, in bytes a second; 0: any.
    public var bodyRateBytesPerSecondMin: UInt64 = 256
    /// How long a body may be slower than that after its start.
    public var bodyGraceNanoseconds: UInt64 = 10 * second
    /// How long a client may take no byte of an answer.
    public var writeStallTimeoutNanoseconds: UInt64 = 30 * second
    /// Largest request head, in bytes.
    public var headBytesMax = 32 << 10
    /// Most fields in a request head.
    public var fieldsMax = 100
    /// Longest request target, in bytes.
    public var targetBytesMax = 8 << 10
    /// Largest request body, in bytes; nil: any.
    public var bodyBytesMax: UInt64?
    /// Most connections of the instance; 0: from the descriptor limit.
    public var connectionsMax = 20_000
    /// How long the upstream may stay silent before our own 100 (Continue).
    public var expectTimeoutNanoseconds: UInt64 = second
    /// How long a client that closed its sending side may keep an exchange going.
    public var halfCloseTimeoutNanoseconds: UInt64 = second
    /// How long a refused connection is read and dropped, so that the client can see the answer.
    public var lingeringTimeoutNanoseconds: UInt64 = 2 * second
    /// Most interim (1xx) responses relayed for one request.
    public var interimResponsesMax = 16

    /// The defaults.
    public init() {}
}

/// One second in nanoseconds.
let second: UInt64 = 1_000_000_000
