import ProxyCore
import Testing

/// An answer, and what the cache keeps of it.
struct StorageCase: Sendable, CustomTestStringConvertible {
    /// Where the specification says so; RFC 9111 unless another one is named.
    var section: String
    var status: UInt16
    var fields: [String]
    /// The request it answers: the line, then fields.
    var request: [String]
    /// A summary (see `StoredMetadata.summary`), or the reason why it is refused.
    var expected: String
    var settings: CacheSettings

    init(
        _ section: String, _ fields: [String], to request: [String] = ["GET /a"],
        _ expected: String, _ settings: CacheSettings = CacheSettings()
    ) {
        self.init(section, 200, fields, to: request, expected, settings)
    }

    init(
        _ section: String, _ status: UInt16, _ fields: [String],
        to request: [String] = ["GET /a"], _ expected: String,
        _ settings: CacheSettings = CacheSettings()
    ) {
        self.section = section
        self.status = status
        self.fields = fields
        self.request = request
        self.expected = expected
        self.settings = settings
    }

    var testDescription: String {
        "§\(section) \(status) \(fields) to \(request) → \(expected)"
    }
}

private func cc(_ value: String) -> String { "Cache-Control: " + value }

private let fresh = "Cache-Control: max-age=60"
private let modified = "Last-Modified: " + date(-1000)

/// RFC 9111 §3: what is stored.
let storabilityCases: [StorageCase] = [
    // The request method is understood.
    .init("3", [fresh], "ttl=60"),
    .init("3", [fresh], to: ["HEAD /a"], "method"),
    .init("3", [fresh], to: ["POST /a"], "method"),
    .init("3", [fresh], to: ["PUT /a", "Content-Length: 0"], "method"),
    .init("3", [fresh], to: ["OPTIONS /a"], "method"),
    .init("3", [fresh], to: ["PURGE /a"], "method"),
    .init("9110 9.3.1", [fresh], to: ["GET /a", "Content-Length: 3"], "method"),
    .init("9110 9.3.1", [fresh], to: ["GET /a", "Content-Length: 0"], "ttl=60"),
    .init("9110 9.3.1", [fresh], to: ["GET /a", "Transfer-Encoding: chunked"], "method"),
    .init("3", [fresh], "bypass", settings { $0.isOn = false }),
    .init("3", [fresh], to: ["POST /a"], "bypass", settings { $0.isOn = false }),

    // The status is final, and one that may be stored.
    .init("3", 100, [fresh], "status"),
    .init("3", 103, [fresh], "status"),
    .init("3.3", 206, [fresh, "Content-Range: bytes 0-4/9"], "partial"),
    .init("9110 15.4.5", 304, [fresh], "status"),
    .init("9110 15.5.8", 407, [fresh], "status"),
    .init("9110 15.5.13", 412, [fresh], "status"),
    .init("9110 15.5.17", 416, [fresh, "Content-Range: bytes */9"], "status"),
    .init("9110 15.5.18", 417, [fresh], "status"),
    .init("6585 3", 428, [fresh], "status"),
    .init("6585 4", 429, [fresh], "status"),
    .init("6585 5", 431, [fresh], "status"),
    .init("6585 6", 511, [fresh], "status"),
    .init("3", 299, [fresh], "ttl=60"),
    .init("3", 499, [fresh], "ttl=60"),
    .init("3", 599, [fresh], "ttl=60 negative"),
    .init("3", 201, [fresh], "ttl=60"),
    .init("3", 302, [fresh], "ttl=60"),
    .init("3", 303, [fresh], "ttl=60"),
    .init("3", 307, [fresh], "ttl=60"),
    .init("3", 308, [fresh], "ttl=60"),
    .init("3", 400, [fresh], "ttl=60"),
    .init("3", 401, [fresh], "ttl=60"),
    .init("3", 500, [fresh], "ttl=60 negative"),
    .init("3", 503, [fresh], "ttl=60 negative"),
    .init("9110 14.2", [fresh], to: ["GET /a", "Range: bytes=0-1"], "ttl=60"),

    // must-understand.
    .init("5.2.2.3", [cc("must-understand, no-store, max-age=60")], "ttl=60"),
    .init("5.2.2.3", [cc("no-store, max-age=60, must-understand")], "ttl=60"),
    .init("5.2.2.3", 404, [cc("must-understand, no-store, max-age=60")], "ttl=60 negative"),
    .init("5.2.2.3", 299, [cc("must-understand, no-store, max-age=60")], "unsupported"),
    .init("5.2.2.3", 299, [cc("must-understand, max-age=60")], "unsupported"),
    .init("5.2.2.3", 599, [cc("must-understand, max-age=60")], "unsupported"),
    .init("5.2.2.3", [cc("must-understand, private, max-age=60")], "private"),
    .init("5.2.2.3", [cc("must-understand x, no-store, max-age=60")], "no_store"),

    // no-store.
    .init("5.2.2.5", [cc("no-store")], "no_store"),
    .init("5.2.2.5", [cc("No-StOrE, max-age=60")], "no_store"),
    .init("5.2.2.5", [fresh, cc("no-store")], "no_store"),
    .init("5.2.2.5", [cc("public, no-store, max-age=60")], "no_store"),
    .init("5.2.2.5", [cc("no-store=x, max-age=60")], "no_store"),
    .init("5.2.2.5", [cc("no-store ; x, max-age=60")], "no_store"),
    .init("5.2.2.5", [cc(",, no-store ,")], "no_store"),
    .init("5.2.2.5", [cc("max-age=60, x=\"no-store\"")], "ttl=60"),
    .init("5.2.2.5", [cc("max-age=60, x=\"a, no-store, b\"")], "ttl=60"),
    .init("5.2.2.5", [cc("max-age=60, x=\"\\\", no-store, \"")], "ttl=60"),
    .init("5.2.2.5", [cc("max-age=60, x=\"a, no-store")], "no_store"),
    .init("5.2.2.5", [cc("max-age=60, no-stored")], "ttl=60"),
    .init("5.2.2.5", [cc("max-age=60, xno-store")], "ttl=60"),
    .init("5.2.1.5", [fresh], to: ["GET /a", "Cache-Control: no-store"], "request_no_store"),
    .init("5.2.1.5", [fresh], to: ["GET /a", "cache-control: x, NO-STORE"], "request_no_store"),
    .init(
        "5.2.1.5", [fresh], to: ["GET /a", "Cache-Control: no-store"], "request_no_store",
        settings { $0.requestDirectives = .ignore }),
    .init("5.2.1.4", [fresh], to: ["GET /a", "Cache-Control: no-cache"], "ttl=60"),
    .init("5.2.1.5", [fresh], to: ["GET /a", "Pragma: no-store"], "ttl=60"),

    // private.
    .init("5.2.2.7", [cc("private, max-age=60")], "private"),
    .init("5.2.2.7", [cc("PRIVATE, max-age=60")], "private"),
    .init("5.2.2.7", [cc("private=\"set-cookie\", max-age=60")], "private"),
    .init("5.2.2.7", [cc("private, public, s-maxage=60")], "private"),
    .init("5.2.2.7", [cc("max-age=60, x=private")], "ttl=60"),

    // Authorization.
    .init("3.5", [fresh], to: ["GET /a", "Authorization: Bearer x"], "authorization"),
    .init(
        "3.5", ["Expires: " + date(60)], to: ["GET /a", "Authorization: Bearer x"],
        "authorization"),
    .init(
        "3.5", [cc("public, max-age=60")], to: ["GET /a", "Authorization: x"], "ttl=60 shared"),
    .init(
        "3.5", [cc("must-revalidate, max-age=60")], to: ["GET /a", "Authorization: x"],
        "ttl=60 never-stale shared"),
    .init(
        "3.5", [cc("s-maxage=60")], to: ["GET /a", "Authorization: x"],
        "ttl=60 never-stale shared"),
    .init("3.5", [cc("s-maxage=x")], to: ["GET /a", "Authorization: x"], "authorization"),
    .init(
        "3.5", [cc("proxy-revalidate, max-age=60")], to: ["GET /a", "Authorization: x"],
        "authorization"),
    .init(
        "3.5", [cc("public x, max-age=60")], to: ["GET /a", "Authorization: x"], "authorization"),
    .init("3.5", [fresh], to: ["GET /a", "Cookie: a=b"], "ttl=60"),

    // Set-Cookie.
    .init("7.3", [fresh, "Set-Cookie: a=b"], "set_cookie"),
    .init("7.3", [cc("public, max-age=60"), "Set-Cookie: a=b"], "ttl=60 shared"),
    .init("7.3", [cc("s-maxage=60"), "Set-Cookie: a=b"], "ttl=60 never-stale shared"),
    .init("7.3", [cc("max-age=60, no-cache=\"Set-Cookie\""), "Set-Cookie: a=b"], "ttl=60"),
    .init(
        "7.3", [fresh, "Set-Cookie: a=b"], "ttl=60", settings { $0.setCookie = .drop }),
    .init(
        "7.3", [fresh, "Set-Cookie: a=b"], "ttl=60",
        settings { $0.dropFields = [Array("set-cookie".utf8)] }),
    .init(
        "7.3", [cc("public, max-age=60"), "Set-Cookie: a=b"], "set_cookie",
        settings { $0.setCookie = .never }),
    .init("7.3", [fresh], "ttl=60", settings { $0.setCookie = .never }),

    // Something marks the response as cacheable.
    .init("3", ["ETag: \"a\""], "ttl=0"),
    .init("3", 201, ["ETag: \"a\""], "not_cacheable"),
    .init("3", 202, [modified], "not_cacheable"),
    .init("3", 302, [modified], "not_cacheable"),
    .init("3", 403, ["ETag: \"a\"", modified], "not_cacheable"),
    .init("3", 502, [modified], "not_cacheable"),
    .init("3", 599, [modified], "not_cacheable"),
    .init("3", 599, [cc("public"), modified], "ttl=100 negative heuristic shared"),
    .init("3", 403, [cc("public"), "ETag: \"a\""], "ttl=0 shared"),
    .init("3", 403, ["Expires: " + date(60)], "ttl=60"),
    .init("3", 403, [cc("s-maxage=60")], "ttl=60 never-stale shared"),

    // Complete, and of a size that is stored.
    .init("3.3", [fresh, "X-Close: 1"], "close_delimited"),
    .init("3.3", [fresh, "Transfer-Encoding: chunked"], "ttl=60"),
    .init("3.3", 204, [fresh], "ttl=60"),
    .init("3.3", [fresh, "Content-Length: 9"], "ttl=60", settings { $0.bodyBytesMax = 9 }),
    .init("3.3", [fresh, "Content-Length: 10"], "too_large", settings { $0.bodyBytesMax = 9 }),
    .init("3.3", [fresh], "too_large", settings { $0.bodyBytesMax = -1 }),

    // Vary.
    .init("4.1", [fresh, "Vary: *"], "vary_star"),
    .init("4.1", [fresh, "Vary: a, *"], "vary_star"),
    .init("4.1", [fresh, "Vary: *, a"], "vary_star"),
    .init("4.1", [fresh, "Vary: , *"], "vary_star"),
    .init("4.1", [fresh, "Vary: *, *"], "vary_star"),
    .init("4.1", [fresh, "Vary: a", "Vary: *"], "vary_star"),
    .init("4.1", [fresh, "Vary:", "Vary: *"], "vary_star"),
    .init("4.1", [fresh, "Vary: a b"], "vary_star"),
    .init("4.1", [fresh, "Vary: a"], "ttl=60"),
    .init("4.1", [fresh, "Vary: *a"], "ttl=60"),
    .init("4.1", [fresh, "Vary: ,"], "ttl=60"),
    .init("4.1", [fresh, "Vary: " + (1...16).map { "a\($0)" }.joined(separator: ",")], "ttl=60"),
    .init(
        "4.1", [fresh, "Vary: " + (1...17).map { "a\($0)" }.joined(separator: ",")], "vary_star"),

    // Of some use.
    .init("3", [], "useless"),
    .init("3", [cc("max-age=0")], "useless"),
    .init("3", [cc("no-cache, max-age=60")], "useless"),
    .init("3", [cc("max-age=60"), "Age: 60"], "useless"),
    .init("3", [cc("max-age=60"), "Age: 59"], "ttl=60 age=59"),
    .init("3", [cc("max-age=0"), "ETag: \"a\""], "ttl=0"),
    .init("3", [cc("max-age=0"), modified], "ttl=0"),
    .init("3", [cc("max-age=0"), "Last-Modified: x"], "useless"),
    .init("3", [cc("no-cache"), "ETag: W/\"a\""], "ttl=0 validate never-stale weak"),
    .init("3", [cc("max-age=0, stale-if-error=9")], "ttl=0 sie=9"),
    .init("3", [cc("max-age=0, stale-while-revalidate=9")], "ttl=0 swr=9"),
    .init("3", [cc("max-age=0, must-revalidate, stale-if-error=9")], "useless"),
]
