import ArgumentParser
import Foundation
import Proxy
import ProxyCore

@main
struct Command: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "meliproxy",
        abstract: "An observable API proxy.",
        subcommands: [Serve.self, CheckConfig.self, Purge.self, Explain.self, Version.self],
        defaultSubcommand: nil)

    /// Exit codes: 0, 1 for what could not be started, 2 for what was asked for in the wrong way.
    static func main() {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch {
            Exit.end(fullMessage(for: error), isFailure: exitCode(for: error) != .success)
        }
    }
}

struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the proxy. Flags win over the configuration file.")

    @Option(help: ArgumentHelp("Configuration file (YAML).", valueName: "file"))
    var config: String?
    @Option(help: ArgumentHelp("Upstream to proxy; enough without any file.", valueName: "url"))
    var upstream: String?
    @Option(help: ArgumentHelp("PEM file of authorities for the upstream.", valueName: "file"))
    var upstreamCa: String?
    @Option(help: ArgumentHelp("Where clients connect (0.0.0.0:8080).", valueName: "host:port"))
    var listen: String?
    @Option(help: ArgumentHelp("Admin listener (127.0.0.1:9900).", valueName: "host:port"))
    var admin: String?
    @Option(help: ArgumentHelp("Worker threads; 0: one per core.", valueName: "n"))
    var workers: Int?
    @Option(help: ArgumentHelp("Memory for the cache.", valueName: "size|off"))
    var cacheMemory: String?
    @Option(help: ArgumentHelp("Access log: a file, - or off.", valueName: "file"))
    var accessLog: String?
    @Option(help: ArgumentHelp("Form of log lines.", valueName: "json|text"))
    var logFormat: String?
    @Option(help: ArgumentHelp("Least severe message written.", valueName: "level"))
    var logLevel: String?

    func run() throws {
        let source = SettingsSource(file: config, overrides: overrides)
        let settings = Exit.unwrap(source.load())
        let token = Exit.unwrap(source.token(of: settings))
        do {
            try Proxy.run(settings, token: token, version: .current) { source.load() }
        } catch {
            Exit.now(1, error.message)
        }
    }

    private var overrides: Overrides {
        var overrides = Overrides()
        overrides.upstream = upstream
        overrides.upstreamCA = upstreamCa
        overrides.listen = listen
        overrides.admin = admin
        overrides.workers = workers
        overrides.cacheMemory = cacheMemory
        overrides.accessLog = accessLog
        overrides.logFormat = logFormat
        overrides.logLevel = logLevel
        return overrides
    }
}

struct CheckConfig: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check-config",
        abstract: "Check a configuration file and report everything that is wrong with it.")

    @Argument(help: "The file.")
    var file: String

    func run() throws {
        let source = SettingsSource(file: file, overrides: Overrides())
        let settings = Exit.unwrap(source.load())
        _ = Exit.unwrap(source.token(of: settings))
        Exit.say(
            "\(file): ok (\(settings.routes.count) routes, \(settings.upstreams.count) upstreams)")
    }
}

struct Version: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show the version.")

    func run() throws {
        let version = BuildVersion.current
        Exit.say("meliproxy \(version.version) (\(version.revision)), Swift \(version.swift)")
    }
}
