/// What the driver tells the resolver. Endpoints are those of the watch actions; an event for one that is
/// not watched (any more) is ignored, so that late answers do no harm.
public enum ResolverEvent: Sendable {
    /// The command connection to a Sentinel answered `SENTINEL MYID`. `id` is nil if that failed.
    case sentinelUp(Endpoint, id: RunID?)
    /// The command connection to a Sentinel broke, timed out, or could not be made.
    case sentinelDown(Endpoint)
    /// A Sentinel's answer to `SENTINEL GET-MASTER-ADDR-BY-NAME`.
    case named(by: Endpoint, NamedMaster)
    /// A Sentinel's answer to `SENTINEL REPLICAS`.
    case replicas(by: Endpoint, [Endpoint])
    /// A Sentinel's answer to `SENTINEL SENTINELS`.
    case sentinels(by: Endpoint, [SentinelPeer])
    /// A message of the subscription to a Sentinel.
    case message(from: Endpoint, SentinelMessage)

    /// The watch connection to a node is made, and `INFO server` told its identity.
    case nodeUp(Endpoint, RunID)
    /// A node's answer to `ROLE`.
    case nodeRole(Endpoint, NodeRole)
    /// The watch connection to a node broke, timed out, or could not be made.
    case nodeDown(Endpoint)

    /// A data connection of this generation was refused something or broke.
    case hint(DataHint, generation: UInt64)
    /// An answer or a message that no parser took. Counted.
    case malformed
    /// `MasterResolver.wake` has come.
    case tick
}

/// What on a data connection makes one doubt that it leads to the master.
public enum DataHint: String, Sendable, CaseIterable {
    /// `-READONLY`: a replica.
    case readOnly = "READONLY"
    /// `-LOADING`: just started.
    case loading = "LOADING"
    /// `-MASTERDOWN`: a replica without master.
    case masterDown = "MASTERDOWN"
    /// `-NOREPLICAS`: a master that may not write, since nobody follows it.
    case noReplicas = "NOREPLICAS"
    /// The connection broke.
    case disconnected = "disconnected"
    /// No answer in time.
    case timeout = "timeout"

    /// The hint in an error answer, which begins with its word; nil if it is about something else.
    public init?(error: [UInt8]) {
        let word = error.prefix { $0 != 0x20 }
        switch String(decoding: word, as: UTF8.self) {
        case "READONLY": self = .readOnly
        case "LOADING": self = .loading
        case "MASTERDOWN": self = .masterDown
        case "NOREPLICAS": self = .noReplicas
        default: return nil
        }
    }
}
