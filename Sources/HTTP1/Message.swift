/// The protocol versions that are spoken; every other one is refused.
public enum Version: UInt8, Sendable {
    /// HTTP/1.0 (RFC 1945, as RFC 9112 treats it).
    case http10
    /// HTTP/1.1 (RFC 9112).
    case http11
}

/// How the end of a body is found (RFC 9112 §6.3). Decided once, by the parser of the head.
public enum BodyFraming: Equatable, Sendable {
    /// There is no body: the message ends with its head.
    case none
    /// Exactly that many bytes follow, possibly 0.
    case length(UInt64)
    /// Chunks follow, up to one of size 0 and the trailer section (§7.1).
    case chunked
    /// Everything up to the end of the connection; only responses.
    case untilClose
}

/// The forms of a request target (RFC 9112 §3.2) that are accepted.
public enum TargetForm: UInt8, Sendable {
    /// "/path?query", §3.2.1.
    case origin
    /// "http://host/path?query", §3.2.2; its authority overrides the Host field.
    case absolute
    /// "*", §3.2.4; only with OPTIONS.
    case asterisk
}

/// The schemes that an absolute-form target may have.
public enum Scheme: UInt8, Sendable {
    /// "http" (RFC 9110 §4.2.1).
    case http
    /// "https" (RFC 9110 §4.2.2).
    case https
}

/// One field line of a head or of a trailer section.
public struct Field: Sendable, Equatable {
    /// The name as it was sent.
    public var name: ByteRange
    /// The value without blanks at its ends; may be empty.
    public var value: ByteRange
    /// Which of the names known to this module it is.
    public var known: FieldName

    /// A field whose name and value lie at these ranges.
    @inlinable
    public init(name: ByteRange, value: ByteRange, known: FieldName) {
        self.name = name
        self.value = value
        self.known = known
    }
}

/// Bounds of what a parser takes in before it refuses. Larger values than 1 GiB count as 1 GiB.
public struct HeadLimits: Sendable, Equatable {
    /// Bytes of a whole head, from its first byte to its empty line.
    public var headBytesMax: Int
    /// Field lines of a head.
    public var fieldsMax: Int
    /// Bytes of a request target.
    public var targetBytesMax: Int
    /// Bytes of a body announced by Content-Length.
    public var bodyBytesMax: UInt64

    /// 32 KiB a head, 100 fields, 8 KiB a target and bodies of any length unless stated otherwise.
    public init(
        headBytesMax: Int = 32 << 10, fieldsMax: Int = 100, targetBytesMax: Int = 8 << 10,
        bodyBytesMax: UInt64 = .max
    ) {
        self.headBytesMax = min(max(headBytesMax, 0), 1 << 30)
        self.fieldsMax = max(fieldsMax, 0)
        self.targetBytesMax = min(max(targetBytesMax, 0), 1 << 30)
        self.bodyBytesMax = bodyBytesMax
    }
}

/// What a parser makes of the bytes so far.
public enum ParseResult: Equatable, Sendable {
    /// The head is not complete; hand in the same bytes again when there are more behind them.
    case needMore
    /// The head is complete and took that many bytes.
    case complete(consumed: Int)
    /// The head is refused; nothing behind it may be interpreted.
    case reject(Rejection)
}
