/// The inner loops of the parsers. The only reads without a bounds check in this module are here;
/// every function first clamps `limit` to the span, so that each one is safe on its own.
///
/// Eight bytes are examined at a time. `(word - 0x20…) & ~word & 0x80…` marks bytes below 0x20; a
/// borrow can mark a wrong byte only above a right one, so the lowest mark is always exact.
extension Span where Element == UInt8 {
    /// Offset of the first control character other than HTAB at or after `start`, or `limit`.
    /// Bytes of 0x80 and more pass: RFC 9110 §5.5 `obs-text`.
    @inline(__always)
    func endOfText(from start: Int, limit: Int) -> Int {
        let limit = Swift.min(limit, count)
        precondition(start >= 0)
        var index = start
        while index &+ 8 <= limit {
            let marks = Word.controls(uncheckedWord(at: index))
            if marks == 0 {
                index &+= 8
                continue
            }
            index &+= marks.trailingZeroBitCount &>> 3
            if uncheckedByte(at: index) != Octet.tab { return index }
            index &+= 1
        }
        while index < limit {
            let byte = uncheckedByte(at: index)
            if (byte < 0x20 && byte != Octet.tab) || byte == 0x7F { return index }
            index &+= 1
        }
        return limit
    }

    /// Offset of the first byte at or after `start` that no request target may hold, or `limit`:
    /// SP, controls, DEL, "#" and bytes of 0x80 and more.
    @inline(__always)
    func endOfTarget(from start: Int, limit: Int) -> Int {
        let limit = Swift.min(limit, count)
        precondition(start >= 0)
        var index = start
        while index &+ 8 <= limit {
            let marks = Word.outsideTarget(uncheckedWord(at: index))
            if marks != 0 { return index &+ marks.trailingZeroBitCount &>> 3 }
            index &+= 8
        }
        while index < limit {
            let byte = uncheckedByte(at: index)
            if byte <= 0x20 || byte >= 0x7F || byte == UInt8(ascii: "#") { return index }
            index &+= 1
        }
        return limit
    }

    /// Offset of the first byte at or after `start` that is not a token character, or `limit`.
    @inline(__always)
    func endOfToken(from start: Int, limit: Int) -> Int {
        let limit = Swift.min(limit, count)
        precondition(start >= 0)
        var index = start
        // Nearly all tokens are letters and "-" only: those are passed eight at a time.
        while index &+ 8 <= limit {
            let marks = Word.outsidePlainName(uncheckedWord(at: index))
            if marks == 0 {
                index &+= 8
                continue
            }
            index &+= marks.trailingZeroBitCount &>> 3
            if !Octet.isToken(uncheckedByte(at: index)) { return index }
            index &+= 1
        }
        while index < limit, Octet.isToken(uncheckedByte(at: index)) { index &+= 1 }
        return Swift.min(index, limit)
    }

    /// Offset of the first `byte` at or after `start`, or `limit`.
    @inline(__always)
    public func offset(of byte: UInt8, from start: Int, limit: Int) -> Int {
        let limit = Swift.min(limit, count)
        precondition(start >= 0)
        let pattern = Word.ones &* UInt64(byte)
        var index = start
        while index &+ 8 <= limit {
            let marks = Word.zeros(uncheckedWord(at: index) ^ pattern)
            if marks != 0 { return index &+ marks.trailingZeroBitCount &>> 3 }
            index &+= 8
        }
        while index < limit {
            if uncheckedByte(at: index) == byte { return index }
            index &+= 1
        }
        return limit
    }

    /// Up to eight bytes from `start` on as a little-endian number, bytes beyond `length` as zero.
    @inline(__always)
    func word(at start: Int, length: Int) -> UInt64 {
        precondition(start >= 0 && length >= 0 && start &+ length <= count)
        if length >= 8 { return uncheckedWord(at: start) }
        if start &+ 8 <= count {
            return uncheckedWord(at: start) & ~(UInt64.max &<< UInt64(length &* 8))
        }
        var word: UInt64 = 0
        for index in 0..<length {
            word |= UInt64(uncheckedByte(at: start &+ index)) &<< UInt64(index &* 8)
        }
        return word
    }

    @inline(__always)
    private func uncheckedByte(at index: Int) -> UInt8 {
        unsafe self[unchecked: index]
    }

    @inline(__always)
    private func uncheckedWord(at index: Int) -> UInt64 {
        UInt64(
            littleEndian: unsafe bytes.unsafeLoadUnaligned(
                fromUncheckedByteOffset: index, as: UInt64.self))
    }
}

/// Tests on eight bytes at once; each yields a number whose lowest set bit lies in the first byte
/// that passes, 0 if none does.
private enum Word {
    static let ones: UInt64 = 0x0101_0101_0101_0101
    static let highs: UInt64 = 0x8080_8080_8080_8080

    @inline(__always)
    static func zeros(_ word: UInt64) -> UInt64 { (word &- ones) & ~word & highs }

    @inline(__always)
    static func controls(_ word: UInt64) -> UInt64 {
        ((word &- (ones &* 0x20)) & ~word & highs) | zeros(word ^ (ones &* 0x7F))
    }

    @inline(__always)
    static func outsideTarget(_ word: UInt64) -> UInt64 {
        ((word &- (ones &* 0x21)) & ~word & highs) | zeros(word ^ (ones &* 0x7F))
            | zeros(word ^ (ones &* 0x23)) | (word & highs)
    }

    /// Marks exactly the bytes that are neither letters nor "-". The sums cannot carry from one byte
    /// into the next: without their highest bits the bytes are at most 0x7F.
    @inline(__always)
    static func outsidePlainName(_ word: UInt64) -> UInt64 {
        let small = (word | (ones &* 0x20)) & ~highs
        let isLetter = (small &+ (ones &* 0x1F)) & ~(small &+ (ones &* 0x05))
        let isDash = ~(((word & ~highs) ^ (ones &* 0x2D)) &+ (ones &* 0x7F))
        return (~(isLetter | isDash) | word) & highs
    }
}
