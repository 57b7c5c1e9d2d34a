// The algorithms once more, in their plainest form: what the meters are compared with. They remember everything
// and know no packing.

package protocol RateModel {
    init(count: UInt64, burst: UInt64, period: UInt64)
    /// Whether a request of `cost` at `now` is allowed; then it is charged.
    mutating func take(_ cost: UInt64, at now: UInt64) -> Bool
}

/// A bucket with a level: it holds nanoseconds, and a token costs as many as lie between two.
package struct BucketModel: RateModel {
    private let interval: UInt64
    private let depth: UInt64
    private var level: UInt64
    private var last: UInt64 = 0

    package init(count: UInt64, burst: UInt64, period: UInt64) {
        interval = period / count + (period % count == 0 ? 0 : 1)
        depth = interval * burst
        level = depth
    }

    package mutating func take(_ cost: UInt64, at now: UInt64) -> Bool {
        level = min(depth, level + (last == 0 ? 0 : now - last))
        last = now
        guard level >= cost * interval else { return false }
        level -= cost * interval
        return true
    }
}

/// Counts by window, all of them.
package struct FixedModel: RateModel {
    private let count: UInt64
    private let period: UInt64
    private var windows: [UInt64: UInt64] = [:]

    package init(count: UInt64, burst: UInt64, period: UInt64) {
        self.count = count
        self.period = period
    }

    package mutating func take(_ cost: UInt64, at now: UInt64) -> Bool {
        guard windows[now / period, default: 0] + cost <= count else { return false }
        windows[now / period, default: 0] += cost
        return true
    }
}

/// The log that the sliding window is: groups of neighbours, counted until the youngest has left.
package struct GroupModel: RateModel {
    private let count: UInt64
    private let tick: UInt64
    private let ticks: UInt64
    private let groupMax: UInt64
    private var groups: [(last: UInt64, count: UInt64)] = []

    package init(count: UInt64, burst: UInt64, period: UInt64) {
        self.count = count
        tick = max(1, (period + 499_999) / 500_000)
        ticks = (period + tick - 1) / tick
        groupMax = min(max(count / 100, 1), 4095)
    }

    package mutating func take(_ cost: UInt64, at now: UInt64) -> Bool {
        let time = now / tick
        groups.removeAll { $0.last + ticks < time }
        guard groups.reduce(0, { $0 + $1.count }) + cost <= count else { return false }
        if let last = groups.last, last.count + cost <= groupMax {
            groups[groups.count - 1] = (time, last.count + cost)
        } else {
            groups.append((time, cost))
        }
        return true
    }
}

/// Every request with its time.
package struct ExactLog {
    package let period: UInt64
    package private(set) var entries: [(time: UInt64, cost: UInt64)] = []
    private var first = 0
    private var total: UInt64 = 0

    package init(period: UInt64) { self.period = period }

    /// What was charged within the period before `now`, both ends included. `now` does not go back.
    package mutating func sum(at now: UInt64) -> UInt64 {
        while first < entries.count, entries[first].time + period < now {
            total -= entries[first].cost
            first += 1
        }
        return total
    }

    package mutating func add(_ cost: UInt64, at now: UInt64) {
        entries.append((now, cost))
        total += cost
    }
}
