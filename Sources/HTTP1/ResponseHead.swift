/// A response head as it was understood, interim or final. Reused like `RequestHead`.
public final class ResponseHead: MessageHead {
    @usableFromInline let parts = Cell(ResponseParts())

    /// An empty head, to parse into.
    public init() {}

    deinit { parts.destroy() }

    /// The bytes of the head as sent, up to and including its empty line.
    @inlinable public var bytes: [UInt8] { parts.value.bytes }
    /// The fields in the order of arrival, duplicates kept.
    @inlinable public var fields: [Field] { parts.value.fields }
    /// The known names among `fields`, one bit each.
    @inlinable public var seen: UInt64 { parts.value.seen }
    /// Whether a Connection field names anything besides close and keep-alive.
    @inlinable public var nominatesFields: Bool { parts.value.nominatesFields }
    /// The protocol version of the upstream.
    @inlinable public var version: Version { parts.value.version }
    /// 100 to 599.
    @inlinable public var status: UInt16 { parts.value.status }
    /// The reason phrase, possibly empty.
    @inlinable public var reason: ByteRange { parts.value.reason }
    /// How the body that follows on the wire is delimited.
    @inlinable public var body: BodyFraming { parts.value.body }
    /// Whether the connection can carry another exchange after this one (RFC 9112 §9.3).
    @inlinable public var isPersistent: Bool { parts.value.isPersistent }
    /// Content-Length as announced, also where no body follows (HEAD, 304).
    @inlinable public var contentLength: UInt64? { parts.value.contentLength }

    /// Whether more heads follow this one for the same request (RFC 9110 §15.2).
    @inlinable public var isInterim: Bool { status < 200 }
}

/// The contents of a `ResponseHead`, filled in by the parser and the rules.
@usableFromInline
struct ResponseParts {
    @usableFromInline var bytes: [UInt8] = []
    @usableFromInline var fields: [Field] = []
    @usableFromInline var seen: UInt64 = 0
    @usableFromInline var nominatesFields = false
    @usableFromInline var version = Version.http11
    @usableFromInline var status: UInt16 = 0
    @usableFromInline var reason = ByteRange.empty
    @usableFromInline var body = BodyFraming.none
    @usableFromInline var isPersistent = false
    @usableFromInline var contentLength: UInt64?

    /// Back to the start, with the memory at hand.
    mutating func reset() {
        bytes.removeAll(keepingCapacity: true)
        fields.removeAll(keepingCapacity: true)
        seen = 0
        nominatesFields = false
        version = Version.http11
        status = 0
        reason = ByteRange.empty
        body = BodyFraming.none
        isPersistent = false
        contentLength = nil
    }
}
