import EventLoop
import HTTP1
import ProxyCore
import Redis
import Support
import Telemetry
import Testing
import Time

@testable import Proxy

/// One instance's part of limits that instances share: its rules, its worker's leases, and requests that ask. Made
/// and used on the loop.
final class LinkFixture {
    let loop: Loop
    let registry = Registry()
    let store: LimitStore
    let link: LimitLink
    let set: LimitSet
    private let search: MasterSearch?
    private let tables = LimitTables(
        seed: SeedWords(),
        clock: LimitClock(monotonic: Instant(nanoseconds: 0), wall: Timestamp(nanoseconds: 0)))

    /// `rule` in YAML. `isSearching`: it finds out itself whether the server is a master, and does not take it for one.
    init(
        _ rule: String, _ server: RedisServer, name: UInt64 = 1, timeout: String = "2s",
        isSearching: Bool = false, on loop: Loop
    ) throws {
        self.loop = loop
        let settings = try SettingsLoader.load(
            yaml: """
                upstreams: {api: {url: "http://a"}}
                routes: [{name: rest}]
                redis:
                  address: "\(server.endpoint)"
                  command_timeout: \(timeout)
                  breaker: {failures: 1000}
                limits:
                  - \(rule)
                """, file: "f", environment: [:]
        ).get()
        let redis = try #require(settings.redis)
        let known = MasterSnapshot(generation: 1, master: server.endpoint)
        let feed = MasterFeed(isSearching ? .unknown : known)
        store = LimitStore(redis, feed: feed, name: name, workerCount: 1)
        set = try #require(tables.makeSet(settings))
        let diagnostics = Diagnostics(level: .error, format: .text)
        let shard = registry.makeShard()
        search = isSearching ? MasterSearch(store, on: loop, shard, diagnostics) : nil
        link = LimitLink(store, on: loop, worker: 0, registry.makeShard())
        search?.start()
        link.adopt(set)
    }

    /// What became of a request, and what it knows of its rule.
    struct Verdict {
        let isAllowed: Bool
        let match: LimitMatch
        var use: LimitUse

        /// Allowed by what the store has granted.
        var isGranted: Bool { isAllowed && match.isLeased }
    }

    /// Asks for a request of `client`, and waits for the store if that has to be asked.
    func ask(_ client: String = "192.0.2.1") async throws -> Verdict {
        var use = LimitUse()
        use.set = set
        let first = try match(client, &use)
        let deadline = Instant.now().advanced(byNanoseconds: link.deadlineNanoseconds)
        var outcome = set.decide(
            &use, from: first, now: .now(), link, isNew: true, mayAsk: true)
        while case .waits = outcome {
            let isAnswered = await link.wait(Suspension(), ticket: use.ticket, until: deadline)
            let now = Instant.now()
            outcome = set.decide(
                &use, from: first, now: now, link, isNew: false,
                mayAsk: isAnswered && now < deadline)
        }
        return Verdict(isAllowed: outcome == .allowed, match: use.matches[first], use: use)
    }

    private func match(_ client: String, _ use: inout LimitUse) throws -> Int {
        let request = try head("GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
        let address = try #require(ClientAddress(client))
        let facts = LimitFacts(request, client: address, route: 0, set.plans)
        return set.match(facts, .all, isLeasing: true, &use)
    }

    /// Asks until the store grants something: of a client of its own.
    func untilGranted() async throws {
        let end = Instant.now().advanced(byNanoseconds: 10_000_000_000)
        while try await !ask("192.0.2.99").isGranted {
            try #require(Instant.now() < end, "no grant")
            await loop.sleep(nanoseconds: 5_000_000)
        }
    }

    /// Ends it as a worker does.
    func close() async {
        let done = Suspension<Void>()
        var isDone = false
        link.drain {
            isDone = true
            done.resume(())
        }
        if !isDone { await done.wait() }
    }

    /// The line of the page about `sample`, without it; nil: there is none.
    func metric(_ sample: String) -> String? {
        var bytes: [UInt8] = []
        _ = registry.render(format: .text004, into: &bytes)
        let line = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
            .first { $0.hasPrefix(sample + " ") }
        return line.map { String($0.dropFirst(sample.count + 1)) }
    }
}

extension RedisServer {
    /// What is counted of the one key of the rule `r`, a fixed window; 0 without a key.
    func counted() throws -> Int {
        let script = """
            local key = redis.call('KEYS', 'rl:{r:*')[1]
            return key and string.match(redis.call('GET', key), ':(%d+)$') or '0'
            """
        return Int(try read("EVAL", script, "0")) ?? 0
    }
}
