/// Bytes to request heads (RFC 9112 §2 to §6).
///
/// Hand in all unconsumed bytes since the start of the message; while the answer is `.needMore`, hand
/// in the same bytes again with more behind them. The parser remembers where it stopped, so that
/// the total cost is linear, and decides at the first byte that settles the matter, so that result
/// and rejection do not depend on how the bytes were cut. After `.complete` and `.reject` it is
/// ready for another message.
public struct RequestParser: Sendable {
    private enum Phase: UInt8 {
        case idle, method, target, version, lineEnd, fields
    }

    /// A method longer than this is refused: the longest registered one has 17 bytes.
    private static let methodBytesMax = 32

    private let limits: HeadLimits
    private var phase = Phase.idle
    private var isVersionSupported = true
    private var position = 0
    private var partStart = 0
    private var section = FieldSection(at: 0)

    /// A parser that refuses what exceeds `limits`.
    public init(limits: HeadLimits = .init()) { self.limits = limits }

    /// Forgets a message that was begun.
    public mutating func reset() { phase = .idle }

    /// Whether part of a message was taken in: true between `.needMore` and the next result, if
    /// there was at least one byte.
    public var isInsideMessage: Bool { phase != .idle }

    /// Parses on. `buffer` starts at the first byte of the message; `head` must be the same object in
    /// all calls for one message, and is complete only after `.complete`.
    public mutating func parse(_ buffer: Span<UInt8>, into head: RequestHead) -> ParseResult {
        let limit = min(buffer.count, limits.headBytesMax)
        do throws(Rejection) {
            if try advance(buffer, limit: limit, &head.parts.value) {
                head.parts.value.bytes.append(copying: buffer.extracting(0..<section.position))
                phase = .idle
                return .complete(consumed: section.position)
            }
            if buffer.count > limit { throw .headTooLarge }
            return .needMore
        } catch {
            phase = .idle
            return .reject(error)
        }
    }

    /// Takes in what is there up to `limit`; whether the head is complete and decided.
    private mutating func advance(
        _ bytes: Span<UInt8>, limit: Int, _ head: inout RequestParts
    ) throws(Rejection) -> Bool {
        if phase == .idle {
            guard bytes.count > 0 else { return false }
            head.reset()
            position = 0
            partStart = 0
            phase = .method
        }
        if phase == .method {
            guard try readMethod(bytes, limit: limit, &head) else { return false }
        }
        if phase == .target {
            guard try readTarget(bytes, limit: limit, &head) else { return false }
        }
        if phase == .version {
            guard try readVersion(bytes, limit: limit, &head) else { return false }
        }
        if phase == .lineEnd {
            guard try readLineEnd(bytes, limit: limit, &head) else { return false }
        }
        return try readFields(bytes, limit: limit, &head)
    }

    private mutating func readMethod(
        _ bytes: Span<UInt8>, limit: Int, _ head: inout RequestParts
    ) throws(Rejection) -> Bool {
        // RFC 9112 §2.2: an empty line before the request line should be ignored; one is.
        if partStart == 0, position == 0, limit > 0, bytes[0] == Octet.carriageReturn {
            guard limit > 1 else { return false }
            guard bytes[1] == Octet.lineFeed else { throw .bareCarriageReturn }
            position = 2
            partStart = 2
        }
        let end = min(limit, partStart &+ Self.methodBytesMax &+ 1)
        position = bytes.endOfToken(from: position, limit: end)
        if position &- partStart > Self.methodBytesMax { throw .methodTooLong }
        guard position < limit else { return false }
        guard bytes[position] == Octet.space, position > partStart else {
            throw Self.afterMethod(bytes[position], isEmpty: position == partStart)
        }
        head.methodRange = ByteRange(partStart, position)
        head.method = Method(bytes, head.methodRange)
        position &+= 1
        partStart = position
        phase = .target
        return true
    }

    private static func afterMethod(_ byte: UInt8, isEmpty: Bool) -> Rejection {
        switch byte {
        case Octet.lineFeed: .bareLineFeed
        case Octet.carriageReturn, Octet.tab: .invalidRequestLine
        case Octet.space where isEmpty: .invalidRequestLine
        default: .invalidMethod
        }
    }

    private mutating func readTarget(
        _ bytes: Span<UInt8>, limit: Int, _ head: inout RequestParts
    ) throws(Rejection) -> Bool {
        let end = min(limit, partStart &+ limits.targetBytesMax &+ 1)
        position = bytes.endOfTarget(from: position, limit: end)
        if position &- partStart > limits.targetBytesMax { throw .targetTooLong }
        guard position < limit else { return false }
        guard bytes[position] == Octet.space, position > partStart else {
            switch bytes[position] {
            case Octet.lineFeed: throw .bareLineFeed
            case Octet.carriageReturn, Octet.tab, Octet.space: throw .invalidRequestLine
            default: throw .invalidTarget
            }
        }
        head.target = ByteRange(partStart, position)
        position &+= 1
        phase = .version
        return true
    }

    private mutating func readVersion(
        _ bytes: Span<UInt8>, limit: Int, _ head: inout RequestParts
    ) throws(Rejection) -> Bool {
        // At most eight bytes, so that starting over costs nothing that grows.
        switch try VersionToken.read(bytes, at: position, limit: limit) {
        case nil: return false
        case .supported(let version):
            head.version = version
            isVersionSupported = true
        case .unsupported:
            isVersionSupported = false
        }
        position &+= VersionToken.length
        phase = .lineEnd
        return true
    }

    private mutating func readLineEnd(
        _ bytes: Span<UInt8>, limit: Int, _ head: inout RequestParts
    ) throws(Rejection) -> Bool {
        guard position < limit else { return false }
        guard bytes[position] == Octet.carriageReturn else {
            throw bytes[position] == Octet.lineFeed ? .bareLineFeed : .invalidVersion
        }
        guard position &+ 1 < limit else { return false }
        guard bytes[position &+ 1] == Octet.lineFeed else { throw .bareCarriageReturn }
        guard isVersionSupported else { throw .unsupportedVersion }
        if head.method == .connect { throw .connectRefused }
        try RequestTarget.decide(bytes, &head)
        section = FieldSection(at: position &+ 2)
        phase = .fields
        return true
    }

    private mutating func readFields(
        _ bytes: Span<UInt8>, limit: Int, _ head: inout RequestParts
    ) throws(Rejection) -> Bool {
        guard
            try section.scan(
                bytes, limit: limit, fieldsMax: limits.fieldsMax, lenient: false,
                into: &head.fields)
        else { return false }
        head.seen = section.seen
        let facts = try HeadFacts(bytes, head.fields, seen: section.seen)
        try RequestRules.decide(facts, bytes, &head, bodyBytesMax: limits.bodyBytesMax)
        return true
    }
}
