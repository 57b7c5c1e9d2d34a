/// Roots of the trie by host: exact names and `*.` suffixes, found without allocation.
struct HostTable: Sendable {
    private struct Slot: Sendable {
        var hash: UInt32 = 0
        var isWildcard = false
        var name: [UInt8] = []
        var root: Int32 = -1
    }

    /// The names to try for one request, most specific first.
    struct Names {
        /// The host without port and trailing dot.
        fileprivate let end: Int
        /// Where the next suffix starts; -1: the exact name is next.
        fileprivate var start = -1

        init(_ host: Span<UInt8>) { end = HostTable.nameEnd(host) }
    }

    private var roots: [HostPattern: Int32] = [:]
    private var table: [Slot] = []
    private var hasWildcards = false

    var isEmpty: Bool { roots.isEmpty }

    func root(of pattern: HostPattern) -> Int32? { roots[pattern] }

    mutating func set(_ root: Int32, for pattern: HostPattern) { roots[pattern] = root }

    /// Builds the look-up table; after this nothing is set.
    mutating func finish() {
        hasWildcards = roots.keys.contains { $0.isWildcard }
        var capacity = 8
        while capacity < roots.count * 2 { capacity *= 2 }
        table = Array(repeating: Slot(), count: capacity)
        for (pattern, root) in roots {
            let name = Array(pattern.name.utf8)
            let hash = name.reduce(PathScan.hashSeed, PathScan.hash)
            var slot = Int(hash) & (capacity - 1)
            while table[slot].root >= 0 { slot = (slot + 1) & (capacity - 1) }
            table[slot] = Slot(hash: hash, isWildcard: pattern.isWildcard, name: name, root: root)
        }
    }

    /// The root of the next name that is known; nil when all were tried.
    func next(_ names: inout Names, _ host: Span<UInt8>) -> Int32? {
        if names.start < 0 {
            names.start = 0
            if let root = find(host, 0..<names.end, isWildcard: false) { return root }
        }
        while hasWildcards {
            while names.start < names.end, host[names.start] != UInt8(ascii: ".") {
                names.start += 1
            }
            guard names.start < names.end else { return nil }
            names.start += 1
            // A leading dot would be a wildcard for an empty label, which is no name.
            guard names.start > 1 else { continue }
            if let root = find(host, names.start..<names.end, isWildcard: true) { return root }
        }
        return nil
    }

    private func find(_ host: Span<UInt8>, _ range: Range<Int>, isWildcard: Bool) -> Int32? {
        var hash = PathScan.hashSeed
        for index in range { hash = PathScan.hash(hash, host[index].lowercased) }
        let mask = table.count - 1
        var slot = Int(hash) & mask
        while table[slot].root >= 0 {
            let entry = table[slot]
            if entry.hash == hash, entry.isWildcard == isWildcard,
                Self.isEqual(entry.name.span, host, range)
            {
                return entry.root
            }
            slot = (slot + 1) & mask
        }
        return nil
    }

    private static func isEqual(
        _ name: Span<UInt8>, _ host: Span<UInt8>, _ range: Range<Int>
    ) -> Bool {
        guard name.count == range.count else { return false }
        for index in name.indices where name[index] != host[range.lowerBound + index].lowercased {
            return false
        }
        return true
    }

    /// Where the name in a `Host` value ends: before the port, and before one trailing dot. Hosts
    /// longer than a name can be (RFC 1035 §2.3.4) have none.
    static func nameEnd(_ host: Span<UInt8>) -> Int {
        guard host.count <= 261 else { return 0 }
        var end = host.count
        while end > 0, host[end - 1].isDigit { end -= 1 }
        // Digits alone are a port only behind a colon, and `[::1]` ends in none.
        end = end > 0 && host[end - 1] == UInt8(ascii: ":") ? end - 1 : host.count
        return end > 0 && host[end - 1] == UInt8(ascii: ".") ? end - 1 : end
    }
}
