import ProxyCore
import Testing

/// A request and its key: host, a blank, target, and LF and what else is selected. Nil: bypass.
struct KeyCase: Sendable, CustomTestStringConvertible {
    var section: String
    var target: String
    var fields: [String]
    var expected: String?
    var rules: KeyRules

    init(
        _ section: String, _ target: String, with fields: [String] = [], _ expected: String?,
        _ change: (inout KeyRules) -> Void = { _ in }
    ) {
        self.section = section
        self.target = target
        self.fields = fields
        self.expected = expected
        rules = KeyRules()
        change(&rules)
    }

    var testDescription: String { "§\(section) \(target) \(fields) → \(expected ?? "bypass")" }
}

/// That many parameters, in the order of their names.
private func ascending(_ count: Int) -> String {
    (0..<count).map { "k\($0 + 10)" }.joined(separator: "&")
}

/// The same in the opposite order.
private func descending(_ count: Int) -> String {
    (0..<count).reversed().map { "k\($0 + 10)" }.joined(separator: "&")
}

private func names(_ names: String...) -> [[UInt8]] { names.map { Array($0.utf8) } }

let keyCases: [KeyCase] = [
    // Host.
    .init("9110 4.2.3", "/a", with: ["Host: EXAMPLE.com"], "example.com /a"),
    .init("9110 4.2.3", "/a", with: ["Host: h:80"], "h /a"),
    .init("9110 4.2.3", "/a", with: ["Host: h:443"], "h /a"),
    .init("9110 4.2.3", "/a", with: ["Host: h:"], "h /a"),
    .init("9110 4.2.3", "/a", with: ["Host: h:8080"], "h:8080 /a"),
    .init("9110 4.2.3", "/a", with: ["Host: h:0080"], "h:0080 /a"),
    .init("9110 4.2.3", "/a", with: ["Host: 80"], "80 /a"),
    .init("9110 4.2.3", "/a", with: ["Host: [::1]:80"], "[::1] /a"),
    .init("9110 4.2.3", "/a", with: ["Host: [2001:DB8::80]"], "[2001:db8::80] /a"),
    .init("9110 4.2.3", "http://X.y:80/a", "x.y /a"),
    .init("9110 4.2.3", "http://x.y", "x.y /"),
    .init("9110 4.2.3", "http://x.y?b", "x.y /?b"),
    .init("9110 4.2.3", "/", "h /"),

    // Percent-encoding (RFC 3986 §6.2.2).
    .init("3986 6.2.2.2", "/%61%7A%41%5a%30%39%2D%2e%5F%7e", "h /azAZ09-._~"),
    .init("3986 6.2.2.1", "/%c3%a9%2f%3f%25", "h /%C3%A9%2F%3F%25"),
    .init("3986 6.2.2.2", "/%2561", "h /%2561"),
    .init("3986 6.2.2.1", "/a%", "h /a%"),
    .init("3986 6.2.2.1", "/a%4", "h /a%4"),
    .init("3986 6.2.2.1", "/a%zz%4G", "h /a%zz%4G"),
    .init("3986 6.2.2.1", "/A", "h /A"),
    .init("3986 6.2.2.2", "/a?%62=%2b%2B+", "h /a?b=%2B%2B+"),

    // Dot segments (RFC 3986 §6.2.2.3).
    .init("3986 5.2.4", "/a/./b", "h /a/b"),
    .init("3986 5.2.4", "/a/b/..", "h /a/"),
    .init("3986 5.2.4", "/a/b/../", "h /a/"),
    .init("3986 5.2.4", "/a/b/.", "h /a/b/"),
    .init("3986 5.2.4", "/a/b/c/./../../g", "h /a/g"),
    .init("3986 5.2.4", "/../../a", "h /a"),
    .init("3986 5.2.4", "/..", "h /"),
    .init("3986 5.2.4", "/.", "h /"),
    .init("3986 5.2.4", "/a/%2e%2E/b", "h /b"),
    .init("3986 5.2.4", "/a//../b", "h /a/b"),
    .init("3986 5.2.4", "/.a/..b/...", "h /.a/..b/..."),
    .init("3986 5.2.4", "/a?../b", "h /a?../b"),
    .init("3986 6.2.2.3", "/a//b", "h /a//b"),
    .init("3986 6.2.2.3", "/a/", "h /a/"),

    // Query.
    .init("caching", "/a?", "h /a"),
    .init("caching", "/a?b", "h /a?b"),
    .init("caching", "/a?b=", "h /a?b="),
    .init("caching", "/a?b&&c", "h /a?b&&c"),
    .init("caching", "/a??", "h /a??"),
    .init("caching", "/a?z=1&a=2", "h /a?z=1&a=2"),
    .init("caching", "/a?callback=f", nil),
    .init("caching", "/a?x=1&callback=f&y", nil),
    .init("caching", "/a?callback", nil),
    .init("caching", "/a?c%61llback=f", nil),
    .init("caching", "/a?callbacks=f", "h /a?callbacks=f"),
    .init("caching", "/a?Callback=f", "h /a?Callback=f"),
    .init("caching", "/a?x=callback", "h /a?x=callback"),
    .init("caching", "/a?x=callback=1", "h /a?x=callback=1"),
    .init("caching", "/a?access_token=t", nil),
    .init("caching", "/a?access%5Ftoken=t", nil),
    .init("caching", "/a?callback=f", "h /a?callback=f") { $0.bypassQuery = [] },
    .init("caching", "/a?b[]=f", nil) { $0.bypassQuery = names("b[]") },
    .init("caching", "/a?b%5b%5D=f", nil) { $0.bypassQuery = names("b[]") },
    .init("caching", "/callback=f", "h /callback=f"),

    // Rules of a route.
    .init("caching", "/a?z=1&b=2&a=3", "h /a?a=3&b=2&z=1") { $0.sortQuery = true },
    .init("caching", "/a?b=2&a=1&b=1", "h /a?a=1&b=2&b=1") { $0.sortQuery = true },
    .init("caching", "/a?ab&a", "h /a?a&ab") { $0.sortQuery = true },
    .init("caching", "/a?a-=1&a=2", "h /a?a=2&a-=1") { $0.sortQuery = true },
    .init("caching", "/a?&b&&a&", "h /a?a&b") { $0.sortQuery = true },
    .init("caching", "/a?&", "h /a") { $0.sortQuery = true },
    .init("caching", "/a?b", "h /a?b") { $0.sortQuery = true },
    .init("caching", "/a?b&callback=x", nil) { $0.sortQuery = true },
    .init("caching", "/a?" + descending(32), "h /a?" + ascending(32)) { $0.sortQuery = true },
    .init("caching", "/a?" + descending(33), "h /a?" + descending(33)) { $0.sortQuery = true },
    .init("caching", "/a?utm_source=x&b=1&utm_=y", "h /a?b=1") { $0.ignoreQuery = names("utm_*") },
    .init("caching", "/a?utm=x&b=1", "h /a?utm=x&b=1") { $0.ignoreQuery = names("utm_*") },
    .init("caching", "/a?b=1&c=2", "h /a?c=2") { $0.ignoreQuery = names("b") },
    .init("caching", "/a?bb=1", "h /a?bb=1") { $0.ignoreQuery = names("b") },
    .init("caching", "/a?utm_a&utm_b", "h /a") { $0.ignoreQuery = names("utm_*") },
    .init("caching", "/a?b&c", "h /a") { $0.ignoreQuery = names("*") },
    .init("caching", "/a?b=1&c=2&d=3", "h /a?b=1&d=3") { $0.onlyQuery = names("d", "b") },
    .init("caching", "/a?b=1&c=2", "h /a") { $0.onlyQuery = [] },
    .init("caching", "/a?ba=1&bb=2&c", "h /a?ba=1") {
        $0.onlyQuery = names("b*")
        $0.ignoreQuery = names("bb")
    },
    .init("caching", "/a?d&c&b&a", "h /a?a&b&d") {
        $0.sortQuery = true
        $0.ignoreQuery = names("c")
    },

    // Fields and cookies.
    .init("caching", "/a", with: ["X-Site: MLA"], "h /a\nx-site:MLA") {
        $0.fields = names("x-site")
    },
    .init("caching", "/a", with: ["x-site:  1 , 2"], "h /a\nx-site:1,2") {
        $0.fields = names("x-site")
    },
    .init("caching", "/a", "h /a\nx-site") { $0.fields = names("x-site") },
    .init("caching", "/a", with: ["X-Site:"], "h /a\nx-site:") { $0.fields = names("x-site") },
    .init("caching", "/a", with: ["Accept: a"], "h /a\naccept:a\nx") {
        $0.fields = names("accept", "x")
    },
    .init("caching", "/a", with: ["Cookie: a=1; b=2"], "h /a\nb=2") { $0.cookies = names("b") },
    .init("caching", "/a", with: ["Cookie: a=1", "Cookie: b=2"], "h /a\nb=2") {
        $0.cookies = names("b")
    },
    .init("caching", "/a", with: ["Cookie: ab=1; b"], "h /a\nb") { $0.cookies = names("b") },
    .init("caching", "/a", with: ["Cookie: b=; b=3"], "h /a\nb=") { $0.cookies = names("b") },
    .init("caching", "/a", with: ["Cookie: B=1"], "h /a\nb") { $0.cookies = names("b") },
    .init("caching", "/a", "h /a\nb") { $0.cookies = names("b") },
    .init("caching", "/a", with: ["Cookie: a=1;b=2=3 ;"], "h /a\nb=2=3") {
        $0.cookies = names("b")
    },
]
