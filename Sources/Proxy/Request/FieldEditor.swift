internal import HTTP1
internal import ProxyCore

/// A route's changes to a message's fields, made ready: which are dropped, and the lines to add.
struct FieldEditor: Sendable {
    /// Lower-case names of fields that do not pass: removed ones and those that are set anew.
    let drops: [[UInt8]]
    /// Complete field lines, CRLF included.
    let lines: [UInt8]

    /// Changes nothing.
    static let none = FieldEditor(FieldEdits())

    init(_ edits: FieldEdits) {
        drops = (edits.remove + edits.set.map(\.name)).map { Array($0.lowercased().utf8) }
        lines = (edits.set + edits.add).flatMap { Array("\($0.name): \($0.value)\r\n".utf8) }
    }

    /// Whether the field whose name lies at `name` is dropped.
    func drops(_ name: ByteRange, of bytes: [UInt8]) -> Bool {
        drops.contains { dropped in
            guard dropped.count == Int(name.count) else { return false }
            for index in dropped.indices {
                let byte = bytes[name.lowerBound + index]
                let isUpper = byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z")
                if dropped[index] != (isUpper ? byte | 0x20 : byte) { return false }
            }
            return true
        }
    }
}
