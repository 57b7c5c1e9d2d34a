/// Bounds of what the decoder of a body takes in before it refuses.
public struct BodyLimits: Sendable, Equatable {
    /// Bytes of content, without the framing around it.
    public var bodyBytesMax: UInt64
    /// Bytes of the chunk extensions of one message, together.
    public var chunkExtensionBytesMax: Int
    /// Bytes of the trailer section, its empty line included.
    public var trailerBytesMax: Int
    /// Field lines of the trailer section.
    public var trailerFieldsMax: Int

    /// Bodies of any length, 4 KiB of chunk extensions, 8 KiB and 32 fields of trailers unless stated
    /// otherwise.
    public init(
        bodyBytesMax: UInt64 = .max, chunkExtensionBytesMax: Int = 4 << 10,
        trailerBytesMax: Int = 8 << 10, trailerFieldsMax: Int = 32
    ) {
        self.bodyBytesMax = bodyBytesMax
        self.chunkExtensionBytesMax = max(chunkExtensionBytesMax, 0)
        self.trailerBytesMax = min(max(trailerBytesMax, 0), 1 << 30)
        self.trailerFieldsMax = max(trailerFieldsMax, 0)
    }
}

/// What a decoder of a body makes of some input. Offsets are those of that input.
public enum ChunkStep: Equatable, Sendable {
    /// All of the input is taken; there is no content in it beyond what was delivered.
    case needMore(consumed: Int)
    /// The bytes of `range` are content; `consumed` is not below its end. Hand in the rest again.
    case data(consumed: Int, range: Range<Int>)
    /// The body is complete; what follows `consumed` belongs to the next message.
    case end(consumed: Int)
    /// The body is refused; so is every further input.
    case reject(Rejection)
}

/// Whether a body was whole when the connection ended.
public enum BodyEnd: Equatable, Sendable {
    /// All of it arrived. For `.untilClose` that is an assumption: a clean end and a cut look alike.
    case complete
    /// Something is missing.
    case truncated
}

/// Finds the content of one body, however it is framed.
public struct BodyDecoder: Sendable {
    private enum Mode {
        case length(remaining: UInt64)
        case chunked
        case untilClose(taken: UInt64)
        case refused(Rejection)
    }

    private var mode: Mode
    private var chunks: ChunkedDecoder
    private let limits: BodyLimits

    /// A decoder for the body of one message.
    public init(_ framing: BodyFraming, limits: BodyLimits = .init()) {
        self.limits = limits
        chunks = ChunkedDecoder(limits: limits)
        mode =
            switch framing {
            case .none: .length(remaining: 0)
            case .length(let length):
                length > limits.bodyBytesMax
                    ? .refused(.bodyTooLarge) : .length(remaining: length)
            case .chunked: .chunked
            case .untilClose: .untilClose(taken: 0)
            }
    }

    /// The trailer section, after the end of a chunked body; else empty.
    public var trailers: TrailerFields { chunks.trailers }

    /// Whether the end of the body is known to have been reached: for a body with a length, as soon as
    /// its last byte was delivered. Never for `.untilClose`.
    public var isComplete: Bool {
        switch mode {
        case .length(let remaining): remaining == 0
        case .chunked: chunks.isComplete
        case .untilClose, .refused: false
        }
    }

    /// Decodes on. Bytes not consumed are handed in again, with or without more behind them.
    public mutating func next(_ input: Span<UInt8>) -> ChunkStep {
        switch mode {
        case .length(let remaining):
            if remaining == 0 { return .end(consumed: 0) }
            if input.isEmpty { return .needMore(consumed: 0) }
            let count = Int(min(remaining, UInt64(input.count)))
            mode = .length(remaining: remaining - UInt64(count))
            return .data(consumed: count, range: 0..<count)
        case .chunked:
            return chunks.next(input)
        case .untilClose(let taken):
            if input.isEmpty { return .needMore(consumed: 0) }
            let (total, overflow) = taken.addingReportingOverflow(UInt64(input.count))
            guard !overflow, total <= limits.bodyBytesMax else {
                mode = .refused(.bodyTooLarge)
                return .reject(.bodyTooLarge)
            }
            mode = .untilClose(taken: total)
            return .data(consumed: input.count, range: 0..<input.count)
        case .refused(let rejection):
            return .reject(rejection)
        }
    }

    /// What it means that no more bytes will come.
    public mutating func end() -> BodyEnd {
        if case .untilClose = mode {
            mode = .length(remaining: 0)
            return .complete
        }
        return isComplete ? .complete : .truncated
    }
}
