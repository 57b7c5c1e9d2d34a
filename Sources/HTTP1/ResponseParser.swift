/// Bytes to response heads (RFC 9112 §4 to §6). Used like `RequestParser`. Interim responses come out
/// as complete heads without a body: the caller parses on until the final one.
public struct ResponseParser: Sendable {
    private enum Phase: UInt8 {
        case idle, version, status, reason, fields
    }

    private let limits: HeadLimits
    private var phase = Phase.idle
    private var position = 0
    private var section = FieldSection(at: 0)

    /// A parser that refuses what exceeds `limits`; `targetBytesMax` has no meaning here.
    public init(limits: HeadLimits = .init()) { self.limits = limits }

    /// Forgets a message that was begun.
    public mutating func reset() { phase = .idle }

    /// Parses on. `buffer` starts at the first byte of the response; `requestMethod` is the method of
    /// the request that it answers, for the body depends on it (RFC 9112 §6.3).
    public mutating func parse(
        _ buffer: Span<UInt8>, requestMethod: Method, into head: ResponseHead
    ) -> ParseResult {
        let limit = min(buffer.count, limits.headBytesMax)
        do throws(Rejection) {
            if try advance(buffer, limit: limit, requestMethod, &head.parts.value) {
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

    private mutating func advance(
        _ bytes: Span<UInt8>, limit: Int, _ requestMethod: Method, _ head: inout ResponseParts
    ) throws(Rejection) -> Bool {
        if phase == .idle {
            guard bytes.count > 0 else { return false }
            head.reset()
            position = 0
            phase = .version
        }
        if phase == .version {
            guard try readVersion(bytes, limit: limit, &head) else { return false }
        }
        if phase == .status {
            guard try readStatus(bytes, limit: limit, &head) else { return false }
        }
        if phase == .reason {
            guard try readReason(bytes, limit: limit, &head) else { return false }
        }
        return try readFields(bytes, limit: limit, requestMethod, &head)
    }

    private mutating func readVersion(
        _ bytes: Span<UInt8>, limit: Int, _ head: inout ResponseParts
    ) throws(Rejection) -> Bool {
        switch try VersionToken.read(bytes, at: 0, limit: limit) {
        case nil: return false
        case .supported(let version): head.version = version
        case .unsupported: throw .unsupportedVersion
        }
        position = VersionToken.length
        phase = .status
        return true
    }

    /// SP and three digits: at most four bytes, so that starting over costs nothing that grows.
    private mutating func readStatus(
        _ bytes: Span<UInt8>, limit: Int, _ head: inout ResponseParts
    ) throws(Rejection) -> Bool {
        var status: UInt16 = 0
        for index in 0..<4 {
            guard position &+ index < limit else { return false }
            let byte = bytes[position &+ index]
            if index == 0 {
                guard byte == Octet.space else { throw .invalidStatusLine }
            } else {
                guard Octet.isDigit(byte) else { throw .invalidStatusLine }
                status = status &* 10 &+ UInt16(byte &- 0x30)
            }
        }
        guard status >= 100, status <= 599 else { throw .invalidStatus }
        head.status = status
        position &+= 4
        head.reason = ByteRange(position, position)
        phase = .reason
        return true
    }

    /// RFC 9112 §4: a SP, then a phrase that may be empty. Without either the SP is missing too, which
    /// is malformed, widespread and harmless.
    private mutating func readReason(
        _ bytes: Span<UInt8>, limit: Int, _ head: inout ResponseParts
    ) throws(Rejection) -> Bool {
        guard position < limit else { return false }
        let start = Int(head.reason.start)
        if position == start, bytes[position] != Octet.space,
            bytes[position] != Octet.carriageReturn
        {
            throw bytes[position] == Octet.lineFeed ? .bareLineFeed : .invalidStatusLine
        }
        position = bytes.endOfText(from: position, limit: limit)
        guard position < limit else { return false }
        guard bytes[position] == Octet.carriageReturn else {
            throw bytes[position] == Octet.lineFeed ? .bareLineFeed : .invalidStatusLine
        }
        guard position &+ 1 < limit else { return false }
        guard bytes[position &+ 1] == Octet.lineFeed else { throw .bareCarriageReturn }
        head.reason = ByteRange(min(start &+ 1, position), position)
        section = FieldSection(at: position &+ 2)
        phase = .fields
        return true
    }

    private mutating func readFields(
        _ bytes: Span<UInt8>, limit: Int, _ requestMethod: Method, _ head: inout ResponseParts
    ) throws(Rejection) -> Bool {
        guard
            try section.scan(
                bytes, limit: limit, fieldsMax: limits.fieldsMax, lenient: true,
                into: &head.fields)
        else { return false }
        head.seen = section.seen
        let facts = try HeadFacts(bytes, head.fields, seen: section.seen)
        try ResponseRules.decide(
            facts, bytes, requestMethod, &head, bodyBytesMax: limits.bodyBytesMax)
        return true
    }
}

/// What a complete response head means (RFC 9112 §6.3 and §9.3).
enum ResponseRules {
    /// Sets body, length and persistence of `head`. The framing fields must be sound even where no
    /// body follows: who errs in them is not to be kept.
    static func decide(
        _ facts: HeadFacts, _ bytes: Span<UInt8>, _ requestMethod: Method,
        _ head: inout ResponseParts,
        bodyBytesMax: UInt64
    ) throws(Rejection) {
        var body = BodyFraming.untilClose
        if facts.hasTransferEncoding {
            if head.version == .http10 { throw .transferEncodingOnHTTP10 }
            if facts.contentLengthCount > 0 { throw .transferEncodingWithContentLength }
            // A coding that is not removed here would reach the client without its field.
            try facts.codings.requireChunked()
            body = .chunked
        } else if let length = try facts.announcedLength(bytes) {
            head.contentLength = length
            body = .length(length)
        }
        if hasNoBody(head.status, requestMethod) {
            body = .none
        } else if case .length(let length) = body, length > bodyBytesMax {
            throw .bodyTooLarge
        }
        head.body = body
        head.isPersistent = body != .untilClose && facts.isPersistent(head.version)
        head.nominatesFields = facts.nominatesFields
    }

    /// RFC 9112 §6.3, first rule: whatever the fields say.
    private static func hasNoBody(_ status: UInt16, _ requestMethod: Method) -> Bool {
        requestMethod == .head || status < 200 || status == 204 || status == 304
    }
}
