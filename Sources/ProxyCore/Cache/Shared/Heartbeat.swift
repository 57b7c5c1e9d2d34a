internal import Time

/// A write of our own that has to come back as an invalidation: proof that the listener hears of writes,
/// and up to when it has heard of all of them.
public struct Heartbeat: Sendable, Hashable {
    /// Which attempt to listen it belongs to.
    public let attempt: UInt64
    /// Its number within the attempt, from 0.
    public let number: UInt64

    /// Numbers share this many keys: an invalidation names a key, not what was written.
    static let slots: UInt64 = 4
    static let prefix = Array("h:".utf8)
    private static let instanceBytesMax = 64
    /// How long Redis keeps one: the keys of instances that are gone go by themselves.
    public static let keepMilliseconds: UInt64 = 5_000

    /// A heartbeat of these numbers.
    public init(attempt: UInt64, number: UInt64) {
        self.attempt = attempt
        self.number = number
    }

    /// The key that is written, `h:<instance>:<attempt>:<slot>`. An instance's name has no colon and at
    /// most 64 bytes; more is cut off.
    ///
    /// The attempt is part of it since the key of an earlier one expires at any time, on any server, and
    /// the expiry is told like a write.
    public func key(instance: [UInt8]) -> [UInt8] {
        Heartbeat.prefix + instance.prefix(Heartbeat.instanceBytesMax)
            + Array(":\(attempt):\(number % Heartbeat.slots)".utf8)
    }
}

/// Heartbeats on their way, oldest first.
struct HeartbeatsUnderway: Sendable {
    struct Sent: Sendable {
        var beat: Heartbeat
        var at: Instant
    }

    private(set) var sent: [Sent] = []
    private(set) var next: UInt64 = 0
    private(set) var dueAt: Instant
    let attempt: UInt64

    init(attempt: UInt64, at now: Instant) {
        self.attempt = attempt
        dueAt = now
    }

    /// The next one if it is time. Those that could be taken for it are given up.
    mutating func beat(at now: Instant, interval: UInt64) -> Heartbeat? {
        guard now >= dueAt else { return nil }
        let beat = Heartbeat(attempt: attempt, number: next)
        next += 1
        dueAt = now.advanced(byNanoseconds: interval)
        if sent.count >= Int(Heartbeat.slots) - 1 { sent.removeFirst() }
        sent.append(Sent(beat: beat, at: now))
        return beat
    }

    /// Without the heartbeat under `key` and all before it, if that one is on its way; `seenAt` is when it
    /// was sent.
    mutating func noting(
        _ key: [UInt8], _ instance: [UInt8], _ seenAt: inout Instant?
    ) -> HeartbeatsUnderway {
        if let index = sent.lastIndex(where: { $0.beat.key(instance: instance) == key }) {
            seenAt = sent[index].at
            sent.removeFirst(index + 1)
        }
        return self
    }
}
