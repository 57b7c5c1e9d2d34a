import ProxyCore
import Testing
import Time

@Suite("Limits: the table of keys")
struct LimitShardTests {
    static func variant(_ rule: (inout LimitRule) -> Void = { _ in }) -> LimitVariant {
        var made = LimitRule(name: "r")
        made.rates = [Rate(count: 3, periodNanoseconds: oneSecond)]
        rule(&made)
        return LimitVariant(made, rates: made.rates)
    }

    static func key(_ number: Int) -> [UInt8] { [0] + Array("key \(number)".utf8) }

    static func hash(_ key: [UInt8]) -> UInt64 { seededHash(key.span, seed: (1, 2)) }

    /// Asks for a request of the key, and charges it.
    static func take(
        _ shard: inout LimitShard, _ number: Int, at now: UInt64, cost: UInt32 = 1
    ) -> LimitVerdict {
        let key = key(number)
        let slot = shard.slot(key.span, hash: hash(key), now: instant(now))
        let verdict = shard.check(slot, cost: cost, now: instant(now))
        if verdict.isAllowed {
            shard.spend(slot, cost: cost, now: instant(now))
        } else if !verdict.isPenalized {
            shard.strike(slot, now: instant(now))
        }
        return verdict
    }

    @Test("keys have budgets of their own")
    func separate() {
        var shard = LimitShard([Self.variant()], keysMax: 100)
        for number in 0..<10 {
            for _ in 0..<3 {
                let verdict = Self.take(&shard, number, at: epoch)
                #expect(verdict.isAllowed)
            }
            let verdict = Self.take(&shard, number, at: epoch)
            #expect(!verdict.isAllowed && verdict.retryNanoseconds >= oneSecond)
        }
        let count = shard.count
        #expect(count == 10)
    }

    @Test("bounded: what is forgotten begins anew, and is counted if it still said something")
    func bounded() {
        var shard = LimitShard([Self.variant()], keysMax: 100)
        for number in 0..<1_000 { _ = Self.take(&shard, number, at: epoch) }
        var (count, forgotten) = (shard.count, shard.forgotten)
        #expect(count == 100 && forgotten == 900)
        let verdict = Self.take(&shard, 0, at: epoch)
        #expect(verdict.isAllowed)
        // Long after, nothing is lost with them.
        for number in 2_000..<3_000 { _ = Self.take(&shard, number, at: epoch + 10 * oneSecond) }
        (count, forgotten) = (shard.count, shard.forgotten)
        #expect(count == 100 && forgotten < 901 + 901)
    }

    @Test("a key that is used stays through a flood of others")
    func scan() {
        var shard = LimitShard([Self.variant()], keysMax: 200)
        for _ in 0..<4 { _ = Self.take(&shard, 7, at: epoch) }
        for number in 1_000..<20_000 {
            _ = Self.take(&shard, number, at: epoch)
            if number % 50 == 0 {
                let verdict = Self.take(&shard, 7, at: epoch)
                #expect(!verdict.isAllowed)
            }
        }
    }

    @Test("the sweeper takes what says nothing any more")
    func sweep() {
        var shard = LimitShard([Self.variant()], keysMax: 1_000)
        for number in 0..<500 { _ = Self.take(&shard, number, at: epoch) }
        for _ in 0..<10 { shard.sweep(count: 100, now: instant(epoch + oneSecond / 2)) }
        var count = shard.count
        #expect(count == 500)
        for _ in 0..<5 { shard.sweep(count: 100, now: instant(epoch + 2 * oneSecond)) }
        count = shard.count
        #expect(count == 500, "the first look takes nothing")
        for _ in 0..<5 { shard.sweep(count: 100, now: instant(epoch + 2 * oneSecond)) }
        count = shard.count
        let forgotten = shard.forgotten
        #expect(count == 0 && forgotten == 0)
    }

    @Test("the sweeper leaves what is in use, although it says nothing")
    func sweepOfKeysInUse() {
        var shard = LimitShard([Self.variant()], keysMax: 1_000)
        for round in 0..<10 {
            let now = epoch + UInt64(round) * 5 * oneSecond
            for number in 0..<(round == 0 ? 20 : 10) { _ = Self.take(&shard, number, at: now) }
            shard.sweep(count: 100, now: instant(now + 3 * oneSecond))
            for number in 0..<20 {
                let key = Self.key(number)
                let isKnown = shard.knows(key.span, hash: Self.hash(key))
                #expect(isKnown == (number < 10 || round == 0), "key \(number), round \(round)")
            }
        }
    }

    @Test("who keeps being refused gets nothing for a while")
    func penalty() {
        let start = epoch / (60 * oneSecond) * 60 * oneSecond
        let variant = Self.variant {
            $0.penalty = LimitPenalty(
                after: Rate(count: 5, periodNanoseconds: 60 * oneSecond),
                nanoseconds: 600 * oneSecond)
        }
        var shard = LimitShard([variant], keysMax: 10)
        for _ in 0..<3 { _ = Self.take(&shard, 1, at: start) }
        for _ in 0..<5 {
            let verdict = Self.take(&shard, 1, at: start + 1)
            #expect(!verdict.isAllowed && !verdict.isPenalized)
        }
        var verdict = Self.take(&shard, 1, at: start + 300 * oneSecond)
        #expect(verdict.isPenalized && verdict.retryNanoseconds == 300 * oneSecond + 1)
        verdict = Self.take(&shard, 2, at: start + 300 * oneSecond)
        #expect(verdict.isAllowed)
        verdict = Self.take(&shard, 1, at: start + 600 * oneSecond + 1)
        #expect(verdict.isAllowed)
        // Refusals spread over windows do not add up.
        for round in 0..<20 {
            let now = start + UInt64(1_000 + 60 * round) * oneSecond
            for _ in 0..<7 { verdict = Self.take(&shard, 3, at: now) }
            #expect(!verdict.isAllowed && !verdict.isPenalized)
        }
    }

    @Test("peek changes nothing, remove forgets, keys lists")
    func administration() {
        var shard = LimitShard([Self.variant()], keysMax: 10)
        let key = Self.key(1)
        for _ in 0..<3 {
            let verdict = shard.peek(key.span, hash: Self.hash(key), cost: 1, now: instant(epoch))
            #expect(verdict.isAllowed && verdict.remaining == 2)
        }
        let count = shard.count
        #expect(count == 0)
        for _ in 0..<3 { _ = Self.take(&shard, 1, at: epoch) }
        let verdict = shard.peek(key.span, hash: Self.hash(key), cost: 1, now: instant(epoch))
        let keys = shard.keys(count: 5)
        #expect(!verdict.isAllowed && keys == [key])
        let isKnown = shard.remove(key.span, hash: Self.hash(key))
        let isKnownStill = shard.remove(key.span, hash: Self.hash(key))
        #expect(isKnown && !isKnownStill)
        let again = Self.take(&shard, 1, at: epoch)
        #expect(again.isAllowed)
        let removed = shard.removeAll()
        #expect(removed == 1)
    }

    @Test("several rates: all must have room, the tightest is told")
    func severalRates() {
        let variant = Self.variant {
            $0.rates = [
                Rate(count: 5, periodNanoseconds: 2 * oneSecond),
                Rate(count: 7, periodNanoseconds: 3600 * oneSecond),
            ]
        }
        var shard = LimitShard([variant], keysMax: 10)
        var verdict = Self.take(&shard, 1, at: epoch)
        #expect(verdict.isAllowed && verdict.rate == 0 && verdict.remaining == 4)
        for _ in 0..<4 { verdict = Self.take(&shard, 1, at: epoch) }
        verdict = Self.take(&shard, 1, at: epoch)
        #expect(!verdict.isAllowed && verdict.rate == 0)
        for _ in 0..<2 { verdict = Self.take(&shard, 1, at: epoch + 3 * oneSecond) }
        #expect(verdict.isAllowed && verdict.rate == 1 && verdict.remaining == 0)
        verdict = Self.take(&shard, 1, at: epoch + 3 * oneSecond)
        #expect(!verdict.isAllowed && verdict.rate == 1)
        #expect(verdict.retryNanoseconds > 3590 * oneSecond)
    }
}
