import Support
import Testing
import Time

@testable import Redis

@Suite("Ring")
struct RingTests {
    @Test("first in, first out, through growth and around its end", arguments: 0..<10)
    func order(seed: UInt64) {
        var seeded = Seeded(seed: seed)
        var ring = Ring<Int>()
        var model: [Int] = []
        var next = 0
        for _ in 0..<2000 {
            if Int.random(in: 0..<5, using: &seeded) < 3 {
                ring.append(next)
                model.append(next)
                next += 1
            } else {
                #expect(ring.popFirst() == (model.isEmpty ? nil : model.removeFirst()))
            }
            #expect(ring.count == model.count)
            #expect(ring.isEmpty == model.isEmpty)
        }
        var seen: [Int] = []
        ring.forEach { seen.append($0) }
        #expect(seen == model)
    }

    @Test("what was taken out is not kept alive")
    func release() {
        final class Token {}
        var ring = Ring<Token>()
        weak var weakToken: Token?
        do {
            let token = Token()
            weakToken = token
            ring.append(token)
        }
        #expect(weakToken != nil)
        _ = ring.popFirst()
        #expect(weakToken == nil)
    }
}

@Suite("Breaker of commands")
struct CommandBreakerTests {
    private func at(_ milliseconds: UInt64) -> Instant {
        Instant(nanoseconds: 10_000 * millisecond + milliseconds * millisecond)
    }

    @Test("opens at the fifth timeout within a second, for half a second")
    func opening() {
        var breaker = CommandBreaker()
        for time: UInt64 in [0, 200, 400, 600] { breaker.timedOut(1, at: at(time)) }
        #expect(breaker.blockedUntil(at(700)) == nil)
        breaker.timedOut(1, at: at(1000))
        #expect(breaker.blockedUntil(at(1000)) == at(1500))
        #expect(breaker.blockedUntil(at(1499)) == at(1500))
        #expect(breaker.blockedUntil(at(1500)) == nil)
    }

    @Test("timeouts that are further apart do not add up")
    func window() {
        var breaker = CommandBreaker()
        for number: UInt64 in 0..<50 { breaker.timedOut(1, at: at(number * 251)) }
        #expect(breaker.blockedUntil(at(50 * 251)) == nil)
    }

    @Test("many at once open it as well")
    func burst() {
        var breaker = CommandBreaker()
        breaker.timedOut(1000, at: at(0))
        #expect(breaker.blockedUntil(at(0)) == at(500))
    }

    @Test("after its time one trial decides")
    func trial() {
        var breaker = CommandBreaker()
        breaker.timedOut(5, at: at(0))
        #expect(breaker.blockedUntil(at(500)) == nil)
        breaker.timedOut(1, at: at(700))
        #expect(breaker.blockedUntil(at(700)) == at(1200))
        #expect(breaker.blockedUntil(at(1200)) == nil)
        breaker.answered()
        breaker.timedOut(1, at: at(1300))
        #expect(breaker.blockedUntil(at(1300)) == nil)
    }

    @Test("another master starts with a clean slate")
    func reset() {
        var breaker = CommandBreaker()
        breaker.timedOut(5, at: at(0))
        breaker.reset()
        #expect(breaker.blockedUntil(at(1)) == nil)
        breaker.timedOut(4, at: at(2))
        #expect(breaker.blockedUntil(at(2)) == nil)
    }
}

@Suite("Words")
struct VocabularyTests {
    @Test("every failure has an outcome of the same name", arguments: RedisFailure.allCases)
    func failures(failure: RedisFailure) {
        #expect(Outcome(failure).rawValue == failure.rawValue)
    }

    @Test(
        "words are labels",
        arguments: Outcome.allCases.map(\.rawValue)
            + ConnectionFailure.Reason.allCases.map(\.rawValue)
            + ReplyViolation.allCases.map(\.rawValue))
    func labels(word: String) {
        #expect(word.allSatisfy { $0.isASCII && ($0.isLowercase || $0 == "_") } && !word.isEmpty)
    }

    @Test(
        "replies have outcomes",
        arguments: [
            (Reply.status("OK"), Outcome.ok), (.null, .ok), (.array([]), .ok),
            (.error(ServerError("READONLY x")), .readOnly),
            (.error(ServerError("LOADING x")), .notReady),
            (.error(ServerError("MASTERDOWN x")), .notReady),
            (.error(ServerError("NOREPLICAS x")), .notReady),
            (.error(ServerError("ERR x")), .error), (.error(ServerError("NOAUTH x")), .error),
        ])
    func replies(reply: Reply, outcome: Outcome) { #expect(Outcome(reply) == outcome) }

    @Test("a password is not described")
    func secrecy() {
        let options = ConnectionOptions(credentials: Credentials(user: "ann", password: "s3cret"))
        var dumped = ""
        dump(options, to: &dumped)
        #expect(!"\(options) \(String(reflecting: options)) \(dumped)".contains("s3cret"))
        #expect(dumped.contains("ann"))
    }

    @Test(
        "the server's end of a connection, as CLIENT INFO names it",
        arguments: [
            ("id=3 addr=127.0.0.1:5 laddr=10.0.0.1:6379 fd=8", "10.0.0.1:6379"),
            ("laddr=[::1]:6380", "[::1]:6380"),
            ("id=3 addr=127.0.0.1:5 fd=8", nil), ("", nil), ("laddr=", nil), ("laddr=:1", nil),
            ("laddr=1.2.3.4:", nil), ("laddr=1.2.3.4:99999", nil), ("laddr=1.2.3.4", nil),
        ] as [(String, String?)])
    func clientInfo(info: String, address: String?) {
        #expect(ClientInfo.localAddress(info)?.description == address)
    }

    @Test("messages, and replies that are none")
    func messages() {
        let bulk = { (text: String) in Reply.bulk(Array(text.utf8)) }
        #expect(
            Message(.array([bulk("message"), bulk("a"), bulk("b")]))
                == Message(channel: "a", payload: bulk("b")))
        #expect(
            Message(.array([bulk("message"), bulk("a"), .null]))
                == Message(channel: "a", payload: .null))
        for reply: Reply in [
            .array([bulk("subscribe"), bulk("a"), .integer(1)]), .null, .array([]),
            .array([bulk("message"), bulk("a")]), .array([bulk("message"), .null, bulk("b")]),
            .array([.status("message"), bulk("a"), bulk("b")]), bulk("message"),
        ] { #expect(Message(reply) == nil) }
    }
}
