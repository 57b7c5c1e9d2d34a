internal import HTTP1
internal import ProxyCore
internal import Responder
internal import Telemetry

// POST /api/v1/purge: what is stored is forgotten (hard) or made stale (soft).

extension AdminService {
    /// Exactly one of key, prefix, route, tag and all; perhaps host and mode.
    func purge(_ inquiry: Inquiry) async -> Reply {
        guard let memory = control.instance.memory else {
            return .problem(409, "the cache is off: there is nothing to purge")
        }
        let kinds = CachePurgeKind.allCases.filter { inquiry.parameter($0.rawValue) != nil }
        guard kinds.count == 1, let kind = kinds.first, let value = inquiry.parameter(kind.rawValue)
        else {
            return .problem(
                400, "expected exactly one of the parameters key, prefix, route, tag and all=true")
        }
        guard let mode = PurgeMode(parameter: inquiry.parameter("mode")) else {
            return .problem(400, "expected mode=hard or mode=soft")
        }
        switch makePurge(kind, value, host: inquiry.parameter("host")) {
        case .failure(let problem):
            return .problem(400, problem.text)
        case .success(let purge):
            memory.purges.record(purge, mode)
            control.gauges.countPurge(kind)
            control.instance.diagnostics.log(
                .info, "purged \(kind.rawValue) \(JSONText.quoted(value)), \(mode.word)")
            return .json(
                "{\"purged\":\"\(kind.rawValue)\",\"value\":\(JSONText.quoted(value)),"
                    + "\"mode\":\"\(mode.word)\",\"epoch\":\(memory.purges.now.purges)"
                    + (await purgeShared(purge, value, host: inquiry.parameter("host"), mode))
                    + "}\n")
        }
    }

    /// Purges for all instances, and says what came of it.
    private func purgeShared(
        _ purge: Purge, _ value: String, host: String?, _ mode: PurgeMode
    ) async -> String {
        guard let shared = control.shared else { return "" }
        let target = sharedPurge(purge, Array(value.utf8), host: host)
        guard let replicas = await shared.purge(target, mode) else {
            return ",\"shared\":\"pending\""
        }
        return ",\"shared\":\"done\",\"replicas\":\(replicas)"
    }

    private func sharedPurge(_ purge: Purge, _ value: [UInt8], host: String?) -> SharedPurge {
        guard case .target(let hash) = purge else { return .name(purge) }
        return .target(hash: hash, bucketOf: targetHash(value, host: nil))
    }

    struct PurgeProblem: Error {
        let text: String
    }

    private func makePurge(
        _ kind: CachePurgeKind, _ value: String, host: String?
    ) -> Result<Purge, PurgeProblem> {
        let host = host.map { Array($0.lowercased().utf8) }
        let bytes = Array(value.utf8)
        switch kind {
        case .all:
            guard value == "true" || value.isEmpty else {
                return .failure(PurgeProblem(text: "expected all=true"))
            }
            return .success(.all)
        case .route:
            let names = control.snapshot.settings.routes.map(\.name)
            guard names.contains(value) else {
                return .failure(
                    PurgeProblem(text: "there is no route of that name; there are: \(names)"))
            }
            return .success(.route(stableHash(bytes.span)))
        case .tag:
            guard !bytes.isEmpty else { return .failure(PurgeProblem(text: "the tag is empty")) }
            return .success(.tag(CacheTags.hash(bytes.span)))
        case .prefix:
            guard bytes.first == UInt8(ascii: "/") else {
                return .failure(PurgeProblem(text: "expected a path that begins with /"))
            }
            return .success(.prefix(bytes, host: host))
        case .key:
            guard bytes.first == UInt8(ascii: "/") else {
                return .failure(PurgeProblem(text: "expected a target that begins with /"))
            }
            return .success(.target(targetHash(bytes, host: host)))
        }
    }

    /// The hash of a target in the normal form that its route's keys have.
    private func targetHash(_ target: [UInt8], host: [UInt8]?) -> UInt64 {
        var rules = KeyRules()
        let method = Method.get.rawValue
        if case .route(let index) = control.snapshot.table.match(
            path: target.span, method: method, host: host?.span)
        {
            rules = control.snapshot.settings.routes[index].cache.key
        }
        var normal: [UInt8] = []
        // What bypasses the cache has nothing stored; its hash is of no use, and does no harm.
        _ = CacheKey.appendTarget(target.span, rules, to: &normal)
        guard let host else { return stableHash(normal.span) }
        return stableHash(normal.span, from: stableHash(host.span))
    }
}

extension PurgeMode {
    /// `hard` where nothing is said.
    init?(parameter: String?) {
        switch parameter {
        case nil, "hard": self = .hard
        case "soft": self = .soft
        default: return nil
        }
    }

    var word: String { self == .hard ? "hard" : "soft" }
}
