import Foundation

/// A Swift file as the rules see it.
struct Source {
    /// Below `Sources`, such as `EventLoop/Loop.swift`.
    let path: String
    let lines: [String]
    /// The lines without comments and without what stands in quotes.
    let code: [String]

    init(_ path: String, _ text: String) {
        self.path = path
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        code = lines.map(Source.stripped)
    }

    /// The directory right below `Sources`.
    var module: String { String(path.prefix { $0 != "/" }) }

    /// The modules that the file imports.
    var imports: [String] {
        code.compactMap { line in
            let words = line.split(separator: " ").map(String.init)
            guard let index = words.firstIndex(of: "import"), index < 3, index + 1 < words.count
            else { return nil }
            let before = words[..<index]
            return before.allSatisfy { $0 == "public" || $0 == "internal" || $0.hasPrefix("@") }
                ? words[index + 1] : nil
        }
    }

    private static func stripped(_ line: String) -> String {
        var result = ""
        var isQuoted = false
        var previous: Character = " "
        for character in line {
            if isQuoted, previous == "\\" {
                previous = " "  // an escaped character ends nothing
                continue
            }
            if character == "\"" {
                isQuoted.toggle()
            } else if !isQuoted {
                if character == "/", previous == "/" { return String(result.dropLast()) }
                result.append(character)
            }
            previous = character
        }
        return result
    }
}

/// The package on disk, found from where this file was compiled.
enum Tree {
    static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// All Swift files of `Sources`.
    static let sources: [Source] = {
        let folder = root.appending(path: "Sources")
        let paths = FileManager.default.enumerator(atPath: folder.path)?.allObjects ?? []
        return paths.compactMap { $0 as? String }.filter { $0.hasSuffix(".swift") }.sorted()
            .compactMap { path in
                let text = try? String(contentsOf: folder.appending(path: path), encoding: .utf8)
                return text.map { Source(path, $0) }
            }
    }()

    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }
}
