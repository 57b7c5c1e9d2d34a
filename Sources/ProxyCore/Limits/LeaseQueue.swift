/// Which lease a question is about.
public struct LeasePlace: Sendable, Equatable {
    /// The number of its table.
    public var table: UInt64
    /// Its key there.
    public var key: [UInt8]
    /// The key's hash.
    public var hash: UInt64
    /// The position of the rate.
    public var rate: Int

    /// A place from its parts.
    public init(table: UInt64, key: [UInt8], hash: UInt64, rate: Int) {
        self.table = table
        self.key = key
        self.hash = hash
        self.rate = rate
    }
}

/// One question to the store: tokens wanted of a key, or returned to it.
public struct LeaseAsk: Sendable, Equatable {
    /// What is wanted.
    public enum Want: Sendable, Equatable {
        /// Up to `count` tokens; fewer than `least` are of no use.
        case grant(count: UInt32, least: UInt32)
        /// Tokens of the grant `mark` go back.
        case giveBack(count: UInt32, mark: UInt64)
    }

    /// Which lease it is about.
    public var place: LeasePlace
    /// The key in the store.
    public var key: [UInt8]
    /// How it counts.
    public var meter: RateMeter
    /// How long a grant is good, in nanoseconds.
    public var leaseNanoseconds: UInt64
    /// What is wanted.
    public var want: Want

    /// A question from its parts.
    public init(
        place: LeasePlace, key: [UInt8], meter: RateMeter, leaseNanoseconds: UInt64, want: Want
    ) {
        self.place = place
        self.key = key
        self.meter = meter
        self.leaseNanoseconds = leaseNanoseconds
        self.want = want
    }
}

/// What the store says to one question.
public struct LeaseReply: Sendable, Equatable {
    /// Integers that it consists of.
    public static let numberCount = 5

    /// Tokens granted; 0: refused, or a return.
    public var granted: UInt32
    /// Nanoseconds that the grant is good, from when it was made.
    public var goodNanoseconds: UInt64
    /// Nanoseconds until asking again makes sense, if it refused; 0: not this rate did.
    public var retryNanoseconds: UInt64
    /// Tokens that are left for all instances.
    public var remaining: UInt32
    /// The store's name for the grant.
    public var mark: UInt64
    /// Nanoseconds until more is left by itself.
    public var resetNanoseconds: UInt64

    /// The reply of five integers that `redis/limits.lua` gives; nil if they are none.
    public init?(_ numbers: some Collection<Int64>) {
        let numbers = Array(numbers)
        guard numbers.count == Self.numberCount, numbers.allSatisfy({ $0 >= 0 }) else {
            return nil
        }
        granted = UInt32(clamping: numbers[0])
        goodNanoseconds = granted > 0 ? Self.nanoseconds(numbers[1]) : 0
        retryNanoseconds = granted > 0 ? 0 : Self.nanoseconds(numbers[1])
        remaining = UInt32(clamping: numbers[2])
        mark = UInt64(numbers[3])
        resetNanoseconds = Self.nanoseconds(numbers[4])
    }

    /// At most a year, so that it can be added to a time.
    private static func nanoseconds(_ microseconds: Int64) -> UInt64 {
        min(UInt64(microseconds), 366 * 86_400 * 1_000_000) * 1000
    }
}

/// Questions that go to the store in one call.
public struct LeaseBatch: Sendable, Equatable {
    /// Its number, to tell it from others.
    public let id: UInt64
    /// The number of its first group; the others follow.
    public let firstTicket: UInt64
    /// The questions; those of one group are granted together or not at all.
    public let groups: [[LeaseAsk]]

    /// The questions one after the other, in the order of the replies.
    public var asks: [LeaseAsk] { groups.flatMap { $0 } }
    /// Keys of the call.
    public var keys: [[UInt8]] { asks.map(\.key) }

    /// Arguments of the call, eight for each key (see `redis/limits.lua`): kind, limit, period, interval of a
    /// bucket, lease (all in microseconds), count (below 0: goes back), least or mark, questions left in its group.
    public var arguments: [String] {
        var texts: [String] = []
        for group in groups {
            for (index, ask) in group.enumerated() {
                let meter = ask.meter
                texts += [
                    meter.kind, String(meter.limit), String(meter.rate.periodNanoseconds / 1000),
                    // In thousandths of a microsecond, as it is.
                    String(meter.interval), String(ask.leaseNanoseconds / 1000),
                ]
                switch ask.want {
                case .grant(let count, let least): texts += [String(count), String(least)]
                case .giveBack(let count, let mark): texts += [String(-Int64(count)), String(mark)]
                }
                texts.append(String(group.count - 1 - index))
            }
        }
        return texts
    }
}

extension RateMeter {
    /// The algorithm in the words of `redis/limits.lua`.
    var kind: String {
        switch algorithm {
        case .tokenBucket: "b"
        case .fixedWindow: "f"
        case .slidingWindow: "s"
        }
    }
}

/// Questions that wait for the next call: one is on its way at a time, and what comes meanwhile rides on the next.
/// Without timers, a lone question goes at once, and many go together. Bounded in questions.
public struct LeaseQueue: Sendable {
    /// Most keys of one call.
    public static let batchKeysMax = 64
    /// Most questions that wait.
    public let pendingMax: Int
    private var waiting: [[LeaseAsk]] = []
    private var count = 0
    private var flying: UInt64?
    private var nextID: UInt64 = 1
    private var nextTicket: UInt64 = 1

    /// An empty queue.
    public init(pendingMax: Int = 4096) { self.pendingMax = pendingMax }

    /// Number of questions that wait.
    public var pending: Int { count }

    /// Whether nothing waits and no call is under way.
    public var isIdle: Bool { flying == nil && waiting.isEmpty }

    /// Whether there is room for so many more questions.
    public func hasRoom(for count: Int) -> Bool {
        count <= Self.batchKeysMax && self.count + count <= pendingMax
    }

    /// Adds questions that are granted together or not at all: the group's number, from 1 on; nil if there is no
    /// room for them.
    public mutating func add(_ group: [LeaseAsk]) -> UInt64? {
        guard !group.isEmpty, hasRoom(for: group.count) else { return nil }
        waiting.append(group)
        count += group.count
        defer { nextTicket += 1 }
        return nextTicket
    }

    /// The next call; nil while one is on its way or nothing waits.
    public mutating func next() -> LeaseBatch? {
        guard flying == nil, !waiting.isEmpty else { return nil }
        var taken = 0
        var keys = 0
        while taken < waiting.count, keys + waiting[taken].count <= Self.batchKeysMax {
            keys += waiting[taken].count
            taken += 1
        }
        let batch = LeaseBatch(
            id: nextID, firstTicket: nextTicket - UInt64(waiting.count),
            groups: Array(waiting[..<taken]))
        waiting.removeSubrange(..<taken)
        count -= keys
        flying = nextID
        nextID += 1
        return batch
    }

    /// The call is over, answered or given up. What does not belong to the one on its way is ignored.
    public mutating func finished(_ id: UInt64) {
        if flying == id { flying = nil }
    }
}
