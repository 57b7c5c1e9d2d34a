/// One question to the store: tokens wanted of a key, or returned to it.
public struct LeaseAsk: Sendable, Equatable {
    /// What is wanted.
    public enum Want: Sendable, Equatable {
        /// Up to `count` tokens; fewer than `least` are of no use.
        case grant(count: UInt32, least: UInt32)
        /// Tokens of the grant `mark` go back.
        case giveBack(count: UInt32, mark: UInt64)
    }

    /// The key in the store.
    public var key: [UInt8]
    /// How it counts.
    public var meter: RateMeter
    /// How long a grant is good, in nanoseconds.
    public var leaseNanoseconds: UInt64
    /// What is wanted.
    public var want: Want

    /// A question from its parts.
    public init(key: [UInt8], meter: RateMeter, leaseNanoseconds: UInt64, want: Want) {
        self.key = key
        self.meter = meter
        self.leaseNanoseconds = leaseNanoseconds
        self.want = want
    }
}

/// What the store says to one question.
public struct LeaseReply: Sendable, Equatable {
    /// Tokens granted; 0: refused, or a return.
    public var granted: UInt32
    /// Nanoseconds until asking again makes sense, if it refused.
    public var retryNanoseconds: UInt64
    /// Tokens that are left for all instances.
    public var remaining: UInt32
    /// The store's name for the grant.
    public var mark: UInt64

    /// The reply of four integers that `redis/limits.lua` gives; nil if they are none.
    public init?(_ numbers: some Collection<Int64>) {
        let numbers = Array(numbers)
        guard numbers.count == 4, numbers.allSatisfy({ $0 >= 0 }) else { return nil }
        granted = UInt32(clamping: numbers[0])
        let retry = UInt64(numbers[1]).multipliedReportingOverflow(by: 1000)
        retryNanoseconds = retry.overflow ? .max : retry.partialValue
        remaining = UInt32(clamping: numbers[2])
        mark = UInt64(numbers[3])
    }
}

/// Questions that go to the store in one call.
public struct LeaseBatch: Sendable, Equatable {
    /// Its number, to tell it from others.
    public let id: UInt64
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

    /// An empty queue.
    public init(pendingMax: Int = 4096) { self.pendingMax = pendingMax }

    /// Number of questions that wait.
    public var pending: Int { count }

    /// Adds questions that are granted together or not at all; false if there is no room for them.
    public mutating func add(_ group: [LeaseAsk]) -> Bool {
        guard !group.isEmpty, group.count <= Self.batchKeysMax, count + group.count <= pendingMax
        else { return false }
        waiting.append(group)
        count += group.count
        return true
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
        let batch = LeaseBatch(id: nextID, groups: Array(waiting[..<taken]))
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
