import ProxyCore
import Testing

@Suite("Durations, sizes and places as settings write them")
struct TextTests {
    static let durationsTable: [Row<String, UInt64?>] = [
        Row("0", 0), Row("0s", 0), Row("1ns", 1), Row("7us", 7_000), Row("250ms", 250_000_000),
        Row("5s", 5_000_000_000), Row("2m", 120_000_000_000), Row("1h", 3_600_000_000_000),
        Row("1d", 86_400_000_000_000), Row("007s", 7_000_000_000),
        Row("18446744073709551615ns", .max),
        Row("18446744073709551616ns", nil), Row("5124096h", nil), Row("", nil), Row("5", nil),
        Row("s", nil), Row("-1s", nil), Row("+1s", nil), Row("1.5s", nil), Row("1 s", nil),
        Row("1S", nil), Row("1m30s", nil), Row("1sec", nil), Row(" 1s", nil), Row("١s", nil),
    ]

    @Test("durations", arguments: durationsTable)
    func durations(_ row: Row<String, UInt64?>) {
        #expect((try? DurationText.parse(row.input)) == row.output)
    }

    @Test("a duration's problem says what was found")
    func durationProblem() {
        #expect(
            message { () throws(TextProblem) in try DurationText.parse("ten") }
                == "expected a duration such as 250ms, 5s, 2m or 1h, found `ten`")
        #expect(
            message { () throws(TextProblem) in try DurationText.parse("99999999999h") }
                == "expected a duration of less than 500 years, found `99999999999h`")
    }

    @Test("durations survive being written and read", arguments: 0..<200 as Range<UInt64>)
    func durationRoundTrip(seed: UInt64) throws {
        var random = Seeded(seed: seed)
        let value =
            UInt64.random(in: 0...(.max), using: &random)
            >> UInt64.random(in: 0..<64, using: &random)
        #expect(try DurationText.parse(DurationText.format(value)) == value)
        #expect(try SizeText.parse(SizeText.format(value)) == value)
    }

    static let formattedTable: [Row<UInt64, String>] = [
        Row(0, "0s"), Row(1, "1ns"), Row(1_500_000, "1500us"), Row(1_000_000_000, "1s"),
        Row(90_000_000_000, "90s"), Row(600_000_000_000, "10m"), Row(86_400_000_000_000, "1d"),
    ]

    @Test("durations are written in the largest whole unit", arguments: formattedTable)
    func formatting(_ row: Row<UInt64, String>) {
        #expect(DurationText.format(row.input) == row.output)
    }

    static let sizesTable: [Row<String, UInt64?>] = [
        Row("0", 0), Row("17", 17), Row("17B", 17), Row("1KB", 1000), Row("1KiB", 1024),
        Row("10MB", 10_000_000), Row("10MiB", 10_485_760), Row("1GiB", 1_073_741_824),
        Row("2GB", 2_000_000_000), Row("1TB", 1_000_000_000_000), Row("1TiB", 1_099_511_627_776),
        Row("18446744073709551615", .max), Row("18446744073709551616", nil),
        Row("16777216TiB", nil), Row("", nil), Row("KiB", nil), Row("-1", nil), Row("1K", nil),
        Row("1kb", nil), Row("1 KiB", nil), Row("1.5KiB", nil), Row("0x10", nil), Row("1Kib", nil),
    ]

    @Test("sizes", arguments: sizesTable)
    func sizes(_ row: Row<String, UInt64?>) {
        #expect((try? SizeText.parse(row.input)) == row.output)
    }

    static let urlsTable: [Row<String, String?>] = [
        Row("http://a", "http://a"), Row("https://a", "https://a"),
        Row("http://a:80", "http://a"), Row("https://a:443", "https://a"),
        Row("http://a:443", "http://a:443"), Row("https://A.Example", "https://a.example"),
        Row("http://a/", "http://a"), Row("http://a/v1", "http://a/v1"),
        Row("http://a/v1//", "http://a/v1"), Row("http://a:1/v1/x", "http://a:1/v1/x"),
        Row("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        Row("http://[::1]:8000", "http://[::1]:8000"), Row("http://[::1]", "http://[::1]"),
        Row("", nil), Row("a", nil), Row("ftp://a", nil), Row("http:/a", nil), Row("http://", nil),
        Row("HTTP://a", nil), Row("http://a:0", nil), Row("http://a:65536", nil),
        Row("http://a:", nil), Row("http://a:x", nil), Row("http://a:+1", nil),
        Row("http://u:p@a", nil), Row("http://a?x", nil), Row("http://a#x", nil),
        Row("http://a/..", nil), Row("http://a//b", nil), Row("http://a/%zz", nil),
        Row("http://a b", nil), Row("http://é", nil), Row("http://a..b", nil),
        Row("http://-a", nil),
        Row("http://[::1", nil), Row("http://[1.2.3.4]", nil), Row("http://[::1]x", nil),
        Row("http://::1", nil),
    ]

    @Test("URLs of upstreams", arguments: urlsTable)
    func urls(_ row: Row<String, String?>) {
        #expect((try? UpstreamURL(row.input))?.description == row.output)
    }

    @Test("a URL's parts")
    func urlParts() throws {
        let url = try UpstreamURL("https://Api.Example:8443/base/")
        #expect(url.scheme == .https)
        #expect(url.host == "api.example")
        #expect(url.port == 8443)
        #expect(url.prefix == "/base")
        #expect(url.authority == "api.example:8443")
        #expect(try UpstreamURL("http://[::1]:81").host == "::1")
        #expect(try UpstreamURL("http://[::1]:81").authority == "[::1]:81")
    }

    static let listenTable: [Row<String, String?>] = [
        Row("127.0.0.1:80", "127.0.0.1:80"), Row(":80", "0.0.0.0:80"), Row(":0", "0.0.0.0:0"),
        Row("localhost:80", "127.0.0.1:80"), Row("[::]:80", "[::]:80"), Row("[::1]:80", "[::1]:80"),
        Row("80", nil), Row("", nil), Row("127.0.0.1", nil), Row("[::1]", nil), Row("::1:80", nil),
        Row("example.com:80", nil), Row("127.0.0.1:", nil), Row("127.0.0.1:65536", nil),
        Row("127.0.0.1:-1", nil), Row("[127.0.0.1]:80", nil), Row("127.0.0.1:80 ", nil),
    ]

    @Test("addresses to listen on", arguments: listenTable)
    func listenAddresses(_ row: Row<String, String?>) {
        #expect((try? ListenAddress(row.input))?.description == row.output)
    }
}
