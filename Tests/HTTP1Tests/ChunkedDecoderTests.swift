import HTTP1
import Testing

@Suite("Chunked bodies")
struct ChunkedDecoderTests {
    @Test("are decoded or refused as the table says", arguments: chunkCases)
    func table(_ item: MessageCase) { #expect(decodeChunks(item.bytes).word == item.expected) }

    @Test("mean the same however they are cut", arguments: chunkCases)
    func pieces(_ item: MessageCase) {
        let bytes = item.bytes
        let whole = decodeChunks(bytes)
        #expect(decodeChunks(bytes, stops: 0..<bytes.count) == whole)
        let step = max(1, bytes.count / 400)
        for stop in stride(from: 0, through: bytes.count, by: step) {
            #expect(decodeChunks(bytes, stops: [stop]) == whole, "cut at \(stop)")
        }
    }
}
