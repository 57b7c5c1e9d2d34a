/// One thing that is wrong with the settings.
public struct SettingsProblem: Sendable, Equatable, CustomStringConvertible {
    /// The file, or the flag of the command line.
    public let file: String
    /// The line, from 1; nil: the whole file, or no file.
    public let line: Int?
    /// The column, from 1, in characters (Unicode scalars).
    public let column: Int?
    /// The key, such as `routes[2].match.path`; empty: the document.
    public let path: String
    /// What was expected, and what was found.
    public let message: String

    /// A problem from its parts.
    public init(file: String, line: Int?, column: Int?, path: String, message: String) {
        self.file = file
        self.line = line
        self.column = column
        self.path = path
        self.message = message
    }

    /// `file:line:column: path: message`, without the parts that are not known.
    public var description: String {
        let place = [file, line.map(String.init), column.map(String.init)].compactMap { $0 }
            .joined(separator: ":")
        return path.isEmpty ? "\(place): \(message)" : "\(place): \(path): \(message)"
    }
}

/// All that is wrong with the settings, in the order of the file.
public struct SettingsProblems: Error, Sendable, Equatable, CustomStringConvertible {
    /// At least one problem.
    public let problems: [SettingsProblem]

    init(_ problems: [SettingsProblem]) {
        self.problems = problems.enumerated().sorted { left, right in
            let leftKey = (left.element.line ?? .max, left.element.column ?? 0, left.offset)
            let rightKey = (right.element.line ?? .max, right.element.column ?? 0, right.offset)
            return leftKey < rightKey
        }.map(\.element)
    }

    /// One problem with a whole file, such as that it cannot be read.
    public init(file: String, _ message: String) {
        self.init([
            SettingsProblem(file: file, line: nil, column: nil, path: "", message: message)
        ])
    }

    /// One line a problem.
    public var description: String { problems.map(\.description).joined(separator: "\n") }
}
