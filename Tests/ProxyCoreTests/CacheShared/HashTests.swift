import Testing

@testable import ProxyCore

@Suite("Hashes and checksums of the shared cache")
struct SharedHashTests {
    static func hex(_ words: InlineArray<8, UInt32>) -> String {
        var text: [UInt8] = []
        for index in stride(from: 0, to: 8, by: 2) {
            text.append(hex: UInt64(words[index]) << 32 | UInt64(words[index + 1]))
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// NIST's examples for FIPS 180-4.
    static let vectors: [Row<String, String>] = [
        Row("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        Row("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        Row(
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"),
        Row(
            "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
                + "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"),
    ]

    @Test("SHA-256, NIST's vectors", arguments: vectors)
    func sha(row: Row<String, String>) {
        #expect(Self.hex(SHA256.words(Array(row.input.utf8).span)) == row.output)
    }

    /// From NIST's SHA256ShortMsg.
    static let bytesTable: [Row<[UInt8], String>] = [
        Row([0xd3], "28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1"),
        Row([0x11, 0xaf], "5ca7133fa735326081558ac312c620eeca9970d1e70a4b95533d956f072d1f98"),
        Row(
            [0x74, 0xba, 0x25, 0x21],
            "b16aa56be3880d18cd41e68384cf1ec8c17680c45a02b1575dc1518923ae8b0e"),
    ]

    @Test("SHA-256, short messages", arguments: bytesTable)
    func short(row: Row<[UInt8], String>) {
        #expect(Self.hex(SHA256.words(row.input.span)) == row.output)
    }

    @Test("SHA-256 of a million letters")
    func million() {
        let message = [UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000)
        #expect(
            Self.hex(SHA256.words(message.span))
                == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }

    @Test("SHA-256 tells lengths around the padding apart")
    func padding() {
        var seen: Set<String> = []
        for count in 50...130 {
            seen.insert(Self.hex(SHA256.words([UInt8](repeating: 0, count: count).span)))
        }
        #expect(seen.count == 81)
    }

    /// RFC 3720 B.4, and the check value of the catalogue of CRCs.
    static let checksums: [Row<[UInt8], UInt32>] = [
        Row([UInt8](repeating: 0, count: 32), 0x8a91_36aa),
        Row([UInt8](repeating: 0xff, count: 32), 0x62a8_ab43),
        Row(Array(0..<32), 0x46dd_794e),
        Row(Array((0..<32).reversed()), 0x113f_db5c),
        Row(Array("123456789".utf8), 0xe306_9283),
        Row([], 0),
    ]

    @Test("CRC-32C", arguments: checksums)
    func crc(row: Row<[UInt8], UInt32>) {
        #expect(CRC32C.of(row.input.span) == row.output)
    }

    @Test("CRC-32C goes on where it stopped, at any place")
    func pieces() {
        var random = Seeded(seed: 5)
        let bytes = (0..<70).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        for cut in 0...bytes.count {
            let start = CRC32C.of(bytes.span.extracting(0..<cut))
            let whole = CRC32C.of(bytes.span.extracting(cut..<bytes.count), after: start)
            #expect(whole == CRC32C.of(bytes.span))
        }
    }

    @Test("names hang on every byte, and on which part it belongs to")
    func names() {
        let key = Array("example/items/1?a=b".utf8)
        let base = SharedKey(base: key.span)
        var names: Set = [base, SharedKey(base: key.span, variant: [UInt8]().span)]
        for cut in 0...key.count {
            names.insert(
                SharedKey(
                    base: key.span.extracting(0..<cut),
                    variant: key.span.extracting(cut..<key.count)))
        }
        // The cut at the end is the variant without a value, which is there already.
        #expect(names.count == 2 + key.count)
        #expect(SharedKey(bytes: base.bytes.span) == base)
        #expect(SharedKey(bytes: key.span) == nil)
        // As `printf bexample/items/1 | sha256sum` has it.
        #expect(
            SharedNames().object(SharedKey(base: Array("example/items/1".utf8).span))
                == Array("r:1:06d5acc6a91d6badf3c942af70133c7f".utf8))
    }
}
