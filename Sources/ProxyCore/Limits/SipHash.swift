/// SipHash-2-4 with 128 bits (Aumasson and Bernstein, 2012), under a fixed key: what stands in keys for tokens and
/// for texts that are too long. The same on every instance; a token of much entropy cannot be found from it.
enum SipHash {
    /// The hash of `bytes[range]`.
    static func hash(_ bytes: Span<UInt8>, _ range: Range<Int>) -> (UInt64, UInt64) {
        var state = State(0x6d65_6c69_7072_6f78, 0x7920_6c69_6d69_7473)
        var index = range.lowerBound
        while range.upperBound - index >= 8 {
            state.take(word(bytes, index, 8), rounds: 2)
            index += 8
        }
        let rest = word(bytes, index, range.upperBound - index)
        state.take(rest | UInt64(truncatingIfNeeded: range.count) << 56, rounds: 2)
        state.v2 ^= 0xee
        let first = state.finish()
        state.v1 ^= 0xdd
        return (first, state.finish())
    }

    private static func word(_ bytes: Span<UInt8>, _ start: Int, _ count: Int) -> UInt64 {
        var word: UInt64 = 0
        for offset in 0..<count { word |= UInt64(bytes[start + offset]) << UInt64(8 * offset) }
        return word
    }

    private struct State {
        var v0, v1, v2, v3: UInt64

        init(_ k0: UInt64, _ k1: UInt64) {
            v0 = 0x736f_6d65_7073_6575 ^ k0
            v1 = 0x646f_7261_6e64_6f6d ^ k1 ^ 0xee
            v2 = 0x6c79_6765_6e65_7261 ^ k0
            v3 = 0x7465_6462_7974_6573 ^ k1
        }

        mutating func take(_ word: UInt64, rounds: Int) {
            v3 ^= word
            mix(rounds)
            v0 ^= word
        }

        mutating func finish() -> UInt64 {
            mix(4)
            return v0 ^ v1 ^ v2 ^ v3
        }

        private mutating func mix(_ rounds: Int) {
            for _ in 0..<rounds {
                v0 = v0 &+ v1
                v1 = rotated(v1, 13) ^ v0
                v0 = rotated(v0, 32)
                v2 = v2 &+ v3
                v3 = rotated(v3, 16) ^ v2
                v0 = v0 &+ v3
                v3 = rotated(v3, 21) ^ v0
                v2 = v2 &+ v1
                v1 = rotated(v1, 17) ^ v2
                v2 = rotated(v2, 32)
            }
        }

        @inline(__always)
        private func rotated(_ word: UInt64, _ bits: UInt64) -> UInt64 {
            word << bits | word >> (64 - bits)
        }
    }
}
