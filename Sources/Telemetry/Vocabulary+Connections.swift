/// Why a request was refused or broken off at the level of the protocol.
public enum RequestErrorReason: String, Vocabulary {
    /// The head or the framing is malformed.
    case badRequest = "bad_request"
    /// The head is larger than allowed.
    case headerTooLarge = "header_too_large"
    /// The body is larger than allowed.
    case bodyTooLarge = "body_too_large"
    /// The request did not arrive in time.
    case timeout
    /// The client went away before its response was complete.
    case clientAbort = "client_abort"
    /// The framing is ambiguous: two readers could see two different messages.
    case smuggling
    /// A method, coding or feature this proxy does not implement.
    case notImplemented = "not_implemented"
    /// An HTTP version this proxy does not speak.
    case version
    /// The request has been through this instance before.
    case loop
    /// The upstream broke off in the middle of a body, so the client's connection was aborted.
    case upstreamAbort = "upstream_abort"

    /// The position of this case in `allCases`.
    @inlinable
    public var index: Int {
        switch self {
        case .badRequest: 0
        case .headerTooLarge: 1
        case .bodyTooLarge: 2
        case .timeout: 3
        case .clientAbort: 4
        case .smuggling: 5
        case .notImplemented: 6
        case .version: 7
        case .loop: 8
        case .upstreamAbort: 9
        }
    }
}

/// Why a client's connection ended.
public enum ConnectionCloseReason: String, Vocabulary {
    /// The client closed, or asked for it.
    case client
    /// No request came in the keep-alive time.
    case idleTimeout = "idle_timeout"
    /// A request was begun and not completed in time.
    case requestTimeout = "request_timeout"
    /// The socket failed.
    case error
    /// A request was refused in a way that leaves the position in the stream unknown.
    case rejectedRequest = "rejected_request"
    /// The instance is stopping.
    case drain
    /// The end of the response body could only be told by closing.
    case responseDelimited = "response_delimited"
    /// The client did not read its response in time.
    case writeTimeout = "write_timeout"
    /// The upstream broke off in the middle of a body.
    case upstreamAbort = "upstream_abort"
    /// The connection broke a rule below HTTP, such as a bad PROXY header.
    case `protocol`

    /// The position of this case in `allCases`.
    @inlinable
    public var index: Int {
        switch self {
        case .client: 0
        case .idleTimeout: 1
        case .requestTimeout: 2
        case .error: 3
        case .rejectedRequest: 4
        case .drain: 5
        case .responseDelimited: 6
        case .writeTimeout: 7
        case .upstreamAbort: 8
        case .protocol: 9
        }
    }
}

/// Why a connection was turned away before its first request.
public enum ConnectionRejectReason: String, Vocabulary {
    /// The configured number of connections is reached.
    case limit
    /// The process has no file descriptor left.
    case fd
    /// The instance is stopping.
    case shutdown

    /// The position of this case in `allCases`.
    @inlinable
    public var index: Int {
        switch self {
        case .limit: 0
        case .fd: 1
        case .shutdown: 2
        }
    }
}
