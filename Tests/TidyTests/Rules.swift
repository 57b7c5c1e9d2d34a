import Testing

/// Something that holds for every source file, and can be read off its text.
struct Rule: Sendable, CustomTestStringConvertible {
    let name: String
    /// A file, as path and text, that breaks the rule: the proof that it can fail.
    let broken: (path: String, text: String)
    /// What is wrong with a file; empty if nothing is.
    let problems: @Sendable (Source) -> [String]

    var testDescription: String { name }

    /// No line of code that is looked at may match `pattern`.
    static func banned(
        _ name: String, _ pattern: String, in applies: @escaping @Sendable (Source) -> Bool,
        broken: (path: String, text: String)
    ) -> Rule {
        Rule(name: name, broken: broken) { source in
            guard applies(source), let regex = try? Regex(pattern) else { return [] }
            return source.code.enumerated().compactMap { index, line in
                line.contains(regex) ? "\(source.path):\(index + 1): \(name)" : nil
            }
        }
    }

    /// A module may be imported by some only.
    static func owned(
        _ module: String, by owners: Set<String>, broken path: String
    ) -> Rule {
        Rule(
            name: "\(module) is imported by \(owners.sorted().joined(separator: ", ")) only",
            broken: (path, "internal import \(module)")
        ) { source in
            source.imports.contains(module) && !owners.contains(source.module)
                ? ["\(source.path): imports \(module)"] : []
        }
    }
}

extension Rule {
    static let all: [Rule] =
        [
            .owned("CUV", by: ["EventLoop"], broken: "Proxy/A.swift"),
            .owned("CCurl", by: ["Upstream"], broken: "Proxy/A.swift"),
            .owned("CHiredis", by: ["Redis"], broken: "Proxy/A.swift"),
            .owned("CZlib", by: ["Deflate"], broken: "Proxy/A.swift"),
            // The command line reads files and the environment; it serves nobody.
            .owned("Foundation", by: ["meliproxy"], broken: "ProxyCore/Settings/A.swift"),
            // System calls: the loop and the dialler make them. Locking needs pthreads under TSan.
            .owned("Glibc", by: ["EventLoop", "Upstream", "Locking"], broken: "Telemetry/A.swift"),
            .owned("Dispatch", by: [], broken: "EventLoop/A.swift"),
            .owned("Yams", by: ["ProxyCore"], broken: "Proxy/A.swift"),
            .banned(
                "no try!", #"\btry!"#, in: everywhere, broken: ("Time/A.swift", "x = try! f()")),
            .banned(
                "no print", #"(^|[^.\w])print\("#, in: everywhere,
                broken: ("meliproxy/A.swift", "    print(1)")),
            // Both leave the loop's thread (docs/decisions/0002-async-on-the-loop.md).
            .banned(
                "no Task.sleep, no Task.detached", #"\bTask\.(sleep|detached)\b"#, in: everywhere,
                broken: ("Proxy/A.swift", "try await Task.sleep(for: .seconds(1))")),
            .banned(
                "no Dispatch", #"\bDispatch[A-Z]"#, in: everywhere,
                broken: ("Proxy/A.swift", "DispatchQueue.main.async {}")),
            .banned(
                "no fatalError: a precondition names its state", #"\bfatalError\("#,
                in: everywhere, broken: ("Proxy/A.swift", "default: fatalError()")),
            .banned(
                "time and chance are arguments of deciding code",
                #"\.now\(\)|\bSystemRandomNumberGenerator\b|\.random\(|\bClock\b"#,
                in: { deciding.contains($0.module) || $0.path.hasPrefix("Redis/Master/") },
                broken: ("Telemetry/A.swift", "let now = Instant.now()")),
            .banned(
                "no unsafe code here", #"\bunsafe\b|\bUnsafe[A-Z]|\bUnmanaged\b"#,
                in: { safe.contains($0.module) },
                broken: ("Proxy/A.swift", "let a = unsafe b.pointee")),
            .banned(
                "@unchecked Sendable only where it is proved", #"@unchecked Sendable"#,
                in: { !unchecked.contains($0.path) },
                broken: ("Proxy/A.swift", "final class A: @unchecked Sendable {}")),
            Rule(
                name: "a file has at most \(linesMax) lines",
                broken: ("Proxy/A.swift", String(repeating: "\n", count: linesMax + 1))
            ) { source in
                let count = source.lines.count - (source.lines.last == "" ? 1 : 0)
                return count > linesMax ? ["\(source.path): \(count) lines"] : []
            },
        ]

    private static let linesMax = 400
    private static let everywhere: @Sendable (Source) -> Bool = { _ in true }
    /// Modules that decide: values in, values out.
    static let deciding: Set = ["Time", "HTTP1", "Telemetry", "ProxyCore", "DemoAPI"]
    private static let safe: Set = [
        "Time", "Telemetry", "ProxyCore", "Proxy", "DemoAPI", "meliproxy", "demo-api",
    ]
    /// Files that say `@unchecked Sendable`, each with its proof in a comment beside it.
    static let unchecked: Set = [
        // The lock itself: the value is touched under the mutex only.
        "Locking/Locked.swift",
        // A loop is handed around, but its state is touched on its own thread only.
        "EventLoop/Loop.swift",
        // Written by its `init` alone.
        "EventLoop/SharedBytes.swift",
        // A stream goes through `post` from and to the same thread.
        "EventLoop/Stream.swift",
        // Made on the loop's thread, run there, only carried elsewhere.
        "EventLoop/ConfinedCall.swift",
    ]
}
