import EventLoop
import Locking
import Support
import Testing
import Time

@testable import Redis

@Suite("A real server", .timeLimit(.minutes(2)))
struct RealServerTests {
    /// Runs `body` with an open connection to `server`.
    private func with<Value: Sendable>(
        _ server: RedisServer, _ options: ConnectionOptions = ConnectionOptions(),
        _ body: @escaping @Sendable (Loop, Connection) async throws -> Value
    ) throws -> Value {
        let endpoint = server.endpoint
        var patient = options
        patient.connectNanoseconds = 5 * second
        return try onLoop { [patient] loop in
            let connection = Connection(to: endpoint, patient, on: loop)
            try await connection.open()
            defer { connection.abort(ConnectionFailure(.shutdown)) }
            return try await body(loop, connection)
        }
    }

    @Test("values of any bytes and sizes come back as they went")
    func values() throws {
        let server = try RedisServer()
        try with(server) { loop, connection in
            for count in [0, 1, 100, 16_384, 65_536, 300_000] {
                let value = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
                var set = Command("SET", ["k"])
                set.append(value)
                #expect(await connection.send(set, by: .soon()) == .success(.status("OK")))
                let got = await connection.send(Command("GET", ["k"]), by: .soon())
                #expect(got == .success(.bulk(value)))
            }
            #expect(await connection.send(Command("GET", ["none"]), by: .soon()) == .success(.null))
            let number = await connection.send(Command("INCRBY", ["n", "41"]), by: .soon())
            #expect(number == .success(.integer(41)))
            let array = await connection.send(Command("MGET", ["n", "none"]), by: .soon())
            #expect(array == .success(.array([.bulk(Array("41".utf8)), .null])))
            let wrong = try await connection.send(Command("INCR", ["k"]), by: .soon()).get()
            #expect(Outcome(wrong) == .error)
        }
    }

    @Test("ten thousand replies in flight at once, in order")
    func depth() throws {
        let server = try RedisServer()
        try with(server, ConnectionOptions(pendingCommandsMax: 10_000)) { loop, connection in
            let replies = try await loop.all(10_000) { number in
                await connection.send(Command("ECHO", [String(number)]), by: .soon(20_000))
            }
            #expect(replies.map { try? $0.get().number } == (0..<10_000).map { Int64($0) })
        }
    }

    @Test("a reply above the limit ends the connection, and the client's memory is safe")
    func largeReply() throws {
        let server = try RedisServer()
        try with(server) { _, connection in
            let set = Command("SETRANGE", ["k", "2000000", "x"])
            #expect(await connection.send(set, by: .soon()) == .success(.integer(2_000_001)))
            let got = await connection.send(Command("GET", ["k"]), by: .soon())
            #expect(got == .failure(.protocolError))
            #expect(connection.failure?.detail == ReplyViolation.tooLarge.rawValue)
        }
    }

    @Test("passwords, ACL users, databases, names")
    func introduction() throws {
        let rules = "app on >t0ken ~app:* +get +set +ping +client".split(separator: " ")
        let server = try RedisServer(
            ["--requirepass", "s3cret", "--user"] + rules.map(String.init))
        let endpoint = server.endpoint
        func reason(_ credentials: Credentials?) throws -> ConnectionFailure.Reason? {
            let options = ConnectionOptions(
                credentials: credentials, name: "unit", connectNanoseconds: 5 * second)
            return try onLoop { loop in
                let connection = Connection(to: endpoint, options, on: loop)
                do throws(ConnectionFailure) { try await connection.open() } catch {
                    return error.reason
                }
                connection.abort(ConnectionFailure(.shutdown))
                return nil
            }
        }
        #expect(try reason(Credentials(password: "s3cret")) == nil)
        #expect(try reason(Credentials(user: "default", password: "s3cret")) == nil)
        #expect(try reason(Credentials(user: "app", password: "t0ken")) == nil)
        #expect(try reason(Credentials(user: "app", password: "s3cret")) == .authentication)
        #expect(try reason(Credentials(password: "wrong")) == .authentication)
        #expect(try reason(nil) == .authentication)
        let app = ConnectionOptions(credentials: Credentials(user: "app", password: "t0ken"))
        try with(server, app) { _, connection in
            let mine = await connection.send(Command("SET", ["app:1", "v"]), by: .soon())
            #expect(mine == .success(.status("OK")))
            let other = await connection.send(Command("SET", ["other", "v"]), by: .soon())
            guard case .success(.error(let error)) = other else {
                Issue.record("\(other)")
                return
            }
            #expect(error.kind == .noPermission)
        }
        let full = ConnectionOptions(
            credentials: Credentials(password: "s3cret"), database: 3, name: "unit")
        let info = try with(server, full) { _, connection in
            try await connection.send(Command("CLIENT", ["INFO"]), by: .soon()).get().text ?? ""
        }
        #expect(info.contains(" name=unit ") && info.contains(" db=3 "))
    }

    @Test("a listener hears what is published, and what tracked keys lose")
    func messages() throws {
        let server = try RedisServer()
        try with(server, ConnectionOptions(isListener: true)) { loop, listener in
            var messages: [Message] = []
            listener.received = { messages.append($0) }
            let id = try await listener.send(Command("CLIENT", ["ID"]), by: .soon()).get().number
            let words = ["TRACKING", "ON", "REDIRECT", "\(id ?? 0)", "BCAST", "PREFIX", "r:"]
            let tracking = await listener.send(Command("CLIENT", words), by: .soon())
            #expect(tracking == .success(.status("OK")))
            _ = await listener.subscribe("__redis__:invalidate", by: .soon())
            _ = await listener.subscribe("news", by: .soon())
            try await loop.blocking {
                try server.call("SET", "r:1", "x")
                try server.call("SET", "s:1", "x")
                try server.call("PUBLISH", "news", "hello")
                try server.call("FLUSHALL")
            }
            try await loop.until("the messages") { messages.count == 3 }
            #expect(
                messages == [
                    Message(
                        channel: "__redis__:invalidate",
                        payload: .array([.bulk(Array("r:1".utf8))])),
                    Message(channel: "news", payload: .bulk(Array("hello".utf8))),
                    Message(channel: "__redis__:invalidate", payload: .null),
                ])
            let pong = await listener.send(Command("PING"), by: .soon())
            #expect(try pong.get().elements?.first?.text == "pong")
        }
    }

    @Test("the server proves who it is, also behind a relay")
    func identity() throws {
        let server = try RedisServer()
        let other = try RedisServer()
        let (right, wrong) = (server.endpoint, other.endpoint)
        try onLoop { loop in
            let relay = try Relay(to: right, on: loop)
            defer { relay.close() }
            let feed = MasterFeed(
                MasterSnapshot(generation: 1, master: right, via: relay.endpoint))
            let recorder = Recorder()
            let client = Client(on: loop, feed: feed, observer: recorder)
            client.start()
            #expect(await client.waitUntilConnected(nanoseconds: 5 * second))
            // The proxy now leads elsewhere: connections there are refused before anything is sent.
            relay.target = wrong
            relay.reset()
            try await loop.until("the refusal") {
                recorder.failures.contains { $0.reason == .wrongServer }
            }
            #expect(!client.isConnected)
            relay.target = right
            #expect(await client.waitUntilConnected(nanoseconds: 5 * second))
            client.close()
        }
    }
}

@Suite("A bad network", .timeLimit(.minutes(2)))
struct BadNetworkTests {
    private func withClient(
        _ options: ClientOptions = ClientOptions(commandNanoseconds: 300 * millisecond),
        _ body: @escaping @Sendable (Loop, Relay, Client, Recorder) async throws -> Void
    ) throws {
        let server = try RedisServer()
        let endpoint = server.endpoint
        try onLoop { loop in
            let relay = try Relay(to: endpoint, on: loop)
            defer { relay.close() }
            let recorder = Recorder()
            let feed = MasterFeed(MasterSnapshot(generation: 1, master: relay.endpoint))
            let client = Client(on: loop, feed: feed, options, observer: recorder)
            client.start()
            defer { client.close() }
            #expect(await client.waitUntilConnected(nanoseconds: 5 * second))
            try await body(loop, relay, client, recorder)
        }
        withExtendedLifetime(server) {}
    }

    @Test("bytes that come one by one, and late")
    func slow() throws {
        try withClient(ClientOptions(commandNanoseconds: 5 * second)) { loop, relay, client, _ in
            for behaviour in [Relay.Behaviour.fragment, .delay(20 * millisecond)] {
                relay.behaviour = behaviour
                let replies = try await loop.all(50) { number in
                    await client.send(Command("ECHO", ["v\(number)"]))
                }
                #expect(replies.map { try? $0.get().text } == (0..<50).map { "v\($0)" })
            }
        }
    }

    @Test("a delay beyond the deadline is a timeout, and no reply reaches the wrong command")
    func late() throws {
        try withClient { loop, relay, client, recorder in
            relay.behaviour = .delay(450 * millisecond)
            #expect(await client.send(Command("ECHO", ["a"])) == .failure(.timeout))
            relay.behaviour = .pass
            #expect(await client.waitUntilConnected(nanoseconds: 5 * second))
            let reply = await client.send(Command("ECHO", ["b"]))
            #expect(reply == .success(.bulk(Array("b".utf8))))
            #expect(recorder.failures == [ConnectionFailure(.timeout)])
        }
    }

    @Test("silence, then life: nothing hangs")
    func stall() throws {
        try withClient { loop, relay, client, recorder in
            relay.behaviour = .stall
            let results = try await loop.all(3) { _ in await client.send(Command("PING")) }
            #expect(results == Array(repeating: .failure(.timeout), count: 3))
            // A dial is accepted and not answered.
            try await loop.until("a vain dial") {
                recorder.failures.contains { $0.reason == .connectTimeout }
            }
            relay.behaviour = .pass
            relay.cut()
            #expect(await client.waitUntilConnected(nanoseconds: 5 * second))
        }
    }

    @Test(
        "cuts and resets under load: every command ends once, and the client comes back",
        arguments: [false, true])
    func cuts(resets: Bool) throws {
        try withClient { loop, relay, client, recorder in
            for _ in 0..<5 {
                let before = recorder.outcomes.count
                var ended = 0
                for number in 0..<20 {
                    loop.spawn {
                        _ = await client.send(Command("ECHO", ["\(number)"]))
                        ended += 1
                    }
                }
                await loop.nextTurn()
                if resets { relay.reset() } else { relay.cut() }
                try await loop.until("all") { ended == 20 }
                // PINGs of greetings are counted too.
                #expect(recorder.outcomes.count - before >= 20)
                #expect(await client.waitUntilConnected(nanoseconds: 5 * second))
            }
            #expect(recorder.failures.allSatisfy { [.peerClosed, .network].contains($0.reason) })
        }
    }

    @Test("connections that are closed at once: the dials are bounded")
    func flapping() throws {
        try withClient { loop, relay, client, recorder in
            relay.refuses = true
            relay.reset()
            let before = relay.connectionCount
            await loop.sleep(nanoseconds: 500 * millisecond)
            #expect((2...40).contains(relay.connectionCount - before))
            relay.refuses = false
            #expect(await client.waitUntilConnected(nanoseconds: 5 * second))
        }
    }

    @Test("a stopped server (SIGSTOP): timeouts, then refusals at once, then service")
    func stopped() throws {
        let server = try RedisServer()
        let endpoint = server.endpoint
        try onLoop { loop in
            let recorder = Recorder()
            let feed = MasterFeed(MasterSnapshot(generation: 1, master: endpoint))
            let client = Client(on: loop, feed: feed, observer: recorder)
            client.start()
            defer { client.close() }
            #expect(await client.waitUntilConnected(nanoseconds: 5 * second))
            server.stop()
            let results = try await loop.all(5) { _ in await client.send(Command("PING")) }
            #expect(results.allSatisfy { $0 == .failure(.timeout) })
            #expect(await client.send(Command("PING")) == .failure(.breakerOpen))
            server.resume()
            #expect(await client.waitUntilConnected(nanoseconds: 8 * second))
            let reply = await client.send(Command("PING"), by: .soon())
            #expect(reply == .success(.status("PONG")))
        }
        withExtendedLifetime(server) {}
    }
}
