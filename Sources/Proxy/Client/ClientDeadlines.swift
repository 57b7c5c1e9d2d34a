internal import Time

/// The points in time at which a client connection loses patience. `.never`: not waited for.
struct ClientDeadlines {
    /// For the next request's first byte.
    var idle = Instant.never
    /// For the last byte of a head that has begun.
    var head = Instant.never
    /// For more of the body, at the slowest allowed rate.
    var body = Instant.never
    /// For the client to take some of the answer.
    var stall = Instant.never
    /// For an answer to a client that will send no more.
    var halfClose = Instant.never
    /// For the client to close after our side did.
    var lingering = Instant.never

    /// Which of them. A key path would say the same at the price of a hundred instructions.
    enum Kind { case idle, head, body, stall, halfClose, lingering }

    /// Replaces one of them.
    mutating func set(_ kind: Kind, to instant: Instant) {
        switch kind {
        case .idle: idle = instant
        case .head: head = instant
        case .body: body = instant
        case .stall: stall = instant
        case .halfClose: halfClose = instant
        case .lingering: lingering = instant
        }
    }

    /// The one that comes first.
    var earliest: Instant { min(min(min(idle, head), min(body, stall)), min(halfClose, lingering)) }

    /// Forgets all of them.
    mutating func clear() { self = ClientDeadlines() }
}
