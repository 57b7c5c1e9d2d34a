internal import Yams

extension SettingsReader {
    /// The conditions of `when` or `exempt`: a list, or one of them.
    mutating func conditions(_ value: Value?, _ settings: Settings) -> [LimitCondition] {
        guard let value else { return [] }
        return list(value, countMax: 64).compactMap { condition($0, settings) }
    }

    private mutating func condition(_ value: Value, _ settings: Settings) -> LimitCondition? {
        guard let section = section(value) else { return nil }
        if section.entries.isEmpty {
            report(
                value, TextProblem("expected at least one of client, methods, path, host and so on")
            )
        }
        var condition = LimitCondition()
        condition.clients = texts(section["client"]) { (text) throws(TextProblem) in try CIDR(text)
        }
        condition.paths = texts(section["path"]) { (text) throws(TextProblem) in
            try PathTemplate(text)
        }
        condition.hosts = texts(section["host"]) { (text) throws(TextProblem) in
            try HostPattern(text)
        }
        condition.applications = texts(section["application"], Self.pattern)
        let methods = texts(section["methods"], Self.method)
        if !methods.isEmpty { condition.methods = methods.reduce([]) { $0.union($1) } }
        let names = settings.routes.map(\.name)
        condition.routes = texts(section["route"]) { (text) throws(TextProblem) in
            if names.contains(text) || names.isEmpty { return text }
            let hint = Suggestion.closest(to: text, of: names).map { ", did you mean `\($0)`?" }
            throw TextProblem("unknown route \(TextProblem.quoted(text))\(hint ?? "")")
        }
        condition.headers = values(section["header"], isField: true)
        condition.query = values(section["query"], isField: false)
        return condition
    }

    private mutating func texts<T>(
        _ value: Value?, _ parser: (String) throws(TextProblem) -> T
    ) -> [T] {
        guard let value else { return [] }
        return list(value, countMax: 1024).compactMap { parse($0, parser) }
    }

    private mutating func values(_ value: Value?, isField: Bool) -> [ValueCondition] {
        guard let value, let section = section(value) else { return [] }
        return section.entries.compactMap { name, value in
            guard let pattern = parse(value, Self.pattern) else { return nil }
            guard !isField || (try? Parse.token(name)) != nil else {
                report(value, TextProblem(expected: "a field name", found: name))
                return nil
            }
            return ValueCondition(name: isField ? name.lowercased() : name, pattern: pattern)
        }
    }

    private static func pattern(_ text: String) throws(TextProblem) -> TextPattern {
        guard text.utf8.count <= 256 else {
            throw TextProblem(expected: "at most 256 bytes", found: text)
        }
        return TextPattern(text)
    }

    /// One part of a rule's key.
    static func keyPart(_ text: String) throws(TextProblem) -> LimitKeyPart {
        switch text {
        case "client_ip": return .client
        case "route": return .route
        case "path": return .path
        case "host": return .host
        case "method": return .method
        case "application": return .application
        default: break
        }
        let parts = text.split(separator: ":", maxSplits: 1)
        if parts.count == 2 {
            let name = String(parts[1])
            switch parts[0] {
            case "header": return .header(try Parse.token(name).lowercased())
            case "token": return .token(try Parse.token(name).lowercased())
            case "query": return .query(try Parse.line(name))
            case "constant" where name.utf8.count <= 64: return .constant(name)
            default: break
            }
        }
        throw TextProblem(
            expected: "client_ip, route, path, host, method, application, header:NAME, query:NAME,"
                + " token:NAME or constant:TEXT", found: text)
    }

    /// Where an application's identity stands.
    static func applicationSource(_ text: String) throws(TextProblem) -> ApplicationSource {
        switch try? keyPart(text) {
        case .header(let name): return .header(name)
        case .query(let name): return .query(name)
        default: throw TextProblem(expected: "header:NAME or query:NAME", found: text)
        }
    }

    /// `404`, `4xx` or `400-499`.
    static func statuses(_ text: String) throws(TextProblem) -> ClosedRange<UInt16> {
        let bytes = Array(text.utf8)
        if bytes.count == 3, (0x32...0x35).contains(bytes[0]), text.hasSuffix("xx") {
            let first = UInt16(bytes[0] - 0x30) * 100
            return first...(first + 99)
        }
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        let codes = parts.compactMap { part in
            part.utf8.allSatisfy({ $0.isDigit }) ? UInt16(part) : nil
        }
        guard parts.count <= 2, codes.count == parts.count, let first = codes.first,
            let last = codes.last, first <= last, first >= 200, last <= 599
        else {
            throw TextProblem(expected: "a status, such as 404, 4xx or 400-499", found: text)
        }
        return first...last
    }
}
