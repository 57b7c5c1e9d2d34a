/// Templates as a tree of segments in flat arrays; several roots, one a host.
struct RouteTrie: Sendable {
    /// A route that ends at a node, and the methods it takes.
    struct Entry: Sendable {
        let route: Int32
        let methods: MethodSet
    }

    /// One node; `-1`: no such child.
    private struct Node: Sendable {
        var parameter: Int32 = -1
        var one: Int32 = -1
        /// Routes whose template ends here, in the file's order.
        var exact: [Entry] = []
        /// Routes whose template goes on with `**` here, in the file's order.
        var rest: [Entry] = []
    }

    /// A literal child: the edge from `parent` by the bytes `pool[start..<end]`.
    private struct Edge: Sendable {
        var parent: Int32 = -1
        var hash: UInt32 = 0
        var start: Int32 = 0
        var end: Int32 = 0
        var child: Int32 = -1
    }

    /// What one look-up carries along.
    struct Search {
        let method: MethodIndex
        /// Methods of the routes that were passed over for not taking this one.
        var allowed: MethodSet = []
    }

    private var nodes: [Node] = []
    private var edges: [Edge] = []
    private var pool: [UInt8] = []
    /// Open addressing over `edges`; the capacity is a power of two, at least twice the edges.
    private var table: [Edge] = []

    /// A new, empty tree; the result names it.
    mutating func addRoot() -> Int32 {
        nodes.append(Node())
        return Int32(nodes.count - 1)
    }

    /// Adds a route to the tree at `root`.
    mutating func insert(_ template: PathTemplate, _ entry: Entry, root: Int32) {
        var node = Int(root)
        for segment in template.segments {
            switch segment {
            case .rest:
                nodes[node].rest.append(entry)
                return
            case .parameter:
                if nodes[node].parameter < 0 { nodes[node].parameter = addRoot() }
                node = Int(nodes[node].parameter)
            case .one:
                if nodes[node].one < 0 { nodes[node].one = addRoot() }
                node = Int(nodes[node].one)
            case .literal(let bytes):
                node = Int(literalChild(of: node, bytes))
            }
        }
        nodes[node].exact.append(entry)
    }

    private mutating func literalChild(of parent: Int, _ bytes: [UInt8]) -> Int32 {
        let known = edges.first {
            $0.parent == parent && pool[Int($0.start)..<Int($0.end)].elementsEqual(bytes)
        }
        if let known { return known.child }
        let child = addRoot()
        let start = Int32(pool.count)
        pool += bytes
        edges.append(
            Edge(
                parent: Int32(parent), hash: bytes.reduce(PathScan.hashSeed, PathScan.hash),
                start: start, end: Int32(pool.count), child: child))
        return child
    }

    /// Builds the look-up table; after this nothing is inserted.
    mutating func finish() {
        var capacity = 8
        while capacity < edges.count * 2 { capacity *= 2 }
        table = Array(repeating: Edge(), count: capacity)
        for edge in edges {
            var slot = Self.slot(edge.parent, edge.hash) & (capacity - 1)
            while table[slot].child >= 0 { slot = (slot + 1) & (capacity - 1) }
            table[slot] = edge
        }
        edges = []
    }

    private static func slot(_ parent: Int32, _ hash: UInt32) -> Int {
        let mixed = (hash ^ UInt32(bitPattern: parent) &* 0x9e37_79b9) &* 0x85eb_ca6b
        return Int(mixed >> 8)
    }

    /// The best route below `root` for the path, nil if none takes it.
    func find(
        _ root: Int32, _ scan: borrowing PathScan, _ path: Span<UInt8>, _ search: inout Search
    ) -> Int32? {
        find(Int(root), 0, scan, path, &search)
    }

    /// Depth-first in order of precedence. Every node is met at most once in a look-up, since a node
    /// has one parent: the work is bounded by the settings, whatever the path.
    private func find(
        _ node: Int, _ depth: Int, _ scan: borrowing PathScan, _ path: Span<UInt8>,
        _ search: inout Search
    ) -> Int32? {
        if depth == scan.count {
            if let route = choose(nodes[node].exact, &search) { return route }
        } else if depth < PathTemplate.segmentsMax {
            let segment = scan.segments[depth]
            if let child = literalChild(of: node, segment, path),
                let route = find(child, depth + 1, scan, path, &search)
            {
                return route
            }
            let parameter = nodes[node].parameter
            if parameter >= 0, !segment.isEmpty,
                let route = find(Int(parameter), depth + 1, scan, path, &search)
            {
                return route
            }
            let one = nodes[node].one
            if one >= 0, let route = find(Int(one), depth + 1, scan, path, &search) {
                return route
            }
        }
        return choose(nodes[node].rest, &search)
    }

    private func choose(_ entries: [Entry], _ search: inout Search) -> Int32? {
        for entry in entries {
            if entry.methods.contains(index: search.method) { return entry.route }
            search.allowed.formUnion(entry.methods)
        }
        return nil
    }

    private func literalChild(
        of parent: Int, _ segment: PathScan.Segment, _ path: Span<UInt8>
    ) -> Int? {
        let mask = table.count - 1
        var slot = Self.slot(Int32(parent), segment.hash) & mask
        while table[slot].child >= 0 {
            let edge = table[slot]
            if edge.parent == parent, edge.hash == segment.hash {
                let literal = pool.span.extracting(Int(edge.start)..<Int(edge.end))
                if PathScan.matches(segment, of: path, literal) { return Int(edge.child) }
            }
            slot = (slot + 1) & mask
        }
        return nil
    }
}
