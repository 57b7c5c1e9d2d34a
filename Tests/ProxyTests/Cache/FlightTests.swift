import EventLoop
import Support
import Testing
import Time

@testable import Proxy

extension Flights.Role {
    /// "leader", "follower", "follower, first" if the leader is to be told, or "alone".
    var word: String {
        switch self {
        case .leader: "leader"
        case .follower(_, let leader): leader == nil ? "follower" : "follower, first"
        case .alone: "alone"
        }
    }

    /// The flight that it is a part in.
    var ticket: FlightTicket? {
        switch self {
        case .leader(let ticket), .follower(let ticket, _): ticket
        case .alone: nil
        }
    }
}

extension FlightOutcome {
    /// The case, with what was stored or how it failed.
    var word: String {
        switch self {
        case .stored(let response): "stored \(response.name)"
        case .alone: "alone"
        case .again: "again"
        case .lead: "lead"
        case .failed(let failure): "failed \(failure.status)"
        }
    }
}

extension Follower {
    /// What it was told; nil if nothing.
    var told: String? { outcome?.word }
}

/// Flights, and requests that are never woken: nothing here runs on a loop.
private final class Airport {
    private var flights = Flights()
    private let call: ConfinedCall

    init() throws { call = ConfinedCall(loop: try Loop()) {} }

    func follower(hasFallback: Bool = false) -> Follower {
        Follower(call, hasFallback: hasFallback)
    }

    func join(
        _ key: String, _ follower: Follower, hash: UInt64 = 1, followersMax: Int = 8,
        now: Instant = instant(0)
    ) -> Flights.Role {
        flights.join(
            Array(key.utf8), hash: hash, follower, followersMax: followersMax, now: now)
    }

    var count: Int { flights.count }

    func lead(_ key: String) -> FlightTicket? {
        flights.lead(Array(key.utf8), hash: 1, now: instant(0))
    }

    func hasFollowers(_ ticket: FlightTicket) -> Bool { flights.hasFollowers(ticket) }

    func leave(_ ticket: FlightTicket, _ follower: Follower) -> Bool {
        flights.leave(ticket, follower)
    }

    func settle(_ ticket: FlightTicket) -> [Follower] { flights.settle(ticket, .alone) }

    func fail(_ ticket: FlightTicket, countsAsTry: Bool = true) -> [Follower] {
        flights.fail(
            ticket, FlightFailure(status: 502, error: "refused"), countsAsTry: countsAsTry)
    }

    /// A flight with its leader and `count` followers.
    func flight(followers count: Int) throws -> (FlightTicket, [Follower]) {
        let ticket = try #require(join("k", follower()).ticket)
        let followers = (0..<count).map { _ in follower() }
        for follower in followers { _ = join("k", follower) }
        return (ticket, followers)
    }
}

@Suite("Flights")
struct FlightTests {
    @Test("the first request for a key leads, later ones follow; only the first of them is told")
    func roles() throws {
        let airport = try Airport()
        let leader = airport.follower()
        let first = airport.join("k", leader)
        let second = airport.join("k", airport.follower())
        let third = airport.join("k", airport.follower())
        #expect([first, second, third].map(\.word) == ["leader", "follower, first", "follower"])
        #expect(first.ticket == second.ticket && first.ticket == third.ticket)
        guard case .follower(_, let told) = second else { return }
        #expect(told === leader)
        #expect(airport.count == 1)
    }

    @Test("as many follow as allowed, the others fetch alone", arguments: [0, 1, 3])
    func bound(followersMax: Int) throws {
        let airport = try Airport()
        _ = airport.join("k", airport.follower(), followersMax: followersMax)
        var followers: [Follower] = []
        for _ in 0..<followersMax {
            followers.append(airport.follower())
            let role = airport.join("k", followers[followers.count - 1], followersMax: followersMax)
            #expect(role.word.hasPrefix("follower"))
        }
        let late = airport.follower()
        #expect(airport.join("k", late, followersMax: followersMax).word == "alone")
        guard let first = followers.first,
            let ticket = airport.join("k", late, followersMax: followersMax + 1).ticket
        else { return }
        // Who leaves makes room.
        #expect(airport.leave(ticket, first) && airport.leave(ticket, late))
        #expect(
            airport.join("k", airport.follower(), followersMax: followersMax).word
                .hasPrefix("follower"))
    }

    @Test("a hash that two keys share is two flights")
    func collision() throws {
        let airport = try Airport()
        let one = airport.join("one", airport.follower(), hash: 7)
        let two = airport.join("two", airport.follower(), hash: 7)
        let follower = airport.follower()
        #expect([one, two].map(\.word) == ["leader", "leader"])
        #expect(airport.join("two", follower, hash: 7).ticket == two.ticket)
        #expect(airport.count == 2)
        let first = try #require(one.ticket)
        #expect(airport.settle(first).isEmpty)
        #expect(follower.told == nil)
        #expect(airport.count == 1)
        let second = try #require(two.ticket)
        #expect(airport.settle(second).count == 1)
        #expect(follower.told == "alone")
        #expect(airport.count == 0)
    }

    @Test("the cache itself leads only where nobody does, and is followed like any leader")
    func lead() throws {
        let airport = try Airport()
        let ticket = try #require(airport.lead("k"))
        #expect(airport.lead("k") == nil)
        #expect(airport.lead("other") != nil)
        let follower = airport.follower()
        // There is nobody to tell.
        #expect(airport.join("k", follower).word == "follower")
        #expect(airport.hasFollowers(ticket))
        #expect(airport.settle(ticket).map(\.told) == ["alone"])
        #expect(airport.lead("k") != nil)
    }

    @Test("who leaves gets no outcome; who has one cannot leave")
    func leave() throws {
        let airport = try Airport()
        let (ticket, followers) = try airport.flight(followers: 2)
        #expect(airport.leave(ticket, followers[0]))
        #expect(!airport.leave(ticket, followers[0]))
        #expect(airport.settle(ticket).count == 1)
        #expect(followers.map(\.told) == [nil, "alone"])
        #expect(!airport.leave(ticket, followers[1]))
    }

    @Test("a flight without followers any more has none")
    func lastLeaves() throws {
        let airport = try Airport()
        let (ticket, followers) = try airport.flight(followers: 1)
        #expect(airport.hasFollowers(ticket))
        #expect(airport.leave(ticket, followers[0]))
        #expect(!airport.hasFollowers(ticket))
        // The next one is the first again, and the leader is told once more.
        #expect(airport.join("k", airport.follower()).word == "follower, first")
    }

    @Test("a flight ends once; the next request for its key leads another one")
    func settleTwice() throws {
        let airport = try Airport()
        let (ticket, followers) = try airport.flight(followers: 1)
        #expect(airport.settle(ticket).count == 1)
        let next = airport.join("k", airport.follower())
        let late = airport.follower()
        _ = airport.join("k", late)
        #expect(next.word == "leader" && next.ticket != ticket)
        #expect(airport.settle(ticket).isEmpty)
        #expect(airport.fail(ticket).isEmpty)
        #expect(!airport.hasFollowers(ticket))
        #expect(followers[0].told == "alone" && late.told == nil)
    }

    @Test("a leader that fails is replaced once, by whoever waits longest; then all fail")
    func fail() throws {
        let airport = try Airport()
        let (ticket, followers) = try airport.flight(followers: 3)
        let promoted = airport.fail(ticket)
        #expect(promoted.count == 1 && promoted.first === followers[0])
        #expect(followers.map(\.told) == ["lead", nil, nil])
        #expect(airport.lead("k") == nil)
        #expect(airport.fail(ticket).count == 2)
        #expect(followers.map(\.told) == ["lead", "failed 502", "failed 502"])
        #expect(airport.count == 0)
    }

    @Test("who has something to fall back on does, whoever failed; of the others one tries")
    func fallBack() throws {
        let airport = try Airport()
        let (ticket, _) = try airport.flight(followers: 0)
        let followers = [true, false, true, false].map { airport.follower(hasFallback: $0) }
        for follower in followers { _ = airport.join("k", follower) }
        #expect(airport.fail(ticket).count == 3)
        #expect(followers.map(\.told) == ["failed 502", "lead", "failed 502", nil])
        #expect(airport.fail(ticket).count == 1)
        #expect(followers[3].told == "failed 502" && airport.count == 0)
    }

    @Test("a leader whose client left is replaced without that counting as a try")
    func left() throws {
        let airport = try Airport()
        let (ticket, followers) = try airport.flight(followers: 3)
        #expect(airport.fail(ticket, countsAsTry: false).count == 1)
        #expect(airport.fail(ticket, countsAsTry: true).count == 1)
        #expect(followers.map(\.told) == ["lead", "lead", nil])
        #expect(airport.fail(ticket, countsAsTry: true).count == 1)
        #expect(followers[2].told == "failed 502")
    }

    @Test("a flight that takes too long is joined by nobody any more")
    func old() throws {
        let airport = try Airport()
        _ = try airport.flight(followers: 0)
        #expect(airport.join("k", airport.follower(), now: instant(59)).word == "follower, first")
        #expect(airport.join("k", airport.follower(), now: instant(60)).word == "alone")
    }

    @Test("a leader that fails with nobody waiting ends the flight")
    func failAlone() throws {
        let airport = try Airport()
        let (ticket, _) = try airport.flight(followers: 0)
        #expect(airport.fail(ticket).isEmpty)
        #expect(airport.count == 0)
    }

    @Test("after a failure the second leader is the one who learns that somebody waits")
    func secondLeaderIsTold() throws {
        let airport = try Airport()
        let (ticket, followers) = try airport.flight(followers: 1)
        _ = airport.fail(ticket)
        guard case .follower(let joined, let told) = airport.join("k", airport.follower()) else {
            Issue.record("the flight goes on")
            return
        }
        #expect(joined == ticket)
        #expect(told === followers[0])
    }
}

@Suite("Flights of the memory cache", .timeLimit(.minutes(1)))
struct FlightWakeTests {
    @Test("leader and followers are woken on their loop, outcome in hand")
    func wakes() throws {
        let wakes = try onLoop { loop in
            let cache = CacheFixture()
            var wakes: [String] = []
            let (leader, follower) = (
                Follower(ConfinedCall(loop: loop) { wakes.append("leader") }),
                Follower(ConfinedCall(loop: loop) { wakes.append("follower") })
            )
            let role = cache.memory.join([1], hash: 1, leader, now: instant(0))
            _ = cache.memory.join([1], hash: 1, follower, now: instant(0))
            try await loop.until("the leader") { wakes == ["leader"] }
            let ticket = try #require(role.ticket)
            #expect(cache.memory.hasFollowers(ticket))
            cache.memory.settle(ticket, .stored(try cache.response("r")))
            #expect(follower.told == "stored r")
            #expect(!cache.memory.leave(ticket, follower))
            try await loop.until("the follower") { wakes.count == 2 }
            return wakes
        }
        #expect(wakes == ["leader", "follower"])
    }

    @Test("a failure wakes the one that leads next, and the second one all others")
    func failure() throws {
        let wakes = try onLoop { loop in
            let cache = CacheFixture()
            var wakes: [Int] = []
            let requests = (0..<4).map { number in
                Follower(ConfinedCall(loop: loop) { wakes.append(number) })
            }
            let roles = requests.map { cache.memory.join([1], hash: 1, $0, now: instant(0)) }
            let ticket = try #require(roles[0].ticket)
            let failure = FlightFailure(status: 504, error: "timeout")
            cache.memory.fail(ticket, failure)
            try await loop.until("the next leader") { wakes == [0, 1] }
            cache.memory.fail(ticket, failure)
            try await loop.until("everybody") { wakes.count == 4 }
            #expect(requests.map(\.told) == [nil, "lead", "failed 504", "failed 504"])
            return wakes
        }
        #expect(wakes == [0, 1, 2, 3])
    }
}
