import ProxyCore
import Testing
import Time

/// A store in memory: sliding windows whose entries hold one grant each, counted from the end of its lease.
private final class ModelStore {
    private struct Grant {
        var time: UInt64
        var count: UInt32
    }

    private var grants: [Grant] = []
    let count: UInt32
    let period: UInt64
    private(set) var calls = 0

    init(count: UInt32, period: UInt64) {
        self.count = count
        self.period = period
    }

    func answer(_ asks: [LeaseAsk], at now: UInt64) throws -> [LeaseReply] {
        calls += 1
        return try asks.map { try #require(answer($0, at: now)) }
    }

    private func answer(_ ask: LeaseAsk, at now: UInt64) -> LeaseReply? {
        grants.removeAll { $0.time + period <= now }
        switch ask.want {
        case .giveBack(let count, let mark):
            var left = count
            for index in grants.indices where grants[index].time == mark {
                let back = min(left, grants[index].count)
                grants[index].count -= back
                left -= back
            }
            return LeaseReply([0, 0, Int64(room), 0, 0])
        case .grant(let count, let least):
            guard room >= max(1, least) else {
                let next = grants.first { $0.count > 0 }.map { $0.time + period - now } ?? 1000
                return LeaseReply([0, Int64(next / 1000 + 1), Int64(room), 0, 0])
            }
            let granted = min(count, room)
            let end = now + ask.leaseNanoseconds
            grants.append(Grant(time: end, count: granted))
            let good = Int64(ask.leaseNanoseconds / 1000)
            return LeaseReply([Int64(granted), good, Int64(room), Int64(end), 0])
        }
    }

    private var room: UInt32 { count - grants.reduce(0) { $0 + $1.count } }
}

/// One rule's table, as one holder has it, and its life with a store.
private final class Holder {
    let table: LeaseTable
    let key: [UInt8] = [0] + Array("10.0.0.1".utf8)
    private var ticket: UInt64 = 0

    init(_ rule: String, keysMax: Int = 100) throws {
        let yaml = """
            upstreams: {api: {url: "http://a"}}
            routes: [{name: rest}]
            limits: [\(rule)]
            """
        let settings = try SettingsLoader.load(yaml: yaml, file: "f", environment: [:]).get()
        table = LeaseTable(
            LimitPlans(settings).plans[0], number: 3, prefix: Array("p:".utf8), keysMax: keysMax)
    }

    func slot(_ other: [UInt8]? = nil) -> Int {
        let key = other ?? self.key
        return table.slot(key.span, hash: 77)
    }

    func forget() -> [[UInt8]] { table.forget(key, hash: 77) }

    func check(_ cost: UInt32 = 1, at now: UInt64) -> LimitVerdict? {
        table.check(slot(), cost: cost, isNew: true, now: instant(now))
    }

    func ask(
        _ cost: UInt32 = 1, holders: Int = 3, at now: UInt64
    ) -> (returns: [LeaseAsk], wants: [LeaseAsk], ticket: UInt64) {
        let found = table.questions(slot(), cost: cost, holders: holders, now: instant(now))
        if found.wants.isEmpty { return found }
        ticket += 1
        table.asked(found.wants, ticket: ticket)
        return found
    }

    func settle(
        _ ask: LeaseAsk, _ numbers: [Int64]?, ticket: UInt64? = nil, at now: UInt64
    ) -> LeaseAsk? {
        table.settle(
            ask, ticket: ticket ?? self.ticket, numbers.flatMap { LeaseReply($0) }, holders: 3,
            sentAt: instant(now), now: instant(now))
    }

    func spend(_ cost: UInt32 = 1) -> [UInt64] {
        var marks: [UInt64] = []
        table.spend(slot(), cost: cost, marks: &marks)
        return marks
    }

    func putBack(_ cost: UInt32 = 1, mark: UInt64, at now: UInt64) -> LeaseAsk? {
        table.putBack(slot(), 0, cost: cost, mark: mark, now: instant(now))
    }

    func giveBack(_ place: LeasePlace, at now: UInt64) -> LeaseAsk? {
        table.giveBack(place, endedBy: instant(now))
    }

    /// A request against `store`, without delay: whether it is allowed.
    func request(_ store: ModelStore, holders: Int, at now: UInt64) throws -> Bool {
        for _ in 0..<2 {
            if let verdict = check(at: now) {
                if verdict.isAllowed { _ = spend() }
                return verdict.isAllowed
            }
            let found = ask(holders: holders, at: now)
            let asks = found.returns + found.wants
            for (ask, reply) in zip(asks, try store.answer(asks, at: now)) {
                #expect(
                    table.settle(
                        ask, ticket: ticket, reply, holders: holders, sentAt: instant(now),
                        now: instant(now)) == nil)
            }
        }
        return false
    }
}

@Suite("Tables of leases")
struct LeaseTableTests {
    static let rule = "{name: r, rate: 100/1m, key: client_ip}"

    @Test("asks once, is told, spends")
    func life() throws {
        let holder = try Holder(Self.rule)
        #expect(holder.check(at: epoch) == nil)
        let first = holder.ask(at: epoch)
        #expect(first.returns.isEmpty && first.ticket == 0 && first.wants.count == 1)
        let key = String(decoding: first.wants[0].key, as: UTF8.self)
        #expect(key == "p:rl:{r:0:10.0.0.1}:s100/1m")
        // The second request waits for the same answer.
        let second = holder.ask(at: epoch)
        #expect(second.wants.isEmpty && second.ticket == 1)
        #expect(holder.settle(first.wants[0], [4, 250_000, 60, 9, 1_000_000], at: epoch) == nil)
        let verdict = try #require(holder.check(at: epoch))
        #expect(verdict.isAllowed && verdict.remaining == 63)
        #expect(verdict.resetNanoseconds == oneSecond)
        for _ in 0..<4 { #expect(holder.spend() == [9]) }
        #expect(holder.check(at: epoch) == nil)
    }

    @Test("what is left at the end goes back once, with its mark")
    func giveBack() throws {
        let holder = try Holder(Self.rule)
        let want = holder.ask(at: epoch).wants[0]
        _ = holder.settle(want, [4, 250_000, 60, 9, 0], at: epoch)
        #expect(holder.giveBack(want.place, at: epoch + 249 * millisecond) == nil)
        let back = holder.giveBack(want.place, at: epoch + 250 * millisecond)
        #expect(back?.want == .giveBack(count: 4, mark: 9))
        #expect(back?.key == want.key)
        #expect(holder.giveBack(want.place, at: epoch + oneSecond) == nil)
        // Likewise in front of the next question.
        _ = holder.settle(
            holder.ask(at: epoch + oneSecond).wants[0], [3, 250_000, 0, 11, 0],
            at: epoch + oneSecond)
        let next = holder.ask(at: epoch + 2 * oneSecond)
        #expect(next.returns.map(\.want) == [.giveBack(count: 3, mark: 11)])
        #expect(next.wants.count == 1)
    }

    @Test("a charge goes back into its lease, or to the store")
    func refund() throws {
        let holder = try Holder(Self.rule)
        _ = holder.settle(holder.ask(at: epoch).wants[0], [2, 250_000, 0, 9, 0], at: epoch)
        #expect(holder.spend() == [9])
        #expect(holder.putBack(mark: 9, at: epoch + millisecond) == nil)
        let late = holder.putBack(mark: 9, at: epoch + oneSecond)
        #expect(late?.want == .giveBack(count: 1, mark: 9))
    }

    @Test("refused, with the store's word on when to come again")
    func refusal() throws {
        let holder = try Holder(Self.rule)
        _ = holder.settle(
            holder.ask(at: epoch).wants[0], [0, 30_000_000, 0, 0, 30_000_000], at: epoch)
        let verdict = try #require(holder.check(at: epoch + oneSecond))
        #expect(!verdict.isAllowed && verdict.remaining == 0)
        #expect(verdict.retryNanoseconds == 29 * oneSecond)
        #expect(holder.check(at: epoch + 2 * oneSecond) == nil)
        // Where another rule of the group refused, nothing is known.
        _ = holder.settle(
            holder.ask(at: epoch + 2 * oneSecond).wants[0], [0, 0, 60, 0, 0],
            at: epoch + 2 * oneSecond)
        #expect(holder.check(at: epoch + 2 * oneSecond) == nil)
    }

    @Test("no answer: asked again; one to a question given up, or of a key forgotten, goes back")
    func lost() throws {
        let holder = try Holder(Self.rule)
        let first = holder.ask(at: epoch).wants[0]
        #expect(holder.settle(first, nil, at: epoch) == nil)
        let second = holder.ask(at: epoch).wants[0]
        let back = holder.settle(second, [5, 250_000, 0, 9, 0], ticket: 1, at: epoch)
        #expect(back?.want == .giveBack(count: 5, mark: 9))
        #expect(holder.forget() == [first.key])
        let gone = holder.settle(second, [5, 250_000, 0, 8, 0], at: epoch)
        #expect(gone?.want == .giveBack(count: 5, mark: 8))
        #expect(holder.settle(second, [0, 5, 0, 0, 0], at: epoch) == nil)
        #expect(holder.table.count == 0)
        _ = holder.ask(at: epoch)
        #expect(holder.table.forgetAll() == Array("p:rl:{r:".utf8))
        #expect(holder.table.count == 0)
    }

    @Test("several rates are asked about together, those alone that are missing")
    func severalRates() throws {
        let holder = try Holder("{name: r, rate: 5/2s; 100/1h}")
        let both = holder.ask(at: epoch).wants
        #expect(both.map(\.place.rate) == [0, 1])
        #expect(both.map(\.meter.limit) == [5, 100])
        _ = holder.settle(both[0], [1, 10_000, 4, 3, 0], at: epoch)
        _ = holder.settle(both[1], [10, 250_000, 90, 4, 0], at: epoch)
        #expect(holder.spend() == [3, 4])
        let next = holder.ask(at: epoch).wants
        #expect(next.map(\.place.rate) == [0])
        _ = holder.settle(next[0], [0, 1_500_000, 0, 0, 0], at: epoch)
        let verdict = try #require(holder.check(at: epoch))
        #expect(!verdict.isAllowed && verdict.rate == 0)
    }

    @Test("keys of each variant and algorithm have names of their own")
    func names() throws {
        let bucket = try Holder("{name: b, rate: 100/1s, burst: 50}")
        #expect(
            String(decoding: bucket.ask(at: epoch).wants[0].key, as: UTF8.self)
                == "p:rl:{b:0:10.0.0.1}:b100/1s,50")
        let other = try Holder(
            "{name: o, rate: 5/1s, algorithm: fixed_window, overrides: [{when: {path: /x}, rate: 9/1s}]}"
        )
        let slot = other.slot([1])
        let wants = other.table.questions(slot, cost: 1, holders: 1, now: instant(epoch)).wants
        #expect(String(decoding: wants[0].key, as: UTF8.self) == "p:rl:{o:1:}:f9/1s")
    }

    @Test("keys are bounded, and what is forgotten is asked for again")
    func bounded() throws {
        let holder = try Holder(Self.rule, keysMax: 50)
        for number in 0..<1000 {
            let key: [UInt8] = [0] + Array("k\(number)".utf8)
            _ = holder.table.slot(key.span, hash: UInt64(number) &* 0x9e37_79b9_7f4a_7c15)
        }
        #expect(holder.table.count <= 50)
    }

    @Test(
        "many holders under one sliding window: never more in any period, nearly all of it, few calls",
        arguments: [(1, 0.05), (3, 0.09), (8, 0.2)])
    func simulation(holders count: Int, share: Double) throws {
        let store = ModelStore(count: 600, period: 2 * oneSecond)
        let holders = try (0..<count).map { _ in try Holder("{name: r, rate: 600/2s}") }
        var chance = Seeded(seed: UInt64(count))
        var (spent, requests, now): ([UInt64], Int, UInt64) = ([], 0, epoch)
        let rounds: UInt64 = 6
        while now < epoch + rounds * 2 * oneSecond {
            // Four times the limit.
            now += chance.next() % 1_666_666
            requests += 1
            let holder = holders[Int(chance.next() % UInt64(count))]
            if try holder.request(store, holders: count, at: now) { spent.append(now) }
        }
        var first = 0
        for (index, time) in spent.enumerated() {
            while spent[first] + 2 * oneSecond <= time { first += 1 }
            #expect(index - first < 600)
        }
        #expect(Double(spent.count) >= 0.99 * 600 * Double(rounds), "\(spent.count)")
        #expect(Double(store.calls) <= share * Double(requests), "\(store.calls) of \(requests)")
    }
}
