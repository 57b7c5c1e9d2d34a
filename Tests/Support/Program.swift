internal import Foundation

/// A program that runs beside a test, found on PATH; one that is missing is a failure.
public final class Program {
    private let process = Process()
    private let output = Pipe()

    /// Starts `arguments`, the program's name first; `input` is all of its standard input.
    public init(_ arguments: [String], input: [UInt8] = []) throws {
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        process.standardOutput = output
        let pipe = Pipe()
        process.standardInput = pipe
        try process.run()
        // A program that reads nothing may be gone already.
        try? pipe.fileHandleForWriting.write(contentsOf: Data(input))
        try? pipe.fileHandleForWriting.close()
    }

    deinit {
        if process.isRunning { process.terminate() }
        process.waitUntilExit()
    }

    /// The next line of its standard output.
    public func readLine() -> String {
        var line: [UInt8] = []
        while let byte = output.fileHandleForReading.readData(ofLength: 1).first {
            if byte == UInt8(ascii: "\n") { break }
            line.append(byte)
        }
        return String(decoding: line, as: UTF8.self)
    }

    /// Waits for its end: what it wrote, and its exit status.
    public func finish() -> (output: [UInt8], status: Int32) {
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (Array(data), process.terminationStatus)
    }

    /// Runs a program to its end; its standard output, if it ended well.
    public static func run(_ arguments: [String], input: [UInt8] = []) throws -> [UInt8] {
        let (output, status) = try Program(arguments, input: input).finish()
        guard status == 0 else { throw ProgramFailed(arguments: arguments, status: status) }
        return output
    }
}

/// A program ended with an error.
public struct ProgramFailed: Error {
    /// What was run.
    public let arguments: [String]
    /// Its exit status.
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
