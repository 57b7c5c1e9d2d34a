/// How a `MasterResolver` looks for the master, and its limits. All times in nanoseconds.
public struct ResolverSettings: Sendable {
    /// How the master is found.
    public enum Mode: Sendable {
        /// One address, which is the master whenever it says so: no failover. A proxy or a managed
        /// service may be behind it.
        case address(Endpoint)
        /// A group watched by Sentinels. `nodes` are watched from the start, without waiting for a
        /// Sentinel to tell of them.
        case sentinels([Endpoint], group: String, nodes: [Endpoint])
    }

    /// How the master is found.
    public var mode: Mode
    /// Between polls of all Sentinels.
    public var pollNanoseconds: UInt64 = 1_000_000_000
    /// The same, while there is no master.
    public var urgentPollNanoseconds: UInt64 = 250_000_000
    /// Between `ROLE`s on each node.
    public var roleNanoseconds: UInt64 = 500_000_000
    /// The same, while there is no master or reason to doubt it.
    public var urgentRoleNanoseconds: UInt64 = 100_000_000
    /// A node or Sentinel that owes an answer for longer is unreachable.
    public var answerNanosecondsMax: UInt64 = 300_000_000
    /// A master that is unreachable for longer is given up.
    public var lostNanoseconds: UInt64 = 300_000_000
    /// How long a sign of a failover counts, and how long ago a node may have been seen as a replica.
    public var failoverNanoseconds: UInt64 = 10_000_000_000
    /// Between the two times that the majority has to name another master while the present one answers.
    public var confirmNanoseconds: UInt64 = 250_000_000
    /// A Sentinel's answer is forgotten after this.
    public var voteNanosecondsMax: UInt64 = 3_000_000_000
    /// How long after a hint to look closely.
    public var alertNanoseconds: UInt64 = 2_000_000_000
    /// Between two polls for the sake of hints and messages.
    public var hintNanosecondsMin: UInt64 = 50_000_000
    /// How long Sentinel distrusts its clock (SENTINEL_TILT_PERIOD), should its end not be heard of.
    public var tiltNanosecondsMax: UInt64 = 30_000_000_000
    /// What was found by being told, does not answer, and is told of no more, is forgotten after this.
    public var forgetNanoseconds: UInt64 = 60_000_000_000
    /// Nodes watched at once. Those given in `mode` are always watched.
    public var nodesMax = 16
    /// Sentinels watched at once. Those given in `mode` are always watched.
    public var sentinelsMax = 16

    /// Settings for this mode; everything else as documented.
    public init(_ mode: Mode) { self.mode = mode }
}
