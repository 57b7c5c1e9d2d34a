import Testing

@testable import Deflate

@Suite("Compression of whole values")
struct ZlibTests {
    private func sample(_ count: Int) -> [UInt8] {
        var state: UInt32 = 7
        return (0..<count).map { index in
            state = state &* 1_664_525 &+ 1_013_904_223
            return index % 5 == 0 ? UInt8(truncatingIfNeeded: state >> 24) : UInt8(ascii: "a")
        }
    }

    private func compressed(
        _ bytes: [UInt8], as wrapper: Zlib.Wrapper = .zlib
    ) throws -> [UInt8] {
        let compressed = Zlib.compress(bytes.span, as: wrapper)
        return try #require(compressed)
    }

    private func decompressed(
        _ bytes: [UInt8], as wrapper: Zlib.Wrapper = .zlib, count: Int
    ) -> [UInt8]? {
        Zlib.decompress(bytes.span, as: wrapper, count: count)
    }

    @Test("there and back", arguments: Zlib.Wrapper.allCases, [0, 1, 1_000, 300_000])
    func roundTrip(wrapper: Zlib.Wrapper, count: Int) throws {
        let bytes = sample(count)
        let compressed = try compressed(bytes, as: wrapper)
        #expect(count < 1_000 || compressed.count < count / 2)
        #expect(decompressed(compressed, as: wrapper, count: count) == bytes)
        let other = Zlib.Wrapper.allCases.first { $0 != wrapper } ?? wrapper
        #expect(decompressed(compressed, as: other, count: count) == nil)
    }

    @Test("a length that is not right is noticed")
    func length() throws {
        let compressed = try compressed(sample(1_000))
        for count in [0, 1, 999, 1_001, -1, .max] {
            #expect(decompressed(compressed, count: count) == nil, "\(count)")
        }
    }

    @Test("what is cut, longer or changed is noticed")
    func damage() throws {
        let bytes = sample(200)
        let compressed = try compressed(bytes)
        for count in 0..<compressed.count {
            #expect(decompressed(Array(compressed[..<count]), count: 200) == nil)
        }
        #expect(decompressed((compressed + [0]), count: 200) == nil)
        for bit in 0..<(compressed.count * 8) {
            var changed = compressed
            changed[bit / 8] ^= 1 << (bit % 8)
            let back = decompressed(changed, count: 200)
            // Bits of the padding behind the last block mean nothing.
            #expect(back == nil || back == bytes, "\(bit)")
        }
    }

    @Test("a bomb costs what it claims")
    func bomb() throws {
        let zeros = [UInt8](repeating: 0, count: 10_000_000)
        let compressed = try compressed(zeros)
        #expect(compressed.count < 60_000)
        #expect(decompressed(compressed, count: 1_000) == nil)
    }
}
