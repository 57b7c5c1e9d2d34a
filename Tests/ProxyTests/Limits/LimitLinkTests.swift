import EventLoop
import ProxyCore
import Redis
import Support
import Telemetry
import Testing
import Time

@testable import Proxy

@Suite("Leases from a real Redis", .serialized, .timeLimit(.minutes(2)))
struct LimitLinkTests {
    @Test(
        "two instances let through what the rule says, and nothing more",
        arguments: LimitAlgorithm.allCases)
    func together(algorithm: LimitAlgorithm) throws {
        let server = try RedisServer()
        try onLoop { loop in
            let burst = algorithm == .tokenBucket ? "burst: 40, " : ""
            let rule =
                "{name: r, rate: 40/24h, \(burst)key: client_ip, algorithm: \(algorithm.rawValue)}"
            let both = try (1...2).map { try LinkFixture(rule, server, name: $0, on: loop) }
            for one in both { try await loop.until("connections") { one.link.isReachable } }
            var allowed = 0
            let end = Instant.now().advanced(byNanoseconds: 10_000_000_000)
            // A refusal is believed for up to two seconds, although the other one may return something.
            while allowed < 40, Instant.now() < end {
                for one in both where try await one.ask().isGranted { allowed += 1 }
                await loop.sleep(nanoseconds: 1_000_000)
            }
            #expect(allowed == 40)
            for _ in 0..<20 {
                for one in both {
                    let verdict = try await one.ask()
                    #expect(!verdict.isAllowed && verdict.match.decision == .deny)
                    #expect(verdict.use.retrySeconds > 0)
                }
            }
            // Other keys have limits of their own.
            #expect(try await both[0].ask("192.0.2.2").isGranted)
            for one in both { await one.close() }
        }
    }

    @Test(
        "what is left of a lease goes back: when the worker ends, and else when the lease has",
        arguments: [true, false])
    func returning(isDrained: Bool) throws {
        let server = try RedisServer()
        try onLoop { loop in
            let rule = "{name: r, rate: 1000/24h, algorithm: fixed_window}"
            let one = try LinkFixture(rule, server, on: loop)
            try await loop.until("a connection") { one.link.isReachable }
            var granted = 0
            // The more is asked for, the more is granted at once.
            while try await loop.blocking({ try server.counted() }) <= granted {
                for _ in 0..<10 where try await one.ask().isGranted { granted += 1 }
                try #require(granted < 900)
            }
            if isDrained { await one.close() }
            var counted = try await loop.blocking { try server.counted() }
            let end = Instant.now().advanced(byNanoseconds: 10_000_000_000)
            while !isDrained, counted > granted, Instant.now() < end {
                await loop.sleep(nanoseconds: 10_000_000)
                counted = try await loop.blocking { try server.counted() }
            }
            #expect(counted == granted)
            #expect(one.metric(#"meliproxy_rate_limit_lease_total{outcome="lost"}"#) == "0")
            if !isDrained { await one.close() }
        }
    }

    @Test("a charge that is returned is there again: for this instance, and later for all")
    func charge() throws {
        let server = try RedisServer()
        try onLoop { loop in
            let rule = "{name: r, rate: 3/24h, algorithm: fixed_window}"
            let one = try LinkFixture(rule, server, on: loop)
            try await loop.until("a connection") { one.link.isReachable }
            for _ in 0..<10 {
                var verdict = try await one.ask()
                #expect(verdict.isGranted)
                one.set.giveBack(&verdict.use, status: nil, one.link)
                #expect(!verdict.use.matches[0].isCharged)
            }
            let end = Instant.now().advanced(byNanoseconds: 10_000_000_000)
            while try await loop.blocking({ try server.counted() }) > 0, Instant.now() < end {
                await loop.sleep(nanoseconds: 10_000_000)
            }
            let counted = try await loop.blocking { try server.counted() }
            #expect(counted == 0)
            await one.close()
        }
    }

    @Test(
        "a store that says nothing: the rule does what it says, and is asked again once there is an answer",
        arguments: [
            ("local", RateLimitDecision.allow, true), ("allow", .failOpen, true),
            ("deny", .failClosed, false),
        ])
    func silence(word: String, decision: RateLimitDecision, isAllowed: Bool) throws {
        let server = try RedisServer()
        try onLoop { loop in
            let rule = "{name: r, rate: 1000/1h, key: client_ip, on_store_failure: \(word)}"
            let one = try LinkFixture(rule, server, timeout: "100ms", on: loop)
            try await loop.until("a connection") { one.link.isReachable }
            try await one.untilGranted()
            server.stop()
            let verdict = try await one.ask("192.0.2.7")
            #expect(verdict.isAllowed == isAllowed && verdict.match.decision == decision)
            #expect(!verdict.match.isLeased)
            server.resume()
            try await one.untilGranted()
            await one.close()
        }
    }

    @Test("without a connection nobody waits")
    func unreachable() throws {
        let server = try RedisServer()
        try onLoop { loop in
            let rule = "{name: r, rate: 2/1h, key: client_ip}"
            let one = try LinkFixture(rule, server, on: loop)
            try await one.untilGranted()
            try await loop.blocking { server.kill() }
            try await loop.until("the end of the connection") { !one.link.isReachable }
            // One of two instances takes half of the rate.
            one.store.instances = 2
            #expect(try await one.ask("192.0.2.7").isAllowed)
            let second = try await one.ask("192.0.2.7")
            #expect(!second.isAllowed && !second.match.isLeased)
            try await loop.blocking { try server.start() }
            try await one.untilGranted()
            await one.close()
        }
    }

    @Test(
        "a server that has lost the functions, or never had any, gets what it can run",
        arguments: [false, true])
    func forms(hasNone: Bool) throws {
        let server = try RedisServer(hasNone ? ["--rename-command", "FUNCTION", ""] : [])
        try onLoop { loop in
            let one = try LinkFixture(
                "{name: r, rate: 100000/1h, key: client_ip}", server, on: loop)
            try await one.untilGranted()
            let call = String(
                decoding: one.store.commands.instances(name: [], keepMicroseconds: 1)[0],
                as: UTF8.self)
            #expect(call == (hasNone ? "EVALSHA" : "FCALL"))
            let end = Instant.now().advanced(byNanoseconds: 10_000_000_000)
            // Nobody has a lease on these: the store has to be asked. What is still being loaded may come behind
            // the first flush.
            var verdict = try await one.ask("10.0.0.0")
            for number in 1..<100 where verdict.isGranted {
                _ = try await loop.blocking {
                    try server.call(hasNone ? "SCRIPT" : "FUNCTION", "FLUSH")
                }
                verdict = try await one.ask("10.0.0.\(number)")
            }
            #expect(verdict.isAllowed && !verdict.match.isLeased)
            while try await !one.ask("10.0.1.1").isGranted, Instant.now() < end {
                await loop.sleep(nanoseconds: 5_000_000)
            }
            #expect(try await one.ask("10.0.1.2").isGranted)
            await one.close()
        }
    }

    @Test("instances hear of each other")
    func presence() throws {
        let server = try RedisServer()
        try onLoop { loop in
            let rule = "{name: r, rate: 1000/1h}"
            let all = try (1...3).map { try LinkFixture(rule, server, name: $0, on: loop) }
            for one in all {
                try await loop.until("the others") { one.store.instances == 3 }
                #expect(one.store.holders == 3)
            }
            for one in all { await one.close() }
        }
    }

    @Test("what is forgotten on demand is gone in the store: a key, and all keys of a rule")
    func forgetting() throws {
        let server = try RedisServer()
        try onLoop { loop in
            let rule = "{name: r, rate: 2/24h, key: client_ip}"
            let one = try LinkFixture(rule, server, on: loop)
            try await loop.until("a connection") { one.link.isReachable }
            let clients = ["192.0.2.1", "192.0.2.2"]
            var last: [LimitMatch] = []
            var keys: [UInt8] = []
            for client in clients {
                for _ in 0..<2 { #expect(try await one.ask(client).isGranted) }
                let verdict = try await one.ask(client)
                #expect(!verdict.isAllowed)
                last.append(verdict.match)
                if keys.isEmpty { keys = verdict.use.keys }
            }
            one.link.forget(last[0].ordinal, key: keys, hash: last[0].hash)
            #expect(try await one.ask(clients[0]).isGranted)
            #expect(try await !one.ask(clients[1]).isAllowed)
            // A rule that is not there any more is no matter.
            one.link.forget(last[0].ordinal + 1, key: nil, hash: 0)
            one.link.forget(last[0].ordinal, key: nil, hash: 0)
            let end = Instant.now().advanced(byNanoseconds: 10_000_000_000)
            while try await !one.ask(clients[1]).isAllowed, Instant.now() < end {
                one.link.forget(last[0].ordinal, key: nil, hash: 0)
                await loop.sleep(nanoseconds: 5_000_000)
            }
            #expect(try await one.ask(clients[1]).isGranted)
            await one.close()
        }
    }

    @Test(
        "the master is found without a shared cache, and again after a restart; a replica is none")
    func search() throws {
        let server = try RedisServer()
        try onLoop { loop in
            let one = try LinkFixture(
                "{name: r, rate: 1000/1h}", server, isSearching: true, on: loop)
            try await one.untilGranted()
            #expect(one.store.feed.snapshot.master == server.endpoint)
            #expect(one.metric("meliproxy_redis_connected") == "1")
            _ = try await loop.blocking { try server.call("REPLICAOF", "127.0.0.1", "1") }
            try await loop.until("no master") { one.store.feed.snapshot.master == nil }
            try await loop.until("the gauge") { one.metric("meliproxy_redis_connected") == "0" }
            #expect(!one.link.isReachable)
            _ = try await loop.blocking { try server.call("REPLICAOF", "NO", "ONE") }
            try await one.untilGranted()
            await one.close()
        }
    }
}
