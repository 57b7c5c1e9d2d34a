/// A keyed 64-bit hash for tables in memory.
///
/// Two words at a time are folded through a 128-bit product (as wyhash does), and both factors of
/// every product hold a secret word: who does not know `seed` can choose neither factor to be zero nor
/// keys to fall together. Not for signatures, and not equal between processes with different seeds.
public func seededHash(_ bytes: Span<UInt8>, seed: (UInt64, UInt64)) -> UInt64 {
    // A factor with few bits set mixes little: the constants keep a poor seed from being one.
    let (first, second) = (seed.0 ^ 0xa076_1d64_78bd_642f, seed.1 ^ 0xe703_7ed1_a0b4_28db)
    let count = bytes.count
    var state = first
    var offset = 0
    while count &- offset > 16 {
        state = fold(bytes.word(at: offset) ^ state, bytes.word(at: offset &+ 8) ^ second)
        offset &+= 16
    }
    // The last words may overlap what was read before; the length, below, tells such keys apart.
    let (low, high) = bytes.lastWords()
    state = fold(low ^ state, high ^ second)
    return fold(state ^ 0x8ebc_6af0_9c88_c6e3, first ^ UInt64(truncatingIfNeeded: count))
}

/// What `stableHash` starts from: the offset basis of FNV-1a.
public let stableHashBasis: UInt64 = 0xcbf2_9ce4_8422_2325

/// The 64-bit FNV-1a hash: equal on every instance and in every version. For what is purged by name:
/// tags, routes and targets. Whoever chooses names can make two equal, and gains that both are purged.
///
/// `basis` continues an earlier hash: that of `b` from the hash of `a` is the hash of `a` then `b`.
public func stableHash(_ bytes: Span<UInt8>, from basis: UInt64 = stableHashBasis) -> UInt64 {
    var hash = basis
    for index in bytes.indices {
        hash = (hash ^ UInt64(bytes[index])) &* 0x0000_0100_0000_01b3
    }
    return hash
}

/// Both halves of the product, one over the other.
@inline(__always)
private func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let product = left.multipliedFullWidth(by: right)
    return product.high ^ product.low
}

extension Span where Element == UInt8 {
    /// Whether both hold the same bytes. Read as `seededHash` reads them, all of them in any case.
    @inline(__always)
    func isEqual(to other: [UInt8]) -> Bool {
        let other = other.span
        guard count == other.count else { return false }
        var difference: UInt64 = 0
        var offset = 0
        while count &- offset > 16 {
            difference |= word(at: offset) ^ other.word(at: offset)
            difference |= word(at: offset &+ 8) ^ other.word(at: offset &+ 8)
            offset &+= 16
        }
        let (left, right) = (lastWords(), other.lastWords())
        return difference | (left.0 ^ right.0) | (left.1 ^ right.1) == 0
    }

    /// Whether `prefix` is what these bytes begin with.
    func hasPrefix(_ prefix: [UInt8]) -> Bool {
        prefix.count <= count && extracting(first: prefix.count).isEqual(to: prefix)
    }

    /// Eight bytes from `offset` on as a little-endian number: one load, once the compiler is done.
    @inline(__always)
    func word(at offset: Int) -> UInt64 {
        let eight = extracting(offset..<(offset &+ 8))
        var word = UInt64(eight[0])
        word |= UInt64(eight[1]) &<< 8
        word |= UInt64(eight[2]) &<< 16
        word |= UInt64(eight[3]) &<< 24
        word |= UInt64(eight[4]) &<< 32
        word |= UInt64(eight[5]) &<< 40
        word |= UInt64(eight[6]) &<< 48
        word |= UInt64(eight[7]) &<< 56
        return word
    }

    /// Four bytes from `offset` on as a little-endian number.
    @inline(__always)
    fileprivate func half(at offset: Int) -> UInt64 {
        let four = extracting(offset..<(offset &+ 4))
        var word = UInt64(four[0])
        word |= UInt64(four[1]) &<< 8
        word |= UInt64(four[2]) &<< 16
        word |= UInt64(four[3]) &<< 24
        return word
    }

    /// The last sixteen bytes, or all that there are, as two words. Equal for two spans of one length
    /// up to sixteen only if their bytes are equal.
    @inline(__always)
    fileprivate func lastWords() -> (UInt64, UInt64) {
        switch count {
        case 17...: (word(at: count &- 16), word(at: count &- 8))
        case 8...16: (word(at: 0), word(at: count &- 8))
        case 4..<8: (half(at: 0), half(at: count &- 4))
        case 1..<4:
            (UInt64(self[0]), UInt64(self[count &>> 1]) &<< 8 | UInt64(self[count &- 1]))
        default: (0, 0)
        }
    }
}
