extension SettingsReader {
    /// Fields that the proxy sets itself, because framing and routing hang on them.
    private static let managedFields: Set<String> = [
        "connection", "content-length", "expect", "host", "keep-alive", "proxy-connection", "te",
        "trailer", "transfer-encoding", "upgrade", "via",
    ]

    /// Fields that carry credentials: their values are never shown.
    private static let secretFields: Set<String> = [
        "authorization", "cookie", "proxy-authorization", "set-cookie", "x-api-key",
    ]

    /// `request` and `response` of a route.
    mutating func readEdits(_ value: Value, into edits: inout FieldEdits) {
        guard let section = section(value) else { return }
        if let set = section["set"] { readFields(set, into: &edits.set) }
        if let add = section["add"] { readFields(add, into: &edits.add) }
        if let remove = section["remove"] {
            edits.remove = list(remove).compactMap { parse($0, Self.fieldName) }
        }
    }

    private mutating func readFields(_ value: Value, into fields: inout [FieldEdit]) {
        guard let section = section(value) else { return }
        for (name, value) in section.entries {
            guard let (text, isFromEnvironment) = text(value) else { continue }
            do throws(TextProblem) {
                _ = try Self.fieldName(name)
                let isSecret = isFromEnvironment || Self.secretFields.contains(name.lowercased())
                try Self.checkFieldValue(text, isSecret: isSecret)
                fields.append(FieldEdit(name: name, value: text, isSecret: isSecret))
            } catch {
                report(value, error)
            }
        }
    }

    private static func fieldName(_ name: String) throws(TextProblem) -> String {
        guard !name.isEmpty, name.utf8.count <= 128, name.utf8.allSatisfy(\.isTokenByte) else {
            throw TextProblem(expected: "the name of a field", found: name)
        }
        guard !managedFields.contains(name.lowercased()) else {
            throw TextProblem("the field \(name) is the proxy's own and cannot be changed")
        }
        return name
    }

    /// RFC 9110 §5.5: visible characters, SP and HTAB within, nothing else; kept to ASCII here.
    private static func checkFieldValue(
        _ value: String, isSecret: Bool
    ) throws(TextProblem) {
        let isValid =
            value.utf8.count <= 8192
            && value.utf8.allSatisfy { $0 == 0x09 || ($0 >= 0x20 && $0 < 0x7f) }
            && value.first != " " && value.last != " " && value.first != "\t" && value.last != "\t"
        guard !isValid else { return }
        let expected = "a field value of visible ASCII characters and inner blanks"
        throw isSecret
            ? TextProblem("expected \(expected)") : TextProblem(expected: expected, found: value)
    }

    /// `log`.
    mutating func readLog(_ value: Value, into log: inout LogSettings) {
        guard let section = section(value) else { return }
        read("level", of: section, into: &log.level, Parse.word)
        guard let access = section["access"], let section = self.section(access) else { return }
        read("path", of: section, into: &log.access.target, Self.accessLogTarget)
        read("format", of: section, into: &log.access.format, Parse.word)
        read(
            "sample_rate", of: section, into: &log.access.sampleRate, Parse.number(1...1_000_000))
        read(
            "slow", of: section, into: &log.access.slowNanoseconds,
            Parse.durationOrOff(1...(24 * 3600 * second)))
    }

    /// A file, `-` or `off`.
    static func accessLogTarget(_ text: String) throws(TextProblem) -> AccessLogTarget {
        switch text {
        case "off": .off
        case "-": .standardOutput
        default: .file(try Parse.line(text))
        }
    }

    /// `telemetry`.
    mutating func readTelemetry(_ value: Value, into telemetry: inout TelemetrySettings) {
        guard let section = section(value) else { return }
        read(
            "route_labels_max", of: section, into: &telemetry.routeLabelsMax,
            Parse.number(1...10_000))
        read(
            "upstream_labels_max", of: section, into: &telemetry.upstreamLabelsMax,
            Parse.number(1...10_000))
        read("exemplars", of: section, into: &telemetry.exemplars, Parse.boolean)
    }

    /// `shutdown`.
    mutating func readShutdown(_ value: Value, into shutdown: inout ShutdownSettings) {
        guard let section = section(value) else { return }
        let timeout = Parse.duration(0...(3600 * second))
        read("drain_delay", of: section, into: &shutdown.drainDelayNanoseconds, timeout)
        read("grace", of: section, into: &shutdown.graceNanoseconds, timeout)
    }
}
