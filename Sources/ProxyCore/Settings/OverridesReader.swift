/// Puts the command line's flags over the settings of the file, and gathers what is wrong with them.
struct OverridesReader {
    private let overrides: Overrides
    private(set) var problems: [SettingsProblem] = []

    init(_ overrides: Overrides) { self.overrides = overrides }

    /// Whether `--upstream` says where the upstream is.
    var hasUpstream: Bool { overrides.upstream != nil }

    /// Whether `--admin` says where the admin listener is.
    var hasAdmin: Bool { overrides.admin != nil }

    private mutating func report(_ flag: String, _ message: String) {
        problems.append(
            SettingsProblem(file: flag, line: nil, column: nil, path: "", message: message))
    }

    private mutating func parse<T>(
        _ flag: String, _ text: String?, _ parse: (String) throws(TextProblem) -> T
    ) -> T? {
        guard let text else { return nil }
        do throws(TextProblem) {
            return try parse(text)
        } catch {
            report(flag, error.message)
            return nil
        }
    }

    /// `--upstream` and `--upstream-ca`: of the only upstream, or of one called `default`.
    mutating func applyUpstream(to settings: inout Settings) {
        guard overrides.upstream != nil || overrides.upstreamCA != nil else { return }
        let flag = overrides.upstream != nil ? "--upstream" : "--upstream-ca"
        guard settings.upstreams.count < 2 else {
            let names = settings.upstreams.map(\.name).joined(separator: ", ")
            report(flag, "expected one upstream in the file to apply it to, found \(names)")
            return
        }
        if settings.upstreams.isEmpty, overrides.upstream != nil {
            settings.upstreams = [UpstreamSettings(name: "default", urls: [])]
        }
        guard !settings.upstreams.isEmpty else { return }
        let url = parse("--upstream", overrides.upstream) { (text) throws(TextProblem) in
            try UpstreamURL(text)
        }
        if let url { settings.upstreams[0].urls = [url] }
        if let file = parse("--upstream-ca", overrides.upstreamCA, Parse.line) {
            settings.upstreams[0].tls.caFile = file
        }
    }

    /// All other flags.
    mutating func apply(to settings: inout Settings) {
        applyPlaces(to: &settings)
        if let workers = overrides.workers {
            if (0...1024).contains(workers) {
                settings.workers = workers
            } else {
                report("--workers", "expected a number from 0 to 1024, found `\(workers)`")
            }
        }
        if let target = parse(
            "--access-log", overrides.accessLog, SettingsReader.accessLogTarget)
        {
            settings.log.access.target = target
        }
        if let format: LogFormat = parse("--log-format", overrides.logFormat, Parse.word) {
            settings.log.access.format = format
        }
        if let level: LogLevel = parse("--log-level", overrides.logLevel, Parse.word) {
            settings.log.level = level
        }
        switch parse("--cache-memory", overrides.cacheMemory, CacheMemory.parse) {
        case .off: settings.memory = nil
        case .bytes(let bytes):
            settings.memory = settings.memory ?? CacheMemorySettings()
            settings.memory?.bytesMax = Int(clamping: bytes)
        case nil: break
        }
    }

    private mutating func applyPlaces(to settings: inout Settings) {
        let listen = parse("--listen", overrides.listen) { (text) throws(TextProblem) in
            try ListenAddress(text)
        }
        if let listen {
            var listener = settings.listeners.first ?? ListenerSettings()
            listener.address = listen
            settings.listeners = [listener]
        }
        let admin = parse("--admin", overrides.admin) { (text) throws(TextProblem) in
            try ListenAddress(text)
        }
        if let admin {
            settings.admin.address = admin
            if !admin.isLoopback, settings.admin.token == nil, settings.admin.tokenFile == nil {
                report(
                    "--admin",
                    "`\(admin)` is not loopback: expected admin.token in the file, found none")
            }
        }
    }
}
