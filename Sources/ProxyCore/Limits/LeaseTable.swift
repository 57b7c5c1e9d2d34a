internal import HTTP1
public import Time

/// The leases of one key of a rule: one for each rate of its variant.
struct LeaseEntry {
    /// Which of the rule's variants.
    var variant: Int
    var leases: [Lease]
}

/// One holder's leases on the keys of one rule that the instances share. Bounded: for a new key one goes that was not
/// used for long, and is asked for again should it come back.
///
/// Belongs to one thread. Known keys are decided on without allocation.
public final class LeaseTable {
    /// Its number, by which questions name it.
    public let number: UInt64
    private let plan: LimitPlan
    private let prefix: [UInt8]
    private var table: EvictingTable<LeaseEntry>
    private var evicted: [Evicted<LeaseEntry>] = []

    private static let entryBytes =
        LimitShard.keyBytesMax + EvictingTable<LeaseEntry>.overheadBytes

    /// No leases yet on the keys of the plan's rule, of which at most `keysMax` are known at a time. `prefix`: what
    /// the store's keys begin with.
    public init(_ plan: LimitPlan, number: UInt64, prefix: [UInt8], keysMax: Int) {
        self.plan = plan
        self.number = number
        self.prefix = prefix + "rl:{\(plan.rule.name):".utf8
        table = EvictingTable(bytesMax: max(1, keysMax) * Self.entryBytes)
    }

    /// Number of keys.
    public var count: Int { table.count }

    /// The slot of a key, made if there is none. Good until the next call of this.
    public func slot(_ key: Span<UInt8>, hash: UInt64) -> Int {
        if let slot = table.find(key, hash: hash) { return slot }
        let variant = min(Int(key.isEmpty ? 0 : key[0]), plan.variants.count - 1)
        let leases = [Lease](repeating: Lease(), count: plan.variants[variant].meters.count)
        let slot = table.insert(
            key: [UInt8](copying: key), hash: hash,
            value: LeaseEntry(variant: variant, leases: leases),
            valueBytes: Self.entryBytes - key.count - EvictingTable<LeaseEntry>.overheadBytes,
            evicted: &evicted)
        // What these had left is lost, which errs on the side of the limit.
        evicted.removeAll(keepingCapacity: true)
        guard let slot else { preconditionFailure("a key of \(key.count) bytes does not fit") }
        return slot
    }

    /// Rates of the key in `slot`.
    public func rates(_ slot: Int) -> Int { table[slot].leases.count }

    // MARK: Deciding

    /// What the leases say about a request of `cost`; nil: the store has to be asked. Spends nothing. `isNew`: the
    /// request comes for the first time.
    public func check(_ slot: Int, cost: UInt32, isNew: Bool, now: Instant) -> LimitVerdict? {
        let meters = plan.variants[table[slot].variant].meters
        var verdict = LimitVerdict()
        var asks = false
        for rate in meters.indices {
            if isNew { table[slot].leases[rate].note(cost, now: now) }
            switch table[slot].leases[rate].check(cost, now: now) {
            case .ask: asks = true
            case .allow:
                verdict.take(
                    quota(slot, rate, meters[rate], retry: 0, now), of: rate,
                    limit: meters[rate].limit, cost: cost)
            case .deny(let retry):
                verdict.take(
                    quota(slot, rate, meters[rate], retry: max(1, retry), now), of: rate,
                    limit: meters[rate].limit, cost: cost)
            }
        }
        return asks && verdict.isAllowed ? nil : verdict
    }

    /// What is left for all instances, as far as it is known here.
    private func quota(
        _ slot: Int, _ rate: Int, _ meter: RateMeter, retry: UInt64, _ now: Instant
    ) -> Quota {
        let lease = table[slot].leases[rate]
        let left = min(lease.tokens &+ lease.remaining, meter.limit)
        let reset = lease.resetAt.nanoseconds(since: now)
        return Quota(
            isAllowed: retry == 0, remaining: left,
            resetNanoseconds: reset > 0 ? reset : meter.rate.periodNanoseconds,
            retryNanoseconds: retry)
    }

    /// Spends what `check` has just allowed, and appends the marks of the grants: one for each rate.
    public func spend(_ slot: Int, cost: UInt32, marks: inout [UInt64]) {
        for rate in table[slot].leases.indices {
            table[slot].leases[rate].spend(cost)
            marks.append(table[slot].leases[rate].mark)
        }
    }

    // MARK: Asking

    /// What to ask the store for a request that `check` had no answer to: groups of tokens that go back first, then
    /// what is wanted, and the number of a question under way that answers as well, or 0.
    public func questions(
        _ slot: Int, cost: UInt32, holders: Int, now: Instant
    ) -> (returns: [LeaseAsk], wants: [LeaseAsk], ticket: UInt64) {
        let meters = plan.variants[table[slot].variant].meters
        var questions = (returns: [LeaseAsk](), wants: [LeaseAsk](), ticket: UInt64(0))
        for rate in meters.indices {
            guard table[slot].leases[rate].check(cost, now: now) == .ask else { continue }
            let terms = GrantTerms(meters[rate], holders: holders)
            guard let count = table[slot].leases[rate].want(cost, terms) else {
                questions.ticket = max(questions.ticket, table[slot].leases[rate].ticket)
                continue
            }
            if let back = giveBack(slot, rate) { questions.returns.append(back) }
            questions.wants.append(ask(slot, rate, .grant(count: count, least: cost)))
        }
        return questions
    }

    /// The questions that were made of a key have this number.
    public func asked(_ asks: [LeaseAsk], ticket: UInt64) {
        for ask in asks {
            guard let slot = table.peek(ask.place.key.span, hash: ask.place.hash) else { continue }
            table[slot].leases[ask.place.rate].asked(ticket)
        }
    }

    /// What was taken of a rate by grant `mark` and is not needed: a question, unless the lease is still there.
    public func putBack(
        _ slot: Int, _ rate: Int, cost: UInt32, mark: UInt64, now: Instant
    ) -> LeaseAsk? {
        guard table[slot].leases.indices.contains(rate),
            !table[slot].leases[rate].putBack(cost, mark: mark, now: now)
        else { return nil }
        return ask(slot, rate, .giveBack(count: cost, mark: mark))
    }

    private func giveBack(_ slot: Int, _ rate: Int) -> LeaseAsk? {
        let mark = table[slot].leases[rate].mark
        let count = table[slot].leases[rate].giveBack()
        return count > 0 ? ask(slot, rate, .giveBack(count: count, mark: mark)) : nil
    }

    /// What is left of a lease that has ended by `now`; later also of one that has not.
    public func giveBack(_ place: LeasePlace, endedBy now: Instant) -> LeaseAsk? {
        guard let slot = table.peek(place.key.span, hash: place.hash),
            table[slot].leases.indices.contains(place.rate),
            table[slot].leases[place.rate].end <= now
        else { return nil }
        return giveBack(slot, place.rate)
    }

    private func ask(_ slot: Int, _ rate: Int, _ want: LeaseAsk.Want) -> LeaseAsk {
        let meter = plan.variants[table[slot].variant].meters[rate]
        let place = LeasePlace(
            table: number, key: table.key(of: slot), hash: table.hash(of: slot), rate: rate)
        return LeaseAsk(
            place: place, key: storeKey(place.key, meter), meter: meter,
            leaseNanoseconds: GrantTerms(meter, holders: 1).nanoseconds, want: want)
    }

    /// `rl:{rule:variant:key}:s1000/1m`: with the rate, so that another one begins anew, as it does in memory.
    func storeKey(_ key: [UInt8], _ meter: RateMeter) -> [UInt8] {
        let burst = meter.rate.burst.map { ",\($0)" } ?? ""
        return prefix + "\(key.first ?? 0):".utf8 + key.dropFirst()
            + "}:\(meter.kind)\(meter.rate)\(burst)".utf8
    }

    // MARK: What came of it

    /// Takes the store's answer to `ask`, which was sent at `sentAt` under `ticket`; nil: there is none. What cannot
    /// be used, because the key was forgotten, comes back as a question.
    public func settle(
        _ ask: LeaseAsk, ticket: UInt64, _ reply: LeaseReply?, holders: Int, sentAt: Instant,
        now: Instant
    ) -> LeaseAsk? {
        guard case .grant(let count, let least) = ask.want else { return nil }
        let rate = ask.place.rate
        guard let slot = table.peek(ask.place.key.span, hash: ask.place.hash),
            table[slot].leases.indices.contains(rate), table[slot].leases[rate].ticket == ticket
        else {
            guard let reply, reply.granted > 0 else { return nil }
            var back = ask
            back.want = .giveBack(count: reply.granted, mark: reply.mark)
            return back
        }
        guard let reply else {
            table[slot].leases[rate].failed()
            return nil
        }
        let terms = GrantTerms(ask.meter, holders: holders)
        if reply.granted > 0 {
            table[slot].leases[rate].granted(reply, wanted: count, terms, sentAt: sentAt)
        } else if reply.retryNanoseconds > 0 {
            table[slot].leases[rate].refused(reply, cost: least, terms, now: now)
        } else {
            // Another question of its group was refused.
            table[slot].leases[rate].failed()
        }
        return nil
    }

    /// The leases on a key are forgotten, with what is known about it. What the store calls it is returned.
    @discardableResult
    public func forget(_ key: [UInt8], hash: UInt64) -> [[UInt8]] {
        if let slot = table.peek(key.span, hash: hash) { _ = table.remove(slot) }
        let variant = min(Int(key.first ?? 0), plan.variants.count - 1)
        return plan.variants[variant].meters.map { storeKey(key, $0) }
    }

    /// All leases are forgotten. What the store's keys begin with is returned.
    public func forgetAll() -> [UInt8] {
        let bytesMax = table.bytesMax
        table = EvictingTable(bytesMax: bytesMax)
        return prefix
    }
}
