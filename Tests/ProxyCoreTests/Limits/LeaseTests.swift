import ProxyCore
import Testing
import Time

/// A lease, as something that expectations can change.
private final class Held {
    var lease = Lease()

    func take(_ cost: UInt32 = 1, at now: UInt64) -> Lease.Answer {
        lease.take(cost, now: instant(now))
    }

    func want(_ terms: GrantTerms, _ cost: UInt32 = 1, at now: UInt64) -> UInt32? {
        lease.want(cost, terms, now: instant(now))
    }

    func granted(_ count: UInt32, mark: UInt64 = 1, _ terms: GrantTerms, at now: UInt64) -> Bool {
        lease.granted(count, mark: mark, terms, now: instant(now))
    }

    func giveBack() -> UInt32 { lease.giveBack() }
}

/// Likewise a queue.
private final class Line {
    var queue: LeaseQueue

    init(pendingMax: Int) { queue = LeaseQueue(pendingMax: pendingMax) }

    func add(_ group: [LeaseAsk]) -> Bool { queue.add(group) }
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
    static let terms = GrantTerms(slow, instances: 4)

    @Test("terms: at most half the limit lies untouched, a lease is at most 100 ms")
    func terms() {
        #expect(Self.terms.wantMax == 100)
        #expect(Self.terms.nanoseconds == 100 * millisecond)
        #expect(GrantTerms(Self.meter, instances: 4).nanoseconds == 10 * millisecond)
        #expect(GrantTerms(Self.meter, instances: 50).wantMax == 10)
        #expect(GrantTerms(Self.meter, instances: 100_000).wantMax == 1)
        let tiny = RateMeter(Rate(count: 3, periodNanoseconds: oneSecond), .slidingWindow)
        #expect(GrantTerms(tiny, instances: 0).wantMax == 1)
    }

    @Test("asks, spends, asks again")
    func life() {
        let lease = Held()
        #expect(lease.take(at: epoch) == .ask)
        #expect(lease.want(Self.terms, at: epoch) == 1)
        // One question for all who wait.
        #expect(lease.take(at: epoch + 10) == .ask)
        #expect(lease.want(Self.terms, at: epoch + 10) == nil)
        #expect(lease.granted(5, mark: 7, Self.terms, at: epoch + millisecond))
        for _ in 0..<5 { #expect(lease.take(at: epoch + 2 * millisecond) == .allow) }
        #expect(lease.take(at: epoch + 2 * millisecond) == .ask)
        #expect(lease.lease.mark == 7)
    }

    @Test("a lease runs from when its question was sent, and ends")
    func end() {
        let lease = Held()
        _ = lease.take(at: epoch)
        _ = lease.want(Self.terms, at: epoch)
        _ = lease.granted(5, Self.terms, at: epoch + 14 * millisecond)
        #expect(lease.take(at: epoch + 99 * millisecond) == .allow)
        #expect(lease.take(at: epoch + 100 * millisecond) == .ask)
        #expect(lease.giveBack() == 4)
        #expect(lease.giveBack() == 0)
    }

    @Test("a reply after the deadline counts as spent")
    func late() {
        let lease = Held()
        _ = lease.want(Self.terms, at: epoch)
        let late = epoch + 15 * millisecond + 1
        #expect(!lease.granted(5, mark: 1, Self.terms, at: late))
        #expect(lease.take(at: late) == .ask)
        // And one that was not asked for.
        lease.lease.failed()
        #expect(!lease.granted(5, mark: 1, Self.terms, at: late))
        #expect(lease.lease.tokens == 0)
    }

    @Test("after a refusal nothing is asked until its time")
    func refusal() {
        let lease = Held()
        _ = lease.want(Self.terms, at: epoch)
        lease.lease.refused(retryNanoseconds: 50 * millisecond, now: instant(epoch))
        let soon = epoch + 49 * millisecond
        #expect(lease.take(at: soon) == .deny(retryNanoseconds: millisecond))
        #expect(lease.take(at: epoch + 50 * millisecond) == .ask)
    }

    @Test("what is wanted follows what is used, up to the terms")
    func average() {
        let lease = Held()
        var now = epoch
        for _ in 0..<5_000 {
            now += 2 * millisecond
            _ = lease.take(at: now)
        }
        // 500 a second: 50 in a lease of 100 ms.
        #expect((40...60).contains(lease.want(Self.terms, at: now) ?? 0))
        lease.lease.failed()
        for _ in 0..<50_000 {
            now += 10_000
            _ = lease.take(at: now)
        }
        #expect(lease.want(Self.terms, at: now) == 100)
        lease.lease.failed()
        _ = lease.take(at: now + 5 * oneSecond)
        #expect(lease.want(Self.terms, at: now + 5 * oneSecond) == 1)
        lease.lease.failed()
        #expect(lease.want(Self.terms, 300, at: now + 5 * oneSecond) == 300)
    }

    @Test("one batch at a time, groups whole, bounded")
    func queue() throws {
        let queue = Line(pendingMax: 200)
        func ask(_ number: Int) -> LeaseAsk {
            LeaseAsk(
                key: Array("k\(number)".utf8), meter: Self.meter,
                leaseNanoseconds: 10 * millisecond,
                want: .grant(count: 5, least: 1))
        }
        #expect(queue.next() == nil)
        #expect(queue.add([ask(0)]))
        let first = try #require(queue.next())
        #expect(first.arguments == ["b", "1000", "1000000", "1000000", "10000", "5", "1", "0"])
        for number in 0..<66 { #expect(queue.add([ask(number), ask(-number)])) }
        #expect(queue.next() == nil)
        queue.finished(first.id + 1)
        #expect(queue.next() == nil)
        queue.finished(first.id)
        let second = try #require(queue.next())
        #expect(second.keys.count == 64 && second.groups.allSatisfy { $0.count == 2 })
        #expect(queue.pending == 132 - 64)
        #expect(!queue.add((0..<65).map(ask)))
        #expect(!queue.add([]))
        for number in 0..<200 { _ = queue.add([ask(number)]) }
        #expect(queue.pending == 200)
        let back = LeaseAsk(
            key: [], meter: Self.slow, leaseNanoseconds: 0, want: .giveBack(count: 3, mark: 9))
        queue.finished(second.id)
        let other = Line(pendingMax: 10)
        #expect(other.add([ask(1), back]))
        let texts = try #require(other.next()).arguments
        #expect(
            texts[7] == "1"
                && Array(texts[8...]) == ["s", "1000", "60000000", "60000000", "0", "-3", "9", "0"])
    }

    @Test("replies")
    func replies() {
        let reply = LeaseReply([5, 1500, 7, 9])
        #expect(reply?.granted == 5 && reply?.retryNanoseconds == 1_500_000)
        #expect(reply?.remaining == 7 && reply?.mark == 9)
        #expect(LeaseReply([1, 2, 3]) == nil)
        #expect(LeaseReply([1, -2, 3, 4]) == nil)
    }

    @Test(
        "many instances under one bucket: never more than burst, rate and a lease",
        arguments: [1, 2, 4, 16])
    func simulation(instances: Int) {
        let rate = Rate(count: 1000, periodNanoseconds: oneSecond, burst: 500)
        let meter = RateMeter(rate, .tokenBucket)
        let terms = GrantTerms(meter, instances: instances)
        var store = Metered(rate, .tokenBucket, isUneven: true)
        var leases = [Lease](repeating: Lease(), count: instances)
        var chance = Seeded(seed: UInt64(instances))
        var (spent, now) = (0, epoch)
        let end = epoch + 4 * oneSecond
        while now < end {
            now += chance.next() % 100_000
            let index = Int(chance.next() % UInt64(instances))
            switch leases[index].take(1, now: instant(now)) {
            case .allow: spent += 1
            case .deny: break
            case .ask:
                let unspent = leases[index].giveBack()
                if unspent > 0 { store.refund(unspent, of: now) }
                guard let want = leases[index].want(1, terms, now: instant(now)) else { continue }
                let room = store.check(at: now)
                let count = min(want, room.remaining)
                if count > 0 {
                    _ = store.take(count, at: now)
                    leases[index].granted(count, mark: 0, terms, now: instant(now + 200_000))
                    if case .allow = leases[index].take(1, now: instant(now)) { spent += 1 }
                } else {
                    leases[index].refused(
                        retryNanoseconds: room.retryNanoseconds, now: instant(now))
                }
            }
        }
        let ideal = 500 + 4 * 1000
        #expect(spent <= ideal + 10)
        #expect(Double(spent) >= 0.97 * Double(ideal), "\(spent) of \(ideal)")
    }
}
