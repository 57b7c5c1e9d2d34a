/// What was found under a name, and what became of the lease on fetching it: the reply to `peek` and
/// `getOrLease`.
public struct SharedLookUp: Sendable, Equatable {
    /// What there is.
    public enum State: Int64, Sendable, CaseIterable {
        /// Nothing.
        case absent
        /// A response, for `EntryCodec.decode`.
        case valid
        /// A response that was purged softly: to be treated as stale.
        case soft
        /// The record of a target that varies, for `VaryRecord.decode`: look again, for the variant.
        case vary
        /// The target's answers are not to be shared: fetch without a lease.
        case unshared
        /// A response that was purged.
        case purged
        /// Something that Redis's side cannot read: counts as nothing.
        case unreadable
    }

    /// The record.
    public enum Object: Sendable, Equatable {
        /// None, or none that is of use.
        case none
        /// That whose write-id was given: the copy at hand is still it.
        case known
        /// These bytes.
        case record([UInt8])
    }

    /// The lease.
    public enum Lease: Sendable, Equatable {
        /// None was asked for, or none is needed.
        case none
        /// It was granted, under this number.
        case granted(Int64)
        /// Another instance has it, for so long at most.
        case held(milliseconds: UInt64)
    }

    /// What there is.
    public var state: State
    /// The record.
    public var object: Object
    /// The lease.
    public var lease: Lease

    /// A result from its parts.
    public init(state: State, object: Object, lease: Lease) {
        self.state = state
        self.object = object
        self.lease = lease
    }

    /// The result in a reply. Any reply may come.
    public init(_ reply: SharedReply) throws(SharedFault) {
        let parts = try reply.array(count: 4)
        guard let state = State(rawValue: try parts[0].integer()) else { throw .malformed }
        self.state = state
        switch (state, parts[1]) {
        case (.absent, .null), (.purged, .null), (.unreadable, .null): object = .none
        case (.valid, .bytes(let bytes)), (.soft, .bytes(let bytes)), (.vary, .bytes(let bytes)),
            (.unshared, .bytes(let bytes)):
            object = bytes.isEmpty ? .known : .record(bytes)
        default: throw .malformed
        }
        let number = try parts[3].integer()
        switch try parts[2].integer() {
        case 0: lease = .none
        case 1 where number > 0: lease = .granted(number)
        // It may have ended in that moment.
        case 2: lease = .held(milliseconds: UInt64(clamping: number))
        default: throw .malformed
        }
    }
}

/// What became of a fill.
public enum SharedFillOutcome: Int64, Sendable, CaseIterable {
    /// It is stored.
    case stored = 1
    /// It is stored, and stale from the start: it was purged softly while it was fetched.
    case storedSoft
    /// The lease was gone, to time or to a purge of this very key.
    case noLease
    /// Something that it depends on was purged while it was fetched.
    case outdated
    /// The target's record is not the one any more that the fetch started from.
    case superseded

    /// The outcome in a reply.
    public init(_ reply: SharedReply) throws(SharedFault) {
        guard let outcome = SharedFillOutcome(rawValue: try reply.integer()) else {
            throw .malformed
        }
        self = outcome
    }
}

extension SharedReply {
    /// The number that this is.
    public func integer() throws(SharedFault) -> Int64 {
        switch self {
        case .integer(let number): return number
        case .error(let text): throw SharedFault(error: text)
        default: throw .malformed
        }
    }

    /// The so many parts that this has.
    func array(count: Int) throws(SharedFault) -> [SharedReply] {
        switch self {
        case .array(let parts) where parts.count == count: return parts
        case .error(let text): throw SharedFault(error: text)
        default: throw .malformed
        }
    }
}
