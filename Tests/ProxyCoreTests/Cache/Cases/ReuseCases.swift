import ProxyCore
import Testing

/// A stored response, a request some time later, and whether one may answer the other.
struct ReuseCase: Sendable, CustomTestStringConvertible {
    /// Where the specification says so; RFC 9111 unless another one is named.
    var section: String
    /// What stands in Cache-Control of the stored response.
    var control: String
    /// Seconds between the two.
    var seconds: Double
    /// Fields of the request.
    var fields: [String]
    /// A summary of the decision (see `ReuseDecision.summary`).
    var expected: String
    var isSoftPurged: Bool
    var settings: CacheSettings

    init(
        _ section: String, _ control: String, at seconds: Double, to fields: [String] = [],
        _ expected: String, purged: Bool = false, _ settings: CacheSettings = CacheSettings()
    ) {
        self.section = section
        self.control = control
        self.seconds = seconds
        self.fields = fields
        self.expected = expected
        isSoftPurged = purged
        self.settings = settings
    }

    var testDescription: String {
        "§\(section) \(control) at \(seconds) \(fields)\(isSoftPurged ? " purged" : "")"
            + " → \(expected)"
    }
}

extension ReuseDecision {
    /// "fresh 5/55" for age and remaining lifetime, "stale 70/-10 swr sie client" with what is allowed,
    /// "validate reason" with "or-stale" if it may serve on errors.
    var summary: String {
        switch self {
        case .fresh(let age, let ttl): return "fresh \(age)/\(ttl)"
        case .stale(let age, let ttl, let use):
            var parts = ["stale \(age)/\(ttl)"]
            if use.mayServeWhileRevalidating { parts.append("swr") }
            if use.mayServeOnError { parts.append("sie") }
            if use.allowedByClient { parts.append("client") }
            return parts.joined(separator: " ")
        case .validate(let reason, _, _, let mayServeOnError):
            return "validate \(reason.rawValue)" + (mayServeOnError ? " or-stale" : "")
        }
    }
}

private func cc(_ value: String) -> [String] { ["Cache-Control: " + value] }

private let ignoring = settings { $0.requestDirectives = .ignore }

let reuseCases: [ReuseCase] = [
    // §4.2: fresh while the lifetime is greater than the age.
    .init("4.2", "max-age=60", at: 0, "fresh 0/60"),
    .init("4.2", "max-age=60", at: 59, "fresh 59/1"),
    .init("4.2", "max-age=60", at: 59.9, "fresh 59/1"),
    .init("4.2", "max-age=60", at: 60, "stale 60/0"),
    .init("4.2", "max-age=60", at: 61, "stale 61/-1"),
    .init("4.2.3", "max-age=60", at: -100, "fresh 0/60"),
    .init("4.2", "max-age=2147483648", at: 2_147_483_647, "fresh 2147483647/1"),

    // §5.2.2.4: no-cache.
    .init("5.2.2.4", "max-age=60, no-cache", at: 1, "validate response_no_cache"),
    .init("5.2.2.4", "max-age=60, no-cache", at: 90, "validate response_no_cache"),
    .init("5.2.2.4", "max-age=60, no-cache=\"a\"", at: 1, "fresh 1/59"),
    .init(
        "5.2.2.4", "max-age=60, no-cache, stale-if-error=99", at: 1,
        to: cc("max-stale, stale-if-error=99"), "validate response_no_cache"),

    // RFC 5861: windows after the lifetime.
    .init("5861 3", "max-age=60, stale-while-revalidate=30", at: 60, "stale 60/0 swr"),
    .init("5861 3", "max-age=60, stale-while-revalidate=30", at: 89, "stale 89/-29 swr"),
    .init("5861 3", "max-age=60, stale-while-revalidate=30", at: 90, "stale 90/-30"),
    .init("5861 3", "max-age=0, stale-while-revalidate=30", at: 0, "stale 0/0 swr"),
    .init("5861 4", "max-age=60, stale-if-error=30", at: 60, "stale 60/0 sie"),
    .init("5861 4", "max-age=60, stale-if-error=30", at: 89, "stale 89/-29 sie"),
    .init("5861 4", "max-age=60, stale-if-error=30", at: 90, "stale 90/-30"),
    .init(
        "5861 4", "max-age=60, stale-if-error=30, stale-while-revalidate=9", at: 65,
        "stale 65/-5 swr sie"),
    .init("5861 4", "max-age=60", at: 65, to: cc("stale-if-error=9"), "stale 65/-5 sie"),
    .init("5861 4", "max-age=60", at: 69, to: cc("stale-if-error=9"), "stale 69/-9"),
    .init(
        "5861 4", "max-age=60, stale-if-error=30", at: 75, to: cc("stale-if-error=9"),
        "stale 75/-15 sie"),
    .init("5861 4", "max-age=60", at: 65, to: cc("stale-if-error=x"), "stale 65/-5"),
    .init("5861 4", "max-age=60", at: 65, to: cc("stale-if-error=9"), "stale 65/-5", ignoring),
    .init(
        "5861 4", "max-age=60", at: 65, to: cc("stale-if-error=9"), "stale 65/-5",
        settings { $0.staleIfErrorMaxSeconds = 5 }),

    // §4.2.4: where stale is forbidden.
    .init("4.2.4", "max-age=60, must-revalidate", at: 59, "fresh 59/1"),
    .init("4.2.4", "max-age=60, must-revalidate", at: 60, to: cc("max-stale"), "stale 60/0"),
    .init("4.2.4", "max-age=60, proxy-revalidate", at: 60, to: cc("max-stale"), "stale 60/0"),
    .init("4.2.4", "s-maxage=60", at: 60, to: cc("max-stale"), "stale 60/0"),
    .init("4.2.4", "s-maxage=60", at: 60, to: cc("stale-if-error=9"), "stale 60/0"),
    .init("4.2.4", "s-maxage=60, stale-while-revalidate=9, stale-if-error=9", at: 60, "stale 60/0"),

    // §5.2.1.1: max-age.
    .init("5.2.1.1", "max-age=60", at: 10, to: cc("max-age=10"), "fresh 10/50"),
    .init(
        "5.2.1.1", "max-age=60", at: 11, to: cc("max-age=10"), "validate request_max_age or-stale"),
    .init("5.2.1.1", "max-age=60", at: 0, to: cc("max-age=0"), "validate request_max_age or-stale"),
    .init(
        "5.2.1.1", "max-age=60", at: 11, to: cc("max-age=\"10\""),
        "validate request_max_age or-stale"),
    .init("5.2.1.1", "max-age=60", at: 11, to: cc("max-age=x"), "fresh 11/49"),
    .init(
        "5.2.1.1", "max-age=60", at: 11, to: cc("max-age=90, max-age=10"),
        "validate request_max_age or-stale"),
    .init("5.2.1.1", "max-age=60", at: 11, to: cc("max-age=0"), "fresh 11/49", ignoring),
    .init("5.2.1.1", "max-age=60", at: 65, to: cc("max-age=90"), "stale 65/-5"),
    .init(
        "5.2.1.1", "max-age=60, stale-while-revalidate=30", at: 65, to: cc("max-age=90"),
        "stale 65/-5"),
    .init(
        "5.2.1.1", "max-age=60, stale-while-revalidate=30", at: 65,
        to: cc("max-age=90, max-stale=9"),
        "stale 65/-5 swr client"),
    .init("5.2.1.1", "max-age=60", at: 65, to: cc("max-age=62, max-stale=9"), "stale 65/-5"),
    .init("5.2.1.1", "max-age=60", at: 65, to: cc("max-age=0, max-stale"), "stale 65/-5"),

    // §5.2.1.2: max-stale.
    .init("5.2.1.2", "max-age=60", at: 65, to: cc("max-stale"), "stale 65/-5 client"),
    .init("5.2.1.2", "max-age=60", at: 65, to: cc("max-stale=5"), "stale 65/-5 client"),
    .init("5.2.1.2", "max-age=60", at: 66, to: cc("max-stale=5"), "stale 66/-6"),
    .init("5.2.1.2", "max-age=60", at: 66, to: cc("max-stale=5, max-stale=9"), "stale 66/-6"),
    .init("5.2.1.2", "max-age=60", at: 66, to: cc("max-stale=9, max-stale=5"), "stale 66/-6"),
    .init("5.2.1.2", "max-age=60", at: 66, to: cc("max-stale, max-stale=5"), "stale 66/-6"),
    .init("5.2.1.2", "max-age=60", at: 66, to: cc("max-stale=5, max-stale"), "stale 66/-6"),
    .init("5.2.1.2", "max-age=60", at: 65, to: cc("max-stale=x"), "stale 65/-5"),
    .init("5.2.1.2", "max-age=60", at: 65, to: cc("max-stale"), "stale 65/-5", ignoring),
    .init("5.2.1.2", "max-age=60", at: 5, to: cc("max-stale"), "fresh 5/55"),

    // §5.2.1.3: min-fresh.
    .init("5.2.1.3", "max-age=60", at: 10, to: cc("min-fresh=50"), "fresh 10/50"),
    .init(
        "5.2.1.3", "max-age=60", at: 11, to: cc("min-fresh=50"),
        "validate request_min_fresh or-stale"),
    .init(
        "5.2.1.3", "max-age=60", at: 0, to: cc("min-fresh=61"),
        "validate request_min_fresh or-stale"),
    .init(
        "5.2.1.3", "max-age=60", at: 11, to: cc("min-fresh=50, min-fresh=5"),
        "validate request_min_fresh or-stale"),
    .init("5.2.1.3", "max-age=60", at: 11, to: cc("min-fresh=50"), "fresh 11/49", ignoring),
    .init(
        "5.2.1.3", "max-age=60, stale-while-revalidate=30", at: 65, to: cc("min-fresh=1"),
        "stale 65/-5"
    ),
    .init("5.2.1.3", "max-age=60", at: 65, to: cc("min-fresh=1, max-stale"), "stale 65/-5"),

    // §5.2.1.4 and §5.4: no-cache.
    .init("5.2.1.4", "max-age=60", at: 1, to: cc("no-cache"), "validate request_no_cache or-stale"),
    .init("5.2.1.4", "max-age=60", at: 1, to: cc("NO-cache"), "validate request_no_cache or-stale"),
    .init("5.2.1.4", "max-age=60", at: 61, to: cc("no-cache"), "validate request_no_cache"),
    .init(
        "5.2.1.4", "max-age=60, stale-if-error=9", at: 61, to: cc("no-cache"),
        "validate request_no_cache or-stale"),
    .init(
        "5.2.1.4", "max-age=60, stale-while-revalidate=9", at: 61, to: cc("no-cache, max-stale"),
        "validate request_no_cache"),
    .init("5.2.1.4", "max-age=60", at: 1, to: cc("no-cache"), "fresh 1/59", ignoring),
    .init("5.2.1.4", "max-age=60", at: 1, to: cc("x=\"no-cache\""), "fresh 1/59"),
    .init(
        "5.2.1.4", "s-maxage=60", at: 1, to: cc("no-cache"), "validate request_no_cache or-stale"),
    .init(
        "5.2.1.4", "s-maxage=60, stale-if-error=9", at: 61, to: cc("no-cache"),
        "validate request_no_cache"),
    .init(
        "5.4", "max-age=60", at: 1, to: ["Pragma: no-cache"], "validate request_no_cache or-stale"),
    .init(
        "5.4", "max-age=60", at: 1, to: ["Pragma: a, No-Cache"],
        "validate request_no_cache or-stale"),
    .init("5.4", "max-age=60", at: 1, to: ["Pragma: x"], "fresh 1/59"),
    .init(
        "5.4", "max-age=60", at: 1, to: ["Pragma: no-cache", "Cache-Control: max-age=9"],
        "fresh 1/59"),
    .init("5.4", "max-age=60", at: 1, to: ["Pragma: no-cache", "Cache-Control:"], "fresh 1/59"),
    .init("5.4", "max-age=60", at: 1, to: ["Pragma: no-cache"], "fresh 1/59", ignoring),
    .init("5.2.1.5", "max-age=60", at: 1, to: cc("no-store"), "fresh 1/59"),
    .init("5.2.1.6", "max-age=60", at: 1, to: cc("no-transform"), "fresh 1/59"),
    .init("5.2.1.7", "max-age=60", at: 1, to: cc("only-if-cached"), "fresh 1/59"),
    .init("5.2.1.7", "max-age=60", at: 61, to: cc("only-if-cached"), "stale 61/-1"),

    // RFC 8246: immutable.
    .init("8246 2", "max-age=60, immutable", at: 1, to: cc("max-age=0"), "fresh 1/59"),
    .init(
        "8246 2", "max-age=60, immutable", at: 1, to: cc("no-cache"),
        "validate request_no_cache or-stale"),
    .init("8246 2", "max-age=60, immutable", at: 61, to: cc("max-age=0"), "stale 61/-1"),
    .init(
        "8246 2", "max-age=60, immutable", at: 1, to: cc("min-fresh=90"),
        "validate request_min_fresh or-stale"),

    // §3.5 the other way round, and §4.3.2.
    .init("3.5", "max-age=60", at: 1, to: ["Authorization: x"], "validate authorization"),
    .init("3.5", "max-age=60, public", at: 1, to: ["Authorization: x"], "fresh 1/59"),
    .init("3.5", "max-age=60, must-revalidate", at: 1, to: ["Authorization: x"], "fresh 1/59"),
    .init("3.5", "s-maxage=60", at: 1, to: ["Authorization: x"], "fresh 1/59"),
    .init("4.3.2", "max-age=60", at: 1, to: ["If-Match: \"a\""], "validate precondition"),
    .init(
        "4.3.2", "max-age=60", at: 1, to: ["If-Unmodified-Since: " + date(0)],
        "validate precondition"),
    .init("4.3.2", "max-age=60", at: 1, to: ["If-None-Match: \"a\""], "fresh 1/59"),
    .init("4.3.2", "max-age=60", at: 1, to: ["If-Modified-Since: " + date(0)], "fresh 1/59"),
    .init("9110 14.2", "max-age=60", at: 1, to: ["Range: bytes=0-1"], "fresh 1/59"),
    .init("caching", "max-age=60", at: 1, to: ["Cookie: a=b"], "fresh 1/59"),

    // Soft purge.
    .init("caching", "max-age=60", at: 1, "stale 1/0 sie", purged: true),
    .init("caching", "max-age=60", at: 59, "stale 59/0 sie", purged: true),
    .init("caching", "max-age=60", at: 61, "stale 61/-1", purged: true),
    .init("caching", "max-age=60, stale-if-error=9", at: 61, "stale 61/-1 sie", purged: true),
    .init("caching", "max-age=60, stale-while-revalidate=9", at: 1, "stale 1/0 sie", purged: true),
    .init("caching", "max-age=60", at: 1, to: cc("max-stale"), "stale 1/0 sie", purged: true),
    .init("caching", "max-age=60, must-revalidate", at: 1, "stale 1/0", purged: true),
    .init("caching", "max-age=60, no-cache", at: 1, "validate response_no_cache", purged: true),
    .init(
        "caching", "max-age=60", at: 1, to: cc("no-cache"), "validate request_no_cache or-stale",
        purged: true),
    .init("caching", "max-age=60", at: 1, to: cc("max-age=0"), "stale 1/0 sie", purged: true),
]

/// What a request says: the line, then fields; words of `CacheRequest.summary`.
struct RequestCase: Sendable, CustomTestStringConvertible {
    var section: String
    var request: [String]
    var expected: String
    var settings: CacheSettings

    init(
        _ section: String, _ request: [String], _ expected: String,
        _ settings: CacheSettings = CacheSettings()
    ) {
        self.section = section
        self.request = request
        self.expected = expected
        self.settings = settings
    }

    var testDescription: String { "§\(section) \(request) → \(expected)" }
}

let requestCases: [RequestCase] = [
    .init("3", ["GET /a"], "lookup"),
    .init("3", ["HEAD /a"], "lookup head"),
    .init("3", ["POST /a"], "method unsafe"),
    .init("3", ["PUT /a", "Content-Length: 1"], "method unsafe"),
    .init("3", ["DELETE /a"], "method unsafe"),
    .init("3", ["PATCH /a"], "method unsafe"),
    .init("9110 9.2.1", ["M-SEARCH /a"], "method unsafe"),
    .init("9110 9.2.1", ["get /a"], "method unsafe"),
    .init("9110 9.2.1", ["OPTIONS /a"], "method"),
    .init("9110 9.2.1", ["TRACE /a"], "method"),
    .init("9110 9.3.1", ["GET /a", "Content-Length: 1"], "method"),
    .init("9110 9.3.2", ["HEAD /a", "Content-Length: 1"], "method head"),
    .init("caching", ["GET /a"], "bypass", settings { $0.isOn = false }),
    .init("caching", ["POST /a"], "bypass unsafe", settings { $0.isOn = false }),
    .init("5.2.1", ["GET /a", "Cache-Control: no-cache"], "lookup no-cache"),
    .init("5.2.1", ["GET /a", "Cache-Control: no-store"], "lookup no-store"),
    .init(
        "5.2.1", ["GET /a", "Cache-Control: only-if-cached"], "lookup only-if-cached"),
    .init(
        "5.2.1", ["GET /a", "Cache-Control: no-cache x, no-store=1"], "lookup no-cache no-store"),
    .init(
        "5.2.1", ["GET /a", "Cache-Control: no-store, no-cache", "Cache-Control: only-if-cached"],
        "lookup no-cache no-store only-if-cached"),
    .init(
        "5.2.1", ["GET /a", "Cache-Control: no-store, no-cache, only-if-cached"], "lookup no-store",
        settings { $0.requestDirectives = .ignore }),
    .init("3.5", ["GET /a", "Authorization: x"], "lookup authorization"),
    .init("9110 14.2", ["GET /a", "Range: bytes=0-1"], "lookup range"),
    .init("4.3.2", ["GET /a", "If-None-Match: *"], "lookup conditions"),
    .init("4.3.2", ["GET /a", "If-Modified-Since: x"], "lookup conditions"),
    .init("4.3.2", ["GET /a", "If-Match: *"], "lookup preconditions"),
    .init("4.3.2", ["GET /a", "If-Unmodified-Since: x"], "lookup preconditions"),
    .init("5.2.1", ["GET /a", "Cookie: a=b", "Accept: a"], "lookup"),
]

extension CacheRequest {
    var summary: String {
        var parts = ["\(use)"]
        if noCache { parts.append("no-cache") }
        if noStore { parts.append("no-store") }
        if onlyIfCached { parts.append("only-if-cached") }
        if isHead { parts.append("head") }
        if hasAuthorization { parts.append("authorization") }
        if hasRange { parts.append("range") }
        if hasConditions { parts.append("conditions") }
        if hasOtherPreconditions { parts.append("preconditions") }
        if isUnsafe { parts.append("unsafe") }
        return parts.joined(separator: " ")
    }
}
