/// Where things are in a record. Numbers are little-endian. redis/meliproxy.lua reads some of them, and counts
/// from one.
///
///     0  "MP"                  24  i64 received, ns       68  u32 key: bytes
///     2  u8  version           32  u32 age then, s        72  u32   host from
///     3  u8  kind              36  u32 lifetime, s        76  u32   target from
///     4  u32 CRC-32C           40  u8  metadata flags     80  u32   target to
///     8  u64 write-id          41  u8  entry flags        84  u32 Vary: bytes
///    16  u32 length            42  u16 fields             88  u32 field lines: bytes
///    20  u16 generations       44  u32 swr, s             92  u32 body: bytes here
///    22  u16 status            48  u32 sie, s             96  u32   bytes as received
///                              52  u32 ETag: from, bytes  100 u16 Vary: entries, u16 0
///                              60  u32 Last-Modified text 104 i64 Date, ns
///                                                         112 i64 Last-Modified, ns
///
/// Behind that come, without gaps: generations (a letter and a u64 each), key, Vary entries (18 bytes each), Vary
/// bytes, fields (u16 name, u32 value: their lengths), field lines, body. There `length` ends; the checksum covers
/// all up to there but itself. What follows is Redis's own: 16 bytes for each generation.
enum EntryLayout {
    static let magic: [UInt8] = [UInt8(ascii: "M"), UInt8(ascii: "P")]
    static let version: UInt8 = 1

    static let versionAt = 2
    static let kindAt = 3
    static let checksumAt = 4
    static let writeIDAt = 8
    static let lengthAt = 16
    /// What every record has.
    static let commonBytes = 20

    static let generationsAt = 20
    static let statusAt = 22
    static let receivedAt = 24
    static let initialAgeAt = 32
    static let lifetimeAt = 36
    static let metadataFlagsAt = 40
    static let entryFlagsAt = 41
    static let fieldsAt = 42
    static let staleWhileRevalidateAt = 44
    static let staleIfErrorAt = 48
    static let etagAt = 52
    static let lastModifiedTextAt = 60
    static let keyBytesAt = 68
    static let hostAt = 72
    static let targetAt = 76
    static let targetEndAt = 80
    static let varyBytesAt = 84
    static let headBytesAt = 88
    static let bodyBytesAt = 92
    static let bodyCountAt = 96
    static let varyEntriesAt = 100
    static let dateAt = 104
    static let lastModifiedAt = 112
    /// Where the generations begin.
    static let fixedBytes = 120

    static let generationBytes = 9
    static let varyEntryBytes = 18
    static let fieldBytes = 6
    /// What Redis keeps for each generation behind the record.
    static let valueBytes = 16

    /// Bits of the entry flags.
    static let hasLastModified: UInt8 = 1
    static let isZlib: UInt8 = 1 << 1
    static let isHTTP10: UInt8 = 1 << 2

    /// What a record is.
    enum Kind: UInt8 {
        case response
        case vary
        case unshared
    }

    /// The beginning of a record; checksum and length are put in by `seal`.
    static func begin(_ kind: Kind, writeID: UInt64) -> [UInt8] {
        var record = magic + [version, kind.rawValue]
        record.append(littleEndian: UInt32(0))
        record.append(littleEndian: writeID)
        record.append(littleEndian: UInt32(0))
        return record
    }

    /// Puts length and checksum in.
    static func seal(_ record: inout [UInt8]) {
        put(UInt32(truncatingIfNeeded: record.count), at: lengthAt, in: &record)
        put(checksum(record.span), at: checksumAt, in: &record)
    }

    /// The checksum that belongs into a record of that length.
    static func checksum(_ record: Span<UInt8>) -> UInt32 {
        let start = CRC32C.of(record.extracting(0..<checksumAt))
        return CRC32C.of(record.extracting(writeIDAt..<record.count), after: start)
    }

    private static func put(_ number: UInt32, at offset: Int, in record: inout [UInt8]) {
        for index in 0..<4 {
            record[offset + index] = UInt8(truncatingIfNeeded: number >> UInt32(index * 8))
        }
    }
}

extension Span where Element == UInt8 {
    /// The little-endian number at `offset`, all of which must be there.
    func number<T: FixedWidthInteger>(at offset: Int, as type: T.Type = T.self) -> T {
        var number: T = 0
        for index in stride(from: T.bitWidth / 8 - 1, through: 0, by: -1) {
            number = number &<< 8 | T(truncatingIfNeeded: self[offset + index])
        }
        return number
    }

    /// The little-endian u32 at `offset` as a length.
    func length(at offset: Int) -> Int { Int(number(at: offset, as: UInt32.self)) }
}
