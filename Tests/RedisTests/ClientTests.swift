import EventLoop
import Locking
import Support
import Testing
import Time

@testable import Redis

/// A client of `endpoint` alone, with what it told.
private final class Subject {
    let feed: MasterFeed
    let recorder = Recorder()
    let client: Client

    init(
        _ endpoint: Endpoint?, on loop: Loop, emergency: Endpoint? = nil,
        _ options: ClientOptions = ClientOptions(commandNanoseconds: 5 * second)
    ) {
        feed = MasterFeed(
            MasterSnapshot(generation: 1, master: endpoint, emergencyRead: emergency))
        client = Client(
            on: loop, feed: feed, options, observer: recorder, chance: Seeded(seed: 1))
        client.start()
    }

    func send(_ name: StaticString, _ arguments: [String] = []) async -> Result<Reply, RedisFailure>
    {
        await client.send(Command(name, arguments))
    }
}

@Suite("Client", .timeLimit(.minutes(1)))
struct ClientTests {
    @Test("commands go to the master; without a connection they fail at once, and nothing is kept")
    func commands() throws {
        let fake = try FakeRedis { command, _ in "+\(command[0])\r\n" }
        defer { fake.stop() }
        try onLoop { loop in
            let subject = Subject(fake.endpoint, on: loop)
            #expect(await subject.send("EARLY") == .failure(.notConnected))
            #expect(await subject.client.waitUntilConnected(nanoseconds: 5 * second))
            #expect(await subject.send("A") == .success(.status("A")))
            #expect(subject.client.post(Command("B", tag: 9)))
            try await loop.until("the outcome") { subject.recorder.tags.last == 9 }
            #expect(subject.recorder.outcomes == [.notConnected, .ok, .ok, .ok])
            subject.client.close()
            #expect(await subject.send("LATE") == .failure(.notConnected))
            #expect(subject.recorder.connects == [fake.endpoint])
            #expect(subject.recorder.failures == [ConnectionFailure(.shutdown)])
        }
        #expect(fake.commands == [["PING"], ["A"], ["B"]])
    }

    @Test("comes back after a lost connection, one dial at a time and with growing waits")
    func reconnecting() throws {
        let fake = try FakeRedis { command, socket in
            if command == ["DIE"] { socket.reset() }
            return socket.descriptor < 0 ? nil : "+\(command[0])\r\n"
        }
        defer { fake.stop() }
        try onLoop { loop in
            let subject = Subject(fake.endpoint, on: loop)
            let resolves = Locked(0)
            subject.feed.answerRequests(on: loop) { resolves.withLock { $0 += 1 } }
            #expect(await subject.client.waitUntilConnected(nanoseconds: 5 * second))
            for _ in 0..<3 {
                #expect(await subject.send("DIE") == .failure(.connectionLost))
                #expect(!subject.client.isConnected)
                #expect(await subject.client.waitUntilConnected(nanoseconds: 5 * second))
                #expect(await subject.send("A") == .success(.status("A")))
            }
            try await loop.until("the requests") { resolves.withLock { $0 } == 3 }
            #expect(subject.recorder.failures.map(\.reason) == [.network, .network, .network])
            subject.client.close()
        }
        #expect(fake.connectionCount == 4)
    }

    @Test("a server that is not there is dialled less and less often, and found when it is back")
    func absence() throws {
        let listener = try RawListener(backlog: nil)
        let endpoint = Endpoint(host: "127.0.0.1", port: listener.port)
        try onLoop { loop in
            let subject = Subject(endpoint, on: loop)
            await loop.sleep(nanoseconds: 400 * millisecond)
            // 20, 40, 80, 160, … at most and half of that on average: never a storm.
            let dials = subject.recorder.failures.count
            #expect((2...40).contains(dials))
            #expect(subject.recorder.failures.allSatisfy { $0.reason == .connect })
            subject.client.close()
            let after = subject.recorder.failures.count
            await loop.sleep(nanoseconds: 50 * millisecond)
            #expect(subject.recorder.failures.count == after)
        }
        withExtendedLifetime(listener) {}
    }

    @Test("another generation: the old connection is aborted at once, also while it is being made")
    func generations() throws {
        let old = try FakeRedis { command, _ in command == ["SLOW"] ? nil : "+old\r\n" }
        let new = try FakeRedis { _, _ in "+new\r\n" }
        let silent = try FakeRedis(greets: false) { _, _ in nil }
        defer { for fake in [old, new, silent] { fake.stop() } }
        try onLoop { loop in
            let subject = Subject(old.endpoint, on: loop)
            #expect(await subject.client.waitUntilConnected(nanoseconds: 5 * second))
            #expect(await subject.send("A") == .success(.status("old")))
            var pending: Result<Reply, RedisFailure>?
            loop.spawn { pending = await subject.client.send(Command("SLOW"), by: .soon(20_000)) }
            await loop.nextTurn()
            await loop.nextTurn()
            // The same address: after a restart it is another server all the same.
            subject.feed.publish(MasterSnapshot(generation: 2, master: old.endpoint))
            try await loop.until("the end") { pending != nil }
            #expect(pending == .failure(.connectionLost))
            #expect(subject.recorder.failures == [ConnectionFailure(.masterChanged)])
            #expect(await subject.client.waitUntilConnected(nanoseconds: 5 * second))
            #expect(subject.client.generation == 2)

            subject.feed.publish(MasterSnapshot(generation: 3, master: silent.endpoint))
            try await loop.until("the dial") { silent.connectionCount == 1 }
            #expect(await subject.send("A") == .failure(.notConnected))
            subject.feed.publish(MasterSnapshot(generation: 4, master: new.endpoint))
            #expect(await subject.client.waitUntilConnected(nanoseconds: 5 * second))
            #expect(await subject.send("A") == .success(.status("new")))
            // Told twice is told once.
            subject.feed.publish(MasterSnapshot(generation: 4, master: new.endpoint))
            await loop.nextTurn()
            #expect(await subject.send("A") == .success(.status("new")))
            subject.client.close()
        }
        #expect(new.connectionCount == 1)
        #expect(silent.commands.filter { $0 != ["PING"] } == [])
    }

    @Test(
        "an error that says that this is not the master",
        arguments: [
            ("READONLY", ConnectionFailure.Reason.readOnly, Outcome.readOnly),
            ("LOADING", .notReady, .notReady), ("MASTERDOWN", .notReady, .notReady),
        ])
    func demoted(code: String, reason: ConnectionFailure.Reason, outcome: Outcome) throws {
        let fake = try FakeRedis { command, _ in
            command == ["SET"] ? "-\(code) words\r\n" : "+\(command[0])\r\n"
        }
        defer { fake.stop() }
        try onLoop { loop in
            let subject = Subject(fake.endpoint, on: loop)
            let resolves = Locked(0)
            subject.feed.answerRequests(on: loop) { resolves.withLock { $0 += 1 } }
            #expect(await subject.client.waitUntilConnected(nanoseconds: 5 * second))
            let results = try await loop.all(2) { await subject.send($0 == 0 ? "SET" : "GET") }
            // The command itself has its answer; what follows goes nowhere.
            #expect(results[0] == .success(.error(ServerError("\(code) words"))))
            #expect(results[1] == .failure(.connectionLost))
            #expect(subject.recorder.failures.map(\.reason) == [reason])
            #expect(subject.recorder.outcomes == [.ok, outcome, .connectionLost])
            try await loop.until("the request") { resolves.withLock { $0 } > 0 }
            subject.client.close()
        }
    }

    @Test("other errors are replies like others; NOREPLICAS asks to look as well")
    func refusals() throws {
        let fake = try FakeRedis { command, _ in "-\(command[0]) words\r\n" }
        defer { fake.stop() }
        try onLoop { loop in
            let subject = Subject(fake.endpoint, on: loop)
            let resolves = Locked(0)
            subject.feed.answerRequests(on: loop) { resolves.withLock { $0 += 1 } }
            #expect(await subject.client.waitUntilConnected(nanoseconds: 5 * second))
            #expect(await subject.send("OOM") == .success(.error(ServerError("OOM words"))))
            for _ in 0..<3 { await loop.nextTurn() }
            #expect(resolves.withLock { $0 } == 0)
            _ = await subject.send("NOREPLICAS")
            try await loop.until("the request") { resolves.withLock { $0 } == 1 }
            #expect(subject.client.isConnected)
            #expect(subject.recorder.outcomes == [.ok, .error, .notReady])
            subject.client.close()
        }
    }

    @Test("a server that hangs: after five timeouts commands fail at once, until it answers again")
    func hanging() throws {
        let hangs = Locked(false)
        let fake = try FakeRedis(greets: false) { command, _ in
            hangs.withLock { $0 } ? nil : "+\(command[0])\r\n"
        }
        defer { fake.stop() }
        try onLoop { loop in
            var options = ClientOptions(commandNanoseconds: 15 * millisecond)
            options.connection.connectNanoseconds = 50 * millisecond
            options.breaker.openNanoseconds = 2 * second
            let subject = Subject(fake.endpoint, on: loop, options)
            #expect(await subject.client.waitUntilConnected(nanoseconds: 5 * second))
            hangs.withLock { $0 = true }
            let results = try await loop.all(5) { _ in await subject.send("A") }
            #expect(results.allSatisfy { $0 == .failure(.timeout) })
            let connections = fake.connectionCount
            #expect(await subject.send("A") == .failure(.breakerOpen))
            #expect(!subject.client.post(Command("A")))
            await loop.sleep(nanoseconds: 300 * millisecond)
            // Not even a dial in the meantime.
            #expect(fake.connectionCount == connections)
            #expect(await subject.send("A") == .failure(.breakerOpen))
            hangs.withLock { $0 = false }
            #expect(await subject.client.waitUntilConnected(nanoseconds: 8 * second))
            let reply = await subject.client.send(Command("A"), by: .soon())
            #expect(reply == .success(.status("A")))
            subject.client.close()
        }
    }

    @Test("without a master: reads go to the replica, writes nowhere")
    func emergency() throws {
        let fake = try FakeRedis { command, _ in "+\(command[0])\r\n" }
        defer { fake.stop() }
        try onLoop { loop in
            let subject = Subject(nil, on: loop, emergency: fake.endpoint)
            #expect(await subject.client.waitUntilConnected(nanoseconds: 5 * second))
            #expect(subject.recorder.readOnly == [true])
            let read = await subject.client.send(Command("GET", ["a"], access: .read))
            #expect(read == .success(.status("GET")))
            #expect(await subject.send("SET") == .failure(.notConnected))
            #expect(!subject.client.post(Command("SET")))
            subject.feed.publish(MasterSnapshot(generation: 2, master: fake.endpoint))
            try await loop.until("the master") { subject.recorder.readOnly == [true, false] }
            #expect(await subject.send("SET") == .success(.status("SET")))
            // No master and no replica: no connection.
            subject.feed.publish(MasterSnapshot(generation: 3, master: nil))
            try await loop.until("the end") { !subject.client.isConnected }
            #expect(
                await subject.client.send(Command("GET", access: .read)) == .failure(.notConnected))
            subject.client.close()
        }
        #expect(fake.commands.filter { $0 == ["SET"] }.count == 1)
    }

    @Test("a wrong password: said in the server's words, and tried less and less often")
    func password() throws {
        let words = "WRONGPASS invalid username-password pair or user is disabled."
        let fake = try FakeRedis { _, _ in "-\(words)\r\n" }
        defer { fake.stop() }
        try onLoop { loop in
            var options = ClientOptions()
            options.connection.credentials = Credentials(user: "app", password: "wr0ng")
            let subject = Subject(fake.endpoint, on: loop, options)
            #expect(!(await subject.client.waitUntilConnected(nanoseconds: 200 * millisecond)))
            #expect(subject.recorder.failures.first == ConnectionFailure(.authentication, words))
            #expect((1...30).contains(subject.recorder.failures.count))
            subject.client.close()
        }
    }

    @Test("the feed is changed by another thread; the client is told on its own")
    func threads() throws {
        let fakes = try (0..<2).map { number in try FakeRedis { _, _ in "+\(number)\r\n" } }
        defer { for fake in fakes { fake.stop() } }
        try onLoop { loop in
            let subject = Subject(fakes[0].endpoint, on: loop)
            let feed = subject.feed
            #expect(await subject.client.waitUntilConnected(nanoseconds: 5 * second))
            try await loop.blocking {
                for generation: UInt64 in 2...101 {
                    let master = fakes[Int(generation % 2)].endpoint
                    feed.publish(MasterSnapshot(generation: generation, master: master))
                }
            }
            try await loop.until("the last one") {
                subject.client.generation == 101 && subject.client.isConnected
            }
            #expect(await subject.send("A") == .success(.status("1")))
            subject.client.close()
            try await loop.blocking { feed.publish(.unknown) }
            #expect(subject.client.generation == 0)
        }
    }

    @Test("a client that is dropped leaves nothing behind")
    func dropped() throws {
        let fake = try FakeRedis { command, _ in "+\(command[0])\r\n" }
        defer { fake.stop() }
        try onLoop { loop in
            var client: Client? = Client(
                on: loop, feed: MasterFeed(MasterSnapshot(generation: 1, master: fake.endpoint)))
            client?.start()
            #expect(await client?.waitUntilConnected(nanoseconds: 5 * second) == true)
            weak let weakClient = client
            client = nil
            try await loop.until("the end") { weakClient == nil }
        }
    }
}
