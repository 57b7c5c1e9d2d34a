/// Finds the `FieldName` of a name by its length and bytes: one probe into a table without
/// collisions, then a comparison of the whole name as at most four words.
///
/// Names are compared with bit 0x20 set in every byte. Among token characters that maps exactly the
/// letters of both cases onto each other as far as the known names (letters, "-" and one digit) go:
/// `^` and `_` land on `~` and DEL, which none of them holds.
struct FieldNameTable: Sendable {
    /// Built once, from `FieldName.name`.
    static let shared = FieldNameTable()

    private struct Entry: Sendable {
        var length = -1
        var first: UInt64 = 0
        var second: UInt64 = 0
        var third: UInt64 = 0
        var last: UInt64 = 0
        var name = FieldName.other
    }

    private static let slotCount = 1024
    private static let small: UInt64 = 0x2020_2020_2020_2020
    /// The longest name that may be known; "Proxy-Authentication-Info" has 25 bytes.
    private static let lengthMax = 32

    private var slots: [UInt8]
    private var entries: [Entry]
    private var multiplier: UInt64

    /// The field name that the token at `start` is. `length` is at least 1.
    @inline(__always)
    func name(in bytes: Span<UInt8>, at start: Int, length: Int) -> FieldName {
        guard length <= Self.lengthMax else { return .other }
        let first = bytes.word(at: start, length: length) | Self.mask(length)
        let last = length > 8 ? bytes.word(at: start &+ length &- 8, length: 8) | Self.small : 0
        let slot = Self.slot(first, last, length, multiplier)
        let entry = entries[Int(slots[slot])]
        guard entry.length == length, entry.first == first, entry.last == last else {
            return .other
        }
        if length > 16 {
            let second = bytes.word(at: start &+ 8, length: 8) | Self.small
            guard second == entry.second else { return .other }
            if length > 24 {
                let third = bytes.word(at: start &+ 16, length: 8) | Self.small
                guard third == entry.third else { return .other }
            }
        }
        return entry.name
    }

    /// Bit 0x20 in each of the first `length` bytes.
    @inline(__always)
    private static func mask(_ length: Int) -> UInt64 {
        length >= 8 ? small : small & ~(UInt64.max &<< UInt64(length &* 8))
    }

    @inline(__always)
    private static func slot(
        _ first: UInt64, _ last: UInt64, _ length: Int, _ multiplier: UInt64
    ) -> Int {
        let mixed = (first ^ (last &* 31) ^ UInt64(truncatingIfNeeded: length)) &* multiplier
        return Int(truncatingIfNeeded: mixed &>> 54)
    }

    /// Tries multipliers until no two names share a slot. With 64 names in 1024 slots one in eight
    /// does; a test proves that every name is found.
    private init() {
        entries = [Entry()]
        for name in FieldName.allCases where name != .other {
            entries.append(Self.entry(name))
        }
        multiplier = 0x9E37_79B9_7F4A_7C15
        slots = []
        for _ in 0..<10_000 {
            if let found = Self.fill(entries, multiplier) {
                slots = found
                return
            }
            multiplier = multiplier &* 0xD129_0B26_88CC_2A6D | 1
        }
        preconditionFailure("two known field names are the same")
    }

    private static func fill(_ entries: [Entry], _ multiplier: UInt64) -> [UInt8]? {
        var slots = [UInt8](repeating: 0, count: slotCount)
        for (index, entry) in entries.enumerated() where entry.length > 0 {
            let slot = slot(entry.first, entry.last, entry.length, multiplier)
            guard slots[slot] == 0 else { return nil }
            slots[slot] = UInt8(index)
        }
        return slots
    }

    private static func entry(_ name: FieldName) -> Entry {
        var text: [UInt8] = []
        text.append(literal: name.name)
        let length = text.count
        precondition(length > 0 && length <= lengthMax)
        let bytes = text.span
        var entry = Entry()
        entry.name = name
        entry.length = length
        entry.first = bytes.word(at: 0, length: min(length, 8)) | mask(length)
        if length > 8 { entry.last = bytes.word(at: length - 8, length: 8) | small }
        if length > 16 { entry.second = bytes.word(at: 8, length: 8) | small }
        if length > 24 { entry.third = bytes.word(at: 16, length: 8) | small }
        return entry
    }
}
