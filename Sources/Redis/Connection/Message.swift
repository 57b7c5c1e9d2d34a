public import Time

/// What a listener is told without having asked.
public struct Message: Equatable, Sendable {
    /// The channel's name.
    public let channel: String
    /// What was published; an array of keys, or null for all, on `__redis__:invalidate`.
    public let payload: Reply

    /// A message as its publisher made it.
    public init(channel: String, payload: Reply) {
        self.channel = channel
        self.payload = payload
    }

    /// Nil if the reply is no message.
    init?(_ reply: Reply) {
        guard case .array(let elements) = reply, elements.count == 3,
            case .bulk(let kind) = elements[0],
            kind.elementsEqual("message".utf8), let channel = elements[1].text
        else { return nil }
        self.channel = channel
        payload = elements[2]
    }
}

extension Connection {
    /// Subscribes a listener to one channel; its messages come to `received` from then on.
    public func subscribe(
        _ channel: String, by deadline: Instant
    ) async -> Result<Reply, RedisFailure> {
        // One channel a command: then each command has one reply, here as everywhere.
        await send(Command("SUBSCRIBE", [channel]), by: deadline)
    }
}
