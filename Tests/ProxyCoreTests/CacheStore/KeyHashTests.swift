import ProxyCore
import Testing

@Suite("Hashes")
struct KeyHashTests {
    @Test(
        "stableHash is 64-bit FNV-1a",
        arguments: [
            Row("", 0xcbf2_9ce4_8422_2325), Row("a", 0xaf63_dc4c_8601_ec8c),
            Row("foobar", 0x8594_4171_f739_67e8),
        ] as [Row<String, UInt64>])
    func stable(row: Row<String, UInt64>) {
        #expect(stableHash(Array(row.input.utf8).span) == row.output)
    }

    @Test("stableHash goes on where another ended")
    func continued() {
        let (host, path, both) = (
            Array("a.example".utf8), Array("/b".utf8), Array("a.example/b".utf8)
        )
        #expect(stableHash(path.span, from: stableHash(host.span)) == stableHash(both.span))
    }

    @Test("seededHash of one seed depends on every bit and on the length")
    func everyBit() {
        var hashes: Set<UInt64> = []
        var expected = 0
        for count in 0...70 {
            var key = [UInt8](repeating: 0, count: count)
            hashes.insert(seededHash(key.span, seed: (3, 4)))
            expected += 1
            for bit in 0..<(count * 8) {
                key[bit / 8] ^= 1 << (bit % 8)
                hashes.insert(seededHash(key.span, seed: (3, 4)))
                expected += 1
                key[bit / 8] ^= 1 << (bit % 8)
            }
        }
        #expect(hashes.count == expected)
    }

    @Test("seededHash depends on both halves of the seed", arguments: [0, 1, 3, 5, 8, 16, 17, 60])
    func seeds(count: Int) {
        let key = [UInt8](repeating: 0x61, count: count)
        var hashes: Set<UInt64> = []
        for bit in 0..<64 {
            hashes.insert(seededHash(key.span, seed: (1 << bit, 5)))
            hashes.insert(seededHash(key.span, seed: (5, 1 << bit)))
        }
        #expect(hashes.count == 128)
    }

    @Test("seededHash is a matter of the bytes, not of where they stand")
    func position() {
        let key = Array("GET api.example.test /items/MLA1234567890?attributes=id".utf8)
        let expected = seededHash(key.span, seed: (8, 9))
        for offset in 1..<9 {
            let shifted = [UInt8](repeating: 0xff, count: offset) + key + [0xee]
            let part = shifted.span.extracting(offset..<(offset + key.count))
            #expect(seededHash(part, seed: (8, 9)) == expected)
        }
    }

    @Test("seededHash spreads numbered keys over both halves", arguments: [0, 32] as [UInt64])
    func spread(shift: UInt64) {
        var counts = [Int](repeating: 0, count: 256)
        for number in 0..<25_600 {
            let key = Array("/items/MLA\(number)".utf8)
            counts[Int(seededHash(key.span, seed: (1, 1)) >> shift & 255)] += 1
        }
        // 100 each are expected, with a standard deviation of 10.
        #expect(counts.allSatisfy { $0 > 50 && $0 < 150 })
    }
}
