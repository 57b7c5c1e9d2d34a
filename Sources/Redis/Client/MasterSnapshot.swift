/// Who is the master, as found out at one moment. Immutable; a new one takes its place.
public struct MasterSnapshot: Equatable, Sendable {
    /// Grows whenever another server, or the same one after a restart, is the master. 0: none was found yet.
    public let generation: UInt64
    /// The master; nil while there is none.
    public let master: Endpoint?
    /// Where to connect instead of to the master itself: a proxy that leads to it.
    public let via: Endpoint?
    /// A replica that may be read from while there is no master.
    public let emergencyRead: Endpoint?

    /// A snapshot of these parts.
    public init(
        generation: UInt64, master: Endpoint?, via: Endpoint? = nil, emergencyRead: Endpoint? = nil
    ) {
        self.generation = generation
        self.master = master
        self.via = via
        self.emergencyRead = emergencyRead
    }

    /// Nothing is known yet.
    public static let unknown = MasterSnapshot(generation: 0, master: nil)

    /// Where a client connects to, and what for.
    struct Target: Equatable {
        let endpoint: Endpoint
        /// Who has to be there when `endpoint` is a proxy.
        let mustReach: Endpoint?
        let generation: UInt64
        let isReadOnly: Bool
    }

    var target: Target? {
        if let master {
            return Target(
                endpoint: via ?? master, mustReach: via == nil ? nil : master,
                generation: generation, isReadOnly: false)
        }
        return emergencyRead.map {
            Target(endpoint: $0, mustReach: nil, generation: generation, isReadOnly: true)
        }
    }
}
