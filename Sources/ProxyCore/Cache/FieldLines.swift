internal import HTTP1

/// The fields of a head, received or stored, for decisions that are the same for both.
struct FieldLines {
    let bytes: [UInt8]
    let fields: [Field]
    let seen: UInt64

    /// The fields of a received head.
    init(_ head: some MessageHead) {
        bytes = head.bytes
        fields = head.fields
        seen = head.seen
    }

    /// The fields of a stored response.
    init(_ head: StoredHead) {
        bytes = head.bytes
        fields = head.fields
        seen = head.seen
    }

    /// Whether there is a field of that known name.
    func contains(_ name: FieldName) -> Bool { seen & name.mask != 0 }

    /// The value of the first field of that name.
    func value(of name: FieldName) -> ByteRange? {
        guard contains(name) else { return nil }
        return fields.first { $0.known == name }?.value
    }

    /// The values of all fields of that name, in order.
    func values(of name: FieldName) -> [ByteRange] {
        guard contains(name) else { return [] }
        return fields.filter { $0.known == name }.map(\.value)
    }

    /// All lines of a list field as one value (RFC 9110 §5.3).
    func combined(_ name: FieldName) -> [UInt8] {
        var text: [UInt8] = []
        for (index, value) in values(of: name).enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            text.append(contentsOf: bytes[value.indices])
        }
        return text
    }
}

extension FieldName {
    /// The bit that stands for this name in `MessageHead.seen`.
    @inline(__always)
    var mask: UInt64 { 1 &<< UInt64(rawValue) }
}

extension RequestHead {
    /// Whether a list field has that member, letter case aside.
    func lists(_ word: StaticString, in name: FieldName) -> Bool {
        guard contains(name) else { return false }
        let bytes = self.bytes
        let fields = self.fields
        for index in fields.indices where fields[index].known == name {
            var members = ListIterator(fields[index].value)
            while let member = members.next(in: bytes.span) {
                if bytes.span.equalsIgnoringCase(member, word) { return true }
            }
        }
        return false
    }
}

extension Span where Element == UInt8 {
    /// Whether `range` of this span and `other` of another one have the same bytes.
    func equals(_ range: ByteRange, _ other: ByteRange, of span: Span<UInt8>) -> Bool {
        guard range.count == other.count, range.start >= 0, other.start >= 0,
            range.upperBound <= count, other.upperBound <= span.count
        else { return false }
        for index in 0..<Int(range.count)
        where self[range.lowerBound &+ index] != span[other.lowerBound &+ index] {
            return false
        }
        return true
    }

    /// Whether `range` of this span and `other` of another one have the same bytes, letter case aside.
    func equalsIgnoringCase(_ range: ByteRange, of span: Span<UInt8>, _ other: ByteRange) -> Bool {
        guard range.count == other.count, range.start >= 0, other.start >= 0,
            range.upperBound <= count, other.upperBound <= span.count
        else { return false }
        for index in 0..<Int(range.count)
        where self[range.lowerBound &+ index].lowercased
            != span[other.lowerBound &+ index].lowercased
        {
            return false
        }
        return true
    }

    /// Whether `range` of this span reads `text`, which is in lower case, letter case aside.
    func equalsIgnoringCase(_ range: ByteRange, lowercase text: [UInt8]) -> Bool {
        guard Int(range.count) == text.count, range.start >= 0, range.upperBound <= count else {
            return false
        }
        for index in text.indices where self[range.lowerBound &+ index].lowercased != text[index] {
            return false
        }
        return true
    }
}
