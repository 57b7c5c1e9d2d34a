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

/// Why a command brought no answer of use.
public enum RedisErrorReason: String, Vocabulary {
    /// No connection could be made.
    case connect
    /// It took longer than its deadline.
    case timeout
    /// The connection was closed before the reply.
    case closed
    /// The reply is none by the rules of the protocol, or not the one that this command has.
    case `protocol`
    /// Too many commands are waiting already.
    case pendingFull = "pending_full"
    /// The breaker is open: nothing was sent.
    case breakerOpen = "breaker_open"
    /// No master is known.
    case noMaster = "no_master"
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
        case .connect: 0
        case .timeout: 1
        case .closed: 2
        case .protocol: 3
        case .pendingFull: 4
        case .breakerOpen: 5
        case .noMaster: 6
        case .notMaster: 7
        case .outOfMemory: 8
        case .denied: 9
        case .function: 10
        case .reply: 11
        }
    }
}

/// What a connection to Redis is for. Each has its own, so that a large value does not hold up a small one.
public enum RedisConnectionRole: String, Vocabulary {
    /// Stored responses, leases and purges.
    case data
    /// Rate limits.
    case limits
    /// Invalidations.
    case listener
    /// Watching which node is the master.
    case watch
    /// Asking and hearing the Sentinels.
    case sentinel

    /// The position of this case in `allCases`.
    @inlinable
    public var index: Int {
        switch self {
        case .data: 0
        case .limits: 1
        case .listener: 2
        case .watch: 3
        case .sentinel: 4
        }
    }
}

/// What a command is for.
public enum RedisOperation: String, Vocabulary {
    /// Looking a response up, perhaps with its lease.
    case get
    /// Storing a response.
    case fill
    /// Giving a lease back, or making it last.
    case lease
    /// Purging.
    case purge
    /// Taking from a rate limit.
    case limit
    /// Anything else: heartbeats, roles, setting a connection up.
    case control

    /// The position of this case in `allCases`.
    @inlinable
    public var index: Int {
        switch self {
        case .get: 0
        case .fill: 1
        case .lease: 2
        case .purge: 3
        case .limit: 4
        case .control: 5
        }
    }
}

/// Why another node counts as the master.
public enum MasterSwitchReason: String, Vocabulary {
    /// A known replica was seen to have become the master.
    case promotion
    /// A majority of the Sentinels names it.
    case majority
    /// It is the first one since the start.
    case first

    /// The position of this case in `allCases`.
    @inlinable
    public var index: Int {
        switch self {
        case .promotion: 0
        case .majority: 1
        case .first: 2
        }
    }
}

/// What became of the lease on a fetch.
public enum CacheLeaseOutcome: String, Vocabulary {
    /// This instance got it.
    case granted
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
        case .waited: 1
        case .expired: 2
        case .lost: 3
        case .outdated: 4
        case .unavailable: 5
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
