/// How a client behaves. Times in nanoseconds.
public struct ClientOptions: Sendable {
    /// Its connection's options.
    public var connection: ConnectionOptions
    /// How long a command may take unless its caller says otherwise. Checked every 4 ms.
    public var commandNanoseconds: UInt64
    /// When timeouts stop commands for a while.
    public var breaker: CommandBreaker.Limits

    /// Options, each with its meaning above.
    public init(
        connection: ConnectionOptions = ConnectionOptions(),
        commandNanoseconds: UInt64 = 15_000_000,
        breaker: CommandBreaker.Limits = CommandBreaker.Limits()
    ) {
        self.connection = connection
        self.commandNanoseconds = commandNanoseconds
        self.breaker = breaker
    }
}

/// Told what happens to a client. On the client's loop; must be quick.
public protocol ClientObserver: CommandObserver {
    /// A connection is open; reads only if it leads to a replica.
    func connected(to endpoint: Endpoint, isReadOnly: Bool)
    /// An open connection has ended, or could not be opened. Every time, also when nothing is new.
    func disconnected(_ failure: ConnectionFailure)
}

extension ClientObserver {
    /// Nothing is done.
    public func connected(to endpoint: Endpoint, isReadOnly: Bool) {}
    /// Nothing is done.
    public func disconnected(_ failure: ConnectionFailure) {}
}
