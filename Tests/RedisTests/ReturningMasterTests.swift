import Testing
import Time

@testable import Redis

/// Three Sentinels and two nodes, as a resolver is told of them.
private struct Script {
    static let first = Endpoint(host: "10.0.0.1", port: 6379)
    static let other = Endpoint(host: "10.0.0.2", port: 6379)
    static let sentinels = (1...3).map { Endpoint(host: "10.0.1.\($0)", port: 26379) }

    var resolver: MasterResolver
    var now = Instant(nanoseconds: 100 * second)
    /// Whom every Sentinel names.
    var named = first
    /// What each node says it is; nil: it does not answer.
    var roles: [Endpoint: NodeRole] = [
        first: .master, other: .replica(of: first, link: .connected, offset: 1),
    ]
    private(set) var masters: [Endpoint] = []

    static func run(_ digit: Character) throws -> RunID {
        try #require(RunID(Array(String(repeating: digit, count: 40).utf8)))
    }

    init() throws {
        let nodes = [Self.first, Self.other]
        resolver = MasterResolver(
            ResolverSettings(.sentinels(Self.sentinels, group: "main", nodes: nodes)), at: now)
        var actions: [ResolverAction] = []
        resolver.start(at: now, into: &actions)
        for (index, sentinel) in Self.sentinels.enumerated() {
            tell(.sentinelUp(sentinel, id: try Self.run(["a", "b", "c"][index])))
        }
        tell(.nodeUp(Self.first, try Self.run("1")))
        tell(.nodeUp(Self.other, try Self.run("2")))
        pass(milliseconds: 600)
    }

    mutating func tell(_ event: ResolverEvent) {
        var actions: [ResolverAction] = []
        resolver.handle(event, at: now, into: &actions)
        for case .publish(let publication) in actions {
            if case .master(let endpoint, _) = publication.target { masters.append(endpoint) }
        }
    }

    /// Everybody is heard every 50 ms.
    mutating func pass(milliseconds: UInt64) {
        for _ in 0..<milliseconds / 50 {
            now = now.advanced(byNanoseconds: 50_000_000)
            tell(.tick)
            for sentinel in Self.sentinels { tell(.named(by: sentinel, .endpoint(named))) }
            for (node, role) in roles { tell(.nodeRole(node, role)) }
        }
    }
}

@Suite("A master that returns")
struct ReturningMasterTests {
    /// The first node is master, dies, and the second one is promoted, all Sentinels still naming the first.
    private func afterPromotion() throws -> Script {
        var script = try Script()
        #expect(script.masters == [Script.first])
        script.roles[Script.first] = nil
        script.tell(.nodeDown(Script.first))
        script.pass(milliseconds: 700)
        #expect(script.resolver.publication.target == .none(emergency: Script.other))
        script.roles[Script.other] = .master
        script.pass(milliseconds: 100)
        #expect(script.masters == [Script.first, Script.other])
        return script
    }

    @Test("restarted before the Sentinels name its successor: not followed, whatever they say")
    func restarted() throws {
        var script = try afterPromotion()
        script.roles[Script.first] = .master
        script.tell(.nodeUp(Script.first, try Script.run("3")))
        script.pass(milliseconds: 3000)
        #expect(script.masters == [Script.first, Script.other])
        script.named = Script.other
        script.pass(milliseconds: 20_000)
        #expect(script.masters == [Script.first, Script.other])
    }

    @Test("restarted, and its successor lost in the meantime: there is no master for a while")
    func lostSuccessor() throws {
        var script = try afterPromotion()
        script.roles = [Script.first: .master]
        script.tell(.nodeUp(Script.first, try Script.run("3")))
        script.tell(.nodeDown(Script.other))
        script.pass(milliseconds: 5000)
        #expect(script.masters == [Script.first, Script.other])
        #expect(script.resolver.publication.target == .none(emergency: nil))
        // The failover has failed: the Sentinels still mean the first one, and are right by now.
        script.pass(milliseconds: 8000)
        #expect(script.masters == [Script.first, Script.other, Script.first])
    }
}
