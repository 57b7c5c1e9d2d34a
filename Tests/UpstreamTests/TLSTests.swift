import EventLoop
import Locking
import Support
import Telemetry
import Testing
import Time

@testable import Upstream

@Suite("TLS", .timeLimit(.minutes(1)))
struct TLSTests {
    @Test("a server that prefers h2 is spoken to in HTTP/1.1")
    func alpn() throws {
        let server = try TLSServer(alpn: "h2,http/1.1")
        let name = try withConnection(server.endpoint()) { connection, _ in
            try await connection.get("/protocol").text
        }
        #expect(name == "http/1.1")
    }

    @Test("one record of 16 KiB read 1 KiB at a time, with pauses: all of it arrives")
    func smallReads() throws {
        let server = try TLSServer()
        let (body, pauses) = try withConnection(server.endpoint(), receiveBytesMax: 1024) {
            connection, loop in
            var pauses = 0
            try await connection.request("GET /bytes/16384 HTTP/1.1\r\nHost: x\r\n\r\n")
            let answer = try await connection.answer {
                pauses += 1
                await loop.sleep(nanoseconds: 1)
                // After a pause one waits as after backpressure: the socket is silent by now, the rest of
                // the record lies inside OpenSSL.
                try? await connection.waitReadable(until: .patience)
            }
            return (answer.body, pauses)
        }
        #expect(body == pattern(16_384))
        #expect(pauses >= 16)
    }

    @Test("8 MiB go up through full windows unchanged")
    func upload() throws {
        let server = try TLSServer()
        let sent = (0..<(8 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 12) }
        let text = try withConnection(server.endpoint()) { connection, _ in
            try await connection.request(
                "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: \(sent.count)\r\n\r\n",
                body: sent)
            return try await connection.answer().text
        }
        let directory = try TemporaryDirectory()
        let copy = directory.path + "/sent"
        try FileSink(appendingTo: copy).write(sent.span)
        let sum = try Program.run(["sha256sum", copy]).prefix(64)
        #expect(text == "\(sent.count) \(String(decoding: sum, as: UTF8.self))")
    }

    @Test("an end with close_notify and one without look alike", arguments: ["/close", "/fin"])
    func ends(path: String) throws {
        let server = try TLSServer()
        let (text, outcome) = try withConnection(server.endpoint()) { connection, _ in
            try await connection.request("GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n")
            return try await connection.readToEnd()
        }
        // With close_notify the end lies behind the bytes, in the same read.
        #expect(text.hasSuffix("to the end"))
        #expect(outcome == .end)
    }

    @Test("verification: unknown authority, wrong name, the name given, none at all")
    func verification() throws {
        let server = try TLSServer(names: "DNS:api.test")
        var endpoint = server.endpoint("127.0.0.1")
        #expect(try failure(endpoint) == .tls, "the certificate is for api.test")
        endpoint.serverName = "api.test"
        #expect(try failure(endpoint) == nil)
        endpoint.serverName = "other.test"
        #expect(try failure(endpoint) == .tls)
        endpoint.serverName = "api.test"
        endpoint.caFile = nil
        #expect(try failure(endpoint) == .tls, "the system does not know this authority")
        endpoint.serverName = nil
        endpoint.verifies = false
        #expect(try failure(endpoint) == nil)
        endpoint.verifies = true
        endpoint.caFile = "/nowhere/at/all.pem"
        #expect(try failure(endpoint) == .tls)
    }

    @Test("a server that speaks no TLS: tls")
    func noTLS() throws {
        let server = try ScriptedServer { socket in
            _ = try socket.receive()
            try socket.send("HTTP/1.1 400 Bad Request\r\n\r\n")
        }
        defer { server.stop() }
        let endpoint = Endpoint(isTLS: true, host: "127.0.0.1", port: server.port)
        #expect(try failure(endpoint) == .tls)
    }

    @Test("session tickets that come while a connection is idle do not drop it")
    func tickets() throws {
        let server = try TLSServer()
        let facts = try onDialLoop { context in
            let pool = UpstreamPool(context, endpoints: [server.endpoint()], limits: PoolLimits())
            defer { pool.close() }
            let interrupt = Interrupt()
            let first = try await pool.lease(fresh: false, until: .patience, interrupt)
            // Nothing was read yet: the server's two tickets are on their way or wait in the socket.
            pool.giveBack(first, reusable: true)
            // A whole exchange of another connection later they have come.
            let second = try await pool.lease(fresh: true, until: .patience, interrupt)
            _ = try await second.get("/protocol")
            pool.giveBack(second, reusable: false)
            let idle = pool.idle
            let again = try await pool.lease(fresh: false, until: .patience, interrupt)
            let isSame = again === first
            let body = try await again.get("/bytes/5").body
            pool.giveBack(again, reusable: true)
            return (idle, isSame, body, pool.idle)
        }
        #expect(facts.0 == 1)
        #expect(facts.1)
        #expect(facts.2 == pattern(5))
        #expect(facts.3 == 1)
    }

    @Test("records that came together are read together; small ones are not waited for")
    func coalescing() throws {
        let server = try TLSServer()
        let largest = try withConnection(server.endpoint()) { connection, loop in
            var largest = 0
            for _ in 0..<20 where largest <= 16_384 {
                try await connection.request("GET /bytes/40000 HTTP/1.1\r\nHost: x\r\n\r\n")
                try await connection.waitReadable(until: .patience)
                await loop.sleep(nanoseconds: 10_000_000)
                if case .bytes(let count) = connection.read({ _ in }) {
                    largest = max(largest, count)
                }
                while connection.read({ _ in }) != .wouldBlock {}
            }
            return largest
        }
        #expect(Transport.sharesOpenSSL, "libcurl has another OpenSSL than this program")
        #expect(largest > 16_384, "no read brought more than one record")
    }

    @Test("a second answer in the same segment is seen with the first, or keeps it from being kept")
    func twice() throws {
        let server = try TLSServer()
        let isSeen = try withConnection(server.endpoint()) { connection, _ in
            let once = try await connection.get("/once")
            let length = once.head.utf8.count + once.body.count
            try await connection.request("GET /twice HTTP/1.1\r\nHost: x\r\n\r\n")
            var count = 0
            while count < length {
                if case .bytes(let more) = connection.read({ _ in }) {
                    count += more
                } else {
                    try await connection.waitReadable(until: .patience)
                }
            }
            return count > length || !connection.isQuiet()
        }
        #expect(isSeen)
    }

    @Test("bytes that OpenSSL holds beyond the answer: not kept, and not used")
    func held() throws {
        let server = try TLSServer()
        let facts = try onDialLoop(receiveBytesMax: 1024) { context in
            let pool = UpstreamPool(context, endpoints: [server.endpoint()], limits: PoolLimits())
            defer { pool.close() }
            let first = try await pool.lease(fresh: false, until: .patience, Interrupt())
            try await first.request("GET /bytes/5000 HTTP/1.1\r\nHost: x\r\n\r\n")
            var count = 0
            while count < 1024 {
                if case .bytes(let more) = first.read({ _ in }) {
                    count += more
                } else {
                    try await first.waitReadable(until: .patience)
                }
            }
            let isUsable = [first.isQuiet(), first.awake()]
            pool.giveBack(first, reusable: true)
            return (isUsable, first.isClosed, pool.idle)
        }
        #expect(facts.0 == [false, false])
        #expect(facts.1)
        #expect(facts.2 == 0)
    }

    @Test(
        "an answer that nobody asked for, or half a record of one: found before the connection is used",
        arguments: ["/late", "/half"])
    func unasked(path: String) throws {
        let server = try TLSServer()
        let outcome = try withConnection(server.endpoint()) { connection, loop in
            let answer = try await connection.get(path)
            let isQuietAfterwards = path == "/half" || connection.isQuiet()
            let end = Instant.patience
            while connection.awake(), .now() < end { await loop.sleep(nanoseconds: 1_000_000) }
            return (answer.head.hasPrefix("HTTP/1.1 200"), isQuietAfterwards, Instant.now() < end)
        }
        #expect(outcome == (true, true, true))
    }
}
