import EventLoop
import Locking
import Support
import Testing
import Time

@testable import Redis

/// A driver and a client that follow a topology, and a writer that never stops.
private final class Follower: MasterObserver {
    let feed = MasterFeed()
    let recorder = Recorder()
    let client: Client
    private(set) var driver: MasterDriver?
    private(set) var publications: [Publication] = []
    private(set) var answering = 0
    private(set) var lost: [ConnectionFailure] = []
    /// Writes that were acknowledged, by the endpoint that the client was connected to.
    private(set) var acknowledged: [Endpoint: Int] = [:]
    private(set) var emergencyReads = 0
    private var isWriting = true
    private let pause = Suspension<Void>()
    private var pauseEnd: Timer?

    init(_ mode: ResolverSettings.Mode, _ options: DriverOptions = DriverOptions(), on loop: Loop) {
        var clientOptions = ClientOptions(commandNanoseconds: 100 * millisecond)
        clientOptions.connection.credentials = options.nodeCredentials
        client = Client(on: loop, feed: feed, clientOptions, observer: recorder)
        driver = MasterDriver(
            on: loop, ResolverSettings(mode), options, feed: feed, observer: self)
        pauseEnd = Timer(on: loop) { [pause] in pause.resume(()) }
        driver?.start()
        client.start()
    }

    func published(_ publication: Publication) { publications.append(publication) }
    func sentinel(_ endpoint: Endpoint, isAnswering: Bool) {
        if isAnswering { upright.insert(endpoint) } else { upright.remove(endpoint) }
        answering = upright.count
    }
    private var upright: Set<Endpoint> = []
    func lost(_ endpoint: Endpoint, isSentinel: Bool, _ failure: ConnectionFailure) {
        lost.append(failure)
    }

    var master: Endpoint? { feed.snapshot.master }

    /// Writes every 10 ms and reads now and then, until `close`.
    func work(_ loop: Loop) {
        loop.spawn { [self] in
            var number = 0
            while isWriting {
                number += 1
                let set = await client.send(Command("SET", ["w:\(number)", "x"]))
                if set == .success(.status("OK")), let endpoint = recorder.connects.last {
                    acknowledged[endpoint, default: 0] += 1
                }
                let get = await client.send(Command("GET", ["w:1"], access: .read))
                if case .success(.bulk) = get, recorder.readOnly.last == true {
                    emergencyReads += 1
                }
                // A task that sleeps when its loop ends is never freed, nor is what it holds.
                guard isWriting else { return }
                pauseEnd?.arm(afterNanoseconds: 10 * millisecond)
                await pause.wait()
            }
        }
    }

    func close() {
        isWriting = false
        pause.resume(())
        driver?.close()
        client.close()
    }
}

extension Topology {
    fileprivate var mode: ResolverSettings.Mode {
        .sentinels(sentinels.map(\.endpoint), group: Self.group, nodes: [])
    }
}

@Suite("Following the master", .serialized, .timeLimit(.minutes(5)))
struct FailoverTests {
    @Test("kill -9: the promoted replica is followed; the old master returns and is left alone")
    func killed() throws {
        let topology = try Topology()
        let old = topology.master
        try onLoop { loop in
            let follower = Follower(topology.mode, on: loop)
            defer { follower.close() }
            try await loop.until("the master") { follower.master == old.endpoint }
            #expect(await follower.client.waitUntilConnected(nanoseconds: 5 * second))
            try await loop.until("the Sentinels") { follower.answering == 3 }
            follower.work(loop)
            try await loop.until("writes") { follower.acknowledged[old.endpoint, default: 0] > 20 }
            let first = follower.client.generation

            try await loop.blocking { old.kill() }
            try await loop.until("another master") {
                follower.master != nil && follower.master != old.endpoint
            }
            let new = try #require(follower.master)
            #expect(topology.replicas.contains { $0.endpoint == new })
            try await loop.until("writes to it") { follower.acknowledged[new, default: 0] > 20 }
            #expect(follower.client.generation > first)

            // Restarted from its old configuration, it says that it is a master. Sentinel takes more than
            // 8 s to demote it (redis #9998): until then, whatever it executes came from a client.
            try await loop.blocking { try old.start() }
            await loop.sleep(nanoseconds: 3 * second)
            let role = try await loop.blocking { try old.read("INFO", "replication") }
            let commands = try await loop.blocking { try old.read("INFO", "commandstats") }
            #expect(role.contains("role:master"))
            #expect(!commands.contains("cmdstat_set:") && !commands.contains("cmdstat_get:"))
            #expect(follower.master == new)
            try await loop.until("the connection") { follower.client.isConnected }
            let masters = follower.publications.compactMap { publication in
                if case .master(let endpoint, _) = publication.target { endpoint } else { nil }
            }
            #expect(masters.first == old.endpoint && masters.last == new)
            let switched = masters.firstIndex(of: new) ?? 0
            #expect(masters[switched...].allSatisfy { $0 == new })
        }
    }

    @Test("no master and nobody to make one: reads go to a replica, writes nowhere")
    func abandoned() throws {
        let topology = try Topology()
        let old = topology.master
        try onLoop { loop in
            let follower = Follower(topology.mode, on: loop)
            defer { follower.close() }
            try await loop.until("the master") { follower.master == old.endpoint }
            #expect(await follower.client.waitUntilConnected(nanoseconds: 5 * second))
            follower.work(loop)
            try await loop.until("writes") { follower.acknowledged[old.endpoint, default: 0] > 20 }
            try await loop.blocking {
                for sentinel in topology.sentinels { sentinel.stop() }
                old.kill()
            }
            try await loop.until("reads") { follower.emergencyReads > 20 }
            let replica = try #require(follower.recorder.connects.last)
            #expect(topology.replicas.contains { $0.endpoint == replica })
            #expect(follower.acknowledged[replica] == nil)
            #expect(follower.master == nil)
        }
    }

    @Test("SENTINEL FAILOVER: the old master is alive, and given up all the same")
    func ordered() throws {
        let topology = try Topology()
        let old = topology.master.endpoint
        try onLoop { loop in
            let follower = Follower(topology.mode, on: loop)
            defer { follower.close() }
            try await loop.until("the master") { follower.master == old }
            try await loop.until("the Sentinels") { follower.answering == 3 }
            follower.work(loop)
            try await loop.until("writes") { follower.acknowledged[old, default: 0] > 20 }
            let answer = try await loop.blocking {
                try topology.sentinels[0].call("SENTINEL", "FAILOVER", Topology.group)
            }
            #expect(answer == "+OK")
            try await loop.until("another master") {
                follower.master != nil && follower.master != old
            }
            let new = try #require(follower.master)
            try await loop.until("writes to it") { follower.acknowledged[new, default: 0] > 20 }
            let before = follower.acknowledged[old, default: 0]
            await loop.sleep(nanoseconds: second)
            #expect(follower.acknowledged[old, default: 0] == before)
        }
    }

    @Test("through a proxy that still leads to the old master: not one connection stays there")
    func proxied() throws {
        let topology = try Topology()
        let old = topology.master.endpoint
        try onLoop { loop in
            let relay = try Relay(to: old, on: loop)
            defer { relay.close() }
            let follower = Follower(topology.mode, DriverOptions(via: relay.endpoint), on: loop)
            defer { follower.close() }
            #expect(await follower.client.waitUntilConnected(nanoseconds: 9 * second))
            _ = try await loop.blocking {
                try topology.sentinels[0].call("SENTINEL", "FAILOVER", Topology.group)
            }
            try await loop.until("another master") {
                follower.master != nil && follower.master != old
            }
            try await loop.until("a refusal") {
                follower.recorder.failures.contains { $0.reason == .wrongServer }
            }
            #expect(!follower.client.isConnected)
            relay.target = try #require(follower.master)
            #expect(await follower.client.waitUntilConnected(nanoseconds: 5 * second))
        }
    }

    @Test("Sentinels and nodes with passwords; a wrong one is told in the server's words")
    func passwords() throws {
        let topology = try Topology(password: "s3cret")
        let right = Credentials(password: "s3cret")
        let wrong = Credentials(password: "wr0ng")
        let old = topology.master.endpoint
        try onLoop { loop in
            let options = DriverOptions(nodeCredentials: right, sentinelCredentials: right)
            let follower = Follower(topology.mode, options, on: loop)
            try await loop.until("the master") { follower.master == old }
            #expect(await follower.client.waitUntilConnected(nanoseconds: 5 * second))
            follower.close()

            let other = DriverOptions(nodeCredentials: right, sentinelCredentials: wrong)
            let stranger = Follower(topology.mode, other, on: loop)
            defer { stranger.close() }
            try await loop.until("the refusals") { stranger.lost.count >= 3 }
            #expect(stranger.lost.allSatisfy { $0.reason == .authentication })
            #expect(stranger.lost.allSatisfy { $0.detail.hasPrefix("WRONGPASS") })
            #expect(stranger.master == nil)
        }
    }

    @Test("one address: the master when it says so, another one after a restart, none as a replica")
    func address() throws {
        let server = try RedisServer()
        let endpoint = server.endpoint
        try onLoop { loop in
            let follower = Follower(.address(endpoint), on: loop)
            defer { follower.close() }
            try await loop.until("the master") { follower.master == endpoint }
            #expect(await follower.client.waitUntilConnected(nanoseconds: 5 * second))
            let first = follower.feed.snapshot.generation
            try await loop.blocking {
                server.kill()
                try server.start()
            }
            try await loop.until("the next run") {
                follower.master == endpoint && follower.feed.snapshot.generation > first
            }
            #expect(await follower.client.waitUntilConnected(nanoseconds: 5 * second))
            _ = try await loop.blocking { try server.call("REPLICAOF", "127.0.0.1", "1") }
            try await loop.until("no master") { follower.master == nil }
            #expect(follower.feed.snapshot.emergencyRead == endpoint)
            #expect(
                await follower.client.send(Command("SET", ["a", "b"])) == .failure(.notConnected))
        }
    }
}

@Suite("Hints")
struct HintTests {
    @Test(
        "the ends of connections that make one doubt the master",
        arguments: ConnectionFailure.Reason.allCases)
    func hints(reason: ConnectionFailure.Reason) {
        let hint = DataHint(ConnectionFailure(reason))
        let isOurs = [.authentication, .masterChanged, .shutdown].contains(reason)
        #expect((hint == nil) == isOurs)
    }

    @Test("are taken once, and only the latest few are kept")
    func bounded() {
        let feed = MasterFeed()
        for generation: UInt64 in 0..<1000 { feed.requestResolve(.timeout, generation: generation) }
        let hints = feed.takeHints()
        #expect(hints.count == MasterFeed.hintsMax)
        #expect(hints.last?.generation == 999)
        #expect(feed.takeHints().isEmpty)
    }

    @Test("replies in the resolver's words")
    func translation() {
        let reply = Reply.array([
            .status("a"), .bulk([98]), .integer(3), .null, .error(ServerError("ERR x")), .array([]),
        ])
        #expect(
            TopologyValue(reply)
                == .list([
                    .text([97]), .text([98]), .number(3), .null, .error(Array("ERR x".utf8)),
                    .list([]),
                ]))
    }
}
