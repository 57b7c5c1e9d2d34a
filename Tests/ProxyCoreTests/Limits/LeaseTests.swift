import ProxyCore
import Testing
import Time

/// A lease, as something that expectations can change.
private final class Held {
    var lease = Lease()
    private var ticket: UInt64 = 0

    /// One request: checks, and spends what is allowed.
    func take(_ cost: UInt32 = 1, at now: UInt64) -> Lease.Answer {
        lease.note(cost, now: instant(now))
        let answer = lease.check(cost, now: instant(now))
        if case .allow = answer { lease.spend(cost) }
        return answer
    }

    func want(_ terms: GrantTerms, _ cost: UInt32 = 1) -> UInt32? {
        guard let count = lease.want(cost, terms) else { return nil }
        ticket += 1
        lease.asked(ticket)
        return count
    }

    func granted(
        _ count: Int64, of wanted: UInt32? = nil, mark: Int64 = 1,
        good: UInt64 = 100 * millisecond, sentAt: UInt64
    ) throws {
        let reply = try #require(LeaseReply([count, Int64(good / 1000), 7, mark, 50]))
        lease.granted(
            reply, wanted: wanted ?? UInt32(count), LeaseTests.terms, sentAt: instant(sentAt))
    }

    func refused(_ terms: GrantTerms, retry: UInt64, cost: UInt32 = 1, at now: UInt64) throws {
        let reply = try #require(LeaseReply([0, Int64(retry / 1000), 0, 0, 0]))
        lease.refused(reply, cost: cost, terms, now: instant(now))
    }

    func putBack(mark: UInt64, at now: UInt64) -> Bool {
        lease.putBack(1, mark: mark, now: instant(now))
    }

    func giveBack() -> UInt32 { lease.giveBack() }
}

/// Likewise a queue.
private final class Line {
    var queue: LeaseQueue

    init(pendingMax: Int) { queue = LeaseQueue(pendingMax: pendingMax) }

    func add(_ group: [LeaseAsk]) -> UInt64? { queue.add(group) }
    func next() -> LeaseBatch? { queue.next() }
    func finished(_ id: UInt64) { queue.finished(id) }
    var pending: Int { queue.pending }
}

@Suite("Leases")
struct LeaseTests {
    static let meter = RateMeter(
        Rate(count: 1000, periodNanoseconds: oneSecond, burst: 1000), .tokenBucket)
    static let slow = RateMeter(
        Rate(count: 1000, periodNanoseconds: 60 * oneSecond), .slidingWindow)
    static let terms = GrantTerms(slow, holders: 4)

    @Test("terms: at most half the limit lies untouched, a lease is short beside its period")
    func terms() {
        #expect(Self.terms.wantMax == 100)
        #expect(Self.terms.nanoseconds == 400 * millisecond)
        #expect(Self.terms.refusalNanoseconds == 200 * millisecond...2 * oneSecond)
        #expect(GrantTerms(Self.meter, holders: 4).nanoseconds == 100 * millisecond)
        #expect(GrantTerms(Self.meter, holders: 50).wantMax == 10)
        #expect(GrantTerms(Self.meter, holders: 100_000).wantMax == 1)
        let tiny = RateMeter(Rate(count: 3, periodNanoseconds: oneSecond), .slidingWindow)
        #expect(GrantTerms(tiny, holders: 0).wantMax == 1)
        #expect(GrantTerms(tiny, holders: 1).nanoseconds == 8 * millisecond)
        let fixed = RateMeter(Rate(count: 3, periodNanoseconds: oneSecond), .fixedWindow)
        #expect(GrantTerms(fixed, holders: 1).nanoseconds == 50 * millisecond)
        #expect(
            GrantTerms(fixed, holders: 1).refusalNanoseconds
                == 25 * millisecond...200 * millisecond)
    }

    @Test("asks, spends, asks again")
    func life() throws {
        let lease = Held()
        #expect(lease.take(at: epoch) == .ask)
        #expect(lease.want(Self.terms) == 1)
        // One question for all who wait.
        #expect(lease.take(at: epoch + 10) == .ask)
        #expect(lease.want(Self.terms) == nil)
        try lease.granted(5, mark: 7, sentAt: epoch)
        #expect(lease.lease.remaining == 7)
        for _ in 0..<5 { #expect(lease.take(at: epoch + 2 * millisecond) == .allow) }
        #expect(lease.take(at: epoch + 2 * millisecond) == .ask)
        #expect(lease.lease.mark == 7)
        #expect(lease.want(Self.terms) != nil)
    }

    @Test(
        "a request alone asks for itself, a pace for all that a lease lasts and no token less",
        arguments: [
            // Milliseconds between requests, their cost; tokens wanted within 400 ms.
            (1000, 1, 1), (200, 1, 1), (200, 3, 3), (75, 1, 6), (11, 1, 37), (11, 2, 73),
            (1, 1, 100),
        ] as [(UInt64, UInt32, UInt32)])
    func pace(milliseconds: UInt64, cost: UInt32, wanted: UInt32) {
        let lease = Held()
        for number in 0..<1000 {
            _ = lease.take(cost, at: epoch + UInt64(number) * milliseconds * millisecond)
        }
        #expect(lease.want(Self.terms, cost) == wanted)
    }

    @Test("a lease runs from when its question was sent, as long as the store says")
    func end() throws {
        let lease = Held()
        #expect(lease.want(Self.terms) == 1)
        try lease.granted(5, sentAt: epoch)
        #expect(lease.take(at: epoch + 99 * millisecond) == .allow)
        #expect(lease.take(at: epoch + 100 * millisecond) == .ask)
        #expect(lease.giveBack() == 4)
        #expect(lease.giveBack() == 0)
        #expect(lease.want(Self.terms) != nil)
        try lease.granted(5, good: 3 * millisecond, sentAt: epoch)
        #expect(lease.take(at: epoch + 3 * millisecond) == .ask)
    }

    @Test("after the last tokens nothing is asked for half a lease")
    func lastTokens() throws {
        let lease = Held()
        _ = lease.want(Self.terms)
        try lease.granted(2, of: 3, good: 50 * millisecond, sentAt: epoch)
        for _ in 0..<2 { #expect(lease.take(at: epoch) == .allow) }
        #expect(lease.take(at: epoch) == .deny(retryNanoseconds: 50_000))
        #expect(lease.take(at: epoch + 199 * millisecond) == .deny(retryNanoseconds: 0))
        #expect(lease.take(at: epoch + 200 * millisecond) == .ask)
    }

    @Test("what comes back stays only in the lease that it was taken from")
    func putBack() throws {
        let lease = Held()
        _ = lease.want(Self.terms)
        try lease.granted(1, mark: 3, sentAt: epoch)
        #expect(lease.take(at: epoch) == .allow)
        #expect(lease.putBack(mark: 3, at: epoch + millisecond))
        #expect(lease.take(at: epoch + 2 * millisecond) == .allow)
        #expect(!lease.putBack(mark: 2, at: epoch + millisecond))
        #expect(!lease.putBack(mark: 3, at: epoch + 100 * millisecond))
        #expect(lease.lease.tokens == 0)
    }

    @Test("after a refusal nothing is asked until its time, but for less")
    func refusal() throws {
        let lease = Held()
        _ = lease.want(Self.terms, 3)
        try lease.refused(Self.terms, retry: 250 * millisecond, cost: 3, at: epoch)
        let soon = epoch + 249 * millisecond
        #expect(lease.take(3, at: soon) == .deny(retryNanoseconds: millisecond))
        #expect(lease.take(4, at: soon) == .deny(retryNanoseconds: millisecond))
        #expect(lease.take(2, at: soon) == .ask)
        #expect(lease.take(3, at: epoch + 250 * millisecond) == .ask)
    }

    @Test("a short refusal is believed for half a lease, and told as it is")
    func shortRefusal() throws {
        let lease = Held()
        try lease.refused(Self.terms, retry: millisecond, at: epoch)
        #expect(lease.take(at: epoch) == .deny(retryNanoseconds: millisecond))
        #expect(lease.take(at: epoch + 199 * millisecond) == .deny(retryNanoseconds: 0))
        #expect(lease.take(at: epoch + 200 * millisecond) == .ask)
    }

    @Test("a long refusal is told whole, and believed for a while")
    func longRefusal() throws {
        let lease = Held()
        try lease.refused(Self.terms, retry: 50 * oneSecond, at: epoch)
        #expect(lease.take(at: epoch + oneSecond) == .deny(retryNanoseconds: 49 * oneSecond))
        #expect(lease.take(at: epoch + 2 * oneSecond) == .ask)
    }

    @Test("a failed question may be put again, and leaves nothing")
    func failure() {
        let lease = Held()
        #expect(lease.want(Self.terms) == 1)
        #expect(lease.want(Self.terms) == nil)
        lease.lease.failed()
        #expect(lease.take(at: epoch) == .ask)
        #expect(lease.lease.tokens == 0)
        #expect(lease.want(Self.terms) != nil)
    }

    @Test("what is wanted follows what is used, and who waits, up to the terms")
    func average() {
        let lease = Held()
        var now = epoch
        for _ in 0..<5_000 {
            now += 5 * millisecond
            _ = lease.take(at: now)
        }
        // 200 a second: 80 in a lease of 400 ms.
        #expect((72...88).contains(lease.want(Self.terms) ?? 0))
        lease.lease.failed()
        for _ in 0..<50_000 {
            now += 10_000
            _ = lease.take(at: now)
        }
        #expect(lease.want(Self.terms) == 100)
        lease.lease.failed()
        _ = lease.take(at: now + 5 * oneSecond)
        #expect(lease.want(Self.terms) == 1)
        // Those that come meanwhile are served by the next question together.
        for _ in 0..<20 { #expect(lease.want(Self.terms) == nil) }
        lease.lease.failed()
        #expect(lease.want(Self.terms) == 20)
        lease.lease.failed()
        #expect(lease.want(Self.terms, 300) == 300)
    }

    @Test("one batch at a time, groups whole, bounded")
    func queue() throws {
        let queue = Line(pendingMax: 200)
        func ask(_ number: Int) -> LeaseAsk {
            LeaseAsk(
                place: Self.place, key: Array("k\(number)".utf8), meter: Self.meter,
                leaseNanoseconds: 10 * millisecond,
                want: .grant(count: 5, least: 1))
        }
        #expect(queue.next() == nil)
        #expect(queue.add([ask(0)]) == 1)
        let first = try #require(queue.next())
        #expect(first.firstTicket == 1 && !queue.queue.isIdle)
        #expect(first.arguments == ["b", "1000", "1000000", "1000000", "10000", "5", "1", "0"])
        for number in 0..<66 { #expect(queue.add([ask(number), ask(-number)]) != nil) }
        #expect(queue.next() == nil)
        queue.finished(first.id + 1)
        #expect(queue.next() == nil)
        queue.finished(first.id)
        let second = try #require(queue.next())
        #expect(second.keys.count == 64 && second.groups.allSatisfy { $0.count == 2 })
        #expect(second.firstTicket == 2)
        #expect(queue.pending == 132 - 64)
        #expect(queue.add((0..<65).map(ask)) == nil)
        #expect(queue.add([]) == nil)
        for number in 0..<200 { _ = queue.add([ask(number)]) }
        #expect(queue.pending == 200)
        let back = LeaseAsk(
            place: Self.place, key: [], meter: Self.slow, leaseNanoseconds: 0,
            want: .giveBack(count: 3, mark: 9))
        queue.finished(second.id)
        let other = Line(pendingMax: 10)
        #expect(other.add([ask(1), back]) == 1)
        let texts = try #require(other.next()).arguments
        #expect(
            texts[7] == "1"
                && Array(texts[8...]) == ["s", "1000", "60000000", "60000000", "0", "-3", "9", "0"])
    }

    static let place = LeasePlace(table: 1, key: [0], hash: 5, rate: 0)

    @Test("replies")
    func replies() {
        let grant = LeaseReply([5, 1500, 7, 9, 20])
        #expect(grant?.granted == 5 && grant?.goodNanoseconds == 1_500_000)
        #expect(grant?.remaining == 7 && grant?.mark == 9 && grant?.resetNanoseconds == 20_000)
        #expect(grant?.retryNanoseconds == 0)
        let refusal = LeaseReply([0, 1500, 7, 0, 20])
        #expect(refusal?.goodNanoseconds == 0 && refusal?.retryNanoseconds == 1_500_000)
        #expect(LeaseReply([0, .max, .max, .max, .max]) != nil)
        #expect(LeaseReply([1, 2, 3, 4]) == nil)
        #expect(LeaseReply([1, -2, 3, 4, 5]) == nil)
        #expect(LimitCommands.replies([1, 2, 3, 4, 5, 1, 2, 3, 4, 5], count: 2)?.count == 2)
        #expect(LimitCommands.replies([1, 2, 3, 4, 5], count: 2) == nil)
        #expect(LimitCommands.replies([1, 2, 3, 4, -5], count: 1) == nil)
    }
}
