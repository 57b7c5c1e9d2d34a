extension Catalogue {
    /// The reference page of all families, `docs/metrics.md`: a table that tools read as well, then
    /// the words of the closed labels.
    public static func markdown() -> String {
        var lines = [
            "# Metrics", "",
            "Generated from the catalogue in `Sources/Telemetry`; do not edit.", "",
            "| name | type | labels | buckets | meaning |",
            "|---|---|---|---|---|",
        ]
        for family in all {
            let labels = family.labelNames.map { "`\($0)`" }.joined(separator: ", ")
            let buckets = family.buckets?.texts.joined(separator: " ") ?? ""
            let cells = ["`\(family.name)`", family.kind.rawValue, labels, buckets, family.help]
            lines.append("| " + cells.map(cell).joined(separator: " | ") + " |")
        }
        lines += ["", "## Label values", "", "| name | label | values |", "|---|---|---|"]
        for family in all {
            for label in family.labels where !label.values.isEmpty {
                let values = label.values.map { "`\($0)`" }.joined(separator: ", ")
                lines.append("| `\(family.name)` | `\(label.name.rawValue)` | \(values) |")
            }
        }
        lines += [
            "",
            "All other labels are open: `code` is 100 to 599, the rest comes from the configuration"
                + " or a fixed list and is capped. What exceeds the cap reads `_other` and is"
                + " counted by `\(metricsLabelOverflow.name)`.",
        ]
        return lines.joined(separator: "\n") + "\n"
    }

    private static func cell(_ text: String) -> String {
        text.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
    }
}
