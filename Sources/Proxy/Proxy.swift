internal import EventLoop
public import ProxyCore
internal import Responder
internal import Telemetry
internal import Upstream

/// The version of what is running, for `build_info` and `meliproxy version`.
public struct BuildVersion: Sendable {
    /// Semantic version.
    public let version: String
    /// Revision of the source; `unknown` when it was not told.
    public let revision: String
    /// Version of the Swift compiler.
    public let swift: String

    /// A version from its parts.
    public init(version: String, revision: String, swift: String) {
        self.version = version
        self.revision = revision
        self.swift = swift
    }
}

/// Why an instance could not start: one line.
public struct StartFailure: Error, Sendable {
    /// The line.
    public let message: String
}

/// Starts a proxy and runs it until it is told to stop.
public enum Proxy {
    /// Runs an instance with `settings` on the calling thread; the process ends with it (exit code 0 after
    /// a drain). Everything that can fail is tried before anything serves. `load` is asked at a reload.
    public static func run(
        _ settings: Settings, token: String?, version: BuildVersion,
        load: @escaping () -> Result<Settings, SettingsProblems>
    ) throws(StartFailure) -> Never {
        SignalWatch.ignoreBrokenPipes()
        SystemFacts.tuneAllocator()
        let curl = DialContext.prepareProcess()
        if let problem = SettingsCheck.problem(settings, resolving: true) {
            throw StartFailure(message: problem)
        }
        do throws(LoopError) {
            let start = try Start(settings, version: version)
            let loop = try Loop()
            let control = try start.makeControl(on: loop, version: version, load: load)
            try loop.runWith {
                () throws(LoopError) in
                try control.start(start.adminSocket, token: token)
                start.announce(curl: curl)
            }
            SystemFacts.exitNow(0)
        } catch {
            throw StartFailure(message: error.description)
        }
    }
}

/// The steps of starting, in order.
struct Start {
    let settings: Settings
    let instance: Instance
    let snapshot: Snapshot
    let adminSocket: ListeningSocket
    private let sockets: [[(ListeningSocket, ListenerSettings)]]
    private let version: BuildVersion

    /// Opens the log and all sockets.
    init(_ settings: Settings, version: BuildVersion) throws(LoopError) {
        self.settings = settings
        self.version = version
        let diagnostics = Diagnostics(
            level: settings.log.level, format: settings.log.access.format)
        let descriptors = SystemFacts.raiseDescriptorLimit()
        let workers = settings.workers > 0 ? settings.workers : SystemFacts.processorCount
        var accessLog: AccessLog?
        if settings.log.access.target != .off {
            accessLog = try AccessLog(settings.log.access.target)
        }
        sockets = try Start.listen(settings.listeners, workers: workers)
        adminSocket = try Start.socket(settings.admin.address, backlog: 128)
        let name = settings.instanceName ?? "\(SystemFacts.hostName):\(adminSocket.address.port)"
        instance = Instance(
            settings, name: name, workerCount: workers,
            connectionsMax: Start.connectionsMax(settings, descriptors: descriptors),
            accessLog: accessLog, diagnostics: diagnostics)
        snapshot = Snapshot(settings, limits: instance.limitTables.makeSet(settings))
    }

    /// Half of the descriptors at most: each client may need one more towards an upstream.
    private static func connectionsMax(_ settings: Settings, descriptors: Int) -> Int {
        let reserved = 64
        let possible = max(16, (descriptors - reserved) * 4 / 5)
        let wanted = settings.client.connectionsMax
        return wanted > 0 ? min(wanted, possible) : possible
    }

    private static func socket(
        _ address: ListenAddress, backlog: Int
    ) throws(LoopError) -> ListeningSocket {
        let place = SocketAddress(
            high: address.address.high, low: address.address.low, port: address.port)
        if address.port != 0 {
            try ListeningSocket.probe(place, named: address.description)
        }
        return try ListeningSocket(
            place, named: address.description, backlog: Int32(backlog))
    }

    /// One socket a worker and listener; port 0 becomes the same port for all workers.
    private static func listen(
        _ listeners: [ListenerSettings], workers: Int
    ) throws(LoopError) -> [[(ListeningSocket, ListenerSettings)]] {
        var result: [[(ListeningSocket, ListenerSettings)]] = Array(repeating: [], count: workers)
        for settings in listeners {
            let first = try socket(settings.address, backlog: settings.backlog)
            result[0].append((first, settings))
            for worker in 1..<max(1, workers) {
                let next = try ListeningSocket(
                    first.address, named: settings.address.description,
                    backlog: Int32(settings.backlog))
                result[worker].append((next, settings))
            }
        }
        return result
    }

    /// Starts the log's thread and the workers.
    func makeControl(
        on loop: Loop, version: BuildVersion,
        load: @escaping () -> Result<Settings, SettingsProblems>
    ) throws(LoopError) -> Control {
        try instance.accessLog?.start()
        instance.announce(settings)
        var workers: [WorkerThread] = []
        for (index, sockets) in sockets.enumerated() {
            let diagnostics = instance.diagnostics
            workers.append(
                try WorkerThread(instance, index: index, snapshot: snapshot, sockets: sockets) {
                    diagnostics.log(.error, $0.description)
                    SystemFacts.exitNow(1)
                })
        }
        return Control(loop, instance, snapshot, workers, version: version, load: load)
    }

    /// Says that the instance serves, and where.
    func announce(curl: String) {
        let places = sockets.first?.map { "\($0.1.address.host):\($0.0.address.port)" } ?? []
        instance.diagnostics.log(
            .info,
            "meliproxy \(version.version) listens on \(places.joined(separator: ", ")), admin on "
                + "\(settings.admin.address.host):\(adminSocket.address.port), "
                + "\(sockets.count) workers, libcurl \(curl)")
    }
}

/// What can only be checked on the machine itself, before a configuration is used.
enum SettingsCheck {
    /// The first problem in one line, nil if there is none.
    /// `resolving`: also whether hosts exist, which may block: only before anything is served.
    static func problem(_ settings: Settings, resolving: Bool) -> String? {
        for upstream in settings.upstreams {
            if let file = upstream.tls.caFile, let problem = unusable(file) {
                return "upstream \(upstream.name): \(problem)"
            }
            guard resolving, upstream.proxy == nil else { continue }
            for url in upstream.urls where SystemFacts.lookUp(url.host) == .unknown {
                return "upstream \(upstream.name): there is no host named \(url.host)"
            }
        }
        return nil
    }

    private static func unusable(_ file: String) -> String? {
        guard let contents = SystemFacts.contents(of: file) else {
            return "the CA file \(file) cannot be read"
        }
        let text = String(decoding: contents, as: UTF8.self)
        return text.contains("-----BEGIN") ? nil : "the CA file \(file) holds no PEM certificate"
    }
}
