import EventLoop
import HTTP1
import Locking
import Support
import Testing

@testable import Responder

/// What the test servers answer: what they were asked, and large or broken bodies by path.
@Sendable private func echo(_ inquiry: Inquiry) async -> Reply {
    switch inquiry.path {
    case "/large": return Reply(200, "text/plain", Array(repeating: 0x78, count: 1 << 20))
    case "/broken":
        var reply = Reply(200, "text/plain", Array("0123456789".utf8))
        reply.breaksOff = true
        return reply
    case "/empty": return Reply(204)
    case "/problem": return .problem(404, "no \"such\" thing\n")
    default:
        let pairs = inquiry.query.map { "\($0.name)=\($0.value)" }.joined(separator: "&")
        let body = String(decoding: inquiry.body, as: UTF8.self)
        let field = inquiry.field("x-field") ?? "-"
        return Reply(
            200, "text/plain", Array("\(inquiry.path)|\(pairs)|\(field)|\(body)".utf8))
    }
}

/// Runs `body`, which may block, beside a responder on a loop of its own.
@discardableResult
private func withResponder<Success: Sendable>(
    connectionsMax: Int = 256, patienceNanoseconds: UInt64 = 10_000_000_000,
    handler: @escaping @Sendable (Inquiry) async -> Reply = echo,
    _ body: @escaping @Sendable (UInt16) throws -> Success
) throws -> Success {
    try onLoop { loop in
        let socket = try ListeningSocket(.loopback(port: 0), named: "test", backlog: 64)
        let port = socket.address.port
        let responder = try Responder(
            on: loop, socket, connectionsMax: connectionsMax,
            patienceNanoseconds: patienceNanoseconds, handler: handler)
        defer { responder.close() }
        return try await loop.blocking { try body(port) }
    }
}

/// Sends `request` on a new connection: all that comes back up to the end.
private func exchange(_ request: String) throws -> String {
    try withResponder { port in
        let client = try RawSocket(port: port)
        try client.send(request)
        client.finishWriting()
        return String(decoding: try client.receiveAll(), as: UTF8.self)
    }
}

@Suite("Responder", .timeLimit(.minutes(1)))
struct ResponderTests {
    @Test("one connection, one request after the other")
    func keepAlive() throws {
        try withResponder { port in
            let client = try RawSocket(port: port)
            for number in 0..<5 {
                try client.send("GET /\(number) HTTP/1.1\r\nHost: x\r\n\r\n")
                let (head, body) = try client.receiveResponse()
                #expect(head.hasPrefix("HTTP/1.1 200 OK\r\nDate: "))
                #expect(!head.contains("Connection:"))
                #expect(String(decoding: body, as: UTF8.self) == "/\(number)||-|")
            }
            try client.send("GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            let rest = String(decoding: try client.receiveAll(), as: UTF8.self)
            #expect(rest.contains("\r\nConnection: close\r\n") && rest.hasSuffix("/last||-|"))
        }
    }

    @Test("HTTP/1.0: closed, unless it asks to be kept")
    func http10() throws {
        let closed = try exchange("GET /a HTTP/1.0\r\n\r\nGET /b HTTP/1.0\r\n\r\n")
        #expect(closed.contains("/a||-|") && !closed.contains("/b"))
        #expect(closed.contains("\r\nConnection: close\r\n"))
        let kept = try exchange(
            "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /b HTTP/1.0\r\n\r\n")
        #expect(kept.contains("\r\nConnection: keep-alive\r\n") && kept.contains("/b||-|"))
    }

    @Test("pipelined requests are answered in order, in whatever pieces they come")
    func pipelining() throws {
        let requests = (0..<20).map {
            "POST /\($0) HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab"
        }
        let answers = try withResponder { port in
            let client = try RawSocket(port: port)
            try client.send(requests.joined())
            return try requests.map { _ in
                String(decoding: try client.receiveResponse().body, as: UTF8.self)
            }
        }
        #expect(answers == (0..<20).map { "/\($0)||-|ab" })
    }

    @Test(
        "bodies with a length and in chunks",
        arguments: [
            "Content-Length: 5\r\n\r\nhello",
            "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nT: v\r\n\r\n",
        ])
    func bodies(rest: String) throws {
        let answer = try exchange(
            "POST /p%41th?a=%42&c HTTP/1.1\r\nHost: x\r\nX-Field: 1\r\n\(rest)")
        #expect(answer.hasSuffix("\r\n\r\n/pAth|a=B&c=|1|hello"))
    }

    @Test("100 (Continue) is said before the body is waited for")
    func continues() throws {
        try withResponder { port in
            let client = try RawSocket(port: port)
            try client.send(
                "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
            #expect(try client.receive(until: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
            try client.send("ok")
            #expect(String(decoding: try client.receiveResponse().body, as: UTF8.self) == "/||-|ok")
        }
    }

    @Test("a body of more than 64 KiB is refused, without 100; one of 64 KiB is not")
    func tooLarge() throws {
        let refused = try exchange(
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\nExpect: 100-continue\r\n\r\n")
        #expect(refused.hasPrefix("HTTP/1.1 413 "))
        let body = String(repeating: "b", count: 65_536)
        let chunk = "10001\r\n\(body)b\r\n0\r\n\r\n"
        let chunked = try exchange(
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\(chunk)")
        #expect(chunked.hasPrefix("HTTP/1.1 413 "))
        let taken = try exchange(
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 65536\r\n\r\n\(body)")
        #expect(taken.hasPrefix("HTTP/1.1 200 ") && taken.hasSuffix(body))
    }

    @Test(
        "what is malformed gets 400 and the end; nothing after it is interpreted",
        arguments: [
            "GET / HTTP/1.1\r\n\r\n", "GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n", "GET / HTTP/1.1\nHost: x\n\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        ])
    func malformed(request: String) throws {
        let answer = try exchange("\(request)GET /second HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(answer.hasPrefix("HTTP/1.1 400 "))
        #expect(answer.contains("\r\nConnection: close\r\n"))
        #expect(answer.contains("application/problem+json"))
        #expect(!answer.contains("/second"))
    }

    @Test("HEAD: the fields of GET and no body; a refusal after it has one")
    func head() throws {
        let answer = try exchange("HEAD /ab HTTP/1.1\r\nHost: x\r\n\r\nBAD\r\n\r\n")
        let parts = answer.split(separator: "\r\n\r\n")
        #expect(parts.count == 3)
        #expect(parts[0].contains("\r\nContent-Length: 7"))
        #expect(parts[1].hasPrefix("HTTP/1.1 400 "))
    }

    @Test("204 has neither body nor length; problem details are JSON")
    func replies() throws {
        let empty = try exchange("GET /empty HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(empty.hasPrefix("HTTP/1.1 204 ") && !empty.contains("Content-Length"))
        let problem = try exchange("GET /problem HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(problem.hasSuffix(#""status":404,"detail":"no \"such\" thing\n"}"# + "\n"))
    }

    @Test("an answer that breaks off is short of its length")
    func breaksOff() throws {
        let answer = try exchange("GET /broken HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(answer.contains("\r\nContent-Length: 10\r\n") && answer.hasSuffix("\r\n\r\n01234"))
    }

    @Test("a client that closes its side early gets the whole answer, however slowly it reads")
    func halfClosed() throws {
        let length = try withResponder { port in
            let client = try RawSocket(port: port, receiveBytes: 8 * 1024)
            try client.send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
            client.finishWriting()
            return try client.receiveResponse().body.count
        }
        #expect(length == 1 << 20)
    }

    @Test("requests for large answers that nobody reads are not all worked off")
    func bounded() throws {
        let asked = Locked(0)
        let handler: @Sendable (Inquiry) async -> Reply = { inquiry in
            asked.withLock { $0 += 1 }
            return await echo(inquiry)
        }
        let early = try withResponder(handler: handler) { port in
            let client = try RawSocket(port: port, receiveBytes: 8 * 1024)
            let request = "GET /large HTTP/1.1\r\nHost: x\r\n\r\n"
            try client.send(String(repeating: request, count: 100))
            // The loop has taken the lot when another client was served after it.
            for _ in 0..<3 {
                let other = try RawSocket(port: port)
                try other.send("GET /other HTTP/1.1\r\nHost: x\r\n\r\n")
                _ = try other.receiveResponse()
            }
            let early = asked.withLock { $0 } - 3
            for _ in 0..<100 {
                #expect(try client.receiveResponse().body.count == 1 << 20)
            }
            return early
        }
        // What the kernel buffers, and one more.
        #expect(early < 20)
        #expect(asked.withLock { $0 } == 103)
    }

    @Test(
        "who is slow to ask is cut off",
        arguments: ["", "GET / HT", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab"])
    func slowClient(start: String) throws {
        let bytes = try withResponder(patienceNanoseconds: 50_000_000) { port in
            let client = try RawSocket(port: port)
            try client.send(start)
            return try client.receiveAll()
        }
        #expect(bytes.isEmpty)
    }

    @Test("connections beyond the limit are turned away; room that is given up is used again")
    func limit() throws {
        try withResponder(connectionsMax: 2) { port in
            let request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
            let clients = [try RawSocket(port: port), try RawSocket(port: port)]
            for client in clients {
                try client.send(request)
                _ = try client.receiveResponse()
            }
            #expect(try RawSocket(port: port).receiveAll().isEmpty)
            try clients[0].send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            _ = try clients[0].receiveAll()
            clients[0].close()
            // The server sees that close a little later than we do: it may say no once or twice more.
            var isServed = false
            for _ in 0..<100 where !isServed {
                let next = try RawSocket(port: port)
                try? next.send(request)
                isServed = (try? next.receiveResponse().head.hasPrefix("HTTP/1.1 200")) ?? false
            }
            #expect(isServed)
        }
    }

    @Test("a client that goes away while it is being answered harms nobody")
    func goneAway() throws {
        let gate = Locked(false)
        let handler: @Sendable (Inquiry) async -> Reply = { inquiry in
            while inquiry.path == "/wait", !gate.withLock({ $0 }) { await Task.yield() }
            return await echo(inquiry)
        }
        try withResponder(handler: handler) { port in
            let client = try RawSocket(port: port)
            try client.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
            client.reset()
            let other = try RawSocket(port: port)
            try other.send("GET /ok HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try other.receiveResponse().head.hasPrefix("HTTP/1.1 200"))
            gate.withLock { $0 = true }
            try other.send("GET /ok HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try other.receiveResponse().head.hasPrefix("HTTP/1.1 200"))
        }
    }

    @Test(
        "percent coding takes two hexadecimal digits and valid UTF-8, or leaves the text alone",
        arguments: [
            ("/a%20b", "/a b"), ("/%C3%A4", "/ä"), ("/%c3", "/%c3"), ("/%+5", "/%+5"),
            ("/%-0", "/%-0"), ("/%4", "/%4"), ("/%", "/%"), ("/%zz", "/%zz"), ("/%%41", "/%A"),
        ])
    func percentCoding(coded: String, plain: String) {
        #expect(PercentCoding.decode(coded) == plain)
    }

    @Test(
        "texts as JSON strings",
        arguments: [
            ("a", #""a""#), ("\"\\", #""\"\\""#), ("\n\r\t", #""\n\r\t""#), ("\u{0}", #""\u0000""#),
            ("\u{7f}", #""\u007f""#), ("ä€", "\"ä€\""),
        ])
    func jsonText(text: String, quoted: String) {
        #expect(JSONText.quoted(text) == quoted)
    }

    @Test("gzip goes there and back", arguments: [0, 1, 1000, 1 << 20])
    func gzip(count: Int) throws {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 5) }
        let compressed = try #require(Gzip.compress(bytes))
        let directory = try TemporaryDirectory()
        let path = directory.path + "/compressed"
        try FileSink(appendingTo: path).write(compressed.span)
        #expect(try Program.run(["sh", "-c", "gzip -dc < \(path)"]) == bytes)
        #expect(count < 100_000 || compressed.count < bytes.count)
    }
}
