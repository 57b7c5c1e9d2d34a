/// How purges are written down within bounds.
extension Generations {
    /// Longest prefix that is kept, bytes. A longer one is cut to this: it purges more.
    static var prefixBytesMax: Int { 1_024 }
    /// Longest host that is compared, bytes (RFC 1035 §2.3.4, and a port). A longer one counts for all.
    static var hostBytesMax: Int { 261 }

    mutating func mark(_ name: Name, _ mode: PurgeMode) {
        if marks[name] == nil, marks.count >= hashesMax { collapseMarks() }
        marks[name, default: Mark()].set(mode, epoch)
        marksLatest = epoch
    }

    mutating func mark(_ path: [UInt8], _ host: [UInt8]?, _ mode: PurgeMode) {
        var prefix = Prefix(path: path, host: host)
        if path.count > Self.prefixBytesMax { prefix.path = Array(path[..<Self.prefixBytesMax]) }
        if let host, host.count > Self.hostBytesMax { prefix.host = nil }
        let known = prefixes.firstIndex { $0.path == prefix.path && $0.host == prefix.host }
        if let known {
            prefix.mark = prefixes.remove(at: known).mark
        } else if prefixes.count >= prefixesMax {
            floor.hard = max(floor.hard, prefixes.removeFirst().mark.latest)
        }
        prefix.mark.set(mode, epoch)
        prefixes.append(prefix)
    }

    /// Forgets what a hard purge of everything before a number includes.
    mutating func dropUnderFloor() {
        marks = marks.filter { $0.value.latest > floor.hard }
        prefixes.removeAll { $0.mark.latest <= floor.hard }
    }

    /// Makes room by forgetting the oldest eighth: sorting them is paid for by the purges until then.
    private mutating func collapseMarks() {
        let sequences = marks.values.map(\.latest).sorted()
        floor.hard = max(floor.hard, sequences[sequences.count / 8])
        dropUnderFloor()
    }
}
