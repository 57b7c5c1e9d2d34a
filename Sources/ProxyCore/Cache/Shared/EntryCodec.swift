internal import HTTP1
internal import Time

/// Stored responses as records in Redis, by `EntryLayout`.
public enum EntryCodec {
    /// Most bytes of a key. More cannot be: a request's head is bounded.
    static let keyBytesMax = 1 << 20
    /// Most bytes of a body as it was received.
    static let bodyBytesMax = 1 << 30

    /// The record of a response; `body` is coded as `entry.bodyCoding` says. `writeID` is drawn at random.
    public static func encode(
        _ entry: SharedEntry, body: Span<UInt8>, writeID: UInt64
    ) throws(EntryUnfit) -> [UInt8] {
        try check(entry, body)
        let names = GenerationName.names(
            route: entry.route, target: entry.key.span.extracting(entry.parts.target),
            tags: entry.metadata.tags)
        let vary = entry.metadata.vary
        var record = EntryLayout.begin(.response, writeID: writeID)
        record.reserveCapacity(
            EntryLayout.fixedBytes + names.count * EntryLayout.generationBytes + entry.key.count
                + vary.bytes.count + vary.entries.count * EntryLayout.varyEntryBytes
                + entry.head.fields.count * EntryLayout.fieldBytes + entry.head.bytes.count
                + body.count)
        appendFixed(entry, names: names.count, body: body.count, to: &record)
        for name in names {
            record.append(name.kind.rawValue)
            record.append(littleEndian: name.number)
        }
        record.append(contentsOf: entry.key)
        vary.appendEntries(to: &record)
        record.append(contentsOf: vary.bytes)
        for field in entry.head.fields {
            record.append(littleEndian: UInt16(truncatingIfNeeded: field.name.count))
            record.append(littleEndian: UInt32(bitPattern: field.value.count))
        }
        record.append(contentsOf: entry.head.bytes)
        record.append(copying: body)
        EntryLayout.seal(&record)
        return record
    }

    private static func check(_ entry: SharedEntry, _ body: Span<UInt8>) throws(EntryUnfit) {
        let metadata = entry.metadata
        guard entry.key.count <= keyBytesMax, entry.bodyCount <= bodyBytesMax,
            body.count <= bodyBytesMax, entry.head.fields.count <= Int(UInt16.max)
        else { throw .tooLarge }
        let hasParts =
            entry.parts.host.lowerBound >= 0
            && entry.parts.host.upperBound == entry.parts.target.lowerBound
            && entry.parts.target.upperBound <= entry.key.count
        let isBodyWhole = entry.bodyCoding != .identity || entry.bodyCount == body.count
        guard hasParts, isBodyWhole, entry.bodyCount >= 0,
            metadata.tags.count <= CacheTags.countMax,
            metadata.etag.isWithin(entry.head.bytes.count),
            metadata.lastModifiedText.isWithin(entry.head.bytes.count),
            metadata.vary.entries.count <= VaryRule.fieldsMax * 2,
            entry.head.isRegular
        else { throw .irregular }
    }

    /// What stands in front of the generations, but for what `begin` wrote.
    private static func appendFixed(
        _ entry: SharedEntry, names: Int, body: Int, to record: inout [UInt8]
    ) {
        let metadata = entry.metadata
        var flags: UInt8 = 0
        if metadata.lastModified != nil { flags |= EntryLayout.hasLastModified }
        if entry.bodyCoding == .zlib { flags |= EntryLayout.isZlib }
        if entry.version == .http10 { flags |= EntryLayout.isHTTP10 }
        record.append(littleEndian: UInt16(truncatingIfNeeded: names))
        record.append(littleEndian: metadata.status)
        record.append(littleEndian: metadata.responseTime.nanoseconds)
        record.append(littleEndian: metadata.initialAgeSeconds)
        record.append(littleEndian: metadata.lifetimeSeconds)
        record.append(metadata.flags.rawValue)
        record.append(flags)
        record.append(littleEndian: UInt16(truncatingIfNeeded: entry.head.fields.count))
        record.append(littleEndian: metadata.staleWhileRevalidateSeconds)
        record.append(littleEndian: metadata.staleIfErrorSeconds)
        for range in [metadata.etag, metadata.lastModifiedText] {
            record.append(littleEndian: range.start)
            record.append(littleEndian: range.count)
        }
        let lengths = [
            entry.key.count, entry.parts.host.lowerBound, entry.parts.target.lowerBound,
            entry.parts.target.upperBound, metadata.vary.bytes.count, entry.head.bytes.count, body,
            entry.bodyCount,
        ]
        for length in lengths { record.append(littleEndian: UInt32(truncatingIfNeeded: length)) }
        record.append(littleEndian: UInt16(truncatingIfNeeded: metadata.vary.entries.count))
        record.append(littleEndian: UInt16(0))
        record.append(littleEndian: metadata.date.nanoseconds)
        record.append(littleEndian: metadata.lastModified?.nanoseconds ?? 0)
    }
}

extension ByteRange {
    /// Whether the run lies within `count` bytes.
    func isWithin(_ bound: Int) -> Bool {
        start >= 0 && count >= 0 && Int(start) + Int(count) <= bound
    }
}

extension StoredHead {
    /// Whether the lines are as `append` writes them: then their lengths tell where everything is.
    var isRegular: Bool {
        var at = 0
        for field in fields {
            guard Int(field.name.start) == at, field.name.count > 0,
                field.name.count <= Int32(UInt16.max),
                let end = StoredHead.lineEnd(
                    bytes.span, from: at, name: Int(field.name.count),
                    value: Int(field.value.count)),
                field.value.lowerBound == field.name.upperBound + 2
            else { return false }
            at = end
        }
        return at == bytes.count
    }

    /// Where the line with a name and a value of these lengths ends; nil if there is none at `start`.
    static func lineEnd(_ bytes: Span<UInt8>, from start: Int, name: Int, value: Int) -> Int? {
        let valueStart = start + name + 2
        let end = valueStart + value + 2
        guard name > 0, value >= 0, end <= bytes.count, bytes[valueStart - 2] == UInt8(ascii: ":"),
            bytes[valueStart - 1] == 0x20, bytes[end - 2] == 0x0D, bytes[end - 1] == 0x0A
        else { return nil }
        for index in start..<(valueStart - 2) where !bytes[index].isTokenByte { return nil }
        for index in valueStart..<(end - 2)
        where bytes[index] == 0x0D || bytes[index] == 0x0A || bytes[index] == 0 {
            return nil
        }
        return end
    }
}
