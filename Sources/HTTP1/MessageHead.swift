/// What request and response heads have in common: bytes, and fields that point into them.
public protocol MessageHead: AnyObject {
    /// The bytes of the complete head; every range of it indexes these.
    var bytes: [UInt8] { get }
    /// The fields in the order of arrival, duplicates kept.
    var fields: [Field] { get }
    /// The known names among `fields`, one bit each.
    var seen: UInt64 { get }
    /// Whether a Connection field names anything besides close and keep-alive.
    var nominatesFields: Bool { get }
}

extension MessageHead {
    /// Whether there is a field of that known name. Constant time; `.other` tells nothing of use.
    @inlinable
    public func contains(_ name: FieldName) -> Bool { seen & (1 &<< UInt64(name.rawValue)) != 0 }

    /// The value of the first field of that name.
    @inlinable
    public func value(of name: FieldName) -> ByteRange? {
        guard contains(name) else { return nil }
        let fields = self.fields
        for index in fields.indices where fields[index].known == name {
            return fields[index].value
        }
        return nil
    }

    /// The number of fields of that name.
    @inlinable
    public func count(of name: FieldName) -> Int {
        var total = 0
        forEachValue(of: name) { _ in total += 1 }
        return total
    }

    /// Calls `body` with the value of every field of that name, in order.
    @inlinable
    public func forEachValue(of name: FieldName, _ body: (ByteRange) -> Void) {
        guard contains(name) else { return }
        let fields = self.fields
        for index in fields.indices where fields[index].known == name {
            body(fields[index].value)
        }
    }

    /// The values of all fields of that name, in order. Allocates: not for the hit path.
    public func values(of name: FieldName) -> [ByteRange] {
        var values: [ByteRange] = []
        forEachValue(of: name) { values.append($0) }
        return values
    }

    /// Whether `range` of this head reads `text`, ASCII letters of either case being equal.
    @inlinable
    public func equalsIgnoringCase(_ range: ByteRange, _ text: StaticString) -> Bool {
        let bytes = self.bytes
        return bytes.span.equalsIgnoringCase(range, text)
    }

    /// Whether `range` of this head reads exactly `text`.
    @inlinable
    public func equals(_ range: ByteRange, _ text: StaticString) -> Bool {
        let bytes = self.bytes
        return bytes.span.equals(range, text)
    }

    /// Whether a Connection field names this one (RFC 9110 §7.6.1).
    public func isNominated(_ field: Field) -> Bool {
        guard nominatesFields else { return false }
        let bytes = self.bytes
        let fields = self.fields
        for index in fields.indices where fields[index].known == .connection {
            var options = ListIterator(fields[index].value)
            while let option = options.next(in: bytes.span) {
                if bytes.span.equalsIgnoringCase(option, field.name) { return true }
            }
        }
        return false
    }

    /// Whether a proxy passes the field on: neither hop-by-hop by definition nor nominated by
    /// Connection. A nomination of a field that must reach its recipient is ignored; see
    /// `HopByHop.isProtected`.
    public func isForwardable(_ field: Field) -> Bool {
        if HopByHop.isHopByHop(field.known) { return false }
        return !nominatesFields || HopByHop.isProtected(field.known) || !isNominated(field)
    }
}
