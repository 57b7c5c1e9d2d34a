internal import EventLoop
internal import ProxyCore
internal import Redis
internal import Telemetry
internal import Time

/// One worker's leases on the limits that instances share, and its connection to the store. Nothing here throws:
/// where the store is of no help, `on_store_failure` says what counts.
///
/// One call is under way at a time; questions that come meanwhile ride on the next.
final class LimitLink {
    let store: LimitStore
    let loop: Loop
    let isFirst: Bool
    private let client: Client
    private let metrics: SharedMetrics
    private let leaseCounts: CounterSet<RateLimitLeaseOutcome>
    private let observer: SharedObserver
    /// When there was no connection.
    private(set) var absence = StoreAbsence()
    private var queue = LeaseQueue()
    /// By the numbers of the tables, which are those of the `LimitTable`s.
    private var tables: [UInt64: LeaseTable] = [:]
    /// The same by rule, for the settings in force.
    private var byRule: [LeaseTable?] = []
    private var waiters: [LimitWaiter] = []
    /// Leases in the order in which they were granted: what is left of them goes back soon after their end.
    private var granted: [(place: LeasePlace, end: Instant)] = []
    /// The number of the first question that has not been answered or given up.
    private var openTicket: UInt64 = 1
    private var clockEnd = Instant.never
    private var drained: (() -> Void)?
    private var isStarted = false
    private var isLoading = false
    private var presence: Timer?
    private var announcements = 0
    private var clock: Timer?

    /// Leases that are watched for their end; what is left of more of them is lost.
    private static let grantedMax = 65_536
    private static let keysMin = 1024
    /// How long after the end of a lease what is left of it goes back: with the next question, if one comes.
    private static let returnNanoseconds: UInt64 = 50_000_000

    init(
        _ store: LimitStore, on loop: Loop, worker: Int, _ shard: Shard
    ) {
        self.store = store
        self.loop = loop
        isFirst = worker == 0
        metrics = SharedMetrics(shard)
        leaseCounts = shard.counters(
            Catalogue.rateLimitLeases, by: RateLimitLeaseOutcome.self)
        observer = SharedObserver(metrics)
        client = Client(
            on: loop, feed: store.feed, ClientOptions(store.redis, name: "limits"),
            observer: observer)
    }

    /// Whether the store can be asked.
    var isReachable: Bool { client.isConnected && store.feed.snapshot.master != nil }

    /// How long a request waits for the store.
    var deadlineNanoseconds: UInt64 { store.redis.commandTimeoutNanoseconds }

    /// Takes over the rules of other settings; connects when the first of them is shared.
    func adopt(_ set: LimitSet?) {
        var kept: [UInt64: LeaseTable] = [:]
        byRule = []
        if let set {
            for (plan, table) in zip(set.plans.plans, set.tables) {
                guard plan.rule.isShared else {
                    byRule.append(nil)
                    continue
                }
                let keysMax = max(LimitLink.keysMin, plan.rule.trackedKeysMax / store.workerCount)
                let leases =
                    tables[table.ordinal]
                    ?? LeaseTable(
                        plan, number: table.ordinal, prefix: store.prefix, keysMax: keysMax)
                kept[table.ordinal] = leases
                byRule.append(leases)
            }
        }
        for (place, _) in granted where kept[place.table] == nil { giveBack(place, by: .never) }
        tables = kept
        if !kept.isEmpty { start() }
        flush()
    }

    private func start() {
        guard !isStarted else { return }
        isStarted = true
        observer.connectionChanged = { [unowned self] failure in
            if failure == nil { connected() } else { absence.began(at: .now()) }
        }
        clock = Timer(on: loop) { [unowned self] in tick() }
        if isFirst { presence = Timer(on: loop) { [unowned self] in announce() } }
        client.start()
    }

    /// The leases of the rule of `match`; nil: that was forgotten by a reload.
    func leases(_ match: LimitMatch) -> LeaseTable? {
        if byRule.indices.contains(match.rule), let table = byRule[match.rule],
            table.number == match.ordinal
        {
            return table
        }
        return tables[match.ordinal]
    }

    /// The leases under that number.
    func leases(numbered number: UInt64) -> LeaseTable? { tables[number] }

    // MARK: Asking

    /// Puts questions that are answered together, with what goes back for them: the number by which to wait for the
    /// answer; nil: they cannot be put.
    func ask(_ wants: [LeaseAsk], returning returns: [LeaseAsk]) -> UInt64? {
        for ask in returns { giveBack(ask) }
        guard let ticket = queue.add(wants) else { return nil }
        for ask in wants { tables[ask.place.table]?.asked([ask], ticket: ticket) }
        flush()
        return ticket
    }

    /// Tokens go back with the next call.
    func giveBack(_ ask: LeaseAsk) {
        leaseCounts[queue.add([ask]) == nil ? .lost : .returned].add()
    }

    private func giveBack(_ place: LeasePlace, by now: Instant) {
        guard let ask = tables[place.table]?.giveBack(place, endedBy: now) else { return }
        giveBack(ask)
    }

    /// Sends what waits, unless a call is under way.
    func flush() {
        if !isReachable { failWaiting() }
        if let batch = queue.next() {
            loop.spawn { [self] in await send(batch) }
        } else if queue.isIdle, let drained {
            self.drained = nil
            close()
            drained()
        }
    }

    private func send(_ batch: LeaseBatch) async {
        let sentAt = Instant.now()
        let command = Command(store.commands.lease(batch), .write, .rateLimit)
        metrics.pending.add(1)
        let result = await client.send(command)
        metrics.pending.add(-1)
        let replies = read(result, count: batch.keys.count)
        settle(batch, replies, sentAt: sentAt, now: .now())
        queue.finished(batch.id)
        flush()
    }

    private func read(_ result: Result<Redis.Reply, RedisFailure>, count: Int) -> [LeaseReply]? {
        guard case .success(let reply) = result else { return nil }
        if case .error(let error) = reply {
            let fault = SharedFault(error: Array(error.description.utf8))
            metrics.faults[fault.reason].add()
            if fault.reason == .function { load() }
            return nil
        }
        let numbers = reply.elements?.compactMap(\.number) ?? []
        let replies = LimitCommands.replies(numbers, count: count)
        if replies == nil { metrics.faults[.protocol].add() }
        return replies
    }

    /// Tells the leases what came of a call, and who waits for it.
    private func settle(
        _ batch: LeaseBatch, _ replies: [LeaseReply]?, sentAt: Instant, now: Instant
    ) {
        var index = 0
        for (number, group) in batch.groups.enumerated() {
            let ticket = batch.firstTicket + UInt64(number)
            for ask in group {
                settle(ask, ticket, replies.map { $0[index] }, sentAt: sentAt, now: now)
                index += 1
            }
        }
        wake(before: batch.firstTicket + UInt64(batch.groups.count), replies != nil)
    }

    private func settle(
        _ ask: LeaseAsk, _ ticket: UInt64, _ reply: LeaseReply?, sentAt: Instant, now: Instant
    ) {
        guard case .grant = ask.want else { return }
        leaseCounts[outcome(reply)].add()
        let back = tables[ask.place.table]?.settle(
            ask, ticket: ticket, reply, holders: store.holders, sentAt: sentAt, now: now)
        if let back { giveBack(back) }
        guard let reply, reply.granted > 0, granted.count < LimitLink.grantedMax else { return }
        let end = sentAt.advanced(
            byNanoseconds: reply.goodNanoseconds + LimitLink.returnNanoseconds)
        granted.append((ask.place, end))
        if granted.count == 1 { armClock(at: end) }
    }

    private func outcome(_ reply: LeaseReply?) -> RateLimitLeaseOutcome {
        guard let reply else { return .failed }
        return reply.granted > 0 ? .granted : .refused
    }

    /// The store is out of reach: nothing that waits is going to be sent.
    private func failWaiting() {
        while let batch = queue.next() {
            settle(batch, nil, sentAt: .now(), now: .now())
            queue.finished(batch.id)
        }
    }

    // MARK: Waiting

    /// Waits for the answer to the question of that number, until `deadline` at most; false if there is none.
    func wait(_ waiting: Suspension<Bool>, ticket: UInt64, until deadline: Instant) async -> Bool {
        if ticket < openTicket { return true }
        waiters.append(LimitWaiter(ticket: ticket, deadline: deadline, waiting: waiting))
        armClock(at: deadline)
        return await waiting.wait()
    }

    private func wake(before ticket: UInt64, _ isAnswered: Bool) {
        openTicket = ticket
        for waiter in waiters where waiter.ticket < ticket { waiter.waiting.resume(isAnswered) }
        waiters.removeAll { $0.ticket < ticket }
    }

    /// Wakes whoever has waited long enough, and gives back what is left of leases that have ended.
    private func tick() {
        let now = Instant.now()
        for waiter in waiters where waiter.deadline <= now { waiter.waiting.resume(false) }
        waiters.removeAll { $0.deadline <= now }
        var ended = 0
        while ended < granted.count, granted[ended].end <= now {
            giveBack(granted[ended].place, by: now)
            ended += 1
        }
        granted.removeFirst(ended)
        flush()
        clockEnd = .never
        armClock(at: waiters.reduce(granted.first?.end ?? .never) { min($0, $1.deadline) })
    }

    private func armClock(at end: Instant) {
        guard end < clockEnd else { return }
        clockEnd = end
        clock?.arm(at: end)
    }

    // MARK: The connection

    private func connected() {
        absence.ended(at: .now())
        load()
        announce()
    }

    /// Loads the functions: once for each connection, which is before the first question on it.
    private func load() {
        guard !isLoading else { return }
        isLoading = true
        loop.spawn { [self] in
            defer { isLoading = false }
            let load = Command(LimitCommands.loadFunctions, .write, .other)
            guard case .success(let reply) = await client.send(load, by: writeDeadline) else {
                return
            }
            guard case .error(let error) = reply else { return store.use(.functions) }
            guard SharedFault(error: Array(error.description.utf8)) == .functionsUnsupported else {
                return metrics.faults[.function].add()
            }
            let script = Command(LimitCommands.loadScript, .write, .other)
            if case .success(let reply) = await client.send(script, by: writeDeadline),
                let hash = reply.bytes
            {
                store.use(.script(hash: hash))
            }
        }
    }

    private var writeDeadline: Instant {
        Instant.now().advanced(byNanoseconds: store.redis.writeTimeoutNanoseconds)
    }

    /// Sends what nobody waits for.
    func post(_ command: Command) { client.post(command, by: writeDeadline) }

    /// The reply to what no request waits for; nil: there is none.
    func ask(_ command: Command) async -> Redis.Reply? {
        try? await client.send(command, by: writeDeadline).get()
    }

    /// Tells the others that this instance is there, and hears how many are.
    private func announce() {
        guard let presence else { return }
        presence.arm(afterNanoseconds: LimitStore.presenceNanoseconds(told: announcements))
        guard isReachable else { return }
        announcements += 1
        loop.spawn { [self] in
            let arguments = store.commands.instances(
                name: store.name, keepMicroseconds: LimitStore.keepMicroseconds)
            let command = Command(arguments, .write, .other)
            if case .success(let reply) = await client.send(command), let count = reply.number {
                store.instances = Int(clamping: count)
            }
        }
    }

    /// Gives all leases back, ends the connection, then calls `done`: the worker is about to end.
    func drain(_ done: @escaping () -> Void) {
        for (place, _) in granted { giveBack(place, by: .never) }
        granted.removeAll()
        drained = done
        flush()
    }

    private func close() {
        clock?.cancel()
        presence?.cancel()
        client.close()
    }
}

/// Who waits for an answer of the store.
struct LimitWaiter {
    let ticket: UInt64
    let deadline: Instant
    let waiting: Suspension<Bool>
}
