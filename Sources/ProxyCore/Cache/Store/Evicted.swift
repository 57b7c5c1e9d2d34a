/// Why a table let go of a value.
public enum EvictionReason: Sendable, Equatable {
    /// Others needed the room.
    case capacity
    /// A new value came for the same key.
    case replaced
    /// It grew beyond what one entry may hold.
    case outgrown
    /// The caller asked for it: `remove`, or a scan.
    case removed
    /// Too many hashes fell together: see `SlotIndex`.
    case crowded
}

/// What a table let go of. It is handed to the caller, who drops it when no lock is held.
public struct Evicted<Value> {
    /// The entry's value.
    public var value: Value
    /// The entry's key.
    public var key: [UInt8]
    /// What the entry was charged with.
    public var bytes: Int
    /// Why it went.
    public var reason: EvictionReason
}

extension Evicted: Sendable where Value: Sendable {}
