/// How a driver connects to those that it asks. Times in nanoseconds.
public struct DriverOptions: Sendable {
    /// For the data nodes; nil: no password is needed.
    public var nodeCredentials: Credentials?
    /// For the Sentinels; nil: no password is needed.
    public var sentinelCredentials: Credentials?
    /// Where clients connect to instead of to the master: a proxy such as HAProxy that leads to it. The driver
    /// itself asks the nodes and Sentinels directly.
    public var via: Endpoint?
    /// Shown by `CLIENT LIST`.
    public var name: String?
    /// From the start of a dial until the server has answered.
    public var connectNanoseconds: UInt64
    /// Between `PING`s on a subscription, and how long each may take: a Sentinel that is silent is noticed.
    public var heartbeatNanoseconds: UInt64

    /// Options, each with its meaning above.
    public init(
        nodeCredentials: Credentials? = nil, sentinelCredentials: Credentials? = nil,
        via: Endpoint? = nil, name: String? = nil, connectNanoseconds: UInt64 = 200_000_000,
        heartbeatNanoseconds: UInt64 = 1_000_000_000
    ) {
        self.nodeCredentials = nodeCredentials
        self.sentinelCredentials = sentinelCredentials
        self.via = via
        self.name = name
        self.connectNanoseconds = connectNanoseconds
        self.heartbeatNanoseconds = heartbeatNanoseconds
    }

    /// Answers about the topology are small, whatever somebody sends.
    private static let replyLimits = ReplyLimits(replyBytesMax: 256 * 1024)

    private func connection(_ credentials: Credentials?, isListener: Bool) -> ConnectionOptions {
        ConnectionOptions(
            credentials: credentials, name: name, connectNanoseconds: connectNanoseconds,
            replyLimits: Self.replyLimits, pendingCommandsMax: 64, pendingBytesMax: 64 * 1024,
            isListener: isListener)
    }

    var node: ConnectionOptions { connection(nodeCredentials, isListener: false) }
    var sentinel: ConnectionOptions { connection(sentinelCredentials, isListener: false) }
    var subscription: ConnectionOptions { connection(sentinelCredentials, isListener: true) }
}

/// Told what a driver finds. On the driver's loop; must be quick.
public protocol MasterObserver: AnyObject {
    /// There is another truth about the master; the feed has it already.
    func published(_ publication: Publication)
    /// A Sentinel answers, or does so no more.
    func sentinel(_ endpoint: Endpoint, isAnswering: Bool)
    /// A connection to a Sentinel or a node ended or could not be made. Every time, also when nothing is new.
    func lost(_ endpoint: Endpoint, isSentinel: Bool, _ failure: ConnectionFailure)
}

extension MasterObserver {
    /// Nothing is done.
    public func published(_ publication: Publication) {}
    /// Nothing is done.
    public func sentinel(_ endpoint: Endpoint, isAnswering: Bool) {}
    /// Nothing is done.
    public func lost(_ endpoint: Endpoint, isSentinel: Bool, _ failure: ConnectionFailure) {}
}
