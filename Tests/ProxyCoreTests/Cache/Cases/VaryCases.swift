import Testing

/// Two requests, and whether a response to the first with that Vary answers the second.
struct VaryCase: Sendable, CustomTestStringConvertible {
    var section: String
    var vary: String
    var first: [String]
    var second: [String]
    var matches: Bool

    init(
        _ section: String, _ vary: String, _ first: [String], _ second: [String], _ matches: Bool
    ) {
        self.section = section
        self.vary = vary
        self.first = first
        self.second = second
        self.matches = matches
    }

    var testDescription: String {
        "§\(section) Vary: \(vary) \(first) \(matches ? "=" : "≠") \(second)"
    }
}

private func coding(_ value: String) -> [String] { ["Accept-Encoding: " + value] }
private func language(_ value: String) -> [String] { ["Accept-Language: " + value] }
private func foo(_ value: String) -> [String] { ["Foo: " + value] }

let varyCases: [VaryCase] = [
    .init("4.1", "", foo("1"), foo("2"), true),
    .init("4.1", "Foo", foo("1"), foo("1"), true),
    .init("4.1", "Foo", foo("1"), foo("2"), false),
    .init("4.1", "foo", ["FOO: 1"], ["fOo: 1"], true),
    .init("4.1", "Foo", foo("1"), [], false),
    .init("4.1", "Foo", [], foo("1"), false),
    .init("4.1", "Foo", [], [], true),
    .init("4.1", "Foo", ["Foo:"], ["Foo:"], true),
    .init("4.1", "Foo", ["Foo:"], [], false),
    .init("4.1", "Foo", [], ["Foo:"], false),
    .init("4.1", "Foo", foo("1") + ["Other: 2"], foo("1") + ["Other: 3"], true),
    .init("4.1", "Foo, Bar", foo("1") + ["Bar: a"], ["Bar: a"] + foo("1"), true),
    .init("4.1", "Foo, Bar", foo("1") + ["Bar: a"], foo("1") + ["Bar: b"], false),
    .init("4.1", "Foo, Bar", foo("1") + ["Bar: a"], foo("2") + ["Bar: a"], false),
    .init("4.1", "Foo, Bar", foo("1") + ["Bar: a"], foo("1"), false),
    .init("4.1", "Foo, Bar", foo("1"), foo("1"), true),
    .init("4.1", "Foo, Bar, Foo", foo("1"), foo("1"), true),
    .init("4.1", "Foo,, ,Bar,", foo("1"), foo("2"), false),
    .init("4.1", "Foo\r\nVary: Bar", foo("1") + ["Bar: a"], foo("1") + ["Bar: b"], false),

    // White space and lines.
    .init("4.1", "Foo", foo("1,2"), foo(" 1, 2 "), true),
    .init("4.1", "Foo", foo("1,2"), foo("1\t ,\t 2"), true),
    .init("4.1", "Foo", foo("1, 2"), foo("1") + foo("2"), true),
    .init("4.1", "Foo", foo("1") + foo("2"), foo("2") + foo("1"), false),
    .init("4.1", "Foo", foo("1") + ["X: y"] + foo("2"), foo("1,2"), true),
    .init("4.1", "Foo", foo("1,2"), foo("2,1"), false),
    .init("4.1", "Foo", foo("1,2"), foo("12"), false),
    .init("4.1", "Foo", foo("a b"), foo("a  b"), false),
    .init("4.1", "Foo", foo("a b"), foo("a b"), true),
    .init("4.1", "Foo", foo("a b"), foo("ab"), false),
    .init("4.1", "Foo", foo("\"a, b\""), foo("\"a,b\""), false),
    .init("4.1", "Foo", foo("\"a, b\", c"), foo("\"a, b\",c"), true),
    .init("4.1", "Foo", foo("1"), foo("12"), false),
    .init("4.1", "Foo", foo("12"), foo("1"), false),
    .init("4.1", "Foo", foo("a"), foo("A"), false),
    .init("4.1", "Cookie", ["Cookie: a=1, 2"], ["Cookie: a=1,2"], false),
    .init("4.1", "Cookie", ["Cookie: a=1"], ["Cookie: a=1"], true),
    .init("4.1", "User-Agent", ["User-Agent: a (b, c)"], ["User-Agent: a (b,c)"], false),
    .init("4.1", "Origin", ["Origin: https://a"], ["Origin: https://b"], false),
    .init("4.1", "Authorization", ["Authorization: a"], ["Authorization: b"], false),
    .init("4.1", "Accept", ["Accept: a/b , c/d"], ["Accept: a/b,c/d"], true),
    .init("4.1", "Accept", ["Accept: a/b;x=\"Y\""], ["Accept: a/b;x=\"y\""], false),

    // Accept-Language: letter case and white space, no more.
    .init("4.1", "Accept-Language", language("en-GB, es"), language("EN-gb,es"), true),
    .init("4.1", "Accept-Language", language("en, de"), language("de, en"), false),
    .init("4.1", "Accept-Language", language("en;q=0.5"), language("en"), false),
    .init("4.1", "Accept-Language", language("es"), [], false),

    // Accept-Encoding: the set that it accepts (RFC 9110 §12.5.3).
    .init("9110 12.5.3", "Accept-Encoding", coding("gzip, br"), coding("br,gzip"), true),
    .init("9110 12.5.3", "Accept-Encoding", coding("gzip"), coding("GZIP"), true),
    .init("9110 12.5.3", "Accept-Encoding", coding("gzip"), coding("x-gzip"), true),
    .init("9110 12.5.3", "Accept-Encoding", coding("gzip"), coding("gzip;q=0.5"), true),
    .init("9110 12.5.3", "Accept-Encoding", coding("gzip"), coding("gzip ; Q=1.000"), true),
    .init("9110 12.5.3", "Accept-Encoding", coding("gzip"), coding("gzip, br;q=0"), true),
    .init("9110 12.5.3", "Accept-Encoding", coding("gzip"), coding("gzip, br;q=0.000"), true),
    .init("9110 12.5.3", "Accept-Encoding", coding("gzip"), coding("gzip, br;q=0.001"), false),
    .init("9110 12.5.3", "Accept-Encoding", coding("gzip"), coding("gzip, identity"), true),
    .init("9110 12.5.3", "Accept-Encoding", coding("gzip"), coding("gzip, identity;q=0"), false),
    .init("9110 12.5.3", "Accept-Encoding", coding("gzip"), coding("gzip, *;q=0"), false),
    .init(
        "9110 12.5.3", "Accept-Encoding", coding("gzip, *;q=0"), coding("gzip, identity;q=0"),
        true),
    .init("9110 12.5.3", "Accept-Encoding", coding("gzip"), coding("gzip, identity, *;q=0"), true),
    .init("9110 12.5.3", "Accept-Encoding", coding("gzip"), coding("gzip, foo;q=0"), true),
    .init("9110 12.5.3", "Accept-Encoding", coding("gzip"), coding("gzip, foo"), false),
    .init("9110 12.5.3", "Accept-Encoding", coding("foo, gzip"), coding("foo,gzip"), true),
    .init("9110 12.5.3", "Accept-Encoding", coding("foo"), coding(""), false),
    .init("9110 12.5.3", "Accept-Encoding", coding("foo"), coding("bar"), false),
    .init("9110 12.5.3", "Accept-Encoding", coding("gzip, deflate"), coding("gzip"), false),
    .init("9110 12.5.3", "Accept-Encoding", coding("zstd"), coding("br"), false),
    .init("9110 12.5.3", "Accept-Encoding", coding("deflate"), coding("gzip"), false),
    .init("9110 12.5.3", "Accept-Encoding", coding("*"), coding("*;q=0.1"), true),
    .init("9110 12.5.3", "Accept-Encoding", coding("*"), coding("*, br;q=0"), false),
    .init("9110 12.5.3", "Accept-Encoding", coding("*"), coding("gzip, br, deflate, zstd"), false),
    .init(
        "9110 12.5.3", "Accept-Encoding", coding("gzip") + coding("br"), coding("br, gzip"), true),
    .init("9110 12.5.3", "Accept-Encoding", coding(""), coding("identity"), true),
    .init("9110 12.5.3", "Accept-Encoding", coding(""), [], false),
    .init("9110 12.5.3", "Accept-Encoding", [], coding("gzip"), false),
    .init("9110 12.5.3", "Accept-Encoding", [], [], true),
    // Malformed: by its text.
    .init("9110 12.5.3", "Accept-Encoding", coding("gzip;q=x"), coding("gzip"), false),
    .init("9110 12.5.3", "Accept-Encoding", coding("gzip;q=x"), coding("GZIP;q=x"), true),
    .init("9110 12.5.3", "Accept-Encoding", coding("gzip;q=2"), coding("gzip"), false),
    .init("9110 12.5.3", "Accept-Encoding", coding("gzip;q=0.0000"), coding("gzip"), false),
    .init("9110 12.5.3", "Accept-Encoding", coding("gzip;q=1x"), coding("gzip"), false),
    .init("9110 12.5.3", "Accept-Encoding", coding("gzip;"), coding("gzip"), false),
    .init("9110 12.5.3", "Accept-Encoding", coding("gzip;x=1"), coding("gzip"), false),
    .init("9110 12.5.3", "Accept-Encoding", coding("gzip br"), coding("gzip"), false),
    .init("9110 12.5.3", "Accept-Encoding", coding(";q=1"), coding(""), false),
]
