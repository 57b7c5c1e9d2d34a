internal import Yams

/// Makes settings from a file's text, the environment and the command line. Reads nothing by itself.
public enum SettingsLoader {
    /// The settings, or everything that is wrong with them. `file` is the name used in problems.
    public static func load(
        yaml: String, file: String, environment: [String: String],
        overrides: Overrides = Overrides()
    ) -> Result<Settings, SettingsProblems> {
        let document = SettingsDocument(yaml: yaml, file: file)
        guard document.problems.isEmpty else {
            return .failure(SettingsProblems(document.problems))
        }
        var reader = SettingsReader(
            file: file, environment: environment, masked: document.masked)
        var settings = Settings()
        var flags = OverridesReader(overrides)
        if let root = document.root {
            let value = SettingsReader.Value(root, path: "", schema: "")
            if let top = reader.section(value) {
                read(top, with: &reader, &flags, into: &settings)
            }
        } else {
            flags.applyUpstream(to: &settings)
        }
        flags.apply(to: &settings)
        complete(&settings, file: file, &reader, hasRoutes: document.hasRoutes)
        let problems = reader.problems + flags.problems
        return problems.isEmpty ? .success(settings) : .failure(SettingsProblems(problems))
    }

    private static func read(
        _ top: SettingsReader.Section, with reader: inout SettingsReader,
        _ flags: inout OverridesReader, into settings: inout Settings
    ) {
        reader.read("instance", of: top, into: &settings.instanceName, Parse.optionalLine)
        reader.read("workers", of: top, into: &settings.workers, Parse.number(0...1024))
        reader.read("via", of: top, into: &settings.via, Parse.token)
        reader.read("forwarded", of: top, into: &settings.forwarded, Parse.word)
        if let value = top["listen"] { reader.readListeners(value, into: &settings.listeners) }
        if let value = top["admin"] { reader.readAdmin(value, into: &settings.admin) }
        if let value = top["trusted_proxies"] {
            reader.readTrustedProxies(value, into: &settings.trustedProxies)
        }
        if let value = top["client"] { reader.readClient(value, into: &settings.client) }
        if let value = top["redis"] { reader.readRedis(value, into: &settings.redis) }
        if let value = top["cache"] {
            reader.readCacheTiers(value, hasRedis: top["redis"] != nil, into: &settings)
        }
        if let value = top["upstreams"] {
            reader.readUpstreams(
                value, needsURL: !flags.hasUpstream, into: &settings.upstreams)
        }
        // Before the routes, which take over what their upstream says.
        flags.applyUpstream(to: &settings)
        if let value = top["routes"] { reader.readRoutes(value, into: &settings) }
        reader.readLimits(top, into: &settings)
        if let value = top["log"] { reader.readLog(value, into: &settings.log) }
        if let value = top["telemetry"] { reader.readTelemetry(value, into: &settings.telemetry) }
        if let value = top["shutdown"] { reader.readShutdown(value, into: &settings.shutdown) }
        checkAdmin(top, settings, flags, &reader)
    }

    /// Beyond loopback everybody can reach the admin API, which can change things.
    private static func checkAdmin(
        _ top: SettingsReader.Section, _ settings: Settings, _ flags: OverridesReader,
        _ reader: inout SettingsReader
    ) {
        guard !flags.hasAdmin, let admin = top["admin"], case .mapping(let fields) = admin.node,
            let place = fields["listen"], !settings.admin.address.isLoopback,
            fields["token"] == nil, fields["token_file"] == nil
        else { return }
        reader.report(
            "admin.listen", place.mark,
            "`\(settings.admin.address)` is not loopback: expected token or token_file, found none")
    }

    /// What only the whole shows: no upstream, no route, listeners that collide.
    private static func complete(
        _ settings: inout Settings, file: String, _ reader: inout SettingsReader, hasRoutes: Bool
    ) {
        if let taken = settings.listeners.first(where: {
            $0.address.overlaps(settings.admin.address)
        }) {
            reader.report(
                "admin.listen", nil,
                "`\(settings.admin.address)` is taken by the listener `\(taken.address)`")
        }
        guard let first = settings.upstreams.first else {
            if !reader.problems.contains(where: { $0.path.hasPrefix("upstreams") }) {
                reader.report("upstreams", nil, "expected at least one upstream, found none")
            }
            return
        }
        guard settings.routes.isEmpty, !hasRoutes else { return }
        if settings.upstreams.count > 1 {
            reader.report(
                "routes", nil, "expected at least one route for several upstreams, found none")
            return
        }
        settings.routes = [
            RouteSettings(
                name: "default", match: MatchSettings(), upstream: first, client: settings.client)
        ]
    }
}

extension SettingsDocument {
    /// Whether the file has routes, right or wrong.
    var hasRoutes: Bool {
        guard case .mapping(let top)? = root, case .sequence(let routes)? = top["routes"] else {
            return false
        }
        return !routes.isEmpty
    }
}

extension Settings {
    /// The settings of a file (its text and its name; nil: none) under the command line's flags.
    public static func resolve(
        file: (yaml: String, name: String)?, environment: [String: String], overrides: Overrides
    ) -> Result<Settings, SettingsProblems> {
        SettingsLoader.load(
            yaml: file?.yaml ?? "", file: file?.name ?? "command line", environment: environment,
            overrides: overrides)
    }
}
