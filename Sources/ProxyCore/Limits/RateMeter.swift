public import Time

/// What a rate has to say about one request of one key.
public struct Quota: Sendable, Equatable {
    /// Whether there is room for the request.
    public var isAllowed: Bool
    /// What is left, the request not counted.
    public var remaining: UInt32
    /// Nanoseconds until more is left by itself, should the request be charged: until the oldest charge leaves a
    /// sliding window, a fixed window ends, a bucket is full.
    public var resetNanoseconds: UInt64
    /// Nanoseconds until the request would be allowed; 0 if it is.
    public var retryNanoseconds: UInt64

    /// A quota from its parts.
    public init(
        isAllowed: Bool, remaining: UInt32, resetNanoseconds: UInt64, retryNanoseconds: UInt64
    ) {
        self.isAllowed = isAllowed
        self.remaining = remaining
        self.resetNanoseconds = resetNanoseconds
        self.retryNanoseconds = retryNanoseconds
    }
}

/// One rate made ready: the arithmetic of its algorithm on a key's state, which is a run of words that begins
/// at `base`; zeros are the state of a key that was never seen. Nothing here allocates.
///
/// `now` may go back a little between calls, as the clocks of two threads do: what was counted stays.
public struct RateMeter: Sendable, Equatable {
    /// What it counts.
    public let rate: Rate
    /// How.
    public let algorithm: LimitAlgorithm
    /// Token bucket: nanoseconds from one token to the next, rounded up.
    let interval: UInt64
    /// Token bucket: nanoseconds that a full bucket stands for.
    let depth: UInt64
    /// Sliding window: its unit of time, in nanoseconds.
    let tick: UInt64
    /// Sliding window: ticks of a period, rounded up.
    let ticks: UInt64
    /// Sliding window: requests that share one entry of the ring.
    let groupMax: UInt32
    /// Sliding window: entries of the ring.
    let capacity: Int

    /// Words of a key's state.
    public var wordCount: Int {
        switch algorithm {
        case .tokenBucket: 4
        case .fixedWindow: 3
        case .slidingWindow: Self.slidingHeadWords + capacity
        }
    }

    /// The most that there can be.
    public var limit: UInt32 { algorithm == .tokenBucket ? rate.burst ?? rate.count : rate.count }

    /// The meter of `rate`. `isUneven`: charges may be larger than 1, or be returned.
    public init(_ rate: Rate, _ algorithm: LimitAlgorithm, isUneven: Bool = false) {
        self.rate = rate
        self.algorithm = algorithm
        let (count, period) = (UInt64(max(rate.count, 1)), rate.periodNanoseconds)
        interval = (period + count - 1) / count
        let depth = interval.multipliedReportingOverflow(by: UInt64(rate.burst ?? rate.count))
        self.depth = depth.overflow ? .max / 4 : min(depth.partialValue, .max / 4)
        tick = max(1, (period + Self.ticksMax - 1) / Self.ticksMax)
        ticks = (period + tick - 1) / tick
        groupMax = UInt32(min(max(count / 100, 1), UInt64(Self.entryCountMax)))
        let groups = Int((count + UInt64(groupMax) - 1) / UInt64(groupMax))
        capacity = (isUneven ? 2 * groups : groups) + 2
    }

    /// What there is for a request of `cost`. Changes nothing that could be seen; brings the state up to `now`.
    public func check(
        _ words: inout [UInt32], at base: Int, cost: UInt32, now: Instant
    ) -> Quota {
        switch algorithm {
        case .tokenBucket: checkBucket(words, base, cost, now)
        case .fixedWindow: checkFixed(&words, base, cost, now)
        case .slidingWindow: checkSliding(&words, base, cost, now)
        }
    }

    /// Charges `cost`; directly after a `check` that allowed it.
    public func spend(_ words: inout [UInt32], at base: Int, cost: UInt32, now: Instant) {
        switch algorithm {
        case .tokenBucket: spendBucket(&words, base, cost, now)
        case .fixedWindow: spendFixed(&words, base, cost, now)
        case .slidingWindow: spendSliding(&words, base, cost, now)
        }
    }

    /// Returns what was charged at `chargedAt`, as far as it still counts.
    public func refund(
        _ words: inout [UInt32], at base: Int, cost: UInt32, chargedAt: Instant
    ) {
        switch algorithm {
        case .tokenBucket: refundBucket(&words, base, cost, chargedAt)
        case .fixedWindow: refundFixed(&words, base, cost, chargedAt)
        case .slidingWindow: refundSliding(&words, base, cost, chargedAt)
        }
    }

    /// Whether the state says no more than that of a key never seen.
    public func isFresh(_ words: [UInt32], at base: Int, now: Instant) -> Bool {
        switch algorithm {
        case .tokenBucket: Self.wide(words, base) <= now.nanoseconds
        case .fixedWindow: words[base + 2] == 0 || Self.wide(words, base) < window(at: now)
        case .slidingWindow: isFreshSliding(words, base, now)
        }
    }

    // MARK: Words

    @inline(__always)
    static func wide(_ words: [UInt32], _ index: Int) -> UInt64 {
        UInt64(words[index]) | UInt64(words[index + 1]) << 32
    }

    @inline(__always)
    static func setWide(_ words: inout [UInt32], _ index: Int, _ value: UInt64) {
        words[index] = UInt32(truncatingIfNeeded: value)
        words[index + 1] = UInt32(truncatingIfNeeded: value >> 32)
    }
}
