import ProxyCore
import Testing

/// A stored response, a newer answer about it, and what is stored then.
struct UpdateCase: Sendable, CustomTestStringConvertible {
    var section: String
    /// Fields of the stored response, besides `Cache-Control: max-age=60`.
    var stored: [String]
    /// Status and fields of the newer answer.
    var status: UInt16
    var fields: [String]
    /// The stored lines after it, without Date; "not selected", "ignore" or "invalidate".
    var expected: [String]
    var settings: CacheSettings

    init(
        _ section: String, _ stored: [String], _ fields: [String], status: UInt16 = 304,
        _ expected: [String], _ settings: CacheSettings = CacheSettings()
    ) {
        self.section = section
        self.stored = stored
        self.status = status
        self.fields = fields
        self.expected = expected
        self.settings = settings
    }

    var testDescription: String {
        "§\(section) \(stored) updated by \(status) \(fields) → \(expected)"
    }
}

private let control = "Cache-Control: max-age=60"
private let tag = "ETag: \"a\""
private let modified = "Last-Modified: " + date(-1000)
private let later = "Last-Modified: " + date(-500)

let notModifiedCases: [UpdateCase] = [
    // §4.3.4: which stored response a 304 is about.
    .init("4.3.4", [tag], [tag], [control, tag]),
    .init("4.3.4", [tag], ["ETag: \"b\""], ["not selected"]),
    .init("4.3.4", [tag], ["ETag: W/\"a\""], [control, "ETag: W/\"a\""]),
    .init("4.3.4", [tag], ["ETag: W/\"b\""], ["not selected"]),
    .init("4.3.4", ["ETag: W/\"a\""], [tag], ["not selected"]),
    .init("4.3.4", ["ETag: W/\"a\""], ["ETag: W/\"a\""], [control, "ETag: W/\"a\""]),
    .init("4.3.4", [modified], [tag], ["not selected"]),
    .init("4.3.4", [modified], [modified], [control, modified]),
    .init("4.3.4", [modified], [later], ["not selected"]),
    .init("4.3.4", [modified], ["Last-Modified: x"], ["not selected"]),
    .init("4.3.4", [tag, modified], [tag, later], [control, tag, later]),
    .init("4.3.4", [tag, modified], ["ETag: \"b\"", modified], ["not selected"]),
    .init("4.3.4", [tag, modified], [modified], [control, tag, modified]),
    .init("4.3.4", [tag], [later], [control, tag, later]),
    .init("4.3.4", [tag], [], [control, tag]),
    .init("4.3.4", [modified], [], [control, modified]),
    .init(
        "4.3.4", [modified], ["Last-Modified: Tuesday, 31-Dec-24 23:43:20 GMT"],
        [control, "Last-Modified: Tuesday, 31-Dec-24 23:43:20 GMT"]),

    // §3.2: which fields it updates.
    .init("3.2", [tag, "A: 1"], [tag, "A: 2"], [control, tag, "A: 2"]),
    .init("3.2", [tag, "A: 1", "B: 1"], [tag, "A: 2"], [control, "B: 1", tag, "A: 2"]),
    .init("3.2", [tag, "A: 1", "a: 2", "B: 1"], [tag, "A: 3"], [control, "B: 1", tag, "A: 3"]),
    .init("3.2", [tag, "A: 1"], [tag, "a: 2", "A: 3"], [control, tag, "a: 2", "A: 3"]),
    .init("3.2", [tag], [tag, "New: 1"], [control, tag, "New: 1"]),
    .init("3.2", [tag], [tag, "Cache-Control: max-age=9"], [tag, "Cache-Control: max-age=9"]),
    .init("3.2", [tag], [tag, "Expires: " + date(9)], [control, tag, "Expires: " + date(9)]),
    .init(
        "3.2", [tag, "Content-Type: a/b"], [tag, "Content-Type: c/d"],
        [control, tag, "Content-Type: c/d"]),
    .init(
        "3.2", [tag, "Content-Location: /b"], [tag, "Content-Location: /c"],
        [control, tag, "Content-Location: /c"]),
    .init(
        "3.2", [tag, "Content-Security-Policy: a"], [tag, "Content-Security-Policy: b"],
        [control, tag, "Content-Security-Policy: b"]),
    .init("3.2", [tag], [tag, "Content-Length: 99"], [control, tag]),
    .init(
        "3.2", [tag, "Content-Encoding: gzip"], [tag, "Content-Encoding: br"],
        [control, "Content-Encoding: gzip", tag]),
    .init("3.2", [tag], [tag, "Content-Encoding: br"], [control, tag]),
    .init("3.2", [tag], [tag, "Content-Range: bytes 0-4/5"], [control, tag]),
    .init("3.1", [tag], [tag, "Connection: x", "X: 1", "Keep-Alive: 5"], [control, tag]),
    .init("3.1", [tag], [tag, "Proxy-Authenticate: a", "Upgrade: b", "Age: 9"], [control, tag]),
    .init(
        "3.1", [tag], [tag, "Transfer-Encoding: chunked", "TE: x", "Trailer: y"], [control, tag]),
    .init(
        "3.1", [tag, "X: 1"], [tag, "X: 2"], [control, tag],
        settings { $0.dropFields = [Array("x".utf8)] }),
    .init("7.3", [tag], [tag, "Set-Cookie: a=b"], [control, tag]),
    .init(
        "7.3", [tag], [tag, "Set-Cookie: a=b", "Cache-Control: public, max-age=9"],
        [tag, "Set-Cookie: a=b", "Cache-Control: public, max-age=9"]),
    .init(
        "7.3", [tag], [tag, "Set-Cookie: a=b", "Cache-Control: public, max-age=9"],
        [tag, "Cache-Control: public, max-age=9"], settings { $0.setCookie = .drop }),
    .init(
        "5.2.2.4", [tag, "A: 1"], [tag, "A: 2", "Cache-Control: max-age=9, no-cache=\"a\""],
        [tag, "Cache-Control: max-age=9, no-cache=\"a\""]),
    .init("4.1", [tag, "Vary: Foo"], [tag, "Vary: Bar"], [control, tag, "Vary: Bar"]),
]

private let ok = ["Content-Length: 5"]

/// Answers to HEAD about a stored 200 with a body of 5 bytes.
let headUpdateCases: [UpdateCase] = [
    .init("4.3.5", [tag], [tag] + ok, status: 200, [control, tag]),
    .init("4.3.5", [tag], [tag, "A: 2"] + ok, status: 200, [control, tag, "A: 2"]),
    .init("4.3.5", ["A: 1", tag], ["A: 2"] + ok, status: 200, [control, tag, "A: 2"]),
    .init("4.3.5", ["A: 1"], ["B: 2"] + ok, status: 200, [control, "A: 1", "B: 2"]),
    .init("4.3.5", [tag], ["X-Close: 1"], status: 200, [control, tag, "X-Close: 1"]),
    .init("4.3.5", [tag], ["Content-Length: 6", tag], status: 200, ["invalidate"]),
    .init("4.3.5", [tag], ["ETag: \"b\""] + ok, status: 200, ["invalidate"]),
    .init("4.3.5", [tag], ["ETag: W/\"a\""] + ok, status: 200, ["invalidate"]),
    .init("4.3.5", [], [tag] + ok, status: 200, ["invalidate"]),
    .init("4.3.5", [modified], [modified] + ok, status: 200, [control, modified]),
    .init("4.3.5", [modified], [later] + ok, status: 200, ["invalidate"]),
    .init("4.3.5", [tag], [tag, modified] + ok, status: 200, ["invalidate"]),
    .init("4.3.5", [tag, modified], [tag, later] + ok, status: 200, ["invalidate"]),
    .init("4.3.5", [tag], [tag] + ok, status: 404, ["ignore"]),
    .init("4.3.5", [tag], [tag] + ok, status: 410, ["ignore"]),
    .init("4.3.5", [tag], [tag] + ok, status: 500, ["ignore"]),
    .init("4.3.5", [tag], [tag] + ok, status: 203, ["ignore"]),
    .init("4.3.5", [tag], [tag], status: 304, ["ignore"]),
]

/// What is stored of the fields of a response (§3.1).
let storedFieldCases: [UpdateCase] = [
    .init("3.1", ["A: 1", "B: 2", "a: 3"], [], ["A: 1", "B: 2", "a: 3"]),
    .init("3.1", ["Connection: a, B", "A: 1", "b: 2", "C: 3"], [], ["C: 3"]),
    .init("3.1", ["Connection: close", "A: 1"], [], ["A: 1"]),
    .init(
        "3.1", ["Connection: ETag, Vary", "ETag: \"a\"", "Vary: b"], [], ["ETag: \"a\"", "Vary: b"]),
    .init("3.1", ["Keep-Alive: 5", "TE: x", "Trailer: y", "Upgrade: z", "A: 1"], [], ["A: 1"]),
    .init("3.1", ["Proxy-Connection: x", "Proxy-Authenticate: x", "A: 1"], [], ["A: 1"]),
    .init("3.1", ["Proxy-Authentication-Info: x", "Proxy-Authorization: x", "A: 1"], [], ["A: 1"]),
    .init("3.1", ["PROXY-Foo: x", "Proxy: 1", "A: 1"], [], ["Proxy: 1", "A: 1"]),
    .init("3.1", ["Transfer-Encoding: chunked", "A: 1"], [], ["A: 1"]),
    .init("3.1", ["Content-Length: 3", "A: 1"], [], ["A: 1"]),
    .init("4.2.3", ["Age: 3", "A: 1"], [], ["A: 1"]),
    .init("3.1", ["A:   1  ", "B:"], [], ["A: 1", "B: "]),
    .init(
        "3.1", ["X-Content-Foo: 1", "WWW-Authenticate: x", "Clear-Site-Data: \"x\""], [],
        ["X-Content-Foo: 1", "WWW-Authenticate: x", "Clear-Site-Data: \"x\""]),
    .init("9211 2", ["Cache-Status: origin; hit"], [], ["Cache-Status: origin; hit"]),
    .init("5.5", ["Warning: 199 - \"x\""], [], ["Warning: 199 - \"x\""]),
    .init(
        "5.2.2.4", ["Cache-Control: no-cache=\"A, b\"", "a: 1", "B: 2", "C: 3"], [],
        ["Cache-Control: no-cache=\"A, b\"", "C: 3"]),
    .init(
        "caching", ["A: 1", "b: 2"], [], ["A: 1"], settings { $0.dropFields = [Array("b".utf8)] }),
    .init("7.3", ["Set-Cookie: a=b", "A: 1"], [], ["A: 1"], settings { $0.setCookie = .drop }),
    .init(
        "7.3", ["Cache-Control: public", "Set-Cookie: a=b", "Set-Cookie: c=d"], [],
        ["Cache-Control: public", "Set-Cookie: a=b", "Set-Cookie: c=d"]),
]
