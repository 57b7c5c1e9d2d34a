/// What a request meets in the route table.
public enum RouteMatch: Sendable, Equatable {
    /// The route at this position of the settings.
    case route(Int)
    /// No route takes this host and path: 404.
    case noRoute
    /// Routes take host and path, but not the method: 405, with these in `Allow`.
    case methodNotAllowed(MethodSet)
    /// The path must not be used at all: 400.
    case badPath(PathDefect)
}

/// The routes of an instance, compiled. Looking one up allocates nothing.
///
/// Among the routes that take a request, one is chosen so:
/// 1. an exact host before `*.host` (the longest first) before any host;
/// 2. then segment by segment from the left: literal before `{parameter}` before `*` before `**`;
/// 3. then the order in the file.
/// A route that does not take the method is passed over; only when no other takes the request is the
/// answer 405.
///
/// Paths are compared in the normal form of `PathScan`. Dot segments, also in disguise, broken percent
/// encoding and NUL are refused. `//` keeps its empty segments, but is refused where dropping them
/// would lead to another route, since many upstreams drop them.
public struct RouteTable: Sendable {
    private let trie: RouteTrie
    private let hosts: HostTable
    private let anyHostRoot: Int32?
    private let rewrites: [CompiledRewrite?]

    /// Compiles `routes`; positions in the answers are positions in it.
    public init(routes: [RouteSettings]) {
        var trie = RouteTrie()
        var hosts = HostTable()
        var anyHostRoot: Int32?
        for (index, route) in routes.enumerated() {
            let entry = RouteTrie.Entry(route: Int32(index), methods: route.match.methods)
            if route.match.hosts.isEmpty {
                let root = anyHostRoot ?? trie.addRoot()
                anyHostRoot = root
                trie.insert(route.match.path, entry, root: root)
            }
            for pattern in Set(route.match.hosts) {
                let root = hosts.root(of: pattern) ?? trie.addRoot()
                hosts.set(root, for: pattern)
                trie.insert(route.match.path, entry, root: root)
            }
        }
        trie.finish()
        hosts.finish()
        self.trie = trie
        self.hosts = hosts
        self.anyHostRoot = anyHostRoot
        rewrites = routes.map { route in
            route.rewrite.map { CompiledRewrite($0, for: route.match.path) }
        }
    }

    /// The route for a request. `path` is an origin-form target as received (a query behind `?` is
    /// ignored) or `*`, which only `/**` takes; `host` is the `Host` field's value, port and all.
    public func match(
        path: Span<UInt8>, method: MethodIndex, host: Span<UInt8>?
    ) -> RouteMatch {
        var scan = PathScan()
        if path.count == 1, path[0] == UInt8(ascii: "*") {
            scan.becomeAsterisk()
        } else if let defect = scan.scan(path) {
            return .badPath(defect)
        }
        let found = match(scan, path, method, host)
        guard scan.hasInnerEmpty else { return found }
        let merged = match(scan.collapsed(), path, method, host)
        return merged == found ? found : .badPath(.emptySegments)
    }

    private func match(
        _ scan: borrowing PathScan, _ path: Span<UInt8>, _ method: MethodIndex, _ host: Span<UInt8>?
    ) -> RouteMatch {
        var search = RouteTrie.Search(method: method)
        if !hosts.isEmpty, let host {
            var names = HostTable.Names(host)
            while let root = hosts.next(&names, host) {
                if let route = trie.find(root, scan, path, &search) { return .route(Int(route)) }
            }
        }
        if let anyHostRoot, let route = trie.find(anyHostRoot, scan, path, &search) {
            return .route(Int(route))
        }
        return search.allowed.isEmpty ? .noRoute : .methodNotAllowed(search.allowed)
    }

    /// Whether route `route` changes the path.
    public func rewrites(_ route: Int) -> Bool {
        rewrites.indices.contains(route) && rewrites[route] != nil
    }

    /// Appends the target that the upstream of `route` is sent for the client's `target` (an
    /// origin-form target that this table matched to `route`, query and all). Without a rewrite that
    /// is `target`, byte by byte. A prefix of the upstream's URL is the caller's to append before.
    public func appendTarget(of route: Int, _ target: Span<UInt8>, to bytes: inout [UInt8]) {
        guard rewrites.indices.contains(route), let rewrite = rewrites[route] else {
            bytes.reserveCapacity(bytes.count + target.count)
            for index in target.indices { bytes.append(target[index]) }
            return
        }
        rewrite.append(target, to: &bytes)
    }
}
