import Foundation
import Telemetry
import Testing

@Suite("Rules of the house") struct RuleTests {
    @Test("hold in every source file", arguments: Rule.all) func holds(rule: Rule) {
        #expect(Tree.sources.count > 100)
        #expect(Tree.sources.flatMap(rule.problems) == [])
    }

    @Test("can fail", arguments: Rule.all) func canFail(rule: Rule) {
        #expect(!rule.problems(Source(rule.broken.path, rule.broken.text)).isEmpty)
    }

    @Test("look at code only") func comments() {
        let source = Source(
            "Proxy/A.swift",
            """
            // try! f()
            let a = 1  // print(1)
            let b = "fatalError( // \\" Task.sleep" // unsafe
            """)
        for rule in Rule.all { #expect(rule.problems(source) == [], "\(rule.name)") }
        #expect(source.code == ["", "let a = 1  ", "let b =  "])
    }

    @Test("files on the list for @unchecked Sendable use it, and say why") func unchecked() {
        for path in Rule.unchecked {
            let source = Tree.sources.first { $0.path == path }
            #expect(source?.code.contains { $0.contains("@unchecked Sendable") } == true, "\(path)")
            #expect(source?.lines.contains { $0.contains("/// ") } == true, "\(path)")
        }
    }
}

@Suite("Modules") struct ModuleTests {
    @Test("the table of docs/ARCHITECTURE.md is that of Package.swift") func table() throws {
        let documented = Arrows(architecture: try Tree.text("docs/ARCHITECTURE.md"))
        let declared = Arrows(package: try Tree.text("Package.swift"))
        #expect(documented.uses == declared.uses)
        #expect(Set(declared.order) == Set(Tree.sources.map(\.module)))
        #expect(documented.upward == [] && declared.upward == [])
    }

    @Test("files import what their module may use") func imports() throws {
        let declared = Arrows(package: try Tree.text("Package.swift"))
        #expect(Tree.sources.flatMap(declared.problems) == [])
    }

    @Test("an arrow that points up is found") func canFail() {
        let package = """
            targets: [
                    module("Low", ["High"]),
                    module(
                        "High", ["Low", .product(name: "Yams", package: "Yams")]),

                ]
            """
        let arrows = Arrows(package: package)
        #expect(arrows.uses == ["Low": ["High"], "High": ["Low", "Yams"]])
        #expect(arrows.upward == ["Low uses High"])
        #expect(arrows.problems(Source("Low/A.swift", "internal import Yams")).count == 1)
        #expect(arrows.problems(Source("High/A.swift", "import Yams\npublic import Low")).isEmpty)
        let table = "## Modules\n| `Low` | decides | `High` | x |\n## Next\n| `No` | | `Low` | |\n"
        #expect(Arrows(architecture: table).uses == ["Low": ["High"]])
    }

    /// Modules without a test target of their own, and what tests them.
    static let testedElsewhere = [
        "Time": "two value types, used by the tests of every module",
        "Locking": "one lock, under the thread sanitizer (make tsan)",
        "EventLoop": "Tests/Stack, through the binaries",
        "Upstream": "Tests/Stack/test_upstreams.py, test_timeouts.py",
        "Responder": "DemoAPITests and Tests/Stack/test_admin.py",
        "meliproxy": "Tests/Stack/test_settings.py",
        "redis-bench": "a measurement, run by Benchmarks/redis.py",
        "demo-api": "options only; DemoAPITests has the rest",
    ]

    /// Modules that neither have a test target nor stand on the list.
    private func untested(_ modules: Set<String>, package: String) -> Set<String> {
        modules.filter { !package.contains("\"\($0)Tests\"") && Self.testedElsewhere[$0] == nil }
    }

    @Test("every module has a test target or is on the list") func tests() throws {
        let package = try Tree.text("Package.swift")
        let modules = Set(Tree.sources.map(\.module))
        #expect(untested(modules, package: package) == [])
        #expect(modules.isSuperset(of: Self.testedElsewhere.keys))
        #expect(untested(["New"], package: package) == ["New"])
    }
}

@Suite("Generated pages") struct PageTests {
    /// `make docs` sets the variable: then the page is written instead of compared.
    @Test("docs/metrics.md is what the catalogue says") func metrics() throws {
        let file = Tree.root.appending(path: "docs/metrics.md")
        if ProcessInfo.processInfo.environment["MELIPROXY_WRITE_DOCS"] == "1" {
            try Data(Catalogue.markdown().utf8).write(to: file)
        }
        let page = try String(contentsOf: file, encoding: .utf8)
        #expect(page == Catalogue.markdown(), "run `make docs`")
    }
}
