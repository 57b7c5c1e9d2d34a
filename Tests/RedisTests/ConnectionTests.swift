import EventLoop
import Locking
import Redis
import Support
import Testing
import Time

/// A connection to `fake` that is open.
private func opened(
    _ fake: FakeRedis, _ options: ConnectionOptions = ConnectionOptions(), on loop: Loop,
    observer: (any CommandObserver)? = nil
) async throws -> Connection {
    var options = options
    options.connectNanoseconds = 5 * second
    let connection = Connection(to: fake.endpoint, options, on: loop, observer: observer)
    try await connection.open()
    return connection
}

@Suite("Connection", .timeLimit(.minutes(1)))
struct ConnectionTests {
    @Test("a thousand commands in flight: each gets its own reply, and they left in few writes")
    func pipelining() throws {
        let fake = try FakeRedis { command, _ in "$\(command[1].utf8.count)\r\n\(command[1])\r\n" }
        defer { fake.stop() }
        let replies = try onLoop { loop in
            let connection = try await opened(fake, on: loop)
            let replies = try await loop.all(1000) { number in
                await connection.send(Command("ECHO", ["v\(number)"]), by: .soon(20_000))
            }
            #expect(connection.pendingCommands == 0)
            connection.abort(ConnectionFailure(.shutdown))
            return replies.map { try? $0.get().text }
        }
        #expect(replies == (0..<1000).map { "v\($0)" })
    }

    @Test("replies in pieces of one byte", arguments: ["+OK\r\n", "*2\r\n$3\r\nabc\r\n:5\r\n"])
    func fragments(reply: String) throws {
        let fake = try FakeRedis { _, socket in
            for byte in reply.utf8 { try socket.send([byte]) }
            return nil
        }
        defer { fake.stop() }
        let text = try onLoop { loop in
            let connection = try await opened(fake, on: loop)
            let reply = await connection.send(Command("X"), by: .soon())
            let next = await connection.send(Command("X"), by: .soon())
            #expect(reply == next)
            return "\(reply)"
        }
        #expect(text.hasPrefix("success"))
    }

    @Test("a command without a reply takes its connection along: its place is nobody else's")
    func timeout() throws {
        let fake = try FakeRedis { command, _ in command == ["SLOW"] ? nil : "+\(command[0])\r\n" }
        defer { fake.stop() }
        try onLoop { loop in
            let recorder = Recorder()
            let connection = try await opened(fake, on: loop, observer: recorder)
            var end: (failure: ConnectionFailure, expired: Int)?
            connection.ended = { end = ($0, $1) }
            let results = try await loop.all(4) { number in
                let deadline = Instant.soon(number == 1 || number == 2 ? 20 : 5000)
                let name: StaticString = number == 0 ? "A" : number == 3 ? "B" : "SLOW"
                return await connection.send(Command(name), by: deadline)
            }
            #expect(
                results == [
                    .success(.status("A")), .failure(.timeout), .failure(.timeout),
                    .failure(.connectionLost),
                ])
            #expect(end?.failure == ConnectionFailure(.timeout))
            #expect(end?.expired == 2)
            #expect(connection.failure == ConnectionFailure(.timeout))
            #expect(!connection.isOpen)
            let late = await connection.send(Command("A"), by: .soon())
            #expect(late == .failure(.notConnected))
            #expect(!connection.post(Command("A"), by: .soon()))
            // PING comes first; what never left took no time.
            #expect(
                recorder.outcomes == [
                    .ok, .ok, .timeout, .timeout, .connectionLost, .notConnected, .notConnected,
                ])
            #expect(recorder.nanoseconds[2] >= 20 * millisecond)
            #expect(recorder.nanoseconds.suffix(2) == [0, 0])
        }
    }

    @Test("a thread that was not scheduled does not take its own pause for the server's")
    func pause() throws {
        let fake = try FakeRedis { command, _ in "+\(command[0])\r\n" }
        defer { fake.stop() }
        try onLoop { loop in
            let connection = try await opened(fake, on: loop)
            var result: Result<Reply, RedisFailure>?
            loop.spawn { result = await connection.send(Command("A"), by: .soon(10)) }
            await loop.nextTurn()
            await loop.nextTurn()
            // The reply comes while this thread is busy with something else, past the deadline.
            let busyUntil = Instant.soon(60)
            while Instant.now() < busyUntil {}
            try await loop.until("the result") { result != nil }
            #expect(result == .success(.status("A")))
            #expect(connection.isOpen)
        }
    }

    @Test(
        "what ends a connection, and what its commands are told",
        arguments: [
            ("", .peerClosed, .connectionLost), ("RESET", .network, .connectionLost),
            ("?\r\n", .protocolError, .protocolError),
            (">1\r\n+x\r\n", .protocolError, .protocolError),
            ("*99999\r\n", .protocolError, .protocolError),
            ("+a\r\n+b\r\n+unasked\r\n", .protocolError, nil),
        ] as [(String, ConnectionFailure.Reason, RedisFailure?)])
    func ends(reply: String, reason: ConnectionFailure.Reason, failure: RedisFailure?) throws {
        let fake = try FakeRedis { command, socket in
            if command == ["SECOND"] { return nil }
            if reply.isEmpty { socket.finishWriting() } else if reply == "RESET" { socket.reset() }
            return reply.isEmpty || socket.descriptor < 0 ? nil : reply
        }
        defer { fake.stop() }
        try onLoop { loop in
            let connection = try await opened(fake, on: loop)
            let results = try await loop.all(2) { number in
                await connection.send(Command(number == 0 ? "FIRST" : "SECOND"), by: .soon())
            }
            if let failure { #expect(results == [.failure(failure), .failure(failure)]) }
            try await loop.until("the end") { connection.failure != nil }
            #expect(connection.failure?.reason == reason)
        }
    }

    @Test("queues have bounds: commands and bytes; nothing is lost by it")
    func bounds() throws {
        let isBlocked = Locked(true)
        let fake = try FakeRedis { _, _ in
            while isBlocked.withLock({ $0 }) {}
            return "+OK\r\n"
        }
        defer { fake.stop() }
        try onLoop { loop in
            var options = ConnectionOptions(pendingCommandsMax: 10)
            let connection = try await opened(fake, options, on: loop)
            var results: [Result<Reply, RedisFailure>] = []
            for _ in 0..<12 {
                loop.spawn { results.append(await connection.send(Command("X"), by: .soon())) }
            }
            try await loop.until("the refusals") { results.count == 2 }
            #expect(results == [.failure(.queueFull), .failure(.queueFull)])
            #expect(!connection.post(Command("X"), by: .soon()))
            isBlocked.withLock { $0 = false }
            try await loop.until("the rest") { results.count == 12 }
            #expect(results.suffix(10).allSatisfy { $0 == .success(.status("OK")) })

            options = ConnectionOptions(pendingBytesMax: 1000)
            let small = try await opened(fake, options, on: loop)
            let value = String(repeating: "v", count: 600)
            #expect(small.post(Command("SET", [value]), by: .soon()))
            #expect(!small.post(Command("SET", [value]), by: .soon()))
            await loop.nextTurn()
            #expect(small.post(Command("SET", [value]), by: .soon()))
            small.abort(ConnectionFailure(.shutdown))
        }
    }

    @Test("abort at any step: nobody waits on", arguments: 0..<6)
    func aborting(turns: Int) throws {
        let fake = try FakeRedis(greets: false) { _, _ in nil }
        defer { fake.stop() }
        try onLoop { loop in
            let connection = Connection(to: fake.endpoint, ConnectionOptions(), on: loop)
            var ends = 0
            connection.ended = { _, _ in ends += 1 }
            var thrown: ConnectionFailure?
            loop.spawn {
                do throws(ConnectionFailure) { try await connection.open() } catch {
                    thrown = error
                }
            }
            for _ in 0..<turns { await loop.nextTurn() }
            connection.abort(ConnectionFailure(.masterChanged))
            connection.abort(ConnectionFailure(.shutdown))
            try await loop.until("the end of opening") { thrown != nil }
            #expect(thrown == ConnectionFailure(.masterChanged))
            #expect(ends == 1)
        }
    }

    @Test("a listener gets messages beside the replies to its commands")
    func listening() throws {
        let fake = try FakeRedis { command, _ in
            let name = command.count > 1 ? command[1] : ""
            let message = "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n"
            return command[0] == "SUBSCRIBE"
                ? "*3\r\n$9\r\nsubscribe\r\n$\(name.utf8.count)\r\n\(name)\r\n:1\r\n" + message
                : message + "*2\r\n$4\r\npong\r\n$0\r\n\r\n" + message
        }
        defer { fake.stop() }
        try onLoop { loop in
            let connection = try await opened(
                fake, ConnectionOptions(isListener: true), on: loop)
            var messages: [Message] = []
            connection.received = { messages.append($0) }
            let first = await connection.subscribe("c", by: .soon())
            let pong = await connection.send(Command("PING", ["x"]), by: .soon())
            #expect(try first.get().elements?.first?.text == "subscribe")
            #expect(try pong.get().elements?.first?.text == "pong")
            try await loop.until("the messages") { messages.count == 3 }
            #expect(messages[0] == Message(channel: "c", payload: .bulk(Array("hi".utf8))))
            // Nobody asked for messages on an ordinary connection.
            let deaf = try await opened(fake, on: loop)
            _ = await deaf.subscribe("c", by: .soon())
            try await loop.until("the end") { deaf.failure != nil }
            #expect(deaf.failure?.reason == .protocolError)
        }
    }
}

@Suite("Connection, opening", .timeLimit(.minutes(1)))
struct OpeningTests {
    private func failure(
        to endpoint: Endpoint,
        _ options: ConnectionOptions = ConnectionOptions(connectNanoseconds: 5 * second)
    ) throws -> ConnectionFailure? {
        try onLoop { loop in
            let connection = Connection(to: endpoint, options, on: loop)
            var told: [ConnectionFailure] = []
            connection.ended = { failure, _ in told.append(failure) }
            do throws(ConnectionFailure) {
                try await connection.open()
                #expect(connection.isOpen && told.isEmpty)
                return nil
            } catch {
                #expect(told == [error])
                #expect(connection.failure == error && !connection.isOpen)
                return error
            }
        }
    }

    @Test(
        "what the server says to the greeting",
        arguments: [
            ("PING", "-LOADING Redis is loading the dataset in memory", .notReady),
            ("PING", "-MASTERDOWN Link with MASTER is down", .notReady),
            ("PING", "-NOAUTH Authentication required.", .authentication),
            ("PING", "-NOPERM this user has no permissions", nil), ("PING", "-ERR x", .handshake),
            ("AUTH", "-WRONGPASS invalid username-password pair", .authentication),
            ("AUTH", "-ERR Client sent AUTH, but no password is set", .authentication),
            ("SELECT", "-ERR DB index is out of range", .handshake),
            ("CLIENT", "-NOPERM no", nil), ("CLIENT", "-NOAUTH no", .authentication),
            ("PING", "?", .protocolError),
        ] as [(String, String, ConnectionFailure.Reason?)])
    func greeting(name: String, answer: String, reason: ConnectionFailure.Reason?) throws {
        let fake = try FakeRedis(greets: false) { command, _ in
            command[0] == name ? "\(answer)\r\n" : "+OK\r\n"
        }
        defer { fake.stop() }
        let options = ConnectionOptions(
            credentials: Credentials(user: "u", password: "p4ss"), database: 2, name: "test",
            connectNanoseconds: 5 * second)
        let failure = try failure(to: fake.endpoint, options)
        #expect(failure?.reason == reason)
        // The server's own words, and nothing of ours that is secret.
        if reason == .authentication { #expect(failure?.detail == String(answer.dropFirst())) }
        #expect(failure?.description.contains("p4ss") != true)
        let expected = [
            ["AUTH", "u", "p4ss"], ["SELECT", "2"], ["CLIENT", "SETNAME", "test"], ["PING"],
        ]
        // Nothing is asked of a server that has said no.
        let last = expected.firstIndex { $0[0] == name } ?? 0
        #expect(fake.commands == (reason == nil ? expected : Array(expected[...last])))
    }

    @Test("nobody there, nobody answering, no such name")
    func nobody() throws {
        let closed = try RawListener(backlog: nil)
        let refused = try failure(to: Endpoint(host: "127.0.0.1", port: closed.port))
        #expect(refused?.reason == .connect)
        let silent = try FakeRedis(greets: false) { _, _ in nil }
        defer { silent.stop() }
        let options = ConnectionOptions(connectNanoseconds: 50 * millisecond)
        let failure1 = try failure(to: silent.endpoint, options)
        #expect(failure1?.reason == .connectTimeout)
        let nowhere = Endpoint(host: String(repeating: "x", count: 70), port: 1)
        let failure2 = try failure(to: nowhere)
        #expect(failure2?.reason == .lookup)
    }

    @Test(
        "through a proxy: only the server that was asked for will do",
        arguments: [
            ("laddr=10.1.2.3:6379", nil), ("laddr=10.1.2.4:6379", .wrongServer),
            ("laddr=10.1.2.3:6380", .wrongServer), ("id=3", .wrongServer), ("", .wrongServer),
        ] as [(String, ConnectionFailure.Reason?)])
    func proxied(info: String, reason: ConnectionFailure.Reason?) throws {
        let fake = try FakeRedis { command, _ in
            command == ["CLIENT", "INFO"] ? "$\(info.utf8.count)\r\n\(info)\r\n" : "+OK\r\n"
        }
        defer { fake.stop() }
        let options = ConnectionOptions(
            connectNanoseconds: 5 * second, mustReach: Endpoint(host: "10.1.2.3", port: 6379))
        #expect(try failure(to: fake.endpoint, options)?.reason == reason)
    }
}
