internal import HTTP1

/// The tags of a response, by which it can be purged: Surrogate-Key, Cache-Tag and Cache-Groups
/// (RFC 9875). They are kept as hashes; which field named a tag is forgotten.
public enum CacheTags {
    /// Tags beyond that many are left out.
    public static let countMax = 64

    /// The hash that stands for a tag, letter case included: 64-bit FNV-1a, the same on every
    /// instance.
    public static func hash(_ tag: Span<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for index in 0..<tag.count {
            hash = (hash ^ UInt64(tag[index])) &* 0x0000_0100_0000_01b3
        }
        return hash
    }

    /// The tags of a head, each once, in order.
    static func read(_ lines: FieldLines) -> [UInt64] {
        let carriers = FieldName.surrogateKey.mask | FieldName.cacheTag.mask
        guard lines.seen & (carriers | FieldName.cacheGroups.mask) != 0 else { return [] }
        var tags: [UInt64] = []
        for field in lines.fields where field.known.mask & carriers != 0 {
            let separator = field.known == .cacheTag ? UInt8(ascii: ",") : UInt8(ascii: " ")
            split(lines.bytes.span, field.value, separator, into: &tags)
        }
        for group in groups(lines) { add(group.span, to: &tags) }
        return tags
    }

    /// RFC 9875 §2: a list of strings. One that is not is no list of groups at all.
    private static func groups(_ lines: FieldLines) -> [[UInt8]] {
        guard lines.contains(.cacheGroups),
            let items = StructuredField.list(lines.combined(.cacheGroups))
        else { return [] }
        var groups: [[UInt8]] = []
        for item in items {
            guard case .string(let group) = item else { return [] }
            groups.append(group)
        }
        return groups
    }

    private static func split(
        _ bytes: Span<UInt8>, _ value: ByteRange, _ separator: UInt8, into tags: inout [UInt64]
    ) {
        var start = value.lowerBound
        for index in value.lowerBound...value.upperBound
        where index == value.upperBound || bytes[index] == separator {
            let tag = bytes.trimmingBlanks(ByteRange(start, index))
            if !tag.isEmpty { add(bytes.extracting(tag.indices), to: &tags) }
            start = index + 1
        }
    }

    private static func add(_ tag: Span<UInt8>, to tags: inout [UInt64]) {
        let hash = hash(tag)
        if tags.count < countMax, !tags.contains(hash) { tags.append(hash) }
    }
}
