internal import Time

/// A node as the resolver sees it.
struct WatchedNode: Sendable {
    let endpoint: Endpoint
    /// From the settings: never forgotten.
    let isGiven: Bool
    /// When someone told of it last.
    var listedAt: Instant
    /// There is a connection, and it told its identity.
    var isUp = false
    /// Role was answered since it is up.
    var isFresh = false
    /// The run that `role` belongs to. Both outlive the connection: Sentinel cuts all connections to the
    /// replica that it promotes, and the promotion shows only to who remembers.
    var runID: RunID?
    var role: NodeRole?
    var roleAt = Instant(nanoseconds: 0)
    /// When this run was first seen as master after having been a replica; nil again once that has had
    /// its effect.
    var promotedAt: Instant?
    /// When the question was sent that it owes an answer to.
    var askedAt: Instant?

    init(_ endpoint: Endpoint, isGiven: Bool, at now: Instant) {
        self.endpoint = endpoint
        self.isGiven = isGiven
        listedAt = now
    }

    var answersMaster: Bool { isUp && isFresh && role == .master }

    /// Where it is in replication if it is a replica that answers; nil otherwise.
    var replicaOffset: Int64? {
        guard isUp, isFresh, case .replica(_, _, let offset) = role else { return nil }
        return offset
    }

    mutating func connected(_ id: RunID) {
        if id != runID {
            runID = id
            role = nil
            promotedAt = nil
        }
        isUp = true
        isFresh = false
        askedAt = nil
    }

    mutating func disconnected() {
        isUp = false
        isFresh = false
        askedAt = nil
    }

    /// `memoryNanoseconds`: an older sight of it as a replica says nothing about when it became master.
    mutating func answered(_ answer: NodeRole, at now: Instant, memoryNanoseconds: UInt64) {
        switch (role, answer) {
        case (.replica, .master):
            promotedAt = now.nanoseconds(since: roleAt) <= memoryNanoseconds ? now : nil
        case (_, .replica): promotedAt = nil
        case (nil, .master), (.master, .master): break
        }
        role = answer
        roleAt = now
        isFresh = true
        askedAt = nil
    }
}

/// A Sentinel as the resolver sees it.
struct WatchedSentinel: Sendable {
    let endpoint: Endpoint
    /// From the settings: never forgotten.
    let isGiven: Bool
    /// When someone told of it last.
    var listedAt: Instant
    var isUp = false
    var id: RunID?
    /// Its latest answer; nil without one that still counts.
    var vote: NamedMaster?
    var votedAt = Instant(nanoseconds: 0)
    var askedAt: Instant?
    /// It was asked since it is up.
    var wasAsked = false
    /// Until when its word does not count.
    var tiltUntil = Instant(nanoseconds: 0)

    init(_ endpoint: Endpoint, isGiven: Bool, id: RunID? = nil, at now: Instant) {
        self.endpoint = endpoint
        self.isGiven = isGiven
        self.id = id
        listedAt = now
    }

    mutating func disconnected() {
        isUp = false
        vote = nil
        askedAt = nil
        wasAsked = false
    }
}

/// How the resolver stands with the master that it published.
enum Standing: Sendable {
    /// None is published.
    case none
    /// It answers.
    case serving(Master)
    /// It does not answer, since then.
    case doubted(Master, since: Instant)

    /// A master is an address and a run: another run there is another master.
    struct Master: Sendable, Equatable {
        let endpoint: Endpoint
        let runID: RunID
    }

    var master: Master? {
        switch self {
        case .none: nil
        case .serving(let master), .doubted(let master, _): master
        }
    }
}
