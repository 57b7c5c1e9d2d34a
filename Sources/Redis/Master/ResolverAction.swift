/// What the driver is to do, in this order.
public enum ResolverAction: Sendable, Equatable {
    /// Keep two connections to this Sentinel, one for commands and one subscribed to
    /// `SentinelMessage.channels`; dial again with `Backoff` when they break.
    case watchSentinel(Endpoint)
    /// Close them and forget it.
    case dropSentinel(Endpoint)
    /// It does not answer: close its command connection, and dial again. No `sentinelDown` is expected.
    case redialSentinel(Endpoint)
    /// Send it GET-MASTER-ADDR-BY-NAME, REPLICAS and SENTINELS for the group.
    case pollSentinel(Endpoint)

    /// Keep one connection to this node; dial again with `Backoff` when it breaks.
    case watchNode(Endpoint)
    /// Close it and forget the node.
    case dropNode(Endpoint)
    /// It does not answer: close its connection, and dial again. No `nodeDown` is expected.
    case redialNode(Endpoint)
    /// Send it `ROLE`.
    case askRole(Endpoint)

    /// The present truth for everyone who uses the data. Connections of earlier generations are to be
    /// aborted before anyone gets to see it.
    case publish(Publication)
}

/// Where the data is to be found, from now until the next one.
public struct Publication: Sendable, Equatable {
    /// Rises with every publication.
    public let generation: UInt64
    /// Where to.
    public let target: PublishedTarget
    /// Why it is not what it was before.
    public let cause: PublicationCause

    /// A publication of these parts.
    public init(generation: UInt64, target: PublishedTarget, cause: PublicationCause) {
        self.generation = generation
        self.target = target
        self.cause = cause
    }
}

/// A master, or none.
public enum PublishedTarget: Sendable, Equatable {
    /// Reads and writes go there. Another identity at the same address is another master: a restarted server
    /// listens before the resolver knows, so a connection is used when `INFO server` has shown that it
    /// leads to this run, and otherwise closed, with a hint.
    case master(Endpoint, RunID)
    /// There is no master. Reads may go to `emergency`, a replica, if there is one; what they return is not
    /// to be kept, and nothing is to be written.
    case none(emergency: Endpoint?)
}

/// Why something is published: log word and metric label.
public enum PublicationCause: String, Sendable, CaseIterable {
    /// Nothing is known yet.
    case start
    /// A replica became master while the old one was gone, or a failover was announced.
    case promotion
    /// The majority of the Sentinels names this one.
    case majority
    /// The one configured address answers as a master.
    case address
    /// The master does not answer.
    case unreachable
    /// The master says it is a replica.
    case demoted
    /// At the master's address is another run of the server.
    case restarted
    /// There still is no master, but the replica for emergencies is another one, or gone.
    case emergency
}
