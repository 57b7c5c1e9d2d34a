// swift-tools-version: 6.2
import PackageDescription

/// The cache's table alone, by a link to its sources: builds in seconds, without the proxy.
let package = Package(
    name: "hitratio",
    platforms: [.macOS(.v26)],
    targets: [
        .target(name: "Store"),
        .executableTarget(name: "hitratio", dependencies: ["Store"]),
    ]
)
