import ProxyCore

private func cc(_ value: String) -> String { "Cache-Control: " + value }
private func cdn(_ value: String) -> String { "CDN-Cache-Control: " + value }

private let tag = "ETag: \"a\""
private let modified = "Last-Modified: " + date(-1000)

/// RFC 9111 §4.2.1: who says for how long a response is fresh. All have a validator, so that those
/// that are not fresh are stored too.
let lifetimeCases: [StorageCase] = [
    .init("4.2.1", [tag, cc("max-age=60")], "ttl=60"),
    .init("4.2.1", [tag, cc("s-maxage=60")], "ttl=60 never-stale shared"),
    .init("4.2.1", [tag, cc("max-age=1, s-maxage=60")], "ttl=60 never-stale shared"),
    .init("4.2.1", [tag, cc("s-maxage=1, max-age=60")], "ttl=1 never-stale shared"),
    .init("4.2.1", [tag, cc("max-age=60"), cc("s-maxage=1")], "ttl=1 never-stale shared"),
    .init("4.2.1", [tag, cc("s-maxage=0, max-age=60")], "ttl=0 never-stale shared"),
    .init("4.2.1", [tag, "Expires: " + date(60)], "ttl=60"),
    .init("4.2.1", [tag, "Expires: " + date(60), "Date: " + date(-20)], "ttl=80 age=20"),
    .init("4.2.1", [tag, "Expires: " + date(60), "Date: " + date(20)], "ttl=40"),
    .init("4.2.1", [tag, "Expires: " + date(60), "Date: x"], "ttl=60"),
    .init("4.2.1", [tag, "Expires: " + date(300), "Date: " + date(400)], "ttl=0"),
    .init("4.2.1", [tag, "Expires: " + date(0), "Date: " + date(0)], "ttl=0"),
    .init("5.3", [tag, cc("max-age=60"), "Expires: " + date(-60)], "ttl=60"),
    .init("5.3", [tag, cc("max-age=60"), "Expires: 0"], "ttl=60"),
    .init("5.3", [tag, cc("max-age=0"), "Expires: " + date(60)], "ttl=0"),
    .init("5.3", [tag, cc("s-maxage=60"), "Expires: 0"], "ttl=60 never-stale shared"),
    .init("4.2.1", [tag, cc("foobar, max-age=60")], "ttl=60"),
    .init("5.2", [tag, cc("MaX-aGe=60")], "ttl=60"),
    .init("5.2", [tag, cc("S-MAXAGE=60")], "ttl=60 never-stale shared"),
    .init("5.2", [tag, "cache-control: max-age=60"], "ttl=60"),

    // Dates (RFC 9110 §5.6.7).
    .init("5.3", [tag, "Expires: 0"], "ttl=0"),
    .init("5.3", [tag, "Expires: -1"], "ttl=0"),
    .init("5.3", [tag, "Expires:"], "ttl=0"),
    .init("9110 5.6.7", [tag, "Expires: Wednesday, 01-Jan-25 00:01:00 GMT"], "ttl=60"),
    .init("9110 5.6.7", [tag, "Expires: Wed Jan  1 00:01:00 2025"], "ttl=60"),
    .init("9110 5.6.7", [tag, "Expires: Wed, 01 Jan 2025 00:01:00 UTC"], "ttl=0"),
    .init("9110 5.6.7", [tag, "Expires: Wed 01 Jan 2025 00:01:00 GMT"], "ttl=0"),
    .init("9110 5.6.7", [tag, "Expires: Wed, 01 Jan 25 00:01:00 GMT"], "ttl=0"),
    .init("9110 5.6.7", [tag, "Expires: Wed, 01  Jan  2025 00:01:00 GMT"], "ttl=0"),
    .init("9110 5.6.7", [tag, "Expires: Wed, 01-Jan-2025 00:01:00 GMT"], "ttl=0"),
    .init("9110 5.6.7", [tag, "Expires: Wed, 01 Jan 2025 00.01.00 GMT"], "ttl=0"),
    .init("9110 5.6.7", [tag, "Expires: Wed, 01 Jan 2025 0:01:00 GMT"], "ttl=0"),
    .init("9110 5.6.7", [tag, "Expires: Wed, 01 Jan 9999 00:00:00 GMT"], "ttl=2147483648"),
    .init("4.2.1", [tag, "Expires: " + date(60), "Expires: " + date(60)], "ttl=60"),
    .init("4.2.1", [tag, "Expires: " + date(60), "Expires: " + date(90)], "ttl=0"),

    // Numbers (§1.2.2) and duplicates (§4.2.1).
    .init("1.2.2", [tag, cc("max-age=0060")], "ttl=60"),
    .init("1.2.2", [tag, cc("max-age=2147483647")], "ttl=2147483647"),
    .init("1.2.2", [tag, cc("max-age=2147483648")], "ttl=2147483648"),
    .init("1.2.2", [tag, cc("max-age=2147483649")], "ttl=2147483648"),
    .init("1.2.2", [tag, cc("max-age=99999999999")], "ttl=2147483648"),
    .init("1.2.2", [tag, cc("max-age=99999999999999999999999")], "ttl=2147483648"),
    .init("4.2.1", [tag, cc("max-age=a60")], "ttl=0"),
    .init("4.2.1", [tag, cc("max-age=60a")], "ttl=0"),
    .init("4.2.1", [tag, cc("max-age=60.0")], "ttl=0"),
    .init("4.2.1", [tag, cc("max-age=60.5")], "ttl=0"),
    .init("4.2.1", [tag, cc("max-age=-60")], "ttl=0"),
    .init("4.2.1", [tag, cc("max-age=+60")], "ttl=0"),
    .init("4.2.1", [tag, cc("max-age=")], "ttl=0"),
    .init("4.2.1", [tag, cc("max-age")], "ttl=0"),
    .init("4.2.1", [tag, cc("max-age=\"\"")], "ttl=0"),
    .init("5.2", [tag, cc("max-age=\"60\"")], "ttl=60"),
    .init("5.2", [tag, cc("max-age=\"60")], "no_store"),
    .init("5.2", [tag, cc("max-age=\"60\"x")], "ttl=0"),
    .init("5.2", [tag, cc("max-age='60'")], "ttl=0"),
    .init("5.2", [tag, cc("max-age =60")], "ttl=0"),
    .init("5.2", [tag, cc("max-age= 60")], "ttl=0"),
    .init("5.2", [tag, cc("max-age=60 x")], "ttl=0"),
    .init("5.2", [tag, cc("max-age=60;s-maxage=90")], "ttl=0"),
    .init("5.2", [tag, cc("x=\"max-age=60\", max-age=1")], "ttl=1"),
    .init("5.2", [tag, cc("max-age=1, x=\"max-age=60\"")], "ttl=1"),
    .init("5.2", [tag, cc("x=\"max-age=60\", max-age=\"1\"")], "ttl=1"),
    .init("4.2.1", [tag, cc("max-age=60, max-age=60")], "ttl=60"),
    .init("4.2.1", [tag, cc("max-age=60, max-age=1")], "ttl=0"),
    .init("4.2.1", [tag, cc("max-age=1"), cc("max-age=60")], "ttl=0"),
    .init("4.2.1", [tag, cc("max-age=60, max-age=x, max-age=60")], "ttl=0"),
    .init("4.2.1", [tag, cc("s-maxage=60, s-maxage=90, max-age=9")], "ttl=0 never-stale"),
    .init("4.2.1", [tag, cc("s-maxage=x, max-age=60")], "ttl=0 never-stale"),
    .init("4.2.1", [tag, cc("max-age=60, no-cache")], "ttl=60 validate never-stale"),
    .init("5.2", [tag, cc("=, max-age=60, =5, \"x\"")], "ttl=60"),
    .init("5.4", [tag, cc("max-age=60"), "Pragma: no-cache"], "ttl=60"),
    .init("5.4", [tag, modified, "Pragma: no-cache"], "ttl=100 heuristic"),

    // no-cache with field names.
    .init("5.2.2.4", [tag, cc("max-age=60, no-cache=\"a, b\"")], "ttl=60"),
    .init("5.2.2.4", [tag, cc("max-age=60, no-cache=a")], "ttl=60"),
    .init("5.2.2.4", [tag, cc("max-age=60, no-cache=\"\"")], "ttl=60 validate never-stale"),
    .init("5.2.2.4", [tag, cc("max-age=60, no-cache=\"a b\"")], "ttl=60 validate never-stale"),
    .init("5.2.2.4", [tag, cc("max-age=60, no-cache=")], "ttl=60 validate never-stale"),
    .init(
        "5.2.2.4", [tag, cc("max-age=60, no-cache=\"a\", no-cache")], "ttl=60 validate never-stale"),

    // What is known besides.
    .init("8246 2", [tag, cc("max-age=60, immutable")], "ttl=60 immutable"),
    .init("5.2.2.8", [tag, cc("max-age=60, proxy-revalidate")], "ttl=60 never-stale"),
    .init("5861 3", [tag, cc("max-age=60, stale-while-revalidate=30")], "ttl=60 swr=30"),
    .init("5861 4", [tag, cc("max-age=60, stale-if-error=30")], "ttl=60 sie=30"),
    .init("5861 4", [tag, cc("max-age=60, stale-if-error=x")], "ttl=60"),
    .init(
        "5861 3", [tag, cc("max-age=60, stale-while-revalidate=1, stale-while-revalidate=2")],
        "ttl=60"),
    .init(
        "4.2.4",
        [tag, cc("max-age=60, must-revalidate, stale-if-error=30, stale-while-revalidate=30")],
        "ttl=60 never-stale shared"),
    .init(
        "4.2.4", [tag, cc("s-maxage=60, stale-while-revalidate=30")], "ttl=60 never-stale shared"),
    .init(
        "4.2.4", [tag, cc("max-age=60, no-cache, stale-if-error=30")], "ttl=60 validate never-stale"
    ),
]

/// RFC 9213: CDN-Cache-Control takes the place of Cache-Control and Expires, if it is valid.
let targetedCases: [StorageCase] = [
    .init("9213 2.2", [tag, cdn("max-age=60")], "ttl=60"),
    .init("9213 2.2", [tag, cc("max-age=1"), cdn("max-age=60")], "ttl=60"),
    .init("9213 2.2", [tag, cc("max-age=60"), cdn("max-age=1")], "ttl=1"),
    .init("9213 2.2", [tag, cc("s-maxage=60, no-cache"), cdn("max-age=1")], "ttl=1"),
    .init("9213 2.2", [tag, cc("no-store"), cdn("max-age=60")], "ttl=60"),
    .init("9213 2.2", [tag, cc("private"), cdn("max-age=60")], "ttl=60"),
    .init("9213 2.2", [tag, cc("max-age=60"), cdn("no-store")], "no_store"),
    .init("9213 2.2", [tag, cc("max-age=60"), cdn("private")], "private"),
    .init("9213 2.2", [tag, cc("max-age=60"), cdn("private=\"x\"")], "private"),
    .init("9213 2.2", [tag, cc("max-age=60"), cdn("no-cache")], "ttl=0 validate never-stale"),
    .init(
        "9213 2.2", [tag, cc("max-age=60"), cdn("max-age=60, must-revalidate")],
        "ttl=60 never-stale shared"),
    .init("9213 2.2", [tag, cdn("max-age=60"), "Expires: 0"], "ttl=60"),
    .init("9213 2.2", [tag, cdn("max-age=0"), "Expires: " + date(60)], "ttl=0"),
    .init("9213 2.2", [tag, cdn("foo"), "Expires: " + date(60)], "ttl=0"),
    .init("9213 2.2", [tag, cdn("none"), cc("max-age=60")], "ttl=0"),
    .init("9213 2.2", 403, [tag, cdn("foo"), "Expires: " + date(60)], "not_cacheable"),
    .init("9213 2.2", [tag, cdn("foobar, max-age=60")], "ttl=60"),
    .init("9213 2.2", [tag, cdn("s-maxage=60, max-age=1")], "ttl=60 never-stale shared"),
    .init(
        "9213 2.2", [tag, cdn("max-age=60, stale-if-error=9, stale-while-revalidate=8")],
        "ttl=60 swr=8 sie=9"),
    .init(
        "9213 2.2", [tag, cdn("max-age=60, immutable, proxy-revalidate")],
        "ttl=60 never-stale immutable"),
    .init("9213 2.2", 299, [tag, cdn("max-age=60, must-understand")], "unsupported"),
    .init("9213 2.2", [cdn("max-age=60"), "Age: 61"], "useless"),
    .init(
        "3.5", [tag, cc("max-age=1"), cdn("public, max-age=60")],
        to: ["GET /a", "Authorization: x"], "ttl=60 shared"),
    .init(
        "3.5", [tag, cc("public"), cdn("max-age=60")], to: ["GET /a", "Authorization: x"],
        "authorization"),
    .init("9213 2.1", [tag, cdn("max-age=2147483648")], "ttl=2147483648"),
    .init("9213 2.1", [tag, cdn("max-age=99999999999")], "ttl=2147483648"),
    .init("9213 2.1", [tag, cdn("max-age=60;x=1;y")], "ttl=60"),
    .init("9213 2.1", [tag, cdn("max-age=1, max-age=60")], "ttl=60"),
    .init("9213 2.1", [tag, cdn("max-age=1"), cdn("max-age=60")], "ttl=60"),
    .init("9213 2.1", [tag, cdn("max-age=60, no-store=?0")], "ttl=60"),
    .init("9213 2.1", [tag, cdn("max-age=60, no-store=1")], "no_store"),
    .init("9213 2.1", [tag, cc("max-age=60"), cdn("max-age=\"60\"")], "ttl=0"),
    .init("9213 2.1", [tag, cc("max-age=60"), cdn("max-age=60.5")], "ttl=0"),
    .init("9213 2.1", [tag, cc("max-age=60"), cdn("max-age=-1")], "ttl=0"),
    .init("9213 2.1", [tag, cc("max-age=60"), cdn("max-age")], "ttl=0"),
    // Invalid or empty: as if it were not there.
    .init("9213 2.1", [tag, cc("max-age=1"), cdn("")], "ttl=1"),
    .init("9213 2.1", [tag, cc("max-age=1"), cdn("max-age=60, &&&&&")], "ttl=1"),
    .init("9213 2.1", [tag, cc("no-store"), cdn("max-age=60, &&&&&")], "no_store"),
    .init("9213 2.1", [tag, cc("max-age=1"), cdn("max-age =60")], "ttl=1"),
    .init("9213 2.1", [tag, cc("max-age=1"), cdn("max-age= 60")], "ttl=1"),
    .init("9213 2.1", [tag, cc("max-age=1"), cdn("MaX-aGe=60")], "ttl=1"),
    .init("9213 2.1", [tag, cc("max-age=1"), cdn("max-age=60,")], "ttl=1"),
    .init("9213 2.1", [tag, cc("max-age=1"), cdn("max-age=1234567890123456")], "ttl=1"),
    .init("9213 2.1", [tag, cdn("&"), "Expires: " + date(60)], "ttl=60"),
    .init("9213 2.2", [tag, "Surrogate-Control: max-age=60"], "ttl=0"),
]

/// RFC 9111 §4.2.2: lifetimes that nobody named.
let heuristicCases: [StorageCase] = [
    .init("4.2.2", [modified], "ttl=100 heuristic"),
    .init("4.2.2", [modified, "Date: " + date(-100)], "ttl=90 age=100 heuristic"),
    .init("4.2.2", ["Last-Modified: " + date(-10 * 86_400)], "ttl=86400 heuristic"),
    .init("4.2.2", ["Last-Modified: " + date(-100 * 86_400)], "ttl=86400 heuristic"),
    .init("4.2.2", ["Last-Modified: " + date(-5)], "ttl=0 heuristic"),
    .init("4.2.2", ["Last-Modified: " + date(500)], "ttl=0 heuristic"),
    .init("4.2.2", ["Last-Modified: x", tag], "ttl=0"),
    .init("4.2.2", [modified, cc("max-age=5")], "ttl=5"),
    .init("4.2.2", [modified, cc("max-age=x")], "ttl=0"),
    .init("4.2.2", [modified, "Expires: 0"], "ttl=0"),
    .init("4.2.2", [modified, cc("public")], "ttl=100 heuristic shared"),
    .init("4.2.2", [modified, cc("no-cache")], "ttl=100 validate never-stale heuristic"),
    .init("4.2.2", [modified, cdn("foo")], "ttl=100 heuristic"),
    .init("4.2.2", [modified], to: ["GET /a?b=c"], "ttl=0"),
    .init("4.2.2", [modified], to: ["GET /a?"], "ttl=100 heuristic"),
    .init(
        "4.2.2", [modified], to: ["GET /a?b=c"], "ttl=100 heuristic",
        settings { $0.heuristicForQuery = true }),
    .init("4.2.2", [modified, cc("max-age=5")], to: ["GET /a?b=c"], "ttl=5"),
    .init("9110 15.1", 203, [modified], "ttl=100 heuristic"),
    .init("9110 15.1", 204, [modified], "ttl=100 heuristic"),
    .init("9110 15.1", 300, [modified], "ttl=100 heuristic"),
    .init("9110 15.1", 301, [modified], "ttl=100 heuristic"),
    .init("9110 15.1", 308, [modified], "ttl=100 heuristic"),
    .init("9110 15.1", 404, [modified], "ttl=100 negative heuristic"),
    .init("9110 15.1", 405, [modified], "ttl=100 heuristic"),
    .init("9110 15.1", 410, [modified], "ttl=100 negative heuristic"),
    .init("9110 15.1", 414, [modified], "ttl=100 heuristic"),
    .init("9110 15.1", 501, [modified], "ttl=100 negative heuristic"),
    .init("9110 15.1", 201, [modified], "not_cacheable"),
    .init("9110 15.1", 303, [modified], "not_cacheable"),
    .init("9110 15.1", 307, [modified], "not_cacheable"),
    .init("9110 15.1", 400, [modified], "not_cacheable"),
    .init("9110 15.1", 500, [modified], "not_cacheable"),
    .init("9110 15.1", 503, [modified], "not_cacheable"),
    .init("9110 15.1", 504, [modified], "not_cacheable"),
]

/// RFC 9111 §4.2.3 and §5.1: how old a response is when it comes.
let ageCases: [StorageCase] = [
    .init("4.2.3", [tag, cc("max-age=60"), "Date: " + date(0)], "ttl=60"),
    .init("4.2.3", [tag, cc("max-age=60"), "Date: " + date(-7)], "ttl=60 age=7"),
    .init("4.2.3", [tag, cc("max-age=60"), "Date: " + date(7)], "ttl=60"),
    .init("4.2.3", [tag, cc("max-age=60"), "Age: 7"], "ttl=60 age=7"),
    .init("4.2.3", [tag, cc("max-age=60"), "Age: 7", "Date: " + date(-9)], "ttl=60 age=9"),
    .init("4.2.3", [tag, cc("max-age=60"), "Age: 9", "Date: " + date(-7)], "ttl=60 age=9"),
    .init("5.1", [tag, cc("max-age=60"), "Age: abc"], "ttl=60"),
    .init("5.1", [tag, cc("max-age=60"), "Age: -7"], "ttl=60"),
    .init("5.1", [tag, cc("max-age=60"), "Age: 7.0"], "ttl=60"),
    .init("5.1", [tag, cc("max-age=60"), "Age: +7"], "ttl=60"),
    .init("5.1", [tag, cc("max-age=60"), "Age: \"7\""], "ttl=60"),
    .init("5.1", [tag, cc("max-age=60"), "Age:"], "ttl=60"),
    .init("5.1", [tag, cc("max-age=60"), "Age: 007"], "ttl=60 age=7"),
    .init("5.1", [tag, cc("max-age=60"), "Age: 7, 0"], "ttl=60 age=7"),
    .init("5.1", [tag, cc("max-age=60"), "Age: 7", "Age: 0"], "ttl=60 age=7"),
    .init("5.1", [tag, cc("max-age=60"), "Age: 0, 7"], "ttl=60"),
    .init("5.1", [tag, cc("max-age=60"), "Age: 0", "Age: 7"], "ttl=60"),
    .init("5.1", [tag, cc("max-age=60"), "Age:", "Age: 7"], "ttl=60 age=7"),
    .init("5.1", [tag, cc("max-age=60"), "Age: x, 7"], "ttl=60"),
    .init("5.1", [tag, cc("max-age=60"), "Age: 99999999999999999999"], "ttl=60 age=2147483648"),
]

/// What the settings of a route change.
let settingCases: [StorageCase] = [
    .init("caching", 404, [], "ttl=10 negative"),
    .init("caching", 410, [], "ttl=10 negative"),
    .init("caching", 404, [], "ttl=3 negative", settings { $0.negativeTTLSeconds = 3 }),
    .init("caching", 404, [], "useless", settings { $0.negativeTTLSeconds = 0 }),
    .init("caching", 404, [cc("max-age=60")], "ttl=60 negative"),
    .init("caching", 404, [cc("max-age=0")], "useless"),
    .init("caching", 404, [modified], to: ["GET /a?b"], "ttl=10 negative"),
    .init("caching", 403, [], "not_cacheable"),
    .init("caching", 503, [], "not_cacheable"),
    .init("caching", 503, [], "ttl=1 negative", settings { $0.errorTTLSeconds = 1 }),
    .init("caching", 503, [], "ttl=1 negative", settings { $0.errorTTLSeconds = 60 }),
    .init("caching", 503, [cc("max-age=5")], "ttl=5 negative", settings { $0.errorTTLSeconds = 1 }),
    .init("caching", 499, [], "not_cacheable", settings { $0.errorTTLSeconds = 1 }),
    .init("caching", [], "ttl=30", settings { $0.statusTTLSeconds = [200: 30] }),
    .init("caching", 403, [], "ttl=30", settings { $0.statusTTLSeconds = [403: 30] }),
    .init("caching", 403, [], "not_cacheable", settings { $0.statusTTLSeconds = [200: 30] }),
    .init("caching", [modified], "ttl=30", settings { $0.statusTTLSeconds = [200: 30] }),
    .init("caching", [cc("max-age=5")], "ttl=5", settings { $0.statusTTLSeconds = [200: 30] }),
    .init("caching", [cc("no-store")], "no_store", settings { $0.statusTTLSeconds = [200: 30] }),
    .init("caching", 404, [], "ttl=30 negative", settings { $0.statusTTLSeconds = [404: 30] }),
    .init("caching", 429, [], "status", settings { $0.statusTTLSeconds = [429: 30] }),
    .init("caching", [cc("max-age=5")], "ttl=60", settings { $0.ttlMinSeconds = 60 }),
    .init("caching", [cc("max-age=90")], "ttl=90", settings { $0.ttlMinSeconds = 60 }),
    .init("caching", [cc("max-age=0"), tag], "ttl=0", settings { $0.ttlMinSeconds = 60 }),
    .init(
        "caching", [cc("max-age=5, must-revalidate")], "ttl=5 never-stale shared",
        settings { $0.ttlMinSeconds = 60 }),
    .init("caching", [cc("no-store, max-age=5")], "no_store", settings { $0.ttlMinSeconds = 60 }),
    .init("caching", [cc("private, max-age=5")], "private", settings { $0.ttlMinSeconds = 60 }),
    .init(
        "caching", [cc("no-cache, max-age=5"), tag], "ttl=5 validate never-stale",
        settings { $0.ttlMinSeconds = 60 }),
    .init("caching", 404, [], "ttl=60 negative", settings { $0.ttlMinSeconds = 60 }),
    .init("caching", [cc("max-age=90")], "ttl=60", settings { $0.ttlMaxSeconds = 60 }),
    .init(
        "caching", [cc("s-maxage=90")], "ttl=60 never-stale shared",
        settings { $0.ttlMaxSeconds = 60 }),
    .init("caching", [cc("max-age=5")], "ttl=5", settings { $0.ttlMaxSeconds = 60 }),
    .init(
        "caching", [cc("max-age=5")], "ttl=40",
        settings {
            $0.ttlMinSeconds = 60; $0.ttlMaxSeconds = 40
        }),
    .init(
        "caching", [cc("max-age=60")], "ttl=60 swr=9",
        settings { $0.staleWhileRevalidateSeconds = 9 }),
    .init(
        "caching", [cc("max-age=60, stale-while-revalidate=30")], "ttl=60",
        settings { $0.staleWhileRevalidateSeconds = 0 }),
    .init("caching", [cc("max-age=60, stale-while-revalidate=99999")], "ttl=60 swr=86400"),
    .init(
        "caching", [cc("max-age=60, stale-while-revalidate=99")], "ttl=60 swr=50",
        settings { $0.staleWhileRevalidateMaxSeconds = 50 }),
    .init("caching", [cc("max-age=60, stale-if-error=9999999")], "ttl=60 sie=604800"),
    .init("caching", [cc("max-age=60")], "ttl=60 sie=9", settings { $0.staleIfErrorSeconds = 9 }),
    .init(
        "caching", [cc("max-age=60")], "ttl=60 sie=50",
        settings {
            $0.staleIfErrorSeconds = 99; $0.staleIfErrorMaxSeconds = 50
        }),
    .init(
        "caching", [cc("max-age=60, must-revalidate")], "ttl=60 never-stale shared",
        settings {
            $0.staleIfErrorSeconds = 9; $0.staleWhileRevalidateSeconds = 9
        }),
    .init(
        "caching", [cc("s-maxage=60")], "ttl=60 never-stale shared",
        settings { $0.staleIfErrorSeconds = 9 }),
]
