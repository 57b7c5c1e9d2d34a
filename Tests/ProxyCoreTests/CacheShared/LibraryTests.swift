import Foundation
import Testing

@testable import ProxyCore

@Suite("The functions for Redis")
struct LibraryTests {
    static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    static let source = root.appending(path: "Sources/ProxyCore/Cache/Shared/SharedLibrary.swift")

    /// The lines of both parts of the file, without comments.
    static func parts() throws -> (body: [String], registrations: [String]) {
        let text = try String(
            contentsOf: root.appending(path: "redis/meliproxy.lua"), encoding: .utf8)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let middle = try #require(lines.firstIndex(of: "-- As functions."))
        func code(_ lines: ArraySlice<String>) -> [String] {
            lines.filter {
                let line = $0.drop { $0 == " " }
                return !line.isEmpty && !line.hasPrefix("--")
            }
        }
        return (code(lines[1..<middle]), code(lines[middle...]))
    }

    @Test("the program carries what redis/meliproxy.lua says")
    func embedded() throws {
        let (body, registrations) = try Self.parts()
        // `make docs` sets the variable: then the constants are written anew.
        if ProcessInfo.processInfo.environment["MELIPROXY_WRITE_DOCS"] == "1" {
            let old = try String(contentsOf: Self.source, encoding: .utf8)
            let start = "    private static let registrations = #\"\"\"\n"
            let head = try #require(old.range(of: start)).lowerBound
            func literal(_ lines: [String]) -> String {
                lines.map { "        \($0)\n" }.joined() + "        \"\"\"#\n"
            }
            let text =
                old[..<head] + start + literal(registrations)
                + "\n    private static let body = #\"\"\"\n" + literal(body) + "}\n"
            try Data(text.utf8).write(to: Self.source)
            return
        }
        let name = "#!lua name=\(SharedLibrary.name)"
        let file = try String(
            contentsOf: Self.root.appending(path: "redis/meliproxy.lua"), encoding: .utf8)
        #expect(file.hasPrefix(name + "\n"))
        #expect(
            SharedLibrary.functions
                == ([name] + body + registrations).joined(separator: "\n") + "\n",
            "run `make docs`")
        #expect(
            SharedLibrary.script == body.joined(separator: "\n")
                + "\nreturn M[table.remove(ARGV)](KEYS, ARGV)\n")
    }

    @Test("every function that is called is registered, and the other way round")
    func registered() throws {
        let registered = try Self.parts().registrations
            .filter { $0.hasPrefix("register(") }
            .compactMap { $0.split(separator: "'").dropFirst().first.map(String.init) }
        let sources = try ["SharedCommands.swift", "SharedCommands+Control.swift"].map {
            try String(
                contentsOf: Self.source.deletingLastPathComponent().appending(path: $0),
                encoding: .utf8)
        }.joined()
        #expect(registered.count == 9)
        for name in registered { #expect(sources.contains("\"\(name)\""), "\(name)") }
    }

    @Test("where the functions look into records is where the layout has it")
    func offsets() throws {
        let body = try Self.parts().body.joined(separator: "\n")
        #expect(body.contains("local NAMES_AT = \(EntryLayout.fixedBytes + 1)\n"))
        #expect(body.contains("local NAME_BYTES = \(EntryLayout.generationBytes)\n"))
        #expect(body.contains("local VARIANTS_MAX = \(VaryRecord.variantsMax)\n"))
        #expect(body.contains("'<I2', response, \(EntryLayout.generationsAt + 1))"))
        #expect(body.contains("'<I4', response, \(EntryLayout.lengthAt + 1))"))
        #expect(body.contains("'<I4I4I4', response, \(EntryLayout.hostAt + 1))"))
        #expect(body.contains("'<i8', response, \(EntryLayout.receivedAt + 1))"))
        #expect(body.contains("'<I4I4B', response, \(EntryLayout.initialAgeAt + 1))"))
        let most = 4 + CacheTags.countMax
        let bound = try #require(body.firstMatch(of: /GENERATIONS_MAX = (\d+)/)?.1)
        #expect(Int(bound).map { $0 >= most } == true)
    }
}
