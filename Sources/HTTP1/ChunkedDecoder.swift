/// Decodes the chunked transfer coding (RFC 9112 §7.1) piece by piece. Takes all it is given: nothing
/// has to be kept by the caller. How the input is cut changes how often content is delivered, never
/// the content or the result.
public struct ChunkedDecoder: Sendable {
    /// Where in the grammar the next byte stands.
    private enum Place {
        /// Size, extensions and the line end after them.
        case line
        /// Within the data of a chunk, that many bytes before its end.
        case data(UInt64)
        /// At the CR, then the LF, after the data of a chunk.
        case dataCarriageReturn
        case dataLineFeed
        /// At the first byte after the last chunk's line, then at the LF if it was CR.
        case trailerStart
        case trailerLineFeed
        /// Within trailer fields.
        case trailers
        case complete
        case refused(Rejection)
    }

    private let limits: BodyLimits
    private var place = Place.line
    private var line = ChunkLine()
    private var section = FieldSection(at: 0)
    private var taken: UInt64 = 0
    private var extensionBytes = 0

    /// The trailer section; complete after `.end`.
    public private(set) var trailers = TrailerFields()

    /// At the start of a body.
    public init(limits: BodyLimits = .init()) { self.limits = limits }

    /// Whether the end of the body was reached.
    public var isComplete: Bool {
        if case .complete = place { true } else { false }
    }

    /// Decodes on, up to the next run of content, the end, or the end of `input`.
    public mutating func next(_ input: Span<UInt8>) -> ChunkStep {
        do throws(Rejection) {
            return try step(input)
        } catch {
            place = .refused(error)
            return .reject(error)
        }
    }

    private mutating func step(_ input: Span<UInt8>) throws(Rejection) -> ChunkStep {
        var at = 0
        while at < input.count {
            let byte = input[at]
            switch place {
            case .line:
                if try readLine(input, &at) { try endLine() }
                continue
            case .data(let remaining):
                let count = Int(min(remaining, UInt64(input.count &- at)))
                let left = remaining &- UInt64(count)
                place = left == 0 ? .dataCarriageReturn : .data(left)
                return .data(consumed: at &+ count, range: at..<(at &+ count))
            case .dataCarriageReturn:
                guard byte == Octet.carriageReturn else { throw .invalidChunkEnd }
                place = .dataLineFeed
            case .dataLineFeed:
                guard byte == Octet.lineFeed else { throw .invalidChunkEnd }
                line = ChunkLine()
                place = .line
            case .trailerStart:
                guard byte == Octet.carriageReturn else {
                    place = .trailers
                    continue
                }
                place = .trailerLineFeed
            case .trailerLineFeed:
                guard byte == Octet.lineFeed else { throw .bareCarriageReturn }
                place = .complete
                return .end(consumed: at &+ 1)
            case .trailers:
                return try readTrailers(input, from: at)
            case .complete:
                return .end(consumed: at)
            case .refused(let rejection):
                throw rejection
            }
            at &+= 1
        }
        if case .complete = place { return .end(consumed: at) }
        if case .refused(let rejection) = place { throw rejection }
        return .needMore(consumed: at)
    }

    /// Reads the line of a chunk as far as `input` goes; whether it ended.
    private mutating func readLine(
        _ input: Span<UInt8>, _ at: inout Int
    ) throws(Rejection) -> Bool {
        var line = self.line
        defer { self.line = line }
        while at < input.count {
            let ended = try line.take(input[at])
            at &+= 1
            if line.isInExtension {
                extensionBytes &+= 1
                guard extensionBytes <= limits.chunkExtensionBytesMax else {
                    throw .chunkExtensionsTooLarge
                }
            }
            if ended { return true }
        }
        return false
    }

    private mutating func endLine() throws(Rejection) {
        guard line.size > 0 else {
            place = .trailerStart
            return
        }
        let (total, overflow) = taken.addingReportingOverflow(line.size)
        guard !overflow, total <= limits.bodyBytesMax else { throw .bodyTooLarge }
        taken = total
        place = .data(line.size)
    }

    /// Trailer fields are rare and small: they are copied, so that the caller keeps nothing.
    private mutating func readTrailers(
        _ input: Span<UInt8>, from start: Int
    ) throws(Rejection) -> ChunkStep {
        let before = trailers.bytes.count
        // One byte beyond the bound is enough to know that it is exceeded.
        let room = limits.trailerBytesMax &+ 1 &- before
        let count = min(room, input.count &- start)
        trailers.bytes.append(copying: input.extracting(start..<(start &+ count)))
        let limit = min(trailers.bytes.count, limits.trailerBytesMax)
        var fields: [Field] = []
        swap(&fields, &trailers.fields)
        var section = self.section
        defer {
            swap(&fields, &trailers.fields)
            self.section = section
        }
        let isComplete = try section.scan(
            trailers.bytes.span, limit: limit, fieldsMax: limits.trailerFieldsMax, lenient: false,
            into: &fields)
        guard isComplete else {
            if trailers.bytes.count > limit { throw .trailersTooLarge }
            return .needMore(consumed: input.count)
        }
        let end = section.position
        trailers.bytes.removeLast(trailers.bytes.count &- end)
        trailers.droppedCount = fields.count
        fields.removeAll { !HopByHop.isAllowedInTrailer($0.known) }
        trailers.droppedCount &-= fields.count
        place = .complete
        return .end(consumed: start &+ end &- before)
    }
}
