public import HTTP1
internal import Time

/// The field lines of a stored response, ready to be sent: "Name: value" and CRLF, one after the other.
/// Age, Content-Length and what concerns one connection only are not among them; the sender adds them.
public struct StoredHead: Sendable, Equatable {
    /// The lines.
    public private(set) var bytes: [UInt8] = []
    /// Where the fields are in `bytes`.
    public private(set) var fields: [Field] = []
    /// The known names among `fields`, one bit each.
    public private(set) var seen: UInt64 = 0

    /// No fields.
    public init() {}

    /// Fields as they were kept elsewhere. `fields` must lie within `bytes`.
    public init(bytes: [UInt8], fields: [Field]) {
        self.bytes = bytes
        self.fields = fields
        seen = fields.reduce(0) { $0 | $1.known.mask }
    }

    /// The value of the first field of that name.
    public func value(of name: FieldName) -> ByteRange? {
        guard seen & name.mask != 0 else { return nil }
        return fields.first { $0.known == name }?.value
    }

    /// Appends a field line of `source`.
    mutating func append(_ field: Field, of source: Span<UInt8>) {
        let start = bytes.count
        bytes.append(copying: source.extracting(field.name.indices))
        let nameEnd = bytes.count
        bytes.append(UInt8(ascii: ":"))
        bytes.append(UInt8(ascii: " "))
        let valueStart = bytes.count
        bytes.append(copying: source.extracting(field.value.indices))
        note(ByteRange(start, nameEnd), ByteRange(valueStart, bytes.count), field.known)
    }

    /// Appends a Date line. RFC 9110 §6.6.1: who stores a response without one adds it.
    mutating func appendDate(_ date: Timestamp) {
        var writer = ByteWriter(capacity: HTTPDate.length)
        HTTPDate.append(date, to: &writer)
        let start = bytes.count
        bytes.append(contentsOf: "Date: ".utf8)
        let valueStart = bytes.count
        writer.withSpan { bytes.append(copying: $0) }
        note(ByteRange(start, start + 4), ByteRange(valueStart, bytes.count), .date)
    }

    private mutating func note(_ name: ByteRange, _ value: ByteRange, _ known: FieldName) {
        bytes.append(0x0D)
        bytes.append(0x0A)
        fields.append(Field(name: name, value: value, known: known))
        seen |= known.mask
    }
}
