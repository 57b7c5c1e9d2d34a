internal import Foundation
internal import Glibc
internal import Locking

/// A program that runs beside a test, found on PATH; one that is missing is a failure. Not Foundation's
/// `Process`, whose wait needs a run loop and whose children may have SIGTERM blocked.
public final class Program: Sendable {
    private let process: pid_t
    private let output: Int32
    private let input: Int32
    private let status: Locked<Int32?> = Locked(nil)
    private static let spawning = Locked(())

    /// Starts `arguments`, the program's name first. What it reads is to be written with `write`.
    public init(_ arguments: [String]) throws {
        var words = unsafe arguments.map { unsafe strdup($0) } + [nil]
        defer { unsafe words.withUnsafeBufferPointer { unsafe $0.forEach { unsafe free($0) } } }
        var process: pid_t = 0
        // One at a time, or a program might inherit the pipe of another before it is marked.
        let (toProgram, fromProgram, code) = try Program.spawning.withLock { _ in
            let toProgram = try Program.pipe()
            let fromProgram = try Program.pipe()
            var actions = unsafe posix_spawn_file_actions_t()
            unsafe posix_spawn_file_actions_init(&actions)
            defer { unsafe posix_spawn_file_actions_destroy(&actions) }
            unsafe posix_spawn_file_actions_adddup2(&actions, toProgram.reading, 0)
            unsafe posix_spawn_file_actions_adddup2(&actions, fromProgram.writing, 1)
            let code = unsafe posix_spawnp(
                &process, arguments[0], &actions, nil, &words, environ)
            return (toProgram, fromProgram, code)
        }
        close(toProgram.reading)
        close(fromProgram.writing)
        self.process = process
        input = toProgram.writing
        output = fromProgram.reading
        if code != 0 {
            status.withLock { $0 = code }
            throw ProgramFailed(arguments: arguments, status: code)
        }
    }

    deinit {
        if status.withLock({ $0 }) == nil {
            kill(process, SIGKILL)
            _ = wait()
        }
        close(output)
        close(input)
    }

    /// Two ends that no other program inherits.
    private static func pipe() throws -> (reading: Int32, writing: Int32) {
        var ends: [Int32] = [-1, -1]
        guard unsafe Glibc.pipe(&ends) == 0 else { throw SocketError("pipe") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    /// The next line of its standard output.
    public func readLine() -> String {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while unsafe read(output, &byte, 1) == 1, byte != UInt8(ascii: "\n") { line.append(byte) }
        return String(decoding: line, as: UTF8.self)
    }

    /// Sends it a signal: SIGSTOP, SIGCONT. One that ended is left alone.
    public func signal(_ signal: Int32) {
        if status.withLock({ $0 }) == nil { kill(process, signal) }
    }

    /// Ends it at once (SIGKILL) and waits for that.
    public func end() {
        signal(SIGKILL)
        if status.withLock({ $0 }) == nil { _ = wait() }
    }

    private func wait() -> Int32 {
        var code: Int32 = 0
        while unsafe waitpid(process, &code, 0) < 0, errno == EINTR {}
        status.withLock { [code] in $0 = code }
        return code
    }

    /// Runs a program to its end with `input`, at most a pipe's worth; its standard output, if it ended
    /// well.
    public static func run(_ arguments: [String], input: [UInt8] = []) throws -> [UInt8] {
        let program = try Program(arguments)
        _ = unsafe Glibc.write(program.input, input, input.count)
        let null = unsafe open("/dev/null", O_WRONLY | O_CLOEXEC)
        // Closes the pipe and keeps the number, which `deinit` closes.
        dup2(null, program.input)
        close(null)
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while case let count = unsafe read(program.output, &buffer, buffer.count), count > 0 {
            bytes += buffer[..<count]
        }
        let status = program.wait()
        guard status == 0 else { throw ProgramFailed(arguments: arguments, status: status) }
        return bytes
    }
}

/// A program ended with an error.
public struct ProgramFailed: Error {
    /// What was run.
    public let arguments: [String]
    /// Its status, as `wait` has it.
    public let status: Int32
}

/// A directory that is removed with the test.
public final class TemporaryDirectory: Sendable {
    /// Where it is.
    public let path: String

    /// A new, empty directory.
    public init() throws {
        path = NSTemporaryDirectory() + "meliproxy-test-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
