/// How large a reply may be. What is larger is a violation, whoever sends it.
public struct ReplyLimits: Sendable, Equatable {
    /// Bytes of one reply as it is on the wire.
    public var replyBytesMax: Int
    /// Elements of all arrays of one reply taken together.
    public var replyElementsMax: Int
    /// Arrays within arrays, the outermost included; hiredis itself can follow no more than 8.
    public var replyDepthMax: Int

    /// Limits, each with its meaning above.
    public init(
        replyBytesMax: Int = 1 << 20, replyElementsMax: Int = 16_384, replyDepthMax: Int = 7
    ) {
        self.replyBytesMax = replyBytesMax
        self.replyElementsMax = replyElementsMax
        self.replyDepthMax = replyDepthMax
    }
}

/// Why the bytes of a server are not replies that we accept. Nothing after it can be understood.
public enum ReplyViolation: String, Error, CaseIterable, Sendable {
    /// The bytes are no RESP2.
    case malformed
    /// `replyBytesMax` is exceeded.
    case tooLarge = "too_large"
    /// `replyElementsMax` is exceeded.
    case tooManyElements = "too_many_elements"
    /// `replyDepthMax` is exceeded.
    case tooDeep = "too_deep"
    /// The allocator said no.
    case outOfMemory = "out_of_memory"
}
