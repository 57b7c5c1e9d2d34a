import HTTP1
import Testing
import Time

@Suite("RFC 9110 §5.6.7 dates")
struct HTTPDateTests {
    private let now = Timestamp(seconds: 1_767_225_600)

    private func written(_ seconds: Int64) -> String {
        var writer = ByteWriter()
        HTTPDate.append(Timestamp(seconds: seconds), to: &writer)
        return text(writer.bytes, ByteRange(0, writer.count))
    }

    @Test("are read in three forms and in no other", arguments: dateCases)
    func table(_ text: String, _ seconds: Int64?) {
        let date = HTTPDate.parse(octets(text).span, now: now)
        #expect(date?.seconds == seconds)
    }

    @Test("are written as IMF-fixdate")
    func format() {
        #expect(written(784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(written(0) == "Thu, 01 Jan 1970 00:00:00 GMT")
        #expect(written(-1) == "Wed, 31 Dec 1969 23:59:59 GMT")
        #expect(written(951_782_400) == "Tue, 29 Feb 2000 00:00:00 GMT")
        #expect(written(1_767_225_600) == "Thu, 01 Jan 2026 00:00:00 GMT")
    }

    @Test("come back as they were written, over the whole range of a timestamp")
    func roundTrip() {
        var seconds: Int64 = -9_200_000_000
        while seconds < 9_200_000_000 {
            let text = written(seconds)
            #expect(text.utf8.count == HTTPDate.length)
            #expect(HTTPDate.parse(octets(text).span, now: now)?.seconds == seconds)
            seconds += 8_646_123
        }
    }

    @Test("cut short anywhere are no dates")
    func prefixes() {
        for (text, seconds) in dateCases where seconds != nil {
            let bytes = octets(text)
            for count in 0..<bytes.count {
                #expect(HTTPDate.parse(bytes.span.extracting(0..<count), now: now) == nil)
            }
        }
    }
}
