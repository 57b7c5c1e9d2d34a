import EventLoop
import Locking
import Support
import Telemetry
import Testing
import Time

@testable import Upstream

/// What a libcurl-using process does first.
let curlVersion = DialContext.prepareProcess()

extension Instant {
    /// Ten seconds from now: longer than anything here takes.
    static var patience: Instant { now().advanced(byNanoseconds: 10_000_000_000) }
}

/// What an exchange of these tests brings.
struct Answer: Equatable {
    var head: String
    var body: [UInt8]
    var text: String { String(decoding: body, as: UTF8.self) }
}

// The type of what is thrown is said throughout: where it is not, the compiler (6.3, with -O) dies of these.
extension UpstreamConnection {
    /// Sends `text` and `body`.
    func request(_ text: String, body: [UInt8] = []) async throws(UpstreamFailure) {
        let bytes = Array(text.utf8) + body
        var sent = 0
        while sent < bytes.count {
            sent += try sendSome(bytes.span.extracting(sent...))
            if sent < bytes.count { try await waitWritable(until: .patience) }
        }
    }

    /// Sends a GET and reads its answer, which has a Content-Length.
    func get(_ path: String = "/") async throws(UpstreamFailure) -> Answer {
        try await request("GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n")
        return try await answer()
    }

    /// Reads one answer with a Content-Length, to the last byte and to AGAIN.
    func answer(afterRead: () async -> Void = {}) async throws(UpstreamFailure) -> Answer {
        var bytes: [UInt8] = []
        var head: String?
        while true {
            if head == nil, let end = UpstreamConnection.headEnd(of: bytes) {
                head = String(decoding: bytes[..<end], as: UTF8.self)
                bytes.removeFirst(end)
            }
            if let head, bytes.count >= contentLength(of: head) {
                return Answer(head: head, body: bytes)
            }
            let outcome = read { span in
                unsafe span.withUnsafeBufferPointer { unsafe bytes.append(contentsOf: $0) }
            }
            switch outcome {
            case .bytes: await afterRead()
            case .wouldBlock: try await waitReadable(until: .patience)
            case .end, .broken: throw UpstreamFailure(.reset, "\(outcome) in an answer")
            }
        }
    }

    /// Reads to the end of the stream: the bytes, and how it ended.
    func readToEnd() async throws(UpstreamFailure) -> (text: String, outcome: ReadOutcome) {
        var bytes: [UInt8] = []
        while true {
            let outcome = read { span in
                unsafe span.withUnsafeBufferPointer { unsafe bytes.append(contentsOf: $0) }
            }
            switch outcome {
            case .bytes: continue
            case .wouldBlock: try await waitReadable(until: .patience)
            case .end, .broken: return (String(decoding: bytes, as: UTF8.self), outcome)
            }
        }
    }

    private static func headEnd(of bytes: [UInt8]) -> Int? {
        let mark: [UInt8] = [13, 10, 13, 10]
        guard bytes.count >= 4 else { return nil }
        return (4...bytes.count).first { bytes[($0 - 4)..<$0].elementsEqual(mark) }
    }
}

/// Runs `body` with a dial context on a loop of its own.
@discardableResult
func onDialLoop<Success: Sendable>(
    receiveBytesMax: Int = 65_536, prepare: @escaping @Sendable (Loop) -> Void = { _ in },
    _ body: @escaping @Sendable (DialContext) async throws -> Success
) throws -> Success {
    _ = curlVersion
    return try onLoop(prepare: prepare) { loop in
        try await body(DialContext(loop: loop, receiveBytesMax: receiveBytesMax))
    }
}

/// Dials `endpoint`, runs `body` with the connection, closes it.
@discardableResult
func withConnection<Success: Sendable>(
    _ endpoint: Endpoint, receiveBytesMax: Int = 65_536,
    _ body: @escaping @Sendable (UpstreamConnection, Loop) async throws -> Success
) throws -> Success {
    try onDialLoop(receiveBytesMax: receiveBytesMax) { context in
        let connection = try await UpstreamConnection.dial(
            endpoint, index: 0, context, until: .patience, Interrupt())
        defer { connection.close() }
        return try await body(connection, context.loop)
    }
}

/// The reason why dialling `endpoint` fails; nil when it does not.
func failure(
    _ endpoint: Endpoint, until deadline: Instant = .patience
) throws -> UpstreamErrorReason? {
    try onDialLoop { context in
        await reason {
            let connection = try await UpstreamConnection.dial(
                endpoint, index: 0, context, until: deadline, Interrupt())
            connection.close()
        }
    }
}

/// The word for what goes wrong in `body`; nil when nothing does.
func reason(_ body: () async throws -> Void) async -> UpstreamErrorReason? {
    do {
        try await body()
        return nil
    } catch { return (error as? UpstreamFailure)?.reason }
}

/// An endpoint on the loopback interface without TLS.
func plain(_ port: UInt16, host: String = "127.0.0.1", proxy: String? = nil) -> Endpoint {
    Endpoint(isTLS: false, host: host, port: port, proxy: proxy)
}

/// A certificate for `names`, its own authority, and the Python server that shows it.
final class TLSServer: Sendable {
    let certificate: String
    let port: UInt16
    private let directory: TemporaryDirectory
    private let program: Program

    init(names: String = "DNS:localhost,IP:127.0.0.1", alpn: String? = nil) throws {
        directory = try TemporaryDirectory()
        certificate = directory.path + "/certificate.pem"
        let key = directory.path + "/key.pem"
        _ = try Program.run([
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=test",
            "-addext", "subjectAltName=\(names)",
        ])
        let script =
            #filePath.split(separator: "/").dropLast(2).map { "/" + $0 }.joined()
            + "/Support/tls_server.py"
        program = try Program(["python3", script, certificate, key] + (alpn.map { [$0] } ?? []))
        guard let port = UInt16(program.readLine()) else { throw NoServer() }
        self.port = port
    }

    /// The server by name, trusted.
    func endpoint(_ host: String = "localhost", proxy: String? = nil) -> Endpoint {
        Endpoint(isTLS: true, host: host, port: port, caFile: certificate, proxy: proxy)
    }
}

/// The TLS server did not come up.
struct NoServer: Error {}

/// The bytes that /bytes/`count` of the TLS server has.
func pattern(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 / 256) }
}
