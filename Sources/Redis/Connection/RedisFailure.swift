/// Why a command has no reply. Whether the server carried it out is unknown after `timeout`,
/// `connectionLost` and `protocolError`; after the others it never left.
public enum RedisFailure: String, Error, CaseIterable, Sendable {
    /// The deadline passed; its connection was closed.
    case timeout
    /// There is no connection to a server that may be asked.
    case notConnected = "not_connected"
    /// The connection ended while the reply was awaited.
    case connectionLost = "connection_lost"
    /// `pendingCommandsMax` or `pendingBytesMax` is reached.
    case queueFull = "queue_full"
    /// Too many timeouts lately: nothing is sent for a while.
    case breakerOpen = "breaker_open"
    /// What came was no reply that we accept.
    case protocolError = "protocol_error"
}

/// How a command ended: the label of metrics and the word of logs.
public enum Outcome: String, CaseIterable, Sendable {
    /// There is a reply, and it is no error.
    case ok
    /// `RedisFailure.timeout`.
    case timeout
    /// An error reply that has no word of its own here.
    case error
    /// The server is a replica now.
    case readOnly = "readonly"
    /// The server exists but cannot serve: LOADING, MASTERDOWN, NOREPLICAS.
    case notReady = "not_ready"
    /// `RedisFailure.notConnected`.
    case notConnected = "not_connected"
    /// `RedisFailure.connectionLost`.
    case connectionLost = "connection_lost"
    /// `RedisFailure.queueFull`.
    case queueFull = "queue_full"
    /// `RedisFailure.breakerOpen`.
    case breakerOpen = "breaker_open"
    /// `RedisFailure.protocolError`.
    case protocolError = "protocol_error"

    /// What a reply means.
    public init(_ reply: Reply) {
        guard case .error(let error) = reply else {
            self = .ok
            return
        }
        self.init(error.kind)
    }

    private init(_ kind: ServerError.Kind) {
        switch kind {
        case .readOnly: self = .readOnly
        case .loading, .masterDown, .noReplicas: self = .notReady
        case .noAuthentication, .wrongPassword, .noPermission, .noScript, .busy, .outOfMemory,
            .other:
            self = .error
        }
    }

    /// What a failure means.
    public init(_ failure: RedisFailure) {
        switch failure {
        case .timeout: self = .timeout
        case .notConnected: self = .notConnected
        case .connectionLost: self = .connectionLost
        case .queueFull: self = .queueFull
        case .breakerOpen: self = .breakerOpen
        case .protocolError: self = .protocolError
        }
    }
}
