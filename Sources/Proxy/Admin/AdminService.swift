internal import EventLoop
internal import HTTP1
internal import Locking
internal import ProxyCore
internal import Responder
internal import Telemetry
internal import Time

/// The admin API (docs/admin.md). Reads are open to whoever reaches the listener; changes need the token.
final class AdminService {
    private enum Endpoint: String, CaseIterable {
        case index = "/"
        case metrics = "/metrics"
        case healthy = "/-/healthy"
        case ready = "/-/ready"
        case reload = "/-/reload"
        case config = "/api/v1/config"
        case upstreams = "/api/v1/upstreams"
        case purge = "/api/v1/purge"
        case explain = "/api/v1/explain"
        case top = "/api/v1/top"

        /// Whether it changes something, which takes POST and the token.
        var isChange: Bool { self == .reload || self == .purge }
        /// What `Allow` says.
        var allow: String { isChange ? "POST" : "GET, HEAD" }
    }

    unowned let control: Control
    private let token: [UInt8]?

    init(_ control: Control, token: String?) {
        self.control = control
        self.token = token.map { Array($0.utf8) }
    }

    func answer(_ inquiry: Inquiry) async -> Reply {
        if AdminService.isLimits(inquiry.path) {
            return count(AdminService.limitsPath, await limits(inquiry))
        }
        guard let endpoint = Endpoint(rawValue: inquiry.path) else {
            return count("_other", .problem(404, "there is no such endpoint; see /"))
        }
        let isRead = inquiry.method == .get || inquiry.method == .head
        guard endpoint.isChange ? inquiry.method == .post : isRead else {
            let reply = Reply.problem(
                405, "this endpoint takes \(endpoint.allow)", fields: [("Allow", endpoint.allow)])
            return count(endpoint.rawValue, reply)
        }
        return count(endpoint.rawValue, await answer(inquiry, at: endpoint))
    }

    private func count(_ endpoint: String, _ reply: Reply) -> Reply {
        control.gauges.countAdmin(endpoint, reply.status)
        return reply
    }

    private func answer(_ inquiry: Inquiry, at endpoint: Endpoint) async -> Reply {
        switch endpoint {
        case .index: return AdminIndex.page(instance: control.instance.name, control.version)
        case .metrics: return metrics(inquiry)
        case .healthy: return Reply(200, "text/plain; charset=utf-8", Array("healthy\n".utf8))
        case .ready: return ready()
        case .reload:
            if let refusal = refusal(inquiry) { return refusal }
            return await reload()
        case .purge:
            if let refusal = refusal(inquiry) { return refusal }
            return await purge(inquiry)
        case .explain: return explain(inquiry)
        case .top: return top(inquiry)
        case .config:
            return .json(control.snapshot.settings.redactedJSON() + "\n")
        case .upstreams: return .json(upstreams())
        }
    }

    private func metrics(_ inquiry: Inquiry) -> Reply {
        let format = ExpositionFormat.negotiate(
            accept: inquiry.field("accept").map { Array($0.utf8) })
        let gzip = AcceptEncoding.wantsGzip(
            inquiry.field("accept-encoding").map { Array($0.utf8) })
        let page = control.pages.page(format, gzip: gzip, at: .now())
        var fields = [("Vary", "Accept, Accept-Encoding")]
        if page.isCompressed { fields.append(("Content-Encoding", "gzip")) }
        return Reply(200, format.contentType, page.bytes, fields: fields)
    }

    private func ready() -> Reply {
        control.phase == .serving
            ? Reply(200, "text/plain; charset=utf-8", Array("ready\n".utf8))
            : .problem(503, "the instance is draining", fields: [("Retry-After", "5")])
    }

    /// Why a change is not allowed; nil if it is.
    func refusal(_ inquiry: Inquiry) -> Reply? {
        guard let token else {
            return .problem(403, "changes need admin.token to be set; SIGHUP reloads without it")
        }
        guard AdminService.isAllowed(inquiry.field("authorization"), token) else {
            return .problem(
                401, "this change needs the admin token",
                fields: [("WWW-Authenticate", "Bearer realm=\"meliproxy\"")])
        }
        return nil
    }

    private func reload() async -> Reply {
        if let problem = await control.reload() { return .problem(422, problem) }
        return .json("{\"status\":\"reloaded\"}\n")
    }

    /// Compares the whole token whatever differs, so that the time taken tells nothing about it.
    static func isAllowed(_ authorization: String?, _ token: [UInt8]) -> Bool {
        guard let authorization, authorization.lowercased().hasPrefix("bearer ") else {
            return false
        }
        let given = Array(authorization.utf8.dropFirst(7))
        var difference = given.count ^ token.count
        for index in token.indices {
            difference |= Int((index < given.count ? given[index] : 0) ^ token[index])
        }
        return difference == 0
    }

    private func upstreams() -> String {
        let views = control.instance.upstreamViews.withLock { $0 }
        let items = control.snapshot.settings.upstreams.map { upstream in
            let cells = views[upstream.name] ?? []
            let urls = upstream.urls.map { JSONText.quoted($0.description) }.joined(separator: ",")
            let active = Int(cells.reduce(0) { $0 + $1.active.value })
            let idle = Int(cells.reduce(0) { $0 + $1.idle.value })
            return "{\"name\":\(JSONText.quoted(upstream.name)),\"urls\":[\(urls)],"
                + "\"connections\":{\"active\":\(active),\"idle\":\(idle),"
                + "\"max\":\(upstream.pool.connectionsMax)},"
                + control.instance.health(of: upstream).view(at: .now()).json + "}"
        }
        return "{\"upstreams\":[\(items.joined(separator: ","))]}\n"
    }
}

/// The page at `/`: what there is.
enum AdminIndex {
    static func page(instance: String, _ version: BuildVersion) -> Reply {
        let links = [
            ("/metrics", "metrics in the Prometheus text format or OpenMetrics"),
            ("/-/healthy", "whether the process lives"),
            ("/-/ready", "whether it takes traffic"),
            ("/api/v1/config", "the effective configuration, secrets left out"),
            ("/api/v1/upstreams", "upstreams and their connection pools"),
            ("/api/v1/explain?target=/", "what would happen to a request"),
            ("/api/v1/limits", "rate limits, and the keys that have used most of them"),
            ("/api/v1/top", "the most frequent clients and paths"),
        ]
        let list = links.map { "<li><a href=\"\($0.0)\">\($0.0)</a> &ndash; \($0.1)</li>" }
            .joined(separator: "\n")
        let name = instance.filter { $0.isLetter || $0.isNumber || "-_.:".contains($0) }
        let html = """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><title>meliproxy \(name)</title></head>
            <body><h1>meliproxy</h1><p>Instance \(name), version \(version.version)</p>
            <ul>
            \(list)
            <li>POST /-/reload &ndash; read the configuration again (needs the admin token)</li>
            <li>POST /api/v1/purge?tag=T &ndash; forget what is stored (needs the admin token)</li>
            </ul></body></html>

            """
        return Reply(
            200, "text/html; charset=utf-8", Array(html.utf8),
            fields: [
                ("Content-Security-Policy", "default-src 'none'"),
                ("X-Content-Type-Options", "nosniff"),
            ])
    }
}
