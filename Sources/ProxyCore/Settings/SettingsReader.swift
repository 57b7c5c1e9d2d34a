internal import Yams

/// Walks a settings document and gathers problems instead of stopping at the first.
struct SettingsReader {
    /// Most nodes visited, aliases counted where they are used.
    static let nodesMax = 100_000
    /// Most problems reported; what is behind them is said in one more.
    static let problemsMax = 100

    /// A node, with its key in the file's and in the catalogue's form.
    struct Value {
        let node: Node
        let path: String
        let schema: String
        let mark: Mark?

        init(_ node: Node, path: String, schema: String) {
            self.node = node
            self.path = path
            self.schema = schema
            mark = node.mark
        }
    }

    /// A map, its keys checked.
    struct Section {
        let entries: [(key: String, value: Value)]
        let path: String
        let mark: Mark?

        subscript(_ key: String) -> Value? { entries.first { $0.key == key }?.value }
    }

    let file: String
    let environment: [String: String]
    let masked: [String: String]
    var problems: [SettingsProblem] = []
    private var nodes = 0
    /// Whether the bound on nodes was reported: what is found after that follows from it.
    private var isExhausted = false

    init(file: String, environment: [String: String], masked: [String: String]) {
        self.file = file
        self.environment = environment
        self.masked = masked
    }

    /// Notes a problem at `mark`.
    mutating func report(_ path: String, _ mark: Mark?, _ message: String) {
        guard problems.count <= Self.problemsMax, !isExhausted else { return }
        if problems.count == Self.problemsMax {
            let message = "more than \(Self.problemsMax) problems, the rest is left out"
            problems.append(
                SettingsProblem(file: file, line: nil, column: nil, path: "", message: message))
            return
        }
        problems.append(
            SettingsProblem(
                file: file, line: mark?.line, column: mark?.column, path: path, message: message))
    }

    /// Notes a problem of `value`.
    mutating func report(_ value: Value, _ problem: TextProblem) {
        report(value.path, value.mark, problem.message)
    }

    /// `value` as a map whose keys the catalogue knows; one without a value is an empty map.
    mutating func section(_ value: Value) -> Section? {
        guard isWithinBounds(value) else { return nil }
        if Self.isNull(value.node) {
            return Section(entries: [], path: value.path, mark: value.mark)
        }
        guard case .mapping(let mapping) = value.node else {
            report(value, TextProblem("expected a map, found \(Self.kind(of: value.node))"))
            return nil
        }
        let known = SettingsCatalogue.keys(below: value.schema)
        var entries: [(key: String, value: Value)] = []
        for (keyNode, node) in mapping {
            guard case .scalar(let scalar) = keyNode else {
                let message = "expected a plain text as key, found \(Self.kind(of: keyNode))"
                report(value.path, keyNode.mark, message)
                continue
            }
            if let key = masked[scalar.string] {
                reportDuplicate(key, first: scalar, in: mapping, value.path)
                continue
            }
            let key = scalar.string
            let path = value.path.isEmpty ? key : "\(value.path).\(key)"
            guard isKnown(key, known, at: keyNode.mark, path) else { continue }
            let step = known == nil ? Self.wildcard(below: value.schema) : key
            let schema = value.schema.isEmpty ? step : "\(value.schema).\(step)"
            entries.append((key, Value(node, path: path, schema: schema)))
        }
        return Section(entries: entries, path: value.path, mark: value.mark)
    }

    private mutating func isKnown(
        _ key: String, _ known: [String]?, at mark: Mark?, _ path: String
    ) -> Bool {
        guard let known, !known.contains(key) else { return true }
        if let suggestion = Suggestion.closest(to: key, of: known) {
            report(path, mark, "unknown key, did you mean `\(suggestion)`?")
        } else {
            report(path, mark, "unknown key, expected one of \(known.joined(separator: ", "))")
        }
        return false
    }

    private mutating func reportDuplicate(
        _ key: String, first: Node.Scalar, in mapping: Node.Mapping, _ path: String
    ) {
        let again = mapping.first { $0.key.scalar?.string == key }?.key.mark ?? first.mark
        let line = first.mark.map { ", first in line \($0.line)" } ?? ""
        report(
            path.isEmpty ? key : "\(path).\(key)", again, "the key appears more than once\(line)")
    }

    /// The elements of a list, at most `countMax`; a single value stands for a list of one.
    mutating func list(_ value: Value, countMax: Int = nodesMax) -> [Value] {
        guard isWithinBounds(value) else { return [] }
        let schema = value.schema + "[]"
        switch value.node {
        case .sequence(let sequence) where sequence.count > countMax:
            let message = "expected at most \(countMax) elements, found \(sequence.count)"
            report(value, TextProblem(message))
            return []
        case .sequence(let sequence):
            return sequence.enumerated().map { index, node in
                Value(node, path: "\(value.path)[\(index)]", schema: schema)
            }
        case .scalar where Self.isNull(value.node): return []
        default: return [Value(value.node, path: value.path, schema: schema)]
        }
    }

    /// `value` as a text with variables put in.
    mutating func text(_ value: Value) -> (text: String, isFromEnvironment: Bool)? {
        guard isWithinBounds(value) else { return nil }
        guard case .scalar(let scalar) = value.node, !Self.isNull(value.node) else {
            report(value, TextProblem("expected a value, found \(Self.kind(of: value.node))"))
            return nil
        }
        do throws(TextProblem) {
            return try EnvironmentExpansion.expand(scalar.string, environment)
        } catch {
            report(value, error)
            return nil
        }
    }

    /// Parses `value`; nil with a problem noted.
    mutating func parse<T>(_ value: Value, _ parse: (String) throws(TextProblem) -> T) -> T? {
        guard let text = text(value)?.text else { return nil }
        do throws(TextProblem) {
            return try parse(text)
        } catch {
            report(value, error)
            return nil
        }
    }

    /// Parses the value at `key` of `section` into `target`, which keeps its default without one.
    mutating func read<T>(
        _ key: String, of section: Section, into target: inout T,
        _ parser: (String) throws(TextProblem) -> T
    ) {
        if let value = section[key], let parsed = parse(value, parser) { target = parsed }
    }

    private mutating func isWithinBounds(_ value: Value) -> Bool {
        nodes += 1
        if nodes == Self.nodesMax + 1 {
            report(value, TextProblem("expected at most \(Self.nodesMax) values in the file"))
            isExhausted = true
        }
        return nodes <= Self.nodesMax
    }

    private static func wildcard(below schema: String) -> String {
        schema == "upstreams" ? "<name>" : "<field>"
    }

    /// Whether there is no value: nothing, `~` or `null`.
    static func isNull(_ node: Node) -> Bool {
        guard case .scalar(let scalar) = node, scalar.style == .plain else { return false }
        return ["", "~", "null"].contains(scalar.string)
    }

    /// What a node is, in words.
    static func kind(of node: Node) -> String {
        switch node {
        case .scalar(let scalar): isNull(node) ? "nothing" : TextProblem.quoted(scalar.string)
        case .mapping: "a map"
        case .sequence: "a list"
        case .alias: "an alias"
        }
    }
}
