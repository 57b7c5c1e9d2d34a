import HTTP1
import Testing

@Suite("Bodies")
struct BodyDecoderTests {
    @Test("without content end at once")
    func none() {
        for framing in [BodyFraming.none, .length(0)] {
            var decoder = BodyDecoder(framing)
            #expect(decoder.isComplete)
            #expect(decoder.next(octets("GET").span) == .end(consumed: 0))
            #expect(decoder.end() == .complete)
        }
    }

    @Test("with a length end after it, and leave the rest alone")
    func length() {
        var decoder = BodyDecoder(.length(5))
        #expect(decoder.next([UInt8]().span) == .needMore(consumed: 0))
        #expect(decoder.next(octets("hel").span) == .data(consumed: 3, range: 0..<3))
        #expect(!decoder.isComplete)
        var cut = decoder
        #expect(cut.end() == .truncated)
        #expect(decoder.next(octets("loGET").span) == .data(consumed: 2, range: 0..<2))
        #expect(decoder.isComplete)
        #expect(decoder.next(octets("GET").span) == .end(consumed: 0))
        #expect(decoder.end() == .complete)
    }

    @Test("up to the end of the connection end with it")
    func untilClose() {
        var decoder = BodyDecoder(.untilClose, limits: BodyLimits(bodyBytesMax: 4))
        #expect(decoder.next([UInt8]().span) == .needMore(consumed: 0))
        #expect(decoder.next(octets("abcd").span) == .data(consumed: 4, range: 0..<4))
        #expect(!decoder.isComplete)
        var cut = decoder
        #expect(cut.end() == .complete)
        #expect(cut.isComplete)
        #expect(cut.next(octets("x").span) == .end(consumed: 0))
        #expect(decoder.next(octets("e").span) == .reject(.bodyTooLarge))
        #expect(decoder.end() == .truncated)
    }

    @Test("in chunks are truncated until the last line of the trailer section")
    func chunked() {
        let bytes = octets("3\r\nabc\r\n0\r\nA: b\r\n\r\n")
        for count in 0...bytes.count {
            var decoder = BodyDecoder(.chunked)
            var at = 0
            stepping: while true {
                switch decoder.next(bytes.span.extracting(at..<count)) {
                case .data(let consumed, _): at += consumed
                case .needMore, .end: break stepping
                case .reject(let rejection):
                    Issue.record("\(rejection)")
                    break stepping
                }
            }
            #expect(decoder.isComplete == (count == bytes.count))
            #expect(decoder.end() == (count == bytes.count ? .complete : .truncated))
        }
    }

    @Test("stay refused once they are")
    func refused() {
        var decoder = BodyDecoder(.chunked)
        #expect(decoder.next(octets("x").span) == .reject(.invalidChunkSize))
        #expect(decoder.next(octets("0\r\n\r\n").span) == .reject(.invalidChunkSize))
        #expect(decoder.next([UInt8]().span) == .reject(.invalidChunkSize))
        #expect(decoder.end() == .truncated)
        #expect(!decoder.isComplete)
    }

    @Test("have a largest size, whatever their framing")
    func limits() {
        let limits = BodyLimits(bodyBytesMax: 5)
        var long = BodyDecoder(.length(6), limits: limits)
        #expect(long.next(octets("abcdef").span) == .reject(.bodyTooLarge))
        var short = BodyDecoder(.length(5), limits: limits)
        #expect(short.next(octets("abcde").span) == .data(consumed: 5, range: 0..<5))
        let exact = octets("2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n")
        #expect(decodeChunks(exact, limits: limits).word == "abcde||0")
        let over = octets("2\r\nab\r\n4\r\ncdef\r\n0\r\n\r\n")
        #expect(decodeChunks(over, limits: limits).word == "body_too_large")
    }

    @Test("count the trailers that are not passed on")
    func droppedTrailers() {
        var decoder = BodyDecoder(.chunked)
        let bytes = octets("0\r\nHost: a\r\nX: b\r\nCookie: c\r\n\r\n")
        #expect(decoder.next(bytes.span) == .end(consumed: bytes.count))
        #expect(decoder.trailers.fields.count == 1)
        #expect(decoder.trailers.droppedCount == 2)
        #expect(decoder.next(bytes.span) == .end(consumed: 0))
    }
}
