import EventLoop
import Glibc
import Locking
import Support
import Telemetry
import Testing
import Time

@testable import Upstream

@Suite("Dialling", .timeLimit(.minutes(1)))
struct DialTests {
    @Test("each connection keeps a multi handle of its own: none is lost while others are dialled")
    func manyConnections() throws {
        let server = try ScriptedServer.answering("x")
        defer { server.stop() }
        let endpoint = plain(server.port)
        let answered = try onDialLoop { context in
            var connections: [UpstreamConnection] = []
            defer { for connection in connections { connection.close() } }
            for _ in 0..<200 {
                let connection = try await UpstreamConnection.dial(
                    endpoint, index: 0, context, until: .patience, Interrupt())
                _ = try await connection.get()
                connections.append(connection)
            }
            var answered = 0
            for connection in connections where try await connection.get().text == "x" {
                answered += 1
            }
            return answered
        }
        #expect(answered == 200)
        #expect(server.connectionCount == 200)
    }

    @Test(
        "localhost is reached whether the listener is on IPv4 or IPv6",
        arguments: ["127.0.0.1", "::1"])
    func happyEyeballs(host: String) throws {
        let server = try ScriptedServer.answering(host, host: host)
        defer { server.stop() }
        let text = try withConnection(plain(server.port, host: "localhost")) { connection, _ in
            try await connection.get().text
        }
        #expect(text == host)
        #expect(
            try withConnection(plain(server.port, host: host)) { connection, _ in
                try await connection.get().text
            } == host)
    }

    @Test("nobody listens: connect; no such name: dns")
    func refusals() throws {
        let dead = try RawListener(backlog: nil)
        defer { dead.stop() }
        #expect(try failure(plain(dead.port)) == .connect)
        #expect(try failure(plain(dead.port, host: "name.invalid")) == .dns)
    }

    @Test(
        "a full backlog is a black hole: timeout, by our deadline and by the endpoint's own limit")
    func blackHole() throws {
        let listener = try RawListener(backlog: 0)
        // More than a backlog of 0 wants: from here on the kernel drops what knocks.
        let first = try RawSocket(port: listener.port)
        var endpoint = plain(listener.port)
        let start = Instant.now()
        endpoint.connectTimeoutMilliseconds = 150
        #expect(try failure(endpoint) == .timeout)
        endpoint.connectTimeoutMilliseconds = 60_000
        #expect(
            try failure(endpoint, until: .now().advanced(byNanoseconds: 150_000_000)) == .timeout)
        #expect(Instant.now().nanoseconds(since: start) >= 290_000_000)
        listener.stop()
        first.close()
    }

    @Test("a raised interrupt ends a dial at once, and the loop goes on")
    func interruption() throws {
        let silent = try ScriptedServer {
            _ = try $0.receive(); _ = try $0.receive()
        }
        defer { silent.stop() }
        let endpoint = Endpoint(isTLS: true, host: "127.0.0.1", port: silent.port)
        let reasons = try onDialLoop { context in
            let interrupt = Interrupt()
            context.loop.spawn {
                try? await context.loop.until("the handshake") { silent.connectionCount == 1 }
                interrupt.raise()
            }
            var reasons: [UpstreamErrorReason?] = []
            for _ in 0..<2 {
                reasons.append(
                    await reason {
                        _ = try await UpstreamConnection.dial(
                            endpoint, index: 0, context, until: .patience, interrupt)
                    })
            }
            return reasons
        }
        // The second dial does not even start.
        #expect(reasons == [.canceled, .canceled])
        #expect(silent.connectionCount == 1)
    }

    @Test("deadlines wake the reader and the writer, each by its own; the connection stays usable")
    func deadlines() throws {
        let server = try ScriptedServer { socket in
            while try !socket.receive(until: "\r\n\r\n").isEmpty {
                try socket.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")
            }
        }
        defer { server.stop() }
        let facts = try withConnection(plain(server.port)) { connection, _ in
            connection.begin(Interrupt())
            let reason = await reason {
                _ = connection.read { _ in }
                try await connection.waitReadable(
                    until: .now().advanced(byNanoseconds: 10_000_000))
            }
            let text = try await connection.get().text
            return (reason, text)
        }
        #expect(facts.0 == .timeout)
        #expect(facts.1 == "x")
    }

    @Test("a closed connection is broken, and never somebody else's descriptor")
    func afterClose() throws {
        let server = try ScriptedServer.answering("x")
        defer { server.stop() }
        let port = server.port
        let facts = try withConnection(plain(port)) { connection, loop in
            connection.close()
            // The next socket gets the number that was just given up.
            let other = try RawSocket(port: port)
            try other.send("GET / HTTP/1.1\r\n\r\n")
            _ = try await loop.blocking { try other.receive(atMost: 1) }
            let byte: [UInt8] = [1]
            let reasons = [
                await reason { _ = try connection.sendSome(byte.span) },
                await reason { try await connection.waitReadable(until: .patience) },
            ]
            return (connection.read { _ in }, reasons, connection.isClosed)
        }
        #expect(facts.0 == .broken)
        #expect(facts.1 == [.reset, .canceled])
        #expect(facts.2)
    }

    @Test("the environment's proxies are ignored")
    func environment() async {
        await #expect(processExitsWith: .success) {
            for name in ["http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"] {
                unsafe setenv(name, "http://127.0.0.1:1", 1)
            }
            let server = try ScriptedServer.answering("direct")
            let text = try withConnection(plain(server.port)) { connection, _ in
                try await connection.get().text
            }
            #expect(text == "direct")
            server.stop()
            let secure = try TLSServer()
            let protocolName = try withConnection(secure.endpoint()) { connection, _ in
                try await connection.get("/protocol").text
            }
            #expect(protocolName == "None" || protocolName == "http/1.1")
        }
    }

    @Test(
        "an outbound proxy is asked to CONNECT, for http and for https", arguments: [false, true])
    func proxy(isTLS: Bool) throws {
        let target = try ScriptedServer.answering("through")
        defer { target.stop() }
        let secure = try TLSServer()
        let lines: Locked<[String]> = Locked([])
        let proxy = try ScriptedServer { socket in
            let head = try socket.receive(until: "\r\n\r\n")
            let line = head.prefix { $0 != "\r\n" }
            lines.withLock { $0.append(String(line)) }
            let port = line.split(separator: " ")[1].split(separator: ":")[1]
            let onward = try RawSocket(port: UInt16(port) ?? 0)
            try socket.send("HTTP/1.1 200 Established\r\n\r\n")
            let back = BlockingThread {
                while let bytes = try? onward.receive(), !bytes.isEmpty { try? socket.send(bytes) }
                socket.finishWriting()
            }
            while let bytes = try? socket.receive(), !bytes.isEmpty { try onward.send(bytes) }
            onward.finishWriting()
            back.join()
        }
        defer { proxy.stop() }
        let url = "http://127.0.0.1:\(proxy.port)"
        let endpoint =
            isTLS ? secure.endpoint(proxy: url) : plain(target.port, host: "localhost", proxy: url)
        let texts = try withConnection(endpoint) { connection, _ in
            [try await connection.get("/bytes/3").text, try await connection.get("/bytes/3").text]
        }
        #expect(
            texts
                == (isTLS
                    ? Array(repeating: String(decoding: pattern(3), as: UTF8.self), count: 2)
                    : ["through", "through"]))
        #expect(lines.withLock { $0 } == ["CONNECT localhost:\(endpoint.port) HTTP/1.1"])
    }

    @Test("a proxy that refuses: no connection")
    func refusingProxy() throws {
        let proxy = try ScriptedServer { socket in
            _ = try socket.receive(until: "\r\n\r\n")
            try socket.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            _ = try socket.receive()
        }
        defer { proxy.stop() }
        #expect(
            try failure(plain(1, proxy: "http://127.0.0.1:\(proxy.port)")) == .connect)
    }
}
