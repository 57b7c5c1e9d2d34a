import Foundation
import Testing

@testable import ProxyCore

@Suite("The functions of shared limits for Redis")
struct LimitLibraryTests {
    static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    static let source = root.appending(path: "Sources/ProxyCore/Limits/LimitLibrary.swift")

    @Test("the program carries what redis/limits.lua says")
    func embedded() throws {
        let file = try String(
            contentsOf: Self.root.appending(path: "redis/limits.lua"), encoding: .utf8)
        let lines = file.split(separator: "\n").map(String.init)
        let code = lines.dropFirst().filter { !$0.drop { $0 == " " }.hasPrefix("--") }
        // `make docs` sets the variable: then the constant is written anew.
        if ProcessInfo.processInfo.environment["MELIPROXY_WRITE_DOCS"] == "1" {
            let old = try String(contentsOf: Self.source, encoding: .utf8)
            let start = "    private static let body = #\"\"\"\n"
            let head = try #require(old.range(of: start)).upperBound
            let body = code.map { "        \($0)\n" }.joined()
            try Data((old[..<head] + body + "        \"\"\"#\n}\n").utf8).write(to: Self.source)
            return
        }
        #expect(lines.first == "#!lua name=\(LimitLibrary.name)")
        let body = code.joined(separator: "\n") + "\n"
        #expect(LimitLibrary.script == body, "run `make docs`")
        #expect(LimitLibrary.functions == "#!lua name=\(LimitLibrary.name)\n" + body)
        #expect(body.contains("'\(LimitLibrary.name)_' .. name"))
    }

    @Test("calls, as functions and as a script")
    func calls() {
        var commands = LimitCommands(prefix: Array("p:".utf8))
        func texts(_ command: [[UInt8]]) -> [String] {
            command.map { String(decoding: $0, as: UTF8.self) }
        }
        let name = Array("abc".utf8)
        #expect(
            texts(commands.instances(name: name, keepMicroseconds: 5)) == [
                "FCALL", "meliproxy_limits_1_instances", "1", "p:rl:{instances}", "abc", "5",
            ])
        commands.form = .script(hash: Array("ff".utf8))
        #expect(
            texts(commands.instances(name: name, keepMicroseconds: 5)) == [
                "EVALSHA", "ff", "1", "p:rl:{instances}", "abc", "5", "instances",
            ])
        #expect(texts(LimitCommands.loadFunctions)[0...2] == ["FUNCTION", "LOAD", "REPLACE"])
        #expect(texts(LimitCommands.loadScript)[0...1] == ["SCRIPT", "LOAD"])
    }
}
