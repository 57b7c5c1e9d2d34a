internal import EventLoop
internal import ProxyCore
internal import Redis
internal import Telemetry

// Forgetting on demand: the worker's own leases, and by the first worker what is in the store.

extension LimitLink {
    /// Forgets a key of the rule with that table, or all of them. Other instances believe a refusal for two seconds at
    /// most.
    func forget(_ table: UInt64, key: [UInt8]?, hash: UInt64) {
        guard let leases = leases(numbered: table) else { return }
        if let key {
            let names = leases.forget(key, hash: hash)
            if isFirst { unlink(names) }
        } else {
            let prefix = leases.forgetAll()
            if isFirst { loop.spawn { [self] in await unlinkAll(prefix) } }
        }
    }

    private func unlink(_ names: [[UInt8]]) {
        guard !names.isEmpty else { return }
        post(Command([Array("UNLINK".utf8)] + names, .write, .other))
    }

    /// A thousand keys at a time, so that nobody waits for long.
    private func unlinkAll(_ prefix: [UInt8]) async {
        var cursor = Array("0".utf8)
        repeat {
            let words = [Array("SCAN".utf8), cursor, Array("MATCH".utf8)]
            let command = Command(
                words + [LimitLink.pattern(prefix)] + ["COUNT", "1000"].map { Array($0.utf8) },
                .write, .other)
            guard let parts = await ask(command)?.elements, parts.count == 2,
                let next = parts[0].bytes
            else { return }
            unlink(parts[1].elements?.compactMap(\.bytes) ?? [])
            cursor = next
        } while cursor != Array("0".utf8)
    }

    /// All keys that begin so.
    private static func pattern(_ prefix: [UInt8]) -> [UInt8] {
        prefix.flatMap { "\\*?[]".utf8.contains($0) ? [UInt8(ascii: "\\"), $0] : [$0] }
            + [UInt8(ascii: "*")]
    }
}

extension Control {
    /// Forgets what all workers and the store know of a key of a rule, or of all its keys.
    func forgetShared(_ set: LimitSet, _ rule: Int, key: [UInt8]? = nil) {
        let (table, hash) = (set.tables[rule].ordinal, key.map { set.hash($0.span) } ?? 0)
        onWorkers { $0.limits?.forget(table, key: key, hash: hash) }
    }

    /// Whether a rule is counted in the store.
    func isShared(_ rule: LimitRule) -> Bool { instance.limitStore != nil && rule.isShared }
}
