public import Time

/// How many requests an upstream gets at the same time. Durations in nanoseconds.
public struct ConcurrencySettings: Sendable, Equatable {
    /// Whether there is a limit.
    public var isOn = true
    /// The smallest limit.
    public var least = 4
    /// The limit before anything was measured.
    public var start = 20
    /// The largest limit.
    public var most = 512
    /// How much of its time a request may spend waiting for its turn.
    public var waitPercent = 10

    /// The defaults.
    public init() {}

    /// How long a request with so much time left may wait, in nanoseconds; nil: it has no deadline.
    public func waitNanosecondsMax(left: UInt64?) -> UInt64 {
        let whole = left ?? ConcurrencySettings.wholeNanoseconds
        return whole / 100 * UInt64(min(max(waitPercent, 0), 100))
    }

    private static let wholeNanoseconds = 60 * second
}

/// A limit of requests under way that follows what the upstream can take.
///
/// Gradient2 (Netflix, concurrency-limits): while answers take as long as they used to, the limit grows by a
/// constant; when they take longer, requests queue up somewhere behind it, and it shrinks in proportion.
/// Those beyond it wait in a short queue of our own.
public struct ConcurrencyLimit: Sendable {
    /// What a request gets.
    public enum Entry: Sendable, Hashable {
        /// It may go; `release` must follow.
        case admitted
        /// It has to wait: until `release` names it, or it leaves.
        case queued
        /// There is no room to wait.
        case full
    }

    /// May be changed at any time; takes effect with the next request.
    public var settings: ConcurrencySettings {
        didSet { limit = clamped(limit) }
    }
    /// The limit as it is computed; requests under way are whole.
    public private(set) var limit: Double
    /// Requests under way.
    public private(set) var inFlight = 0
    /// The limit when the upstream failed, until it is trusted again.
    private var before: Double?
    /// What the limit may grow to while it is not.
    private var ceiling = Double.infinity
    private var queue = AdmissionQueue()
    private var latency = LatencyTrend()

    /// A limit at its start.
    public init(_ settings: ConcurrencySettings = ConcurrencySettings()) {
        self.settings = settings
        limit = Double(settings.start)
    }

    /// Requests that wait.
    public var queued: Int { queue.count }

    /// Takes a place for the request `id`, or in the queue if it may wait: for so long at most.
    public mutating func enter(
        _ id: UInt64, waitNanosecondsMax: UInt64 = 0, at now: Instant
    ) -> Entry {
        guard settings.isOn else {
            inFlight += 1
            return .admitted
        }
        if inFlight < Int(limit), queue.isEmpty {
            inFlight += 1
            return .admitted
        }
        guard waitNanosecondsMax > 0, queue.count < queueMax(at: now) else { return .full }
        queue.append(id, waitNanosecondsMax: waitNanosecondsMax, at: now)
        return .queued
    }

    /// A request waits no longer; false if it has been admitted meanwhile.
    public mutating func leave(_ id: UInt64) -> Bool { queue.remove(id) }

    /// A request is over. `latencyNanoseconds`: how long the upstream took, nil if that says nothing. Returned
    /// are the requests whose turn it is: they are under way now.
    public mutating func release(latencyNanoseconds: UInt64?, at now: Instant) -> [UInt64] {
        if let latencyNanoseconds { adapt(to: latencyNanoseconds) }
        inFlight = max(0, inFlight - 1)
        var admitted: [UInt64] = []
        while inFlight < Int(limit) || !settings.isOn, let next = queue.next(at: now) {
            admitted.append(next)
            inFlight += 1
        }
        return admitted
    }

    /// The upstream has failed, and is being tried: it begins with the least, and gets more with each answer.
    public mutating func restart() {
        if before == nil { before = limit }
        limit = clamped(0)
    }

    /// The upstream is trusted with a share of what it had before it failed, from 0 to 1; nil: with everything. Without
    /// that the limit would double with each round trip, and clients that come back at once all be in after a few.
    public mutating func trust(_ share: Double?) {
        guard let before else { return }
        ceiling = share.map { $0 * before } ?? .infinity
        if share == nil { self.before = nil }
    }

    /// A burst may wait, as long as it is over in time; once the queue does not empty, it is kept so short
    /// that what is in it has a chance.
    private func queueMax(at now: Instant) -> Int {
        queue.isStanding(at: now) ? max(1, Int(limit) / 2) : settings.most
    }

    /// Requests that may queue up at the upstream before that counts as too many.
    private static let slack = 4.0
    /// Of each computed limit so much is taken over.
    private static let smoothing = 0.2

    private mutating func adapt(to nanoseconds: UInt64) {
        let gradient = latency.gradient(with: Double(nanoseconds))
        // What is not used says nothing about what could be.
        guard Double(inFlight) >= limit / 2 else { return }
        let target = limit * gradient + ConcurrencyLimit.slack
        let next = limit + ConcurrencyLimit.smoothing * (target - limit)
        limit = clamped(min(next, ceiling))
    }

    private func clamped(_ limit: Double) -> Double {
        min(max(limit, Double(settings.least)), Double(settings.most))
    }
}

/// How long answers take now, against how long they usually do.
struct LatencyTrend: Sendable {
    /// A mean of about so many of the last answers.
    private static let shortSamples = 10.0
    private static let longSamples = 600.0
    /// How much longer than usual is still usual.
    private static let tolerance = 1.5

    private var count = 0.0
    private var short = 0.0
    private var long = 0.0

    /// Between 1 (as usual) and 0.5 (far too long).
    mutating func gradient(with sample: Double) -> Double {
        count += 1
        // A plain mean until there are samples enough.
        short += (sample - short) * max(2 / (LatencyTrend.shortSamples + 1), 1 / count)
        // The usual rises ten times as slowly as it falls: what a growing limit does to it must not be taken
        // for the upstream's nature, or the limit would grow for ever.
        let samples = LatencyTrend.longSamples * (sample > long ? 10 : 1)
        long += (sample - long) * max(2 / (samples + 1), count > 10 ? 0 : 1 / count)
        // After a slow time the usual must not stay what it was then.
        if long > 2 * short { long *= 0.95 }
        return min(max(LatencyTrend.tolerance * long / max(short, 1), 0.5), 1)
    }
}

/// Requests that wait for their turn: the oldest first, but the newest first once the queue has not been empty
/// for half the time that one may wait, for then the oldest will soon give up ("Fail at Scale", ACM Queue
/// 13/8).
struct AdmissionQueue: Sendable {
    private var waiting: [UInt64] = []
    /// Since when somebody has been waiting.
    private var since = Instant.never
    /// How long the last one to come may wait.
    private var patienceNanoseconds: UInt64 = 0

    var count: Int { waiting.count }
    var isEmpty: Bool { waiting.isEmpty }

    /// Whether the queue does not empty any more.
    func isStanding(at now: Instant) -> Bool {
        !waiting.isEmpty && now.nanoseconds(since: since) >= patienceNanoseconds / 2
    }

    mutating func append(_ id: UInt64, waitNanosecondsMax: UInt64, at now: Instant) {
        if waiting.isEmpty { since = now }
        patienceNanoseconds = waitNanosecondsMax
        waiting.append(id)
    }

    /// Takes out whose turn it is.
    mutating func next(at now: Instant) -> UInt64? {
        if waiting.isEmpty { return nil }
        return isStanding(at: now) ? waiting.removeLast() : waiting.removeFirst()
    }

    /// Takes out one that waits no longer; false if it is not there.
    mutating func remove(_ id: UInt64) -> Bool {
        guard let index = waiting.lastIndex(of: id) else { return false }
        waiting.remove(at: index)
        return true
    }
}
