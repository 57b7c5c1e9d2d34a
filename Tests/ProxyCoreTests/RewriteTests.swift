import ProxyCore
import Testing

@Suite("What the upstream is asked for")
struct RewriteTests {
    /// `template | rewrite | target`: `= path` is a new path, `- strip` and `+ add` are prefixes.
    static let rewriteTable: [Row<String, String>] = [
        Row("/items/{id} | = /v2/items/{id} | /items/1", "/v2/items/1"),
        Row("/items/{id} | = /v2/items/{id} | /items/1?a=b/c&d=?", "/v2/items/1?a=b/c&d=?"),
        Row("/items/{id} | = /v2/items/{id} | /%69tems/a%2Fb", "/v2/items/a%2Fb"),
        Row("/a/{x}/{y} | = /{y}/{x} | /a/1/2", "/2/1"),
        Row("/a/{x}/{y} | = /{y}/w | /a/1/22?", "/22/w?"),
        Row("/a/{x} | = /fixed | /a/1?q", "/fixed?q"), Row("/a/{x} | = / | /a/1?q", "/?q"),
        Row("/a/{x} | = /{x}/ | /a/1", "/1/"), Row("/a/** | = /b/** | /a/1/2", "/b/1/2"),
        Row("/a/** | = /b/** | /a", "/b"), Row("/a/** | = /b/** | /a/", "/b/"),
        Row("/a/** | = /** | /a", "/"), Row("/a/** | = /** | /a?x", "/?x"),
        Row("/a/** | = /** | /a//b/", "//b/"),
        Row("/a/{x}/** | = /{x}/c/** | /a/1/2/3", "/1/c/2/3"),
        Row("/** | = /all/** | /", "/all/"), Row("/a/* | = /b | /a/x", "/b"),
        Row("/api/** | - /api | /api/x/y?z", "/x/y?z"), Row("/api/** | - /api | /api", "/"),
        Row("/api/** | - /api | /api?x", "/?x"), Row("/api/** | - /api | /api/", "/"),
        Row("/api/** | - /api | /%61pi/x", "/x"), Row("/a/{t}/** | - /a/{t} | /a/1/x", "/x"),
        Row("/** | + /v2 | /x", "/v2/x"), Row("/** | + /v2/w | /?q", "/v2/w/?q"),
        Row("/api/** | - /api + /v2 | /api/x", "/v2/x"),
        Row("/api/** | - /api + /v2 | /api", "/v2"),
        Row("/items/caf%C3%A9 | + /é | /items/caf%c3%a9", "/é/items/caf%c3%a9"),
        Row("/items/{id} | | /items/%41?x=%zz", "/items/%41?x=%zz"),
    ]

    static func rewrite(_ text: String) throws -> PathRewrite? {
        let words = text.split(separator: " ").map(String.init)
        if words.isEmpty { return nil }
        if words[0] == "=" { return .template(try PathTemplate(words[1])) }
        let strip = words.firstIndex(of: "-").map { words[$0 + 1] }
        let add = words.firstIndex(of: "+").map { words[$0 + 1] }
        return .prefix(strip: try strip.map { try PathTemplate($0) }, add: add ?? "")
    }

    @Test("rewrites", arguments: rewriteTable)
    func rewrite(_ row: Row<String, String>) throws {
        let parts = row.input.split(separator: "|").map {
            $0.filter { $0 != " " }.isEmpty ? "" : String($0)
        }
        let template = parts[0].filter { $0 != " " }
        let target = Array(parts[2].filter { $0 != " " }.utf8)
        let rewrite = try Self.rewrite(parts[1])
        let table = RouteTable(routes: [try route("* * \(template)", rewrite: rewrite)])
        #expect(table.match(path: target.span, method: 0, host: nil) == .route(0))
        #expect(table.rewrites(0) == (rewrite != nil))
        var bytes = Array("http://u".utf8)
        table.appendTarget(of: 0, target.span, to: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == "http://u" + row.output)
    }

    @Test("a route that is not there changes nothing")
    func unknownRoute() {
        var bytes: [UInt8] = []
        RouteTable(routes: []).appendTarget(of: 3, Array("/x".utf8).span, to: &bytes)
        #expect(bytes == Array("/x".utf8))
        #expect(!RouteTable(routes: []).rewrites(-1))
    }

    static let templateTable: [Row<String, String>] = [
        Row("", "expected a path template that starts with `/`, found nothing"),
        Row("items", "expected a path template that starts with `/`, found `items`"),
        Row("/{}", "expected a parameter name of letters, digits and `_`, found nothing"),
        Row("/{1a}", "expected a parameter name of letters, digits and `_`, found `1a`"),
        Row("/{a-b}", "expected a parameter name of letters, digits and `_`, found `a-b`"),
        Row("/{a", "expected a parameter, `*` or `**` to be a whole segment, found `{a`"),
        Row("/a}", "expected a parameter, `*` or `**` to be a whole segment, found `a}`"),
        Row(
            "/{a}.json", "expected a parameter, `*` or `**` to be a whole segment, found `{a}.json`"
        ),
        Row("/a*", "expected a parameter, `*` or `**` to be a whole segment, found `a*`"),
        Row("/***", "expected a parameter, `*` or `**` to be a whole segment, found `***`"),
        Row("/**/a", "expected `**` only as the last segment"),
        Row("/{a}/{a}", "the parameter {a} appears more than once"),
        Row("/a//b", "expected no empty segment (`//`)"),
        Row("/a?b", "expected a path without `?`: routes are matched by path only"),
        Row("/a#b", "expected a path without `#`: routes are matched by path only"),
        Row("/a b", "expected a segment without spaces or control characters, found `a b`"),
        Row("/..", "expected a plain segment, found a `.` or `..` segment"),
        Row("/%2e", "expected a plain segment, found a `.` or `..` segment"),
        Row("/%zz", "expected a plain segment, found a `%` without two hexadecimal digits"),
        Row("/%00", "expected a plain segment, found a NUL"),
        Row(String(repeating: "/a", count: 17), "expected at most 16 segments, found 17"),
    ]

    @Test("templates that are none", arguments: templateTable)
    func template(_ row: Row<String, String>) {
        #expect(message { () throws(TextProblem) in try PathTemplate(row.input) } == row.output)
    }

    @Test("templates that are")
    func templates() throws {
        #expect(try PathTemplate("/").segments == [.literal([])])
        #expect(try PathTemplate("/a/").segments == [.literal([97]), .literal([])])
        #expect(
            try PathTemplate("/%61/{b_1}/*/**").segments == [
                .literal([97]), .parameter("b_1"), .one, .rest,
            ])
        #expect(try PathTemplate("/**") == .everything)
    }

    static let hostTable: [Row<String, String?>] = [
        Row("a", "a"), Row("A.Example", "a.example"), Row("*.a.example", "*.a.example"),
        Row("127.0.0.1", "127.0.0.1"), Row("[::1]", "[::1]"), Row("a_b.c-d", "a_b.c-d"),
        Row("", nil), Row("*", nil), Row("*.", nil), Row("*.*.a", nil), Row("a.*", nil),
        Row("a:80", nil), Row("a..b", nil), Row(".a", nil), Row("a.", nil), Row("-a", nil),
        Row("a-", nil), Row("::1", nil), Row("[::1", nil), Row("*.[::1]", nil), Row("a b", nil),
        Row(String(repeating: "a", count: 64), nil),
    ]

    @Test("host patterns", arguments: hostTable)
    func host(_ row: Row<String, String?>) {
        #expect((try? HostPattern(row.input))?.description == row.output)
    }
}
