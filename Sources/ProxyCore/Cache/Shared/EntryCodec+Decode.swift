internal import HTTP1
public import Telemetry
internal import Time

extension EntryCodec {
    /// The response in a record, which may be followed by its generations. `key` is the key that was asked
    /// for: a record of another one under the same name is no answer.
    ///
    /// Any bytes may come. Nothing is allocated beyond a small multiple of their number.
    public static func decode(
        _ bytes: Span<UInt8>, key: Span<UInt8>
    ) throws(SharedEntryFault) -> DecodedEntry {
        let record = bytes.extracting(0..<(try length(bytes, .response)))
        guard record.count >= EntryLayout.fixedBytes else { throw .malformed }
        let sections = try Sections(record)
        let entryKey = record.extracting(sections.key)
        guard entryKey.count == key.count, (0..<key.count).allSatisfy({ entryKey[$0] == key[$0] })
        else { throw .otherKey }
        let parts = try parts(record, keyCount: entryKey.count)
        let names = try names(record, sections.generations)
        let head = try head(record, sections)
        let metadata = try metadata(record, sections, head, tags: names.tags)
        let flags = record[EntryLayout.entryFlagsAt]
        let coding: SharedEntry.BodyCoding = flags & EntryLayout.isZlib != 0 ? .zlib : .identity
        let bodyCount = record.length(at: EntryLayout.bodyCountAt)
        switch coding {
        case .identity: guard bodyCount == sections.body.count else { throw .malformed }
        // RFC 1951 cannot do better than 1032 to one: more is a lie about what there is to allocate.
        case .zlib: guard bodyCount / 1040 <= sections.body.count else { throw .malformed }
        }
        guard bodyCount <= bodyBytesMax else { throw .malformed }
        return DecodedEntry(
            entry: SharedEntry(
                metadata: metadata, head: head, key: [UInt8](copying: entryKey), parts: parts,
                route: names.route, version: flags & EntryLayout.isHTTP10 != 0 ? .http10 : .http11,
                bodyCoding: coding, bodyCount: bodyCount),
            writeID: record.number(at: EntryLayout.writeIDAt), body: sections.body)
    }

    /// The write-id in the first bytes of a record, or in all of it; nil if they are not those of one.
    public static func writeID(_ bytes: Span<UInt8>) -> UInt64? {
        guard bytes.count >= 16, bytes[0] == EntryLayout.magic[0], bytes[1] == EntryLayout.magic[1],
            bytes[EntryLayout.versionAt] == EntryLayout.version
        else { return nil }
        return bytes.number(at: EntryLayout.writeIDAt)
    }

    /// How long the record in `bytes` is, if it is one of that kind, and whole.
    static func length(
        _ bytes: Span<UInt8>, _ kind: EntryLayout.Kind
    ) throws(SharedEntryFault) -> Int {
        guard bytes.count >= EntryLayout.commonBytes else { throw .truncated }
        guard bytes[0] == EntryLayout.magic[0], bytes[1] == EntryLayout.magic[1] else {
            throw .noRecord
        }
        guard bytes[EntryLayout.versionAt] == EntryLayout.version else { throw .unknownVersion }
        guard bytes[EntryLayout.kindAt] == kind.rawValue else { throw .otherKind }
        let length = bytes.length(at: EntryLayout.lengthAt)
        guard length >= EntryLayout.commonBytes else { throw .malformed }
        guard length <= bytes.count else { throw .truncated }
        let record = bytes.extracting(0..<length)
        guard EntryLayout.checksum(record) == record.number(at: EntryLayout.checksumAt) else {
            throw .checksum
        }
        return length
    }

    /// Where the parts of variable length are.
    struct Sections {
        let generations: Range<Int>
        let key: Range<Int>
        let varyEntries: Range<Int>
        let varyBytes: Range<Int>
        let fields: Range<Int>
        let head: Range<Int>
        let body: Range<Int>

        init(_ record: Span<UInt8>) throws(SharedEntryFault) {
            let counts = [
                record.count(at: EntryLayout.generationsAt, of: EntryLayout.generationBytes),
                record.length(at: EntryLayout.keyBytesAt),
                record.count(at: EntryLayout.varyEntriesAt, of: EntryLayout.varyEntryBytes),
                record.length(at: EntryLayout.varyBytesAt),
                record.count(at: EntryLayout.fieldsAt, of: EntryLayout.fieldBytes),
                record.length(at: EntryLayout.headBytesAt),
                record.length(at: EntryLayout.bodyBytesAt),
            ]
            var ranges: [Range<Int>] = []
            var at = EntryLayout.fixedBytes
            for count in counts {
                ranges.append(at..<(at + count))
                at += count
            }
            // Each is below 2^32: the sum cannot overflow.
            guard at == record.count else { throw .malformed }
            generations = ranges[0]
            key = ranges[1]
            varyEntries = ranges[2]
            varyBytes = ranges[3]
            fields = ranges[4]
            head = ranges[5]
            body = ranges[6]
        }
    }

    private static func parts(
        _ record: Span<UInt8>, keyCount: Int
    ) throws(SharedEntryFault) -> KeyParts {
        let host = record.length(at: EntryLayout.hostAt)
        let target = record.length(at: EntryLayout.targetAt)
        let end = record.length(at: EntryLayout.targetEndAt)
        guard host <= target, target <= end, end <= keyCount else { throw .malformed }
        return KeyParts(host: host..<target, target: target..<end)
    }

    /// The generations, which begin with four that every response has.
    private static func names(
        _ record: Span<UInt8>, _ section: Range<Int>
    ) throws(SharedEntryFault) -> (route: UInt64, tags: [UInt64]) {
        let kinds: [GenerationName.Kind] = [.all, .prefix, .route, .bucket]
        let count = section.count / EntryLayout.generationBytes
        guard count >= kinds.count, count <= kinds.count + CacheTags.countMax else {
            throw .malformed
        }
        var route: UInt64 = 0
        var tags: [UInt64] = []
        for index in 0..<count {
            let at = section.lowerBound + index * EntryLayout.generationBytes
            let kind = index < kinds.count ? kinds[index] : .tag
            guard record[at] == kind.rawValue else { throw .malformed }
            let number: UInt64 = record.number(at: at + 1)
            if kind == .route { route = number }
            if kind == .tag { tags.append(number) }
        }
        return (route, tags)
    }

    private static func head(
        _ record: Span<UInt8>, _ sections: Sections
    ) throws(SharedEntryFault) -> StoredHead {
        let bytes = record.extracting(sections.head)
        var fields: [Field] = []
        fields.reserveCapacity(sections.fields.count / EntryLayout.fieldBytes)
        var at = 0
        for offset in stride(
            from: sections.fields.lowerBound, to: sections.fields.upperBound,
            by: EntryLayout.fieldBytes)
        {
            let name = Int(record.number(at: offset, as: UInt16.self))
            let value = record.length(at: offset + 2)
            guard let end = StoredHead.lineEnd(bytes, from: at, name: name, value: value) else {
                throw .malformed
            }
            fields.append(
                Field(
                    name: ByteRange(at, at + name),
                    value: ByteRange(at + name + 2, at + name + 2 + value),
                    known: FieldName(bytes.extracting(at..<(at + name)))))
            at = end
        }
        guard at == bytes.count else { throw .malformed }
        return StoredHead(bytes: [UInt8](copying: bytes), fields: fields)
    }

    private static func metadata(
        _ record: Span<UInt8>, _ sections: Sections, _ head: StoredHead, tags: [UInt64]
    ) throws(SharedEntryFault) -> StoredMetadata {
        let etag = record.range(at: EntryLayout.etagAt)
        let lastModifiedText = record.range(at: EntryLayout.lastModifiedTextAt)
        guard etag.isWithin(head.bytes.count), lastModifiedText.isWithin(head.bytes.count),
            let vary = VaryRule(
                entries: record.extracting(sections.varyEntries),
                bytes: record.extracting(sections.varyBytes))
        else { throw .malformed }
        let hasLastModified =
            record[EntryLayout.entryFlagsAt] & EntryLayout.hasLastModified != 0
        return StoredMetadata(
            status: record.number(at: EntryLayout.statusAt),
            date: Timestamp(nanoseconds: record.number(at: EntryLayout.dateAt)),
            responseTime: Timestamp(nanoseconds: record.number(at: EntryLayout.receivedAt)),
            initialAgeSeconds: record.number(at: EntryLayout.initialAgeAt),
            lifetimeSeconds: record.number(at: EntryLayout.lifetimeAt),
            staleWhileRevalidateSeconds: record.number(at: EntryLayout.staleWhileRevalidateAt),
            staleIfErrorSeconds: record.number(at: EntryLayout.staleIfErrorAt),
            flags: StoredMetadata.Flags(rawValue: record[EntryLayout.metadataFlagsAt]),
            etag: etag,
            lastModified: hasLastModified
                ? Timestamp(nanoseconds: record.number(at: EntryLayout.lastModifiedAt)) : nil,
            lastModifiedText: lastModifiedText, vary: vary, tags: tags)
    }
}

extension Span where Element == UInt8 {
    /// Bytes of as many things as the u16 at `offset` says.
    fileprivate func count(at offset: Int, of bytes: Int) -> Int {
        Int(number(at: offset, as: UInt16.self)) * bytes
    }

    fileprivate func range(at offset: Int) -> ByteRange {
        ByteRange(start: number(at: offset), count: number(at: offset + 4))
    }
}
