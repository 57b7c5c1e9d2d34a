/// What is wrong with a record of the shared cache; it counts as a miss.
public enum SharedEntryFault: String, Vocabulary, Error {
    /// It ends too soon.
    case truncated
    /// It is something else altogether.
    case noRecord = "no_record"
    /// A version of this program wrote it that this one cannot read.
    case unknownVersion = "unknown_version"
    /// It is of another kind than what was asked for.
    case otherKind = "other_kind"
    /// It is not as it was written.
    case checksum
    /// Its checksum is right, but its parts do not fit together.
    case malformed
    /// It belongs to another key under the same name.
    case otherKey = "other_key"

    /// The position of this case in `allCases`.
    @inlinable
    public var index: Int {
        switch self {
        case .truncated: 0
        case .noRecord: 1
        case .unknownVersion: 2
        case .otherKind: 3
        case .checksum: 4
        case .malformed: 5
        case .otherKey: 6
        }
    }
}

/// Why a reply is of no use.
public enum RedisErrorReason: String, Vocabulary {
    /// It is not the one that this command has.
    case `protocol`
    /// The server is not the master, or not fit to be it: READONLY, LOADING, MASTERDOWN, NOREPLICAS.
    case notMaster = "not_master"
    /// The server has no memory left (OOM).
    case outOfMemory = "out_of_memory"
    /// The user may not do this, or is not the user (NOAUTH, NOPERM, WRONGPASS).
    case denied
    /// The functions are not there, or not to be had.
    case function
    /// Any other error reply.
    case reply

    /// The position of this case in `allCases`.
    @inlinable
    public var index: Int {
        switch self {
        case .protocol: 0
        case .notMaster: 1
        case .outOfMemory: 2
        case .denied: 3
        case .function: 4
        case .reply: 5
        }
    }
}

/// What a command for Redis is for.
public enum RedisOperation: String, Vocabulary {
    /// Looking a response up, perhaps with the lease on fetching it.
    case cacheGet = "cache_get"
    /// Storing a response.
    case cacheSet = "cache_set"
    /// Purging, or giving a lease back.
    case cacheDelete = "cache_del"
    /// Taking from a rate limit.
    case rateLimit = "rate_limit"
    /// Anything else: heartbeats, roles, loading the functions.
    case other

    /// The position of this case in `allCases`.
    @inlinable
    public var index: Int {
        switch self {
        case .cacheGet: 0
        case .cacheSet: 1
        case .cacheDelete: 2
        case .rateLimit: 3
        case .other: 4
        }
    }
}

/// How a command for Redis ended.
public enum RedisOutcome: String, Vocabulary {
    /// There is a reply, and it is no error.
    case ok
    /// Its deadline passed; the connection was closed.
    case timeout
    /// An error reply that has no word of its own here.
    case error
    /// The server is a replica now.
    case readOnly = "readonly"
    /// The server cannot serve: LOADING, MASTERDOWN, NOREPLICAS.
    case notReady = "not_ready"
    /// There is no connection to a server that may be asked.
    case notConnected = "not_connected"
    /// The connection ended while the reply was awaited.
    case connectionLost = "connection_lost"
    /// Too many commands, or bytes of them, wait already.
    case queueFull = "queue_full"
    /// Too many timeouts lately: nothing is sent for a while.
    case breakerOpen = "breaker_open"
    /// What came was no reply that is accepted.
    case protocolError = "protocol_error"

    /// The position of this case in `allCases`.
    @inlinable
    public var index: Int {
        switch self {
        case .ok: 0
        case .timeout: 1
        case .error: 2
        case .readOnly: 3
        case .notReady: 4
        case .notConnected: 5
        case .connectionLost: 6
        case .queueFull: 7
        case .breakerOpen: 8
        case .protocolError: 9
        }
    }

    /// Whether a reply came.
    public var hasReply: Bool {
        switch self {
        case .ok, .error, .readOnly, .notReady: true
        case .timeout, .notConnected, .connectionLost, .queueFull, .breakerOpen, .protocolError:
            false
        }
    }
}

/// Why a connection to Redis ended, or was not made.
public enum RedisReconnectReason: String, Vocabulary {
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
    /// The server closed it.
    case peerClosed = "peer_closed"
    /// The network broke it.
    case network
    /// A command's deadline passed.
    case timeout
    /// The server sent what is no reply that is accepted.
    case protocolError = "protocol_error"
    /// The server answered that it is a replica.
    case readOnly = "readonly"
    /// Another server is the master now.
    case masterChanged = "master_changed"
    /// This instance wanted it so.
    case shutdown

    /// The position of this case in `allCases`.
    @inlinable
    public var index: Int {
        switch self {
        case .lookup: 0
        case .connect: 1
        case .connectTimeout: 2
        case .authentication: 3
        case .handshake: 4
        case .notReady: 5
        case .wrongServer: 6
        case .peerClosed: 7
        case .network: 8
        case .timeout: 9
        case .protocolError: 10
        case .readOnly: 11
        case .masterChanged: 12
        case .shutdown: 13
        }
    }
}

/// What became of the lease on a fetch.
public enum CacheLeaseOutcome: String, Vocabulary {
    /// This instance got it.
    case granted
    /// This instance got more time for it, because the fetch goes on.
    case renewed
    /// Another instance had it, and its answer came in time.
    case waited
    /// Another instance had it and did not use it in time: fetched without one.
    case expired
    /// It was gone when the answer was there, to a purge or to another instance: not stored.
    case lost
    /// Something was purged while the answer was fetched: not stored.
    case outdated
    /// Redis could not be asked: fetched without one.
    case unavailable

    /// The position of this case in `allCases`.
    @inlinable
    public var index: Int {
        switch self {
        case .granted: 0
        case .renewed: 1
        case .waited: 2
        case .expired: 3
        case .lost: 4
        case .outdated: 5
        case .unavailable: 6
        }
    }
}

/// What an invalidation that was heard meant for the memory cache.
public enum CacheInvalidationKind: String, Vocabulary {
    /// One response changed or went.
    case object
    /// A purge by name or prefix.
    case purge
    /// All of it: the server was emptied, or the listener was away.
    case flush

    /// The position of this case in `allCases`.
    @inlinable
    public var index: Int {
        switch self {
        case .object: 0
        case .purge: 1
        case .flush: 2
        }
    }
}
