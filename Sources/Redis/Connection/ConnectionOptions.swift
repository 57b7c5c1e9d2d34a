/// How a connection introduces itself, and its bounds. Times in nanoseconds.
public struct ConnectionOptions: Sendable {
    /// Who we are to the server; nil: nobody in particular.
    public var credentials: Credentials?
    /// The logical database; 0 needs no command.
    public var database: Int
    /// Shown by `CLIENT LIST`; nil: no name is given.
    public var name: String?
    /// From the start of a dial until the server has answered.
    public var connectNanoseconds: UInt64
    /// How large replies may be.
    public var replyLimits: ReplyLimits
    /// Commands that may await their replies at the same time.
    public var pendingCommandsMax: Int
    /// Bytes of commands that may wait to be sent.
    public var pendingBytesMax: Int
    /// The server that has to be at the other end, whatever lies between: `CLIENT INFO` must name it as the
    /// local address. For connections that go through a proxy.
    public var mustReach: Endpoint?
    /// Whether messages are expected on the connection (`SUBSCRIBE`).
    public var isListener: Bool

    /// Options, each with its meaning above.
    public init(
        credentials: Credentials? = nil, database: Int = 0, name: String? = nil,
        connectNanoseconds: UInt64 = 200_000_000, replyLimits: ReplyLimits = ReplyLimits(),
        pendingCommandsMax: Int = 1024, pendingBytesMax: Int = 4 << 20,
        mustReach: Endpoint? = nil, isListener: Bool = false
    ) {
        self.credentials = credentials
        self.database = database
        self.name = name
        self.connectNanoseconds = connectNanoseconds
        self.replyLimits = replyLimits
        self.pendingCommandsMax = pendingCommandsMax
        self.pendingBytesMax = pendingBytesMax
        self.mustReach = mustReach
        self.isListener = isListener
    }
}

/// A user's name and password; its description does not have the password.
public struct Credentials: Equatable, Sendable, CustomStringConvertible, CustomReflectable {
    /// The ACL user; nil: the default user.
    public var user: String?
    /// The password.
    public var password: String

    /// Credentials of `user`, by default of the default user.
    public init(user: String? = nil, password: String) {
        self.user = user
        self.password = password
    }

    /// The user's name only.
    public var description: String { "\(user ?? "default"):***" }
    /// The user's name only, also where a value is dumped.
    public var customMirror: Mirror { Mirror(self, children: ["user": description]) }
}
