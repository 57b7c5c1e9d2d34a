internal import HTTP1
internal import ProxyCore
internal import Time

/// The field in which requests say how many milliseconds are left for them.
struct DeadlineField: Sendable {
    private let editor: FieldEditor
    private let start: [UInt8]

    init(_ name: String) {
        var edits = FieldEdits()
        edits.remove = [name]
        editor = FieldEditor(edits)
        start = Array("\(name): ".utf8)
    }

    /// Whether a field of a head is it.
    func isName(_ name: ByteRange, of bytes: [UInt8]) -> Bool { editor.drops(name, of: bytes) }

    /// The milliseconds that a request says are left; nil without a readable number.
    func milliseconds(in head: RequestHead) -> UInt64? {
        let bytes = head.bytes
        for field in head.fields where isName(field.name, of: bytes) {
            let value = bytes[field.value.indices]
            guard (1...12).contains(value.count), value.allSatisfy({ (0x30...0x39).contains($0) })
            else { return nil }
            return value.reduce(0) { $0 * 10 + UInt64($1 - 0x30) }
        }
        return nil
    }

    /// Appends the line that says what is left until `deadline`.
    func append(until deadline: Instant, now: Instant, to out: inout ByteWriter) {
        guard deadline != .never else { return }
        out.append(start)
        out.append(decimal: deadline.nanoseconds(since: now) / 1_000_000)
        out.appendLineEnd()
    }
}
