internal import Yams

extension SettingsReader {
    private static let timeouts = 1_000_000...(24 * 3600 * second)

    /// `routes`; upstreams and `client` are read already.
    mutating func readRoutes(_ value: Value, into settings: inout Settings) {
        var lines: [String: Int] = [:]
        for element in list(value, countMax: 10_000) {
            guard let section = section(element),
                let route = readRoute(section, element, settings)
            else { continue }
            if let line = lines[route.name] {
                let place = section["name"] ?? section["match"] ?? element
                report(
                    section["name"]?.path ?? element.path, place.mark,
                    "the route name `\(route.name)` is taken by the route in line \(line)")
            } else {
                lines[route.name] = element.mark?.line ?? 0
            }
            settings.routes.append(route)
        }
    }

    private mutating func readRoute(
        _ section: Section, _ element: Value, _ settings: Settings
    ) -> RouteSettings? {
        var match = MatchSettings()
        if let value = section["match"] { readMatch(value, into: &match) }
        var name = match.path.text
        read("name", of: section, into: &name, Parse.name)
        let upstream = readUpstreamName(section, element, settings)
        var route = RouteSettings(
            name: name, match: match, upstream: upstream, client: settings.client)
        if let value = section["timeouts"] { readTimeouts(value, into: &route) }
        if let value = section["request"] { readEdits(value, into: &route.request) }
        if let value = section["response"] { readEdits(value, into: &route.response) }
        if let value = section["rewrite"] { readRewrite(value, into: &route) }
        read("body_bytes_max", of: section, into: &route.bodyBytesMax, Parse.sizeOrUnlimited)
        if let value = section["cache"] { readCache(value, into: &route.cache) }
        return route
    }

    /// The upstream of a route; with a problem noted, one that stands in for it.
    private mutating func readUpstreamName(
        _ section: Section, _ element: Value, _ settings: Settings
    ) -> UpstreamSettings {
        let names = settings.upstreams.map(\.name)
        let unknown = UpstreamSettings(name: "", urls: [])
        guard let value = section["upstream"] else {
            if names.count > 1 {
                report(
                    element,
                    TextProblem(
                        "expected upstream, one of \(names.joined(separator: ", ")), found none"))
            }
            return settings.upstreams.first ?? unknown
        }
        guard let name = text(value)?.text else { return unknown }
        if let upstream = settings.upstreams.first(where: { $0.name == name }) { return upstream }
        if let suggestion = Suggestion.closest(to: name, of: names) {
            report(
                value,
                TextProblem(
                    "unknown upstream \(TextProblem.quoted(name)), did you mean `\(suggestion)`?"))
        } else if !names.isEmpty {
            report(
                value,
                TextProblem(expected: "one of \(names.joined(separator: ", "))", found: name))
        } else {
            report(value, TextProblem("unknown upstream \(TextProblem.quoted(name))"))
        }
        return unknown
    }

    private mutating func readMatch(_ value: Value, into match: inout MatchSettings) {
        guard let section = section(value) else { return }
        read("path", of: section, into: &match.path, PathTemplate.init)
        if let methods = section["methods"] {
            let sets = list(methods).compactMap { parse($0, Self.method) }
            if !sets.isEmpty { match.methods = sets.reduce([]) { $0.union($1) } }
        }
        if let hosts = section["hosts"] {
            match.hosts = list(hosts).compactMap { element in
                parse(element) { (text) throws(TextProblem) in try HostPattern(text) }
            }
        }
    }

    /// RFC 9110 §9.3.2: HEAD is GET without the content, so a route for GET takes HEAD as well.
    static func method(_ text: String) throws(TextProblem) -> MethodSet {
        if text == "GET" { return [.get, .head] }
        let known = MethodSet.names.dropLast().filter { $0 != "CONNECT" }
        guard known.contains(text) else {
            throw TextProblem(
                expected: "one of \(known.joined(separator: ", "))", found: text)
        }
        return MethodSet(index: MethodSet.index(of: text))
    }

    private mutating func readTimeouts(_ value: Value, into route: inout RouteSettings) {
        guard let section = section(value) else { return }
        let timeout = Parse.duration(Self.timeouts)
        read("connect", of: section, into: &route.connectTimeoutNanoseconds, timeout)
        read("first_byte", of: section, into: &route.firstByteTimeoutNanoseconds, timeout)
        read(
            "total", of: section, into: &route.totalTimeoutNanoseconds,
            Parse.durationOrOff(Self.timeouts))
    }

    private mutating func readRewrite(_ value: Value, into route: inout RouteSettings) {
        guard let section = section(value) else { return }
        var target: PathTemplate?
        var strip: PathTemplate?
        var add = ""
        read("path", of: section, into: &target) { (text) throws(TextProblem) in
            try PathTemplate(text)
        }
        read("strip_prefix", of: section, into: &strip, Self.stripPrefix)
        read("add_prefix", of: section, into: &add, Self.addPrefix)
        if let path = section["path"], section["strip_prefix"] ?? section["add_prefix"] != nil {
            report(
                path, TextProblem("expected either path or strip_prefix and add_prefix, found both")
            )
            return
        }
        if section.entries.isEmpty { return }
        let rewrite = target.map(PathRewrite.template) ?? .prefix(strip: strip, add: add)
        if let problem = rewrite.problem(for: route.match.path) {
            report(section["path"] ?? section["strip_prefix"] ?? value, problem)
        }
        route.rewrite = rewrite
    }

    private static func stripPrefix(_ text: String) throws(TextProblem) -> PathTemplate? {
        let template = try PathTemplate(text)
        guard !template.hasRest, template.segments.last != .literal([]) else {
            throw TextProblem(
                expected: "a prefix such as /api, without `/` or `**` at its end",
                found: text)
        }
        return template
    }

    private static func addPrefix(_ text: String) throws(TextProblem) -> String {
        guard text.first == "/", text.last != "/",
            text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && !"?#{}*".utf8.contains($0) })
        else {
            throw TextProblem(expected: "a prefix such as /v2, without `/` at its end", found: text)
        }
        return try UpstreamURL.prefix(text)
    }
}
