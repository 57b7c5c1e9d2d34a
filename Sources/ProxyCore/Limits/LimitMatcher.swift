internal import HTTP1

/// A condition made ready.
struct LimitMatcher: Sendable {
    private struct Value: Sendable {
        let name: [UInt8]
        let known: FieldName
        let pattern: TextPattern
    }

    private let clients: [CIDR]
    private let methods: MethodSet
    private let hosts: HostTable
    private let routes: [Int]
    private let hasRoutes: Bool
    private let headers: [Value]
    private let query: [Value]
    private let applications: [TextPattern]
    private let paths: RouteTrie?

    /// Whether it looks at the path.
    var readsPath: Bool { paths != nil }

    /// The condition, with the names of all routes in order.
    init(_ condition: LimitCondition, routes names: [String]) {
        clients = condition.clients
        methods = condition.methods
        applications = condition.applications
        hasRoutes = !condition.routes.isEmpty
        routes = condition.routes.compactMap { name in names.firstIndex(of: name) }
        func value(_ condition: ValueCondition) -> Value {
            let name = Array(condition.name.utf8)
            return Value(name: name, known: VaryRule.known(name), pattern: condition.pattern)
        }
        headers = condition.headers.map(value)
        query = condition.query.map(value)
        var hosts = HostTable()
        for pattern in condition.hosts { hosts.set(0, for: pattern) }
        hosts.finish()
        self.hosts = hosts
        paths = condition.paths.isEmpty ? nil : Self.trie(condition.paths)
    }

    private static func trie(_ paths: [PathTemplate]) -> RouteTrie {
        var trie = RouteTrie()
        let root = trie.addRoot()
        for path in paths {
            trie.insert(path, RouteTrie.Entry(route: 0, methods: .all), root: root)
        }
        trie.finish()
        return trie
    }

    /// Whether a request on the route at this position may meet it.
    func mayMatch(route: Int) -> Bool { !hasRoutes || routes.contains(route) }

    /// Whether the request meets it.
    func matches(_ facts: borrowing LimitFacts) -> Bool {
        guard mayMatch(route: facts.route),
            methods.contains(index: facts.head.method.rawValue),
            matchesClient(facts.client)
        else { return false }
        if !hosts.isEmpty, !matchesHost(facts.head) { return false }
        if let paths, !matchesPath(paths, facts) { return false }
        if !headers.isEmpty, !matchesHeaders(facts.head) { return false }
        if !query.isEmpty, !matchesQuery(facts.head) { return false }
        return applications.isEmpty || matchesApplication(facts)
    }

    private func matchesClient(_ client: ClientAddress) -> Bool {
        if clients.isEmpty { return true }
        for index in clients.indices where clients[index].contains(client) { return true }
        return false
    }

    private func matchesHost(_ head: RequestHead) -> Bool {
        guard let authority = head.authority else { return false }
        let bytes = head.bytes
        let host = bytes.span.extracting(authority.indices)
        var names = HostTable.Names(host)
        return hosts.next(&names, host) != nil
    }

    private func matchesPath(_ paths: RouteTrie, _ facts: borrowing LimitFacts) -> Bool {
        let bytes = facts.head.bytes
        let path = bytes.span.extracting(facts.head.path.indices)
        var search = RouteTrie.Search(method: facts.head.method.rawValue)
        return paths.find(0, facts.scan, path, &search) != nil
    }

    private func matchesHeaders(_ head: RequestHead) -> Bool {
        let bytes = head.bytes
        for index in headers.indices {
            guard let value = LimitFacts.field(headers[index].known, headers[index].name, of: head),
                headers[index].pattern.matches(bytes.span.extracting(value.indices))
            else { return false }
        }
        return true
    }

    private func matchesQuery(_ head: RequestHead) -> Bool {
        let bytes = head.bytes
        for index in query.indices {
            guard let value = LimitFacts.parameter(query[index].name, of: head),
                LimitText.matches(
                    query[index].pattern, bytes.span, value.indices, isTarget: true)
            else { return false }
        }
        return true
    }

    private func matchesApplication(_ facts: borrowing LimitFacts) -> Bool {
        guard let application = facts.application else { return false }
        let bytes = facts.head.bytes
        for index in applications.indices
        where LimitText.matches(
            applications[index], bytes.span, application.indices,
            isTarget: facts.isApplicationInQuery)
        {
            return true
        }
        return false
    }
}

extension [LimitMatcher] {
    /// Whether the request meets one of them.
    func anyMatches(_ facts: borrowing LimitFacts) -> Bool {
        for index in indices where self[index].matches(facts) { return true }
        return false
    }
}
