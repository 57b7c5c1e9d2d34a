import Foundation
import HTTP1
import ProxyCore
import Support
import Telemetry
import Testing
import Time

@testable import Proxy

/// Rules, their tables, and requests that ask them.
private final class LimitFixture {
    static let base = """
        upstreams: {api: {url: "http://a"}}
        routes: [{name: items, match: {path: "/items/{id}"}}, {name: rest}]
        limits:

        """

    let tables = LimitTables(
        seed: SeedWords(),
        clock: LimitClock(monotonic: Instant(nanoseconds: 0), wall: Timestamp(nanoseconds: 0)))
    private(set) var set: LimitSet
    var use = LimitUse()

    init(_ rules: String) throws {
        set = try LimitFixture.makeSet(rules, tables)
    }

    private static func makeSet(_ rules: String, _ tables: LimitTables) throws -> LimitSet {
        let settings = try SettingsLoader.load(
            yaml: base + rules, file: "f", environment: [:]
        ).get()
        return try #require(tables.makeSet(settings))
    }

    func reload(_ rules: String) throws { set = try LimitFixture.makeSet(rules, tables) }

    /// Asks for a request, at nanoseconds since the clock's origin.
    @discardableResult
    func ask(
        _ client: String = "192.0.2.1", _ path: String = "/items/1", at now: UInt64,
        stage: LimitStage = .all
    ) throws -> Bool {
        use.reset()
        use.set = set
        let isItem = path.hasPrefix("/items/")
        let request = try head("GET \(path) HTTP/1.1\r\nHost: h\r\n\r\n")
        let address = try #require(ClientAddress(client))
        let facts = LimitFacts(
            request, client: address, route: isItem ? 0 : 1, set.plans)
        let first = set.match(facts, stage, &use)
        return set.decide(&use, from: first, now: Instant(nanoseconds: now))
    }

    /// What the rules said, by their names.
    var decisions: [String: RateLimitDecision] {
        var words: [String: RateLimitDecision] = [:]
        for match in use.matches { words[set.plans.plans[match.rule].rule.name] = match.decision }
        return words
    }
}

@Suite("Limits: rules decided together")
struct LimitSetTests {
    static let second: UInt64 = 1_000_000_000
    static let start: UInt64 = 1_000_000 * second

    @Test("a refusal spends nothing of the others")
    func together() throws {
        let fixture = try LimitFixture(
            """
              - {name: small, rate: 2/1h, key: client_ip}
              - {name: large, rate: 5/1h}
            """)
        for _ in 0..<2 { #expect(try fixture.ask("10.0.0.1", at: Self.start)) }
        for _ in 0..<20 {
            #expect(try !fixture.ask("10.0.0.1", at: Self.start))
            #expect(fixture.decisions == ["small": .deny, "large": .allow])
            #expect(fixture.use.notices.map(\.remaining) == [0, 3])
            #expect(fixture.use.policy == 0 && fixture.use.decision == .deny)
        }
        for client in ["10.0.0.2", "10.0.0.3", "10.0.0.4"] {
            #expect(try fixture.ask(client, at: Self.start))
        }
        #expect(try !fixture.ask("10.0.0.5", at: Self.start))
        #expect(fixture.use.policy == 1)
        #expect((3590...3601).contains(fixture.use.retrySeconds))
    }

    @Test("the three rules of the example")
    func example() throws {
        let fixture = try LimitFixture(
            """
              - {name: address, when: {client: 152.152.152.152}, rate: 1000/1m}
              - {name: categories, when: {path: "/categories/*"}, rate: 10000/1m}
              - {name: both, when: {client: 152.152.152.152, path: "/items/*"}, rate: 10/1m}
            """)
        let one = "152.152.152.152"
        for _ in 0..<10 { #expect(try fixture.ask(one, "/items/1", at: Self.start)) }
        #expect(try !fixture.ask(one, "/items/2", at: Self.start))
        for _ in 0..<990 { #expect(try fixture.ask(one, "/x", at: Self.start)) }
        #expect(try !fixture.ask(one, "/x", at: Self.start))
        #expect(try !fixture.ask(one, "/categories/A", at: Self.start))
        for _ in 0..<10_000 { try fixture.ask("1.1.1.1", "/categories/A", at: Self.start) }
        #expect(fixture.decisions == ["categories": .allow])
        #expect(try !fixture.ask("1.1.1.2", "/categories/B", at: Self.start))
        #expect(try fixture.ask("1.1.1.2", "/items/1", at: Self.start))
        #expect(fixture.use.matches.isEmpty)
    }

    @Test("a shadow rule refuses nothing and counts what it would")
    func shadow() throws {
        let fixture = try LimitFixture("  - {name: r, rate: 3/1h, shadow: true}")
        for _ in 0..<3 { #expect(try fixture.ask(at: Self.start)) }
        for _ in 0..<5 {
            #expect(try fixture.ask(at: Self.start))
            #expect(fixture.decisions == ["r": .shadowDeny])
            #expect(fixture.use.notices.isEmpty && fixture.use.decision == .shadowDeny)
        }
    }

    @Test("candidates count what they would refuse in place of the rule's rates")
    func candidate() throws {
        var chance = Xoshiro(1, 2, 3, 4)
        let other = "  - {name: other, rate: 100000/1s}\n"
        let tried = try LimitFixture(other + "  - {name: r, rate: 90/2s, candidate: 30/1s}")
        let enforced = try LimitFixture(other + "  - {name: r, rate: 30/1s}")
        var (candidates, denials) = (0, 0)
        var now = Self.start
        for _ in 0..<5_000 {
            now += chance.next() % 40_000_000
            try tried.ask(at: now)
            if tried.use.matches.contains(where: \.isCandidateDenied) { candidates += 1 }
            try enforced.ask(at: now)
            if enforced.decisions["r"] == .deny, enforced.decisions["other"] == .allow {
                denials += 1
            }
        }
        #expect(denials > 500 && candidates == denials)
    }

    @Test("what was charged goes back")
    func giveBack() throws {
        let fixture = try LimitFixture(
            """
              - {name: failures, rate: 2/1h, deduct_when: 4xx}
              - {name: every, rate: 100/1h}
            """)
        for _ in 0..<50 {
            #expect(try fixture.ask(at: Self.start))
            fixture.set.giveBack(&fixture.use, status: 200)
        }
        for _ in 0..<2 {
            #expect(try fixture.ask(at: Self.start))
            fixture.set.giveBack(&fixture.use, status: 404)
        }
        #expect(try !fixture.ask(at: Self.start))
        #expect(fixture.use.notices.map(\.remaining) == [0, 48])
    }

    @Test("state stays through a reload that keeps name, rates and key")
    func reload() throws {
        let rules = "  - {name: a, rate: 2/1h}\n  - {name: b, rate: 2/1h, key: client_ip}"
        let fixture = try LimitFixture(rules)
        for _ in 0..<2 { #expect(try fixture.ask(at: Self.start)) }
        try fixture.reload(
            "  - {name: z, rate: 9/1h}\n  - {name: b, rate: 2/1h, key: client_ip, shadow: true}\n  - {name: a, rate: 2/1h}"
        )
        #expect(try !fixture.ask(at: Self.start))
        #expect(fixture.decisions == ["a": .deny, "b": .shadowDeny, "z": .allow])
        try fixture.reload("  - {name: a, rate: 3/1h}\n  - {name: b, rate: 2/1h, key: route}")
        #expect(try fixture.ask(at: Self.start))
    }

    @Test("decisions of three rules are those of plain models")
    func model() throws {
        let fixture = try LimitFixture(
            """
              - {name: a, rate: 7/1s, key: client_ip}
              - {name: b, rate: 12/1500ms, key: path, algorithm: fixed_window}
              - {name: c, rate: 20/1s, burst: 9}
            """)
        var a: [String: GroupModel] = [:]
        var b: [String: FixedModel] = [:]
        var c = BucketModel(count: 20, burst: 9, period: Self.second)
        var chance = Xoshiro(9, 8, 7, 6)
        var now = Self.start
        var allowed = 0
        let wanted = ProcessInfo.processInfo.environment["MELIPROXY_LIMIT_EVENTS"]
        let events = wanted.flatMap { Int($0) }.map { $0 / 4 } ?? 15_000
        for event in 0..<events {
            now += chance.next() % 3 == 0 ? 0 : chance.next() % 90_000_000
            let client = "10.0.0.\(chance.next() % 5)"
            let path = "/items/\(chance.next() % 3)"
            var one = a[client] ?? GroupModel(count: 7, burst: 7, period: Self.second)
            var two = b[path] ?? FixedModel(count: 12, burst: 12, period: 1_500_000_000)
            var three = c
            let verdicts = [one.take(1, at: now), two.take(1, at: now), three.take(1, at: now)]
            let isAllowed = verdicts.allSatisfy { $0 }
            if isAllowed { (a[client], b[path], c) = (one, two, three) }
            allowed += isAllowed ? 1 : 0
            guard try fixture.ask(client, path, at: now) == isAllowed else {
                Issue.record("event \(event): \(fixture.decisions), expected \(verdicts)")
                return
            }
            #expect(
                verdicts.map { $0 ? .allow : .deny }
                    == ["a", "b", "c"].map { fixture.decisions[$0] })
        }
        #expect(allowed > events / 10 && allowed < events * 9 / 10)
    }

    @Test("a rule for misses is asked for misses alone")
    func misses() throws {
        let fixture = try LimitFixture("  - {name: m, rate: 1/1h, on: miss}")
        for _ in 0..<3 { #expect(try fixture.ask(at: Self.start)) }
        #expect(try fixture.ask(at: Self.start, stage: .miss))
        #expect(try !fixture.ask(at: Self.start, stage: .miss))
    }

    @Test("many threads take no more than there is", arguments: [false, true])
    func threads(isFixed: Bool) async throws {
        let algorithm = isFixed ? ", algorithm: fixed_window" : ""
        let rules = """
              - {name: a, rate: 1000/1h\(algorithm)}
              - {name: b, rate: 100/1h, key: client_ip\(algorithm)}
            """
        let fixture = try LimitFixture(rules)
        let set = fixture.set
        let counts = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    var use = LimitUse()
                    var allowed = 0
                    let request = try head("GET /items/1 HTTP/1.1\r\nHost: h\r\n\r\n")
                    for number in 0..<1_500 {
                        use.reset()
                        use.set = set
                        let client = ClientAddress(ipv4: UInt32(number % 20))
                        let facts = LimitFacts(request, client: client, route: 0, set.plans)
                        let first = set.match(facts, .all, &use)
                        let now = Instant(nanoseconds: LimitSetTests.start + UInt64(number))
                        if set.decide(&use, from: first, now: now) { allowed += 1 }
                    }
                    return allowed
                }
            }
            var counts: [Int] = []
            for try await count in group { counts.append(count) }
            return counts
        }
        #expect(counts.reduce(0, +) == 1000)
    }
}
