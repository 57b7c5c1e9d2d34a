/// SHA-256 (FIPS 180-4), whole messages only: for the names under which instances share responses.
///
/// Clients choose what is hashed, and instances of any version must agree on the result: that rules out
/// the faster hashes without a secret, and a secret of one instance.
enum SHA256 {
    private static let blockBytes = 64

    /// The eight words of the digest.
    static func words(_ message: Span<UInt8>) -> InlineArray<8, UInt32> {
        var state: InlineArray<8, UInt32> = [
            0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a,
            0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
        ]
        var offset = 0
        while message.count - offset >= blockBytes {
            compress(&state, message.extracting(offset..<(offset + blockBytes)))
            offset += blockBytes
        }
        // §5.1.1: a one, zeros, and the length in bits, in one block or two.
        var tail = InlineArray<128, UInt8>(repeating: 0)
        let rest = message.count - offset
        for index in 0..<rest { tail[index] = message[offset + index] }
        tail[rest] = 0x80
        let end = rest < blockBytes - 8 ? blockBytes : 2 * blockBytes
        let bits = UInt64(message.count) &* 8
        for index in 0..<8 {
            tail[end - 1 - index] = UInt8(truncatingIfNeeded: bits >> (UInt64(index) * 8))
        }
        compress(&state, tail.span.extracting(0..<blockBytes))
        if end > blockBytes { compress(&state, tail.span.extracting(blockBytes..<end)) }
        return state
    }

    /// §6.2.2, for one block of 64 bytes.
    private static func compress(_ state: inout InlineArray<8, UInt32>, _ block: Span<UInt8>) {
        var schedule = InlineArray<64, UInt32>(repeating: 0)
        for index in 0..<16 { schedule[index] = block.bigEndianWord(at: index &* 4) }
        for index in 16..<64 {
            let (early, late) = (schedule[index &- 15], schedule[index &- 2])
            let first = early.rotated(7) ^ early.rotated(18) ^ early &>> 3
            let second = late.rotated(17) ^ late.rotated(19) ^ late &>> 10
            schedule[index] =
                schedule[index &- 16] &+ first &+ schedule[index &- 7] &+ second
        }
        var (a, b, c, d) = (state[0], state[1], state[2], state[3])
        var (e, f, g, h) = (state[4], state[5], state[6], state[7])
        for index in 0..<64 {
            let choice = e & f ^ ~e & g
            let one =
                h &+ (e.rotated(6) ^ e.rotated(11) ^ e.rotated(25)) &+ choice &+ constants[index]
                &+ schedule[index]
            let majority = a & b ^ a & c ^ b & c
            let two = (a.rotated(2) ^ a.rotated(13) ^ a.rotated(22)) &+ majority
            (h, g, f, e, d, c, b, a) = (g, f, e, d &+ one, c, b, a, one &+ two)
        }
        for (index, word) in [a, b, c, d, e, f, g, h].enumerated() { state[index] &+= word }
    }

    /// §4.2.2: the first 32 bits of the fractional parts of the cube roots of the first 64 primes.
    private static let constants: InlineArray<64, UInt32> = [
        0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1,
        0x923f_82a4, 0xab1c_5ed5, 0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3,
        0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174, 0xe49b_69c1, 0xefbe_4786,
        0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
        0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147,
        0x06ca_6351, 0x1429_2967, 0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13,
        0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85, 0xa2bf_e8a1, 0xa81a_664b,
        0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
        0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a,
        0x5b9c_ca4f, 0x682e_6ff3, 0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208,
        0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
    ]
}

extension UInt32 {
    @inline(__always)
    fileprivate func rotated(_ bits: UInt32) -> UInt32 { self &>> bits | self &<< (32 &- bits) }
}

extension Span where Element == UInt8 {
    @inline(__always)
    fileprivate func bigEndianWord(at offset: Int) -> UInt32 {
        let four = extracting(offset..<(offset &+ 4))
        return UInt32(four[0]) &<< 24 | UInt32(four[1]) &<< 16 | UInt32(four[2]) &<< 8
            | UInt32(four[3])
    }
}
