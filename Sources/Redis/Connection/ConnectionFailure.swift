/// Why a connection was not made, or came to its end.
public struct ConnectionFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// The word for metric and log.
    public let reason: Reason
    /// A few words more for the log, such as the server's own; never a password.
    public let detail: String

    /// A failure with its word and its detail.
    public init(_ reason: Reason, _ detail: String = "") {
        self.reason = reason
        self.detail = detail
    }

    /// The reason and, if there is one, the detail.
    public var description: String {
        detail.isEmpty ? reason.rawValue : "\(reason.rawValue): \(detail)"
    }

    /// The closed vocabulary of ends.
    public enum Reason: String, CaseIterable, Sendable {
        /// The name has no address.
        case lookup
        /// Nobody accepts connections there.
        case connect
        /// Not connected and greeted in time.
        case connectTimeout = "connect_timeout"
        /// User or password are wrong, or missing.
        case authentication
        /// The server did not accept what a connection begins with.
        case handshake
        /// The server reads its data set, or has lost its master.
        case notReady = "not_ready"
        /// Not the server that was asked for.
        case wrongServer = "wrong_server"
        /// The server closed the connection.
        case peerClosed = "peer_closed"
        /// The network broke the connection.
        case network
        /// A command's deadline passed.
        case timeout
        /// The server sent what is no reply that we accept.
        case protocolError = "protocol_error"
        /// The server answered that it is a replica.
        case readOnly = "readonly"
        /// Another server is the master now.
        case masterChanged = "master_changed"
        /// We wanted it so.
        case shutdown
    }
}
