/// One address of an upstream and how a connection to it is made. Plain values, made from settings.
public struct Endpoint: Sendable, Equatable {
    /// Whether TLS is spoken.
    public var isTLS: Bool
    /// Host name or address, without brackets.
    public var host: String
    /// TCP port.
    public var port: UInt16
    /// Name for SNI and certificate verification, when it is not `host`.
    public var serverName: String?
    /// Whether the certificate is verified.
    public var verifies: Bool
    /// PEM file with the authorities to trust; nil for the system's.
    public var caFile: String?
    /// Outbound proxy URL; nil for a direct connection (the environment is never asked).
    public var proxy: String?
    /// Name resolution, TCP and TLS handshakes and the proxy's answer together, in milliseconds.
    public var connectTimeoutMilliseconds: Int
    /// How long a resolved name is kept, in seconds.
    public var dnsCacheSeconds: Int

    /// A direct endpoint with verification on and the system's authorities.
    public init(
        isTLS: Bool, host: String, port: UInt16, serverName: String? = nil, verifies: Bool = true,
        caFile: String? = nil, proxy: String? = nil, connectTimeoutMilliseconds: Int = 2_000,
        dnsCacheSeconds: Int = 60
    ) {
        self.isTLS = isTLS
        self.host = host
        self.port = port
        self.serverName = serverName
        self.verifies = verifies
        self.caFile = caFile
        self.proxy = proxy
        self.connectTimeoutMilliseconds = connectTimeoutMilliseconds
        self.dnsCacheSeconds = dnsCacheSeconds
    }

    /// `host:port`, IPv6 addresses in brackets.
    public var authority: String { "\(Endpoint.bracketed(host)):\(port)" }

    /// What libcurl is asked to connect to; names the certificate's host.
    var dialURL: String {
        let name = Endpoint.bracketed(serverName ?? host)
        return "\(isTLS ? "https" : "http")://\(name):\(port)/"
    }

    /// libcurl's CONNECT_TO entry where the name on the certificate is not the host to connect to.
    var connectTo: String? {
        guard let serverName, serverName != host else { return nil }
        return "\(Endpoint.bracketed(serverName)):\(port):\(Endpoint.bracketed(host)):\(port)"
    }

    private static func bracketed(_ host: String) -> String {
        host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host
    }
}
