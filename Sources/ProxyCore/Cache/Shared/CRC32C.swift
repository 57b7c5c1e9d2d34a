/// CRC-32C (Castagnoli; RFC 3720 §12.1), which finds what storage and transport did to a record.
///
/// Eight bytes at a time, by eight tables (Kounavis and Berry, 2005); there is no instruction for it in
/// portable Swift. No protection against who wants to forge.
enum CRC32C {
    /// The checksum of what came before, if anything, and of `bytes`.
    static func of(_ bytes: Span<UInt8>, after before: UInt32 = 0) -> UInt32 {
        var crc = ~before
        var offset = 0
        while bytes.count &- offset >= 8 {
            let word = bytes.word(at: offset) ^ UInt64(crc)
            crc =
                entry(7, word) ^ entry(6, word &>> 8) ^ entry(5, word &>> 16)
                ^ entry(4, word &>> 24) ^ entry(3, word &>> 32) ^ entry(2, word &>> 40)
                ^ entry(1, word &>> 48) ^ entry(0, word &>> 56)
            offset &+= 8
        }
        while offset < bytes.count {
            crc = entry(0, UInt64(crc ^ UInt32(bytes[offset]))) ^ crc &>> 8
            offset &+= 1
        }
        return ~crc
    }

    @inline(__always)
    private static func entry(_ table: Int, _ byte: UInt64) -> UInt32 {
        tables[table &* 256 &+ Int(truncatingIfNeeded: byte & 0xff)]
    }

    /// Eight tables of 256: what a byte becomes with as many zero bytes behind it as its table's number.
    private static let tables: InlineArray<2048, UInt32> = {
        var tables = InlineArray<2048, UInt32>(repeating: 0)
        for byte in 0..<256 {
            var crc = UInt32(byte)
            for _ in 0..<8 { crc = crc >> 1 ^ (crc & 1 == 1 ? 0x82f6_3b78 : 0) }
            tables[byte] = crc
        }
        for index in 256..<2048 {
            let before = tables[index - 256]
            tables[index] = tables[Int(before & 0xff)] ^ before >> 8
        }
        return tables
    }()
}
