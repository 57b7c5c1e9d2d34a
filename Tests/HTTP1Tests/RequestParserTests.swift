import HTTP1
import Testing

@Suite("Request heads")
struct RequestParserTests {
    @Test("are accepted or refused as the table says", arguments: requestLineCases)
    func requestLine(_ item: MessageCase) {
        #expect(parseRequest(item.bytes).word == item.expected)
    }

    @Test("are accepted or refused as the table says", arguments: requestFieldCases)
    func fields(_ item: MessageCase) { #expect(parseRequest(item.bytes).word == item.expected) }

    @Test("mean the same byte by byte", arguments: requestLineCases + requestFieldCases)
    func byteByByte(_ item: MessageCase) {
        let bytes = item.bytes
        #expect(parseRequest(bytes, stops: 0..<bytes.count) == parseRequest(bytes))
    }

    @Test("mean the same in two pieces", arguments: requestLineCases + requestFieldCases)
    func twoPieces(_ item: MessageCase) {
        let bytes = item.bytes
        let whole = parseRequest(bytes)
        let step = max(1, bytes.count / 400)
        for stop in stride(from: 0, through: bytes.count, by: step) {
            #expect(parseRequest(bytes, stops: [stop]) == whole, "cut at \(stop)")
        }
    }
}

@Suite("Response heads")
struct ResponseParserTests {
    @Test("are accepted or refused as the table says", arguments: responseCases)
    func table(_ item: MessageCase) { #expect(parseResponse(item.bytes).word == item.expected) }

    @Test("to HEAD have no body", arguments: headResponseCases)
    func toHead(_ item: MessageCase) {
        #expect(parseResponse(item.bytes, to: .head).word == item.expected)
    }

    @Test("mean the same however they are cut", arguments: responseCases)
    func pieces(_ item: MessageCase) {
        let bytes = item.bytes
        let whole = parseResponse(bytes)
        #expect(parseResponse(bytes, stops: 0..<bytes.count) == whole)
        for stop in 0...bytes.count {
            #expect(parseResponse(bytes, stops: [stop]) == whole, "cut at \(stop)")
        }
    }
}
