internal import Time

/// Counts of the recent past in ten buckets, so that what is old goes a tenth at a time.
struct CallWindow<Counts: WindowCounts>: Sendable {
    private static var buckets: UInt64 { 10 }

    private let bucketNanoseconds: UInt64
    private var counts: [10 of Counts] = .init(repeating: .zero)
    /// The number of the newest bucket, counted from the clock's origin.
    private var newest: UInt64 = 0

    /// A window of `nanoseconds`, at least ten.
    init(nanoseconds: UInt64) {
        bucketNanoseconds = max(1, nanoseconds / Self.buckets)
    }

    /// Adds to the bucket of `now`.
    mutating func add(_ change: Counts, at now: Instant) {
        advance(to: now)
        counts[Int(newest % Self.buckets)] += change
    }

    /// What the window holds at `now`.
    mutating func total(at now: Instant) -> Counts {
        advance(to: now)
        var sum = Counts.zero
        for index in counts.indices { sum += counts[index] }
        return sum
    }

    private mutating func advance(to now: Instant) {
        let bucket = now.nanoseconds / bucketNanoseconds
        guard bucket > newest else { return }
        for step in 1...min(bucket - newest, Self.buckets) {
            counts[Int((newest + step) % Self.buckets)] = .zero
        }
        newest = bucket
    }
}

/// What a window counts.
protocol WindowCounts: Sendable {
    static var zero: Self { get }
    static func += (left: inout Self, right: Self)
}

/// Calls by what came of them.
struct CallCounts: WindowCounts, Equatable {
    var calls = 0
    var failures = 0
    var slow = 0

    static let zero = CallCounts()

    static func += (left: inout CallCounts, right: CallCounts) {
        left.calls += right.calls
        left.failures += right.failures
        left.slow += right.slow
    }
}
