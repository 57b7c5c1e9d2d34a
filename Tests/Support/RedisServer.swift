internal import Glibc
internal import Locking
public import Redis

/// A real redis-server or Sentinel on a free port of the loopback interface, with a directory of its own.
/// Ended with the last reference.
public final class RedisServer: Sendable {
    /// Where it listens.
    public let endpoint: Endpoint
    private let arguments: [String]
    private let directory: TemporaryDirectory
    private let program: Locked<Program?> = Locked(nil)

    /// Starts a data node with these options, such as `["--requirepass", "x"]`, and waits until it answers.
    public convenience init(_ options: [String] = []) throws {
        let directory = try TemporaryDirectory()
        try self.init(directory, port: try freePort()) { port in
            [
                "redis-server", "--port", "\(port)", "--bind", "127.0.0.1", "--dir",
                directory.path, "--save", "", "--appendonly", "no", "--logfile", "redis.log",
                "--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1",
            ] + options
        }
    }

    /// Starts a Sentinel with this configuration.
    public convenience init(sentinel lines: [String]) throws {
        let directory = try TemporaryDirectory()
        let port = try freePort()
        let file = directory.path + "/sentinel.conf"
        let text =
            ([
                "port \(port)", "bind 127.0.0.1", "dir \(directory.path)",
                "logfile sentinel.log",
            ] + lines).joined(separator: "\n") + "\n"
        guard let stream = unsafe fopen(file, "w") else { throw ServerTrouble("write \(file)") }
        unsafe fputs(text, stream)
        unsafe fclose(stream)
        try self.init(directory, port: port) { _ in ["redis-server", file, "--sentinel"] }
    }

    private init(
        _ directory: TemporaryDirectory, port: UInt16, _ arguments: (UInt16) -> [String]
    ) throws {
        self.directory = directory
        self.arguments = arguments(port)
        endpoint = Endpoint(host: "127.0.0.1", port: port)
        try start()
    }

    deinit { kill() }

    /// Starts it, again after `kill`; `more` overrides options.
    public func start(_ more: [String] = []) throws {
        let program = try Program(arguments + more)
        self.program.withLock { $0 = program }
        for _ in 0..<500 {
            if let answer = try? call("PING"), !answer.isEmpty { return }
            usleep(10_000)
        }
        throw ServerTrouble("no answer from \(arguments)")
    }

    /// kill -9.
    public func kill() { program.withLock { $0.take() }?.end() }

    /// SIGSTOP: it holds its connections and says nothing.
    public func stop() { program.withLock { $0?.signal(SIGSTOP) } }

    /// SIGCONT.
    public func resume() { program.withLock { $0?.signal(SIGCONT) } }

    /// Sends one command on a connection of its own; the first line of the answer, without CR LF.
    @discardableResult
    public func call(_ words: String...) throws -> String {
        let socket = try RawSocket(port: endpoint.port)
        defer { socket.close() }
        let parts = words.map { "$\($0.utf8.count)\r\n\($0)\r\n" }
        try socket.send("*\(words.count)\r\n" + parts.joined())
        return String(try socket.receive(until: "\r\n").dropLast())
    }

    /// The bulk string that a command answers.
    public func read(_ words: String...) throws -> String {
        let socket = try RawSocket(port: endpoint.port)
        defer { socket.close() }
        let parts = words.map { "$\($0.utf8.count)\r\n\($0)\r\n" }
        try socket.send("*\(words.count)\r\n" + parts.joined())
        let count = Int(try socket.receive(until: "\r\n").dropFirst().dropLast()) ?? 0
        return String(decoding: try socket.receive(exactly: max(0, count)), as: UTF8.self)
    }

    /// Waits until `condition` holds, from a thread that may block; throws after 20 s.
    public static func wait(_ what: String, _ condition: () throws -> Bool) throws {
        for _ in 0..<1000 {
            if try condition() { return }
            usleep(20_000)
        }
        throw WaitedInVain(what: what)
    }
}

/// A condition that did not come true in time.
public struct WaitedInVain: Error {
    /// What was waited for.
    public let what: String
}

private struct ServerTrouble: Error {
    let what: String
    init(_ what: String) { self.what = what }
}

private let given: Locked<Set<UInt16>> = Locked([])

/// A port that is free now and was given to no other test.
public func freePort() throws -> UInt16 {
    for _ in 0..<100 {
        // Below the range of ephemeral ports, so that no outgoing connection takes it meanwhile.
        let port = UInt16.random(in: 20_000..<32_000)
        let isNew = given.withLock { $0.insert(port).inserted }
        if isNew, let listener = try? RawListener(port: port, backlog: nil) {
            withExtendedLifetime(listener) {}
            return port
        }
    }
    throw ServerTrouble("no free port")
}
