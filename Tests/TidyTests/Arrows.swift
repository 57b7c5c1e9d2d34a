import Foundation

/// Which module may import which: the table of docs/ARCHITECTURE.md and what Package.swift says.
struct Arrows: Equatable {
    /// Modules in the order of the table, those at the bottom first.
    var order: [String] = []
    /// What each of them uses; system libraries and products included.
    var uses: [String: Set<String>] = [:]

    /// Rows `| name | kind | uses | … |` between "## Modules" and the next heading.
    init(architecture text: String) {
        guard let start = text.range(of: "## Modules")?.upperBound else { return }
        let section = text[start...].prefix(
            upTo: text[start...].range(of: "\n## ")?.lowerBound ?? text.endIndex)
        for line in section.split(separator: "\n") where line.hasPrefix("| `") {
            let cells = line.split(separator: "|").map { Arrows.names($0) }
            guard cells.count > 2, let name = cells[0].first else { continue }
            order.append(name)
            uses[name] = Set(cells[2])
        }
    }

    /// Calls of `module` and `program`, whose arguments are names in quotes.
    init(package text: String) {
        let calls = text.split(separator: "targets: [").last ?? ""
        guard
            let regex = try? Regex<(Substring, Substring, Substring)>(
                #"(?s)\b(?:module|program)\(\s*"([^"]+)"(.*?)\)(?=,?\n {8}(?:\S|\n)|,?\n\n)"#)
        else { return }
        for match in calls.matches(of: regex) {
            let name = String(match.output.1)
            order.append(name)
            let rest = match.output.2.replacing(#"package: ""#, with: #"package: "-"#)
            uses[name] = Set(
                rest.split(separator: "\"", omittingEmptySubsequences: false).enumerated()
                    .filter { $0.offset % 2 == 1 && !$0.element.hasPrefix("-") }
                    .map { String($0.element) })
        }
    }

    /// What is in backticks.
    private static func names(_ cell: Substring) -> [String] {
        cell.split(separator: "`", omittingEmptySubsequences: false).enumerated()
            .filter { $0.offset % 2 == 1 }.map { String($0.element) }
    }

    /// Modules of this package that are used by one that stands before them.
    var upward: [String] {
        order.indices.flatMap { index in
            (uses[order[index]] ?? []).filter { order[index...].contains($0) }
                .map { "\(order[index]) uses \($0)" }
        }
    }

    /// What a file imports without its module being allowed to.
    func problems(_ source: Source) -> [String] {
        let known = Set(order).union(uses.values.joined())
        let allowed = uses[source.module] ?? []
        return source.imports.filter { known.contains($0) && !allowed.contains($0) }
            .map { "\(source.path): imports \($0)" }
    }
}
