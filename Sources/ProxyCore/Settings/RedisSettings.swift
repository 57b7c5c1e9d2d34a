/// Where a server can be reached: a name or an address, and a port.
public struct ServerAddress: Sendable, Equatable, Hashable {
    /// A name or an IP address, without brackets.
    public var host: String
    /// The TCP port.
    public var port: UInt16

    /// An address from its parts.
    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }
}

extension ServerAddress: CustomStringConvertible {
    /// `redis.example:6379`, or `[::1]:6379`.
    public var description: String {
        host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}

/// The Redis that instances share. Durations are in nanoseconds.
public struct RedisSettings: Sendable, Equatable {
    /// A group of Sentinels and the name that they have for the master.
    public struct Sentinels: Sendable, Equatable {
        /// Where they are; at least one.
        public var addresses: [ServerAddress]
        /// The name of the group.
        public var group: String

        /// Sentinels from their parts.
        public init(addresses: [ServerAddress], group: String) {
            self.addresses = addresses
            self.group = group
        }
    }

    /// How the master is found.
    public enum Place: Sendable, Equatable {
        /// It is always here.
        case address(ServerAddress)
        /// Sentinels tell.
        case sentinels(Sentinels)
        /// HAProxy leads there; with Sentinels it is checked where a connection landed.
        case haproxy(ServerAddress, Sentinels?)
    }

    /// A user and a password (AUTH); without a user the server's default one.
    public struct Credentials: Sendable, Equatable {
        /// The user; nil: the default one.
        public var user: String?
        /// The password; never shown.
        public var password: String

        /// Credentials from their parts.
        public init(user: String?, password: String) {
            self.user = user
            self.password = password
        }
    }

    /// When Redis is left alone for a while.
    public struct Breaker: Sendable, Equatable {
        /// So many failures...
        public var failuresMax = 5
        /// ...within so long open it...
        public var windowNanoseconds: UInt64 = second
        /// ...for so long.
        public var openNanoseconds: UInt64 = second / 2

        /// The defaults.
        public init() {}
    }

    /// How the master is found.
    public var place: Place
    /// For the servers; nil: none asked for.
    public var credentials: Credentials?
    /// For the Sentinels; nil: none asked for.
    public var sentinelCredentials: Credentials?
    /// The number of the database.
    public var database = 0
    /// What all keys begin with.
    public var keyPrefix = ""
    /// Longest wait for a connection, with its greeting.
    public var connectTimeoutNanoseconds: UInt64 = 200_000_000
    /// Longest wait for a look-up, a lease or a limit: a request waits for it.
    public var commandTimeoutNanoseconds: UInt64 = 15_000_000
    /// Longest wait for storing and purging, which no answer waits for.
    public var writeTimeoutNanoseconds: UInt64 = 250_000_000
    /// Most commands of a worker that are under way; more fail at once.
    public var pendingMax = 1024
    /// Most bytes of commands of a worker that are not sent yet; more fail at once.
    public var pendingBytesMax = 16 << 20
    /// When Redis is left alone for a while.
    public var breaker = Breaker()

    /// The defaults, at a place.
    public init(place: Place) { self.place = place }
}

/// What an instance does with its memory while it does not hear of what others change.
public enum CacheCoherence: String, Sendable, CaseIterable {
    /// Nothing out of it answers but in place of an error.
    case strict
    /// It answers as if the instance were alone, no longer than `l1_max_age` after what was heard last.
    case available
}

/// How bodies are kept in Redis.
public enum SharedCompression: String, Sendable, CaseIterable {
    /// As they were received.
    case off
    /// Texts from 1 KiB on, that are not coded, in the zlib format.
    case zlib
}

/// The tier of the cache that instances share.
public struct SharedCacheSettings: Sendable, Equatable {
    /// Whether there is one, where Redis is configured.
    public var isOn = true
    /// Largest record, in bytes: larger responses are stored in memory alone.
    public var entryBytesMax = 256 << 10
    /// How long a copy in memory is used without looking again, in seconds.
    public var copyMaxSeconds: UInt32 = 30
    /// What happens while changes are not heard of.
    public var coherence = CacheCoherence.available
    /// How long an instance may fetch before another one does, in nanoseconds.
    public var leaseNanoseconds: UInt64 = 2 * second
    /// How bodies are kept.
    public var compression = SharedCompression.off

    /// The defaults.
    public init() {}

    /// For how many nanoseconds a copy that is taken now is used: up to a fifth less than the longest, by `chance`
    /// (uniform in all of its range), so that what was filled together is not all looked at together.
    public func copyNanoseconds(chance: UInt64) -> UInt64 {
        let longest = UInt64(copyMaxSeconds) * second
        return longest - (longest / 5).multipliedFullWidth(by: chance).high
    }
}
