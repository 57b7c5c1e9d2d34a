internal import HTTP1

/// Rules about variants within records. Each entry: u8 what its value is, u8 set of codings, and where name
/// and value are among the bytes, each as u32 start and u32 count.
extension VaryRule {
    private enum ValueKind: UInt8 {
        case absent
        case text
        case codings
    }

    /// Appends the entries.
    func appendEntries(to record: inout [UInt8]) {
        for entry in entries {
            var kind = ValueKind.absent
            var codings: UInt8 = 0
            var text = ByteRange.empty
            switch entry.value {
            case .absent: break
            case .text(let range):
                kind = .text
                text = range
            case .codings(let set):
                kind = .codings
                codings = set.rawValue
            }
            record.append(kind.rawValue)
            record.append(codings)
            for range in [entry.name, text] {
                record.append(littleEndian: range.start)
                record.append(littleEndian: range.count)
            }
        }
    }

    /// The rule in these parts of a record; nil if it is none.
    init?(entries section: Span<UInt8>, bytes: Span<UInt8>) {
        let count = section.count / EntryLayout.varyEntryBytes
        guard count <= VaryRule.fieldsMax * 2 else { return nil }
        var entries: [Entry] = []
        for index in 0..<count {
            let at = index * EntryLayout.varyEntryBytes
            let name = ByteRange(
                start: section.number(at: at + 2), count: section.number(at: at + 6))
            let text = ByteRange(
                start: section.number(at: at + 10), count: section.number(at: at + 14))
            guard let kind = ValueKind(rawValue: section[at]), name.isWithin(bytes.count),
                text.isWithin(bytes.count), VaryRule.isName(bytes.extracting(name.indices))
            else { return nil }
            let value: Value =
                switch kind {
                case .absent: .absent
                case .text: .text(text)
                case .codings: .codings(AcceptedCodings(rawValue: section[at + 1]))
                }
            let known = FieldName(bytes.extracting(name.indices))
            entries.append(Entry(known: known, name: name, value: value))
        }
        self.init(bytes: [UInt8](copying: bytes), entries: entries)
    }

    /// A rule about these fields, which are sorted, for what `appendVariantKey` needs: it has no values.
    init(names: [[UInt8]]) {
        var bytes: [UInt8] = []
        var entries: [Entry] = []
        for name in names {
            let start = bytes.count
            bytes.append(contentsOf: name)
            entries.append(
                Entry(
                    known: FieldName(name.span), name: ByteRange(start, bytes.count),
                    value: .absent))
        }
        self.init(bytes: bytes, entries: entries)
    }

    /// The names of the fields.
    var names: [[UInt8]] { entries.map { Array(bytes[$0.name.indices]) } }

    /// Whether these bytes are a field name in lower case.
    static func isName(_ bytes: Span<UInt8>) -> Bool {
        guard bytes.count > 0 else { return false }
        for index in bytes.indices
        where !bytes[index].isTokenByte || bytes[index].lowercased != bytes[index] {
            return false
        }
        return true
    }
}
