extension SettingsCatalogue {
    /// The table of all keys for `docs/configuration.md`, in Markdown.
    public static var markdownTable: String {
        var text = "| key | value | default | meaning |\n|---|---|---|---|\n"
        for key in keys {
            text += "| `\(key.path)` | \(key.type) | \(key.defaultText) | \(key.meaning) |\n"
        }
        return text
    }
}
