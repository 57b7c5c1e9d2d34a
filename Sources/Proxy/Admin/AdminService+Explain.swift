internal import EventLoop
internal import HTTP1
internal import ProxyCore
internal import Responder
internal import Time

// GET /api/v1/explain: what would happen to a request. It asks the deciding code and changes nothing.

extension AdminService {
    /// Parameters: target (required), method, host, client, and any number of `field=Name: value`.
    func explain(_ inquiry: Inquiry) -> Reply {
        guard let target = inquiry.parameter("target") else {
            return .problem(400, "expected the parameter target, such as target=/items/1")
        }
        let method = inquiry.parameter("method") ?? "GET"
        let host = inquiry.parameter("host") ?? defaultHost
        var text = "\(method) \(target) HTTP/1.1\r\nHost: \(host)\r\n"
        for pair in inquiry.query where pair.name == "field" { text += "\(pair.value)\r\n" }
        let bytes = Array((text + "\r\n").utf8)
        let head = RequestHead()
        var parser = RequestParser(limits: control.snapshot.headLimits)
        switch parser.parse(bytes.span, into: head) {
        case .complete(let consumed) where consumed == bytes.count: break
        case .reject(let rejection):
            return .problem(400, "such a request is refused: \(rejection.rawValue)")
        default:
            return .problem(400, "the parameters do not make one request head")
        }
        var fields: [(String, ExplainValue)] = [
            ("method", .text(method)), ("target", .text(target)), ("host", .text(host)),
        ]
        if let client = inquiry.parameter("client") { fields.append(("client", .text(client))) }
        fields += explainRoute(head, client: inquiry.parameter("client"))
        return .json(ExplainValue.object(fields).json + "\n")
    }

    /// What a client on this machine says in Host.
    private var defaultHost: String {
        let port = control.snapshot.settings.listeners.first?.address.port ?? 80
        return port == 80 ? "localhost" : "localhost:\(port)"
    }

    private func explainRoute(
        _ head: RequestHead, client: String?
    ) -> [(String, ExplainValue)] {
        let snapshot = control.snapshot
        switch snapshot.match(head) {
        case .noRoute: return [("route", .null), ("outcome", .text("404: no route"))]
        case .badPath(let defect):
            return [("route", .null), ("outcome", .text("400: \(defect.explanation)"))]
        case .methodNotAllowed(let allowed):
            return [("route", .null), ("outcome", .text("405: allowed are \(allowed.allow)"))]
        case .route(let index):
            let route = snapshot.settings.routes[index]
            let fields: [(String, ExplainValue)] = [
                ("route", .text(route.name)), ("upstream", .text(route.upstream)),
            ]
            return fields + explainLimits(head, client: client, route: index)
                + explainCache(head, route, prefix: snapshot.keyPrefixes[index])
        }
    }

    private func explainCache(
        _ head: RequestHead, _ route: RouteSettings, prefix: [UInt8]
    ) -> [(String, ExplainValue)] {
        guard let memory = control.instance.memory else {
            return [("outcome", .text("forwarded: the cache is off"))]
        }
        let facts = CacheRequest.read(head, route.cache)
        switch facts.use {
        case .bypass: return [("outcome", .text("forwarded: the route is not cached"))]
        case .method:
            return [("outcome", .text("forwarded: the method is not answered from a cache"))]
        case .lookup: break
        }
        var key = prefix
        guard let parts = CacheKey.append(head, route.cache.key, to: &key) else {
            return [("outcome", .text("forwarded: a query parameter keeps it from the cache"))]
        }
        let hash = memory.hash(key.span)
        let now = Timestamp.now()
        let variants = memory.variants(key.span, hash: hash)
        let shown = ExplainValue.object([
            ("host", .text(String(decoding: key[parts.host], as: UTF8.self))),
            ("target", .text(String(decoding: key[parts.target], as: UTF8.self))),
        ])
        let found = memory.find(key.span, hash: hash, counts: false, now: .now()) {
            $0.metadata.vary.matches(head)
        }
        return [
            ("key", shown),
            ("stored", .list(variants.map { describe($0, now: now) })),
            ("outcome", .text(outcome(found, facts, now: now))),
        ]
    }

    private func describe(_ variant: CacheEntry.Variant, now: Timestamp) -> ExplainValue {
        let stored = variant.response
        let metadata = stored.metadata
        let age = Freshness.currentAge(metadata, now: now)
        func header(_ name: FieldName) -> ExplainValue {
            guard let range = stored.head.value(of: name) else { return .null }
            return .text(String(decoding: stored.head.bytes[range.indices], as: UTF8.self))
        }
        return .object([
            ("status", .number(Int64(metadata.status))),
            ("age_s", .number(age)),
            ("ttl_s", .number(Int64(metadata.lifetimeSeconds) - age)),
            ("stale_while_revalidate_s", .number(Int64(metadata.staleWhileRevalidateSeconds))),
            ("stale_if_error_s", .number(Int64(metadata.staleIfErrorSeconds))),
            ("soft_purged", .bool(variant.isSoft)),
            ("etag", header(.etag)), ("last_modified", header(.lastModified)),
            ("vary", header(.vary)), ("body_bytes", .number(Int64(stored.body.count))),
        ])
    }

    private func outcome(
        _ found: MemoryCache.Found, _ facts: CacheRequest, now: Timestamp
    ) -> String {
        let forwarded = facts.onlyIfCached ? "504: only-if-cached" : "forwarded"
        switch found {
        case .nothing: return "\(forwarded): uri-miss"
        case .otherVariants: return "\(forwarded): vary-miss"
        case .unshared: return "\(forwarded): uri-miss, without waiting for others (hit-for-miss)"
        case .response(let stored, let isSoft):
            switch Reuse.decide(stored.metadata, facts, isSoftPurged: isSoft, now: now) {
            case .fresh: return "hit"
            case .stale(_, _, let use) where use.mayServeWhileRevalidating:
                return "stale-served, and refreshed in the background"
            case .stale(_, _, let use) where use.allowedByClient: return "stale-served"
            case .stale: return "\(forwarded): stale"
            case .validate(let reason, _, _, _): return "\(forwarded): \(reason.rawValue)"
            }
        }
    }
}

/// A JSON value for `explain`.
indirect enum ExplainValue {
    case null
    case bool(Bool)
    case number(Int64)
    case text(String)
    case list([ExplainValue])
    case object([(String, ExplainValue)])

    var json: String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .number(let value): String(value)
        case .text(let value): JSONText.quoted(value)
        case .list(let values): "[" + values.map(\.json).joined(separator: ",") + "]"
        case .object(let fields):
            "{" + fields.map { JSONText.quoted($0.0) + ":" + $0.1.json }.joined(separator: ",")
                + "}"
        }
    }
}
