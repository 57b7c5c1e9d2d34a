/// A request head as it was understood. One object serves many requests: the parser resets it at the
/// start of each, arrays keep their capacity, so that a message costs no allocation.
///
/// Its contents are meaningful after `ParseResult.complete` and until the next `parse` into it.
/// Not `Sendable`: it belongs to one connection on one thread.
public final class RequestHead: MessageHead {
    @usableFromInline let parts = Cell(RequestParts())

    /// An empty head, to parse into.
    public init() {}

    deinit { parts.destroy() }

    /// The bytes of the head as sent, from a tolerated empty line before it to its own empty line.
    @inlinable public var bytes: [UInt8] { parts.value.bytes }
    /// The fields in the order of arrival, duplicates kept.
    @inlinable public var fields: [Field] { parts.value.fields }
    /// The known names among `fields`, one bit each.
    @inlinable public var seen: UInt64 { parts.value.seen }
    /// Whether a Connection field names anything besides close and keep-alive.
    @inlinable public var nominatesFields: Bool { parts.value.nominatesFields }
    /// The method, `.other` for one that is not known.
    @inlinable public var method: Method { parts.value.method }
    /// The method as sent.
    @inlinable public var methodRange: ByteRange { parts.value.methodRange }
    /// The protocol version of the client.
    @inlinable public var version: Version { parts.value.version }
    /// The whole target as sent.
    @inlinable public var target: ByteRange { parts.value.target }
    /// Which form the target has.
    @inlinable public var targetForm: TargetForm { parts.value.targetForm }
    /// The scheme of an absolute-form target, else nil.
    @inlinable public var scheme: Scheme? { parts.value.scheme }
    /// The path, without query. Empty in absolute-form without a path: that means "/", or "*" when
    /// the method is OPTIONS and there is no query (RFC 9112 §3.2.4). "*" itself in asterisk-form.
    @inlinable public var path: ByteRange { parts.value.path }
    /// What follows "?", possibly empty; nil if there is no "?".
    @inlinable public var query: ByteRange? { parts.value.query }
    /// host[:port], valid: of an absolute-form target, else of Host; nil only for HTTP/1.0.
    @inlinable public var authority: ByteRange? { parts.value.authority }
    /// How the body is delimited; never `.untilClose`.
    @inlinable public var body: BodyFraming { parts.value.body }
    /// Whether the client wants the connection to go on after this exchange (RFC 9112 §9.3).
    @inlinable public var isPersistent: Bool { parts.value.isPersistent }
    /// Whether the client waits for a 100 before it sends the body. False for HTTP/1.0 and for a
    /// request without a body, where the expectation has no meaning (RFC 9110 §10.1.1).
    @inlinable public var expectsContinue: Bool { parts.value.expectsContinue }
    /// Max-Forwards of OPTIONS and TRACE, the only methods it is defined for; more than 64 bits
    /// count as their largest value.
    @inlinable public var maxForwards: UInt64? { parts.value.maxForwards }
}

/// The contents of a `RequestHead`, filled in by the parser and the rules.
@usableFromInline
struct RequestParts {
    @usableFromInline var bytes: [UInt8] = []
    @usableFromInline var fields: [Field] = []
    @usableFromInline var seen: UInt64 = 0
    @usableFromInline var nominatesFields = false
    @usableFromInline var method = Method.other
    @usableFromInline var methodRange = ByteRange.empty
    @usableFromInline var version = Version.http11
    @usableFromInline var target = ByteRange.empty
    @usableFromInline var targetForm = TargetForm.origin
    @usableFromInline var scheme: Scheme?
    @usableFromInline var path = ByteRange.empty
    @usableFromInline var query: ByteRange?
    @usableFromInline var authority: ByteRange?
    @usableFromInline var body = BodyFraming.none
    @usableFromInline var isPersistent = false
    @usableFromInline var expectsContinue = false
    @usableFromInline var maxForwards: UInt64?

    /// Back to the start, with the memory at hand.
    mutating func reset() {
        bytes.removeAll(keepingCapacity: true)
        fields.removeAll(keepingCapacity: true)
        seen = 0
        nominatesFields = false
        method = Method.other
        methodRange = ByteRange.empty
        version = Version.http11
        target = ByteRange.empty
        targetForm = TargetForm.origin
        scheme = nil
        path = ByteRange.empty
        query = nil
        authority = nil
        body = BodyFraming.none
        isPersistent = false
        expectsContinue = false
        maxForwards = nil
    }
}
