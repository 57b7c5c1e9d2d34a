public import HTTP1
public import Telemetry

/// What stands under a target's name when its responses vary: by which request fields. The variants
/// themselves stand under names of their own; Redis lists them behind the record, 32 at most.
///
/// A variant's name is made of the values of all fields in the record, also of those that its own response did
/// not name: that is narrower than it need be, and keeps an origin that names fields now and then from undoing
/// the record each time.
public struct VaryRecord: Sendable, Equatable {
    /// What tells this record from others under the same name; kept while variants come and go.
    public var writeID: UInt64
    /// The fields, as a rule without values.
    private let rule: VaryRule

    /// The names of the fields, in lower case and sorted.
    public var names: [[UInt8]] { rule.names }

    /// The record for a response with `rule`, after a fetch that found `known`, if it found a record: nil if
    /// that tells too many fields.
    public init?(_ rule: VaryRule, known: VaryRecord?, writeID: UInt64) {
        var names = Set(rule.names)
        if let known { names.formUnion(known.names) }
        guard !names.isEmpty, names.count <= VaryRule.fieldsMax else { return nil }
        self.rule = VaryRule(names: names.sorted { $0.lexicographicallyPrecedes($1) })
        self.writeID = writeID
    }

    private init(names: [[UInt8]], writeID: UInt64) {
        rule = VaryRule(names: names)
        self.writeID = writeID
    }

    /// The name of the variant that `request` selects of the target with that key.
    public func variant(_ request: RequestHead, of key: Span<UInt8>) -> SharedKey {
        var selecting: [UInt8] = []
        rule.appendVariantKey(request, to: &selecting)
        return SharedKey(base: key, variant: selecting.span)
    }

    /// The record, without variants: those are for Redis to write.
    public func encoded() -> [UInt8] {
        var record = EntryLayout.begin(.vary, writeID: writeID)
        let names = names
        record.append(littleEndian: UInt16(truncatingIfNeeded: names.count))
        record.append(littleEndian: UInt16(0))
        for name in names {
            record.append(littleEndian: UInt16(truncatingIfNeeded: name.count))
            record.append(contentsOf: name)
        }
        EntryLayout.seal(&record)
        return record
    }

    /// The record in `bytes`, and the variants that are listed behind it. Any bytes may come.
    public static func decode(
        _ bytes: Span<UInt8>
    ) throws(SharedEntryFault) -> (record: VaryRecord, variants: [SharedKey]) {
        let record = bytes.extracting(0..<(try EntryCodec.length(bytes, .vary)))
        guard record.count >= EntryLayout.commonBytes + 4 else { throw .malformed }
        let count = Int(record.number(at: EntryLayout.commonBytes, as: UInt16.self))
        guard (1...VaryRule.fieldsMax).contains(count) else { throw .malformed }
        var at = EntryLayout.commonBytes + 4
        var names: [[UInt8]] = []
        for _ in 0..<count {
            guard at + 2 <= record.count else { throw .malformed }
            let end = at + 2 + Int(record.number(at: at, as: UInt16.self))
            guard end <= record.count else { throw .malformed }
            let name = record.extracting((at + 2)..<end)
            guard VaryRule.isName(name) else { throw .malformed }
            names.append([UInt8](copying: name))
            at = end
        }
        let isSorted = zip(names, names.dropFirst()).allSatisfy { $0.lexicographicallyPrecedes($1) }
        guard at == record.count, isSorted else { throw .malformed }
        return (
            VaryRecord(names: names, writeID: record.number(at: EntryLayout.writeIDAt)),
            try variants(bytes.extracting(at..<bytes.count))
        )
    }

    private static func variants(_ list: Span<UInt8>) throws(SharedEntryFault) -> [SharedKey] {
        guard list.count % SharedKey.bytesCount == 0,
            list.count <= variantsMax * SharedKey.bytesCount
        else { throw .malformed }
        return stride(from: 0, to: list.count, by: SharedKey.bytesCount).compactMap {
            SharedKey(bytes: list.extracting($0..<($0 + SharedKey.bytesCount)))
        }
    }

    /// Most variants of a target.
    public static let variantsMax = 32
}

/// What stands under a target's name when its answers are not to be shared (hit-for-miss).
public enum UnsharedRecord {
    /// The record.
    public static func encoded(writeID: UInt64) -> [UInt8] {
        var record = EntryLayout.begin(.unshared, writeID: writeID)
        EntryLayout.seal(&record)
        return record
    }
}
