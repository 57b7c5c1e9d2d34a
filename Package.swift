// swift-tools-version: 6.2
import PackageDescription

/// What every Swift target of this package is compiled with (docs/ARCHITECTURE.md, "Language").
let house: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: house)
}

func program(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, swiftSettings: house)
}

func tests(
    _ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []
) -> Target {
    .testTarget(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: house)
}

let package = Package(
    name: "meliproxy",
    platforms: [.macOS(.v26)],
    products: [
        .executable(name: "meliproxy", targets: ["meliproxy"]),
        .executable(name: "demo-api", targets: ["demo-api"]),
        // With the loop that it runs on and the clock that deadlines are given in.
        .library(name: "Redis", targets: ["Redis", "EventLoop", "Time"]),
    ],
    dependencies: [
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    ],
    targets: [
        .systemLibrary(name: "CUV", providers: [.apt(["libuv1-dev"]), .brew(["libuv"])]),
        .systemLibrary(
            name: "CCurl",
            providers: [.apt(["libcurl4-openssl-dev", "libssl-dev"]), .brew(["curl", "openssl"])]),
        .systemLibrary(
            name: "CHiredis", providers: [.apt(["libhiredis-dev"]), .brew(["hiredis"])]),
        .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),

        module("Time"),
        module("Locking"),
        module("Deflate", ["CZlib"]),
        module("HTTP1", ["Time"]),
        module("Telemetry", ["Time", "Locking"]),
        module(
            "ProxyCore",
            ["Time", "HTTP1", "Telemetry", .product(name: "Yams", package: "Yams")]),
        module("EventLoop", ["Time", "Locking", "CUV"]),
        module("Redis", ["Time", "Locking", "EventLoop", "CHiredis"]),
        module("Upstream", ["Time", "HTTP1", "Telemetry", "ProxyCore", "EventLoop", "CCurl"]),
        module("Responder", ["Time", "Deflate", "HTTP1", "EventLoop"]),
        module(
            "Proxy",
            [
                "Time", "Locking", "Deflate", "HTTP1", "Telemetry", "ProxyCore", "EventLoop",
                "Redis",
                "Upstream", "Responder",
            ]),
        program("redis-bench", ["Redis", "EventLoop", "Time"]),
        program(
            "meliproxy",
            [
                "Proxy", "ProxyCore", "Upstream",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        module("DemoAPI", ["HTTP1", "Telemetry", "ProxyCore", "Responder"]),
        program(
            "demo-api",
            [
                "DemoAPI", "ProxyCore", "EventLoop", "Responder",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),

        .target(
            name: "Support", dependencies: ["EventLoop", "Locking", "Redis", "Time"],
            path: "Tests/Support", exclude: ["tls_server.py"], swiftSettings: house),
        tests("EventLoopTests", ["EventLoop", "Locking", "Support", "Time"]),
        tests(
            "UpstreamTests",
            ["Upstream", "EventLoop", "Locking", "Support", "Telemetry", "Time"]),
        tests("RedisTests", ["Redis", "EventLoop", "Locking", "Support", "Time"]),
        tests("ResponderTests", ["Responder", "EventLoop", "HTTP1", "Locking", "Support", "Time"]),
        tests("DeflateTests", ["Deflate"]),
        tests("HTTP1Tests", ["HTTP1", "Time"]),
        tests(
            "TelemetryTests", ["Telemetry", "Time"],
            exclude: ["check_exposition.py", "test_check_exposition.py"]),
        tests("ProxyCoreTests", ["ProxyCore", "HTTP1", "Support", "Telemetry", "Time"]),
        tests(
            "ProxyTests",
            ["Proxy", "EventLoop", "HTTP1", "ProxyCore", "Redis", "Support", "Telemetry", "Time"]),
        tests("DemoAPITests", ["DemoAPI", "Responder", "HTTP1"]),
        tests("SimulationTests", ["Redis", "ProxyCore", "Time"]),
        tests("TidyTests", ["Telemetry"]),
    ]
)
