import ArgumentParser
import Foundation
import Upstream

/// Where a running instance is asked.
struct AdminOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Admin listener of the instance.", valueName: "host:port"))
    var admin = "127.0.0.1:9900"
    @Option(help: ArgumentHelp("Admin token; else from MELIPROXY_ADMIN_TOKEN.", valueName: "token"))
    var token: String?

    /// Asks, prints the answer, and ends the process: 0, or 1 if the instance refused or is not there.
    func call(_ method: String, _ path: String, _ query: [(String, String?)]) -> Never {
        let token = token ?? ProcessInfo.processInfo.environment["MELIPROXY_ADMIN_TOKEN"]
        var components = URLComponents()
        components.path = path
        components.queryItems = query.compactMap { name, value in
            value.map { URLQueryItem(name: name, value: $0) }
        }
        // A plus sign is a space to those who decode queries as forms.
        let text = (components.string ?? path).replacing("+", with: "%2B")
        let (answer, problem) = AdminCall.send(method, "http://\(admin)\(text)", token: token)
        guard let answer else { Exit.now(1, "no answer from \(admin): \(problem)") }
        let body = String(decoding: answer.body, as: UTF8.self)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        guard answer.status == 200 else { Exit.now(1, "\(answer.status): \(body)") }
        Exit.say(body)
        Foundation.exit(0)
    }
}

struct Purge: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make a running instance forget what it has stored.",
        discussion: "Give exactly one of --key, --prefix, --route, --tag and --all.")

    @Option(help: ArgumentHelp("One path with its query.", valueName: "target")) var key: String?
    @Option(help: ArgumentHelp("All paths that begin with this.", valueName: "path"))
    var prefix: String?
    @Option(help: ArgumentHelp("All that a route answered.", valueName: "name")) var route: String?
    @Option(help: ArgumentHelp("All that carry a tag.", valueName: "tag")) var tag: String?
    @Flag(help: "Everything.") var all = false
    @Option(help: ArgumentHelp("Only this host, with --key or --prefix.", valueName: "host"))
    var host: String?
    @Flag(help: "Make it stale instead: validated before its next use, served if that fails.")
    var soft = false
    @OptionGroup var options: AdminOptions

    func validate() throws {
        let given = [key, prefix, route, tag].compactMap { $0 }.count + (all ? 1 : 0)
        guard given == 1 else {
            throw ValidationError("Give exactly one of --key, --prefix, --route, --tag and --all.")
        }
    }

    func run() throws {
        options.call(
            "POST", "/api/v1/purge",
            [
                ("key", key), ("prefix", prefix), ("route", route), ("tag", tag),
                ("all", all ? "true" : nil), ("host", host), ("mode", soft ? "soft" : "hard"),
            ])
    }
}

struct Explain: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say what a running instance would do with a request, without doing it.")

    @Argument(help: "Path with query.") var target: String
    @Option(help: "Method.") var method = "GET"
    @Option(help: "Host field.") var host: String?
    @Option(help: ArgumentHelp("Address of the client.", valueName: "address")) var client: String?
    @Option(
        help: ArgumentHelp("A request field, 'Name: value'; may be repeated.", valueName: "field"))
    var field: [String] = []
    @OptionGroup var options: AdminOptions

    func run() throws {
        options.call(
            "GET", "/api/v1/explain",
            [("target", target), ("method", method), ("host", host), ("client", client)]
                + field.map { ("field", $0) })
    }
}
