import ProxyCore
import Testing

/// An answer to an unsafe request, and the targets it invalidates.
struct InvalidationCase: Sendable, CustomTestStringConvertible {
    var section: String
    var request: [String]
    var status: UInt16
    var fields: [String]
    var expected: [String]

    init(
        _ section: String, _ request: [String], _ status: UInt16, _ fields: [String],
        _ expected: [String]
    ) {
        self.section = section
        self.request = request
        self.status = status
        self.fields = fields
        self.expected = expected
    }

    var testDescription: String {
        "§\(section) \(request) answered \(status) \(fields) → \(expected)"
    }
}

private let post = ["POST /a/b?c"]

private func location(_ reference: String) -> [String] { ["Location: " + reference] }

let invalidationCases: [InvalidationCase] = [
    .init("4.4", ["POST /a"], 200, [], ["h/a"]),
    .init("4.4", ["PUT /a"], 201, [], ["h/a"]),
    .init("4.4", ["DELETE /a"], 204, [], ["h/a"]),
    .init("4.4", ["PATCH /a"], 200, [], ["h/a"]),
    .init("4.4", ["M-SEARCH /a"], 200, [], ["h/a"]),
    .init("4.4", ["get /a"], 200, [], ["h/a"]),
    .init("4.4", ["POST /a"], 302, [], ["h/a"]),
    .init("4.4", ["POST /a"], 399, [], ["h/a"]),
    .init("4.4", ["GET /a"], 200, location("/b"), []),
    .init("4.4", ["HEAD /a"], 200, [], []),
    .init("4.4", ["OPTIONS /a"], 200, [], []),
    .init("4.4", ["TRACE /a"], 200, [], []),
    .init("4.4", ["POST /a"], 400, location("/b"), []),
    .init("4.4", ["POST /a"], 404, [], []),
    .init("4.4", ["POST /a"], 500, location("/b"), []),
    .init("4.4", ["POST /a"], 100, [], []),
    .init("4.4", ["POST /%61?%7a", "Host: H:80"], 200, [], ["h/a?z"]),
    .init("4.4", ["POST /a?access_token=x"], 200, location("/b"), ["h/b"]),

    // Location and Content-Location (RFC 3986 §5).
    .init("4.4", post, 201, location("/x"), ["h/a/b?c", "h/x"]),
    .init("4.4", post, 201, ["Content-Location: /x"], ["h/a/b?c", "h/x"]),
    .init("4.4", post, 201, location("/x") + ["Content-Location: /y"], ["h/a/b?c", "h/x", "h/y"]),
    .init("4.4", post, 201, location("/x") + ["Content-Location: /x"], ["h/a/b?c", "h/x"]),
    .init("4.4", post, 201, location("http://h/x"), ["h/a/b?c", "h/x"]),
    .init("4.4", post, 201, location("HTTPS://H:443/x?y#z"), ["h/a/b?c", "h/x?y"]),
    .init("4.4", post, 201, location("http://h"), ["h/a/b?c", "h/"]),
    .init("4.4", post, 201, location("http://h?q"), ["h/a/b?c", "h/?q"]),
    .init("4.4", post, 201, location("//h/x"), ["h/a/b?c", "h/x"]),
    .init("4.4", post, 201, location("http://other/x"), ["h/a/b?c"]),
    .init("4.4", post, 201, location("//other/x"), ["h/a/b?c"]),
    .init("4.4", post, 201, location("http://h:81/x"), ["h/a/b?c"]),
    .init("4.4", post, 201, location("http://u@h/x"), ["h/a/b?c"]),
    .init("4.4", post, 201, location("http://h.evil/x"), ["h/a/b?c"]),
    .init("4.4", post, 201, location("http:///x"), ["h/a/b?c"]),
    .init("4.4", post, 201, location("ftp://h/x"), ["h/a/b?c"]),
    .init("4.4", post, 201, location("http:x"), ["h/a/b?c"]),
    .init("4.4", post, 201, location("urn:x"), ["h/a/b?c"]),
    .init("4.4", post, 201, location("http://origin:9000/x"), ["h/a/b?c", "h/x"]),
    .init("4.4", post, 201, location("http://origin/x"), ["h/a/b?c"]),
    .init("3986 5.4", post, 201, location("x"), ["h/a/b?c", "h/a/x"]),
    .init("3986 5.4", post, 201, location("./x"), ["h/a/b?c", "h/a/x"]),
    .init("3986 5.4", post, 201, location("../x"), ["h/a/b?c", "h/x"]),
    .init("3986 5.4", post, 201, location("../../../x"), ["h/a/b?c", "h/x"]),
    .init("3986 5.4", post, 201, location("x/"), ["h/a/b?c", "h/a/x/"]),
    .init("3986 5.4", post, 201, location("?y"), ["h/a/b?c", "h/a/b?y"]),
    .init("3986 5.4", post, 201, location(""), ["h/a/b?c", "h/a/b"]),
    .init("3986 5.4", post, 201, location("#s"), ["h/a/b?c", "h/a/b"]),
    .init("3986 5.4", post, 201, location("x:y"), ["h/a/b?c"]),
    .init("3986 5.4", post, 201, location("./x:y"), ["h/a/b?c", "h/a/x:y"]),
    .init("3986 5.4", post, 201, location("x?y=a/../b"), ["h/a/b?c", "h/a/x?y=a/../b"]),
    .init("3986 5.4", ["POST http://h"], 201, location("x"), ["h/", "h/x"]),
]

/// Fields, and the tags they carry.
struct TagCase: Sendable, CustomTestStringConvertible {
    var section: String
    var fields: [String]
    var expected: [String]

    init(_ section: String, _ fields: [String], _ expected: [String]) {
        self.section = section
        self.fields = fields
        self.expected = expected
    }

    var testDescription: String { "§\(section) \(fields) → \(expected)" }
}

let tagCases: [TagCase] = [
    .init("caching", [], []),
    .init("caching", ["Surrogate-Key: a b  c"], ["a", "b", "c"]),
    .init("caching", ["Surrogate-Key: a,b c"], ["a,b", "c"]),
    .init("caching", ["Surrogate-Key:"], []),
    .init("caching", ["Cache-Tag: a, b c,,d"], ["a", "b c", "d"]),
    .init("caching", ["Cache-Tag: a", "Cache-Tag: b"], ["a", "b"]),
    .init("caching", ["Cache-Tag: a, A, a"], ["a", "A"]),
    .init("caching", ["Surrogate-Key: a b", "Cache-Tag: b, c"], ["a", "b", "c"]),
    .init("9875 2", ["Cache-Groups: \"a\", \"b c\""], ["a", "b c"]),
    .init("9875 2", ["Cache-Groups: \"a\"", "Cache-Groups: \"b\""], ["a", "b"]),
    .init("9875 2", ["Cache-Groups: \"a\";x=1, \"b\""], ["a", "b"]),
    .init("9875 2", ["Cache-Groups: \"a\\\"b\\\\\""], ["a\"b\\"]),
    .init("9875 2", ["Cache-Groups: a"], []),
    .init("9875 2", ["Cache-Groups: \"a\", b"], []),
    .init("9875 2", ["Cache-Groups: \"a"], []),
    .init("9875 2", ["Cache-Groups: \"a\" \"b\""], []),
    .init("9875 2", ["Cache-Groups: \"\u{e9}\""], []),
    .init("9875 2", ["Cache-Groups: (\"a\")"], []),
    .init("9875 2", ["Cache-Groups: \"a\"", "Cache-Tag: a, b"], ["a", "b"]),
]
