internal import EventLoop
internal import Locking
internal import ProxyCore
internal import Synchronization
internal import Telemetry
internal import Time

/// The rules of one version of the settings with their tables. Immutable, shared by all workers.
final class LimitSet: Sendable {
    let plans: LimitPlans
    /// The table of each rule, in the order of `plans`.
    let tables: [LimitTable]
    let fields: LimitFields
    let clock: LimitClock
    private let seed: (UInt64, UInt64)

    init(
        _ plans: LimitPlans, _ tables: [LimitTable], fields: LimitFields, clock: LimitClock,
        seed: (UInt64, UInt64)
    ) {
        self.plans = plans
        self.tables = tables
        self.fields = fields
        self.clock = clock
        self.seed = seed
    }

    /// The hash that tables work with.
    func hash(_ key: Span<UInt8>) -> UInt64 { seededHash(key, seed: seed) }

    /// The position of the rule called `name`.
    func index(of name: String) -> Int? {
        plans.plans.firstIndex { $0.rule.name == name }
    }
}

/// The clock of limits: monotonic, set by the wall clock once, so that fixed windows begin when people
/// expect them to.
struct LimitClock: Sendable {
    private let offset: UInt64

    init(monotonic: Instant, wall: Timestamp) {
        offset = UInt64(max(0, wall.nanoseconds)) &- monotonic.nanoseconds
    }

    func time(_ now: Instant) -> Instant { Instant(nanoseconds: now.nanoseconds &+ offset) }
}

/// The tables of all rules, by their names. A rule that keeps name, rates and key keeps its table.
final class LimitTables: Sendable {
    private let tables = Locked<[String: LimitTable]>([:])
    private let nextOrdinal = Atomic<UInt64>(0)
    private let seed: (UInt64, UInt64)
    let clock: LimitClock

    init(seed: SeedWords, clock: LimitClock) {
        self.seed = (seed.a, seed.b)
        self.clock = clock
    }

    /// The rules of `settings` with their tables; nil if there are none. Tables of other rules are forgotten.
    func makeSet(_ settings: Settings) -> LimitSet? {
        guard !settings.limits.isEmpty else {
            tables.withLock { $0 = [:] }
            return nil
        }
        let plans = LimitPlans(settings)
        let made = tables.withLock { known in
            var next: [String: LimitTable] = [:]
            let made = plans.plans.map { plan in
                let shape = LimitTable.Shape(plan)
                let kept = known[plan.rule.name].flatMap { $0.shape == shape ? $0 : nil }
                let table = kept ?? LimitTable(shape, ordinal: takeOrdinal())
                next[plan.rule.name] = table
                return table
            }
            known = next
            return made
        }
        return LimitSet(
            plans, made, fields: settings.limitFields, clock: clock, seed: seed)
    }

    private func takeOrdinal() -> UInt64 {
        nextOrdinal.add(1, ordering: .relaxed).newValue
    }

    /// Forgets, a little at a time, keys whose state says nothing any more.
    func sweep(count: Int, now: Instant) {
        let time = clock.time(now)
        for table in tables.withLock({ $0.values.map { $0 } }) {
            table.sweep(count: count, now: time)
        }
    }

    /// Gives the page what the tables count.
    func collect(into sink: inout SampleSink) {
        for (rule, table) in tables.withLock({ $0 }) {
            let counts = table.counts
            sink.set(Catalogue.rateLimitTrackedKeys, [rule], to: Double(counts.keys))
            sink.set(
                Catalogue.rateLimitDecisions, [rule, RateLimitDecision.failOpen.rawValue],
                to: Double(counts.forgotten))
        }
    }
}
