import ProxyCore
import Testing

/// A table of routes, each written `METHODS HOSTS TEMPLATE` (lists by comma, `*` for any).
func table(_ routes: [String]) throws -> RouteTable {
    RouteTable(routes: try routes.map { try route($0) })
}

func route(_ text: String, rewrite: PathRewrite? = nil) throws -> RouteSettings {
    let words = text.split(separator: " ").map(String.init)
    var match = MatchSettings(path: try PathTemplate(words[2]))
    if words[0] != "*" {
        match.methods = words[0].split(separator: ",").reduce([]) {
            $0.union(MethodSet(index: MethodSet.index(of: String($1))))
        }
    }
    if words[1] != "*" {
        match.hosts = try words[1].split(separator: ",").map { try HostPattern(String($0)) }
    }
    var route = RouteSettings(
        name: text, match: match, upstream: UpstreamSettings(name: "u", urls: []),
        client: ClientSettings())
    route.rewrite = rewrite
    return route
}

func match(
    _ table: RouteTable, _ path: String, _ method: String = "GET", host: String? = nil
) -> RouteMatch {
    let path = Array(path.utf8)
    guard let host else {
        return table.match(path: path.span, method: MethodSet.index(of: method), host: nil)
    }
    let name = Array(host.utf8)
    return table.match(path: path.span, method: MethodSet.index(of: method), host: name.span)
}

@Suite("Which route takes a request")
struct RouteTableTests {
    static let precedenceTable: [Row<String, Int?>] = [
        Row("/", 9), Row("/items", 4), Row("/items/1", 1), Row("/items/featured", 0),
        Row("/items/", 2), Row("/items//", nil), Row("/items/1/pictures", 3),
        Row("/items/featured/pictures", 3), Row("/items/1/pictures/2", 4), Row("/items/1/other", 4),
        Row("/items/1/pictures/", 4), Row("/items/featured/", 4),
        Row("/categories", 5), Row("/categories/", 5), Row("/categories/a", 5),
        Row("/categories/a/b/c", 5), Row("/categories/top", 6), Row("/categoriesx", 9),
        Row("/a/x/c", 7), Row("/a/b/c", 7), Row("/z/b/c", 8), Row("/z/b/d", 9),
        Row("/%69tems/1", 1), Row("/items/%66eatured", 0), Row("/items/feature%64", 0),
        Row("/ITEMS/1", 9), Row("/items/1?x=/y", 1), Row("/items/featured?/../", 0),
        Row("/items/a%2Fb", 1), Row("/items%2F1", 9), Row("/items/%2e", nil), Row("/items/...", 1),
        Row("/items/.hidden", 1), Row("/items/a..b", 1), Row("/items/a%252e", 1),
        Row("*", 9), Row("/%25", 9), Row("/caf%C3%A9", 10), Row("/caf%c3%a9", 10), Row("/cafe", 9),
        Row("/colon%3A1", 11), Row("/colon:1", 11), Row("/one%2ftwo", 12), Row("/one%2Ftwo", 12),
        Row("/one/two", 9), Row("/100%25", 13),
    ]

    @Test("literal before parameter before * before **", arguments: precedenceTable)
    func precedence(_ row: Row<String, Int?>) throws {
        let table = try table([
            "* * /items/featured", "* * /items/{id}", "* * /items/*", "* * /items/{id}/pictures",
            "* * /items/**", "* * /categories/**", "* * /categories/top", "* * /a/{x}/c",
            "* * /{y}/b/c", "* * /**", "* * /café", "* * /colon:1", "* * /one%2ftwo", "* * /100%25",
        ])
        if let expected = row.output {
            #expect(match(table, row.input) == .route(expected))
        } else {
            guard case .badPath = match(table, row.input) else {
                Issue.record("\(match(table, row.input))")
                return
            }
        }
    }

    static let defectsTable: [Row<String, PathDefect>] = [
        Row("", .notAbsolute), Row("items", .notAbsolute), Row("?x", .notAbsolute),
        Row("http://a/", .notAbsolute), Row("**", .notAbsolute),
        Row("/..", .dotSegment), Row("/.", .dotSegment), Row("/../a", .dotSegment),
        Row("/a/../b", .dotSegment), Row("/a/./b", .dotSegment), Row("/a/..?x", .dotSegment),
        Row("/a/%2e%2e/b", .dotSegment), Row("/a/%2E%2e/b", .dotSegment),
        Row("/a/.%2e", .dotSegment),
        Row("/a/%2e", .dotSegment), Row("/a/..;x/b", .dotSegment), Row("/a/..%3Bx", .dotSegment),
        Row("/a/.;", .dotSegment), Row("/a/..%2Fb", .dotSegment), Row("/a%2F..", .dotSegment),
        Row("/a/x%2f%2e%2e%2fb", .dotSegment), Row("/a/..\\b", .dotSegment),
        Row("/a/..%5cb", .dotSegment), Row("/a\\..", .dotSegment),
        Row("/%", .percentEncoding), Row("/%2", .percentEncoding), Row("/%zz", .percentEncoding),
        Row("/a%2/b", .percentEncoding), Row("/%2?x", .percentEncoding),
        Row("/%u0041", .percentEncoding), Row("/a%00", .nul), Row("/%00/..", .nul),
    ]

    @Test("paths that must not be used", arguments: defectsTable)
    func defects(_ row: Row<String, PathDefect>) throws {
        #expect(match(try table(["* * /**"]), row.input) == .badPath(row.output))
    }

    static let harmlessTable = [
        "/a;x=1", "/a;..", "/a/;x/b", "/a/..b", "/a/b..", "/...", "/a/....", "/.a", "/a/.b.c",
        "/~a", "/a/%2e%2e%2e", "/a/%20", "/a/%2F", "/a\\b", "/a?..", "/a?/../", "/a/.%20",
    ]

    @Test("paths that only look alike", arguments: harmlessTable)
    func harmless(_ path: String) throws {
        #expect(match(try table(["* * /**"]), path) == .route(0))
    }

    static let slashesTable: [Row<String, RouteMatch>] = [
        Row("/admin/x", .route(0)), Row("//admin/x", .badPath(.emptySegments)),
        Row("/admin//x", .route(0)), Row("///admin", .badPath(.emptySegments)),
        Row("/other//x", .route(1)), Row("//other", .route(1)),
        Row("/files//a", .badPath(.emptySegments)),
        Row("/files/a", .route(2)), Row("/files/", .route(1)), Row("//", .route(1)),
    ]

    @Test("// is refused only where it changes the route", arguments: slashesTable)
    func slashes(_ row: Row<String, RouteMatch>) throws {
        let table = try table(["* * /admin/**", "* * /**", "* * /files/{name}"])
        #expect(match(table, row.input) == row.output)
    }

    static let hostsTable: [Row<String?, Int>] = [
        Row(nil, 4), Row("", 4), Row("api.example.com", 0), Row("API.Example.COM", 0),
        Row("api.example.com:8080", 0), Row("api.example.com.", 0), Row("api.example.com.:80", 0),
        Row("x.api.example.com", 1), Row("x.y.api.example.com", 1), Row("www.example.com", 2),
        Row("a.b.example.com", 2), Row("example.com", 4), Row(".example.com", 4),
        Row("badexample.com", 4), Row("[::1]:80", 3), Row("[::1]", 3), Row("[::2]", 4),
        Row("api.example.com:x", 4), Row("com", 4), Row(".", 4), Row("..", 4), Row(":80", 4),
        Row(String(repeating: "a.", count: 200) + "example.com", 4),
    ]

    @Test("an exact host before the longest wildcard before any", arguments: hostsTable)
    func hosts(_ row: Row<String?, Int>) throws {
        let table = try table([
            "* api.example.com /**", "* *.api.example.com /**", "* *.example.com /**",
            "* [::1] /**", "* * /**",
        ])
        #expect(match(table, "/x", host: row.input) == .route(row.output))
    }

    @Test("a more specific host without a fitting path gives way to the next")
    func hostFallsBack() throws {
        let table = try table(["* a.example /x", "* *.example /y", "* * /z"])
        #expect(match(table, "/x", host: "a.example") == .route(0))
        #expect(match(table, "/y", host: "a.example") == .route(1))
        #expect(match(table, "/z", host: "a.example") == .route(2))
        #expect(match(table, "/x", host: "b.example") == .noRoute)
        #expect(match(table, "/x") == .noRoute)
    }

    @Test("one route for several hosts")
    func severalHosts() throws {
        let table = try table(["* a.example,b.example,a.example /x", "* b.example /{any}"])
        #expect(match(table, "/x", host: "a.example") == .route(0))
        #expect(match(table, "/x", host: "b.example") == .route(0))
        #expect(match(table, "/y", host: "b.example") == .route(1))
    }

    static let methodsTable: [Row<String, RouteMatch>] = [
        Row("GET /items/1", .route(0)), Row("POST /items/1", .route(1)),
        Row("DELETE /items/1", .methodNotAllowed(allowed("GET", "POST", "PUT"))),
        Row("PUT /items/1", .route(2)),
        Row("get /items/1", .methodNotAllowed(allowed("GET", "POST", "PUT"))),
        Row("BREW /items/1", .methodNotAllowed(allowed("GET", "POST", "PUT"))),
        Row("GET /other", .noRoute), Row("PUT /items/featured", .route(2)),
        Row("GET /items/featured", .route(0)), Row("BREW /any", .route(4)),
        Row("DELETE /items/featured", .route(3)),
    ]

    static func allowed(_ names: String...) -> MethodSet {
        names.reduce([]) { $0.union(MethodSet(index: MethodSet.index(of: $1))) }
    }

    @Test("405 only where no other route takes the request", arguments: methodsTable)
    func methods(_ row: Row<String, RouteMatch>) throws {
        let table = try table([
            "GET * /items/{id}", "POST * /items/{key}", "PUT * /items/*",
            "DELETE * /items/featured",
            "* * /any",
        ])
        let words = row.input.split(separator: " ").map(String.init)
        #expect(match(table, words[1], words[0]) == row.output)
    }

    @Test("Allow names the methods in order, and not the unnamed ones")
    func allow() {
        #expect(Self.allowed("PATCH", "GET", "HEAD").allow == "GET, HEAD, PATCH")
        #expect(
            MethodSet.all.allow
                == "GET, HEAD, POST, PUT, DELETE, CONNECT, OPTIONS, TRACE, PATCH")
        #expect(MethodSet().allow.isEmpty)
        #expect(MethodSet(index: 200) == MethodSet(index: 9))
        #expect(!MethodSet.get.contains(index: 1))
    }

    @Test("the first of equal routes wins, and an empty table takes nothing")
    func order() throws {
        #expect(match(try table(["* * /{a}", "* * /{b}"]), "/x") == .route(0))
        #expect(match(try table([]), "/x") == .noRoute)
        #expect(match(try table(["* * /x"]), "*") == .noRoute)
    }

    @Test("paths deeper than any template are taken by ** alone")
    func deep() throws {
        let table = try table(["* * /a/**", "* * /{x}"])
        #expect(match(table, "/a" + String(repeating: "/b", count: 4000)) == .route(0))
        #expect(match(table, "/b" + String(repeating: "/b", count: 4000)) == .noRoute)
        let full = "/" + (1...16).map { "{p\($0)}" }.joined(separator: "/")
        let deepest = try RouteTable(routes: [route("* * \(full)")])
        #expect(match(deepest, String(repeating: "/x", count: 16)) == .route(0))
        #expect(match(deepest, String(repeating: "/x", count: 15)) == .noRoute)
        #expect(match(deepest, String(repeating: "/x", count: 17)) == .noRoute)
    }

    @Test("the table agrees with a plain search", arguments: 0..<300 as Range<UInt64>)
    func model(seed: UInt64) throws {
        var random = Seeded(seed: seed)
        let words = ["a", "b", "c", "{p}", "*"]
        var templates: [String] = []
        for _ in 0..<12 {
            var parts: [String] = []
            for index in 0..<Int.random(in: 1...4, using: &random) {
                let word = words[Int.random(in: 0..<5, using: &random)]
                parts.append(word == "{p}" ? "{p\(index)}" : word)
            }
            if Bool.random(using: &random) { parts.append("**") }
            templates.append("/" + parts.joined(separator: "/"))
        }
        let table = try table(templates.map { "* * \($0)" })
        for _ in 0..<40 {
            let parts = (0..<Int.random(in: 1...5, using: &random)).map { _ in
                ["a", "b", "c", "d"][Int.random(in: 0..<4, using: &random)]
            }
            let expected = Self.best(templates, parts).map { RouteMatch.route($0) } ?? .noRoute
            #expect(match(table, "/" + parts.joined(separator: "/")) == expected, "\(parts)")
        }
    }

    /// The best template for a path by the rule as it is written, without a tree.
    static func best(_ templates: [String], _ path: [String]) -> Int? {
        var best: (rank: [Int], index: Int)?
        for (index, template) in templates.enumerated() {
            let parts = template.split(separator: "/").map(String.init)
            let hasRest = parts.last == "**"
            let fixed = hasRest ? Array(parts.dropLast()) : parts
            guard hasRest ? path.count >= fixed.count : path.count == fixed.count else { continue }
            var rank: [Int] = []
            for (part, segment) in zip(fixed, path) {
                rank.append(part == "*" ? 2 : part.hasPrefix("{") ? 1 : part == segment ? 0 : 9)
            }
            if rank.contains(9) { continue }
            if hasRest { rank.append(3) }
            if let found = best, !rank.lexicographicallyPrecedes(found.rank) { continue }
            best = (rank, index)
        }
        return best?.index
    }
}
