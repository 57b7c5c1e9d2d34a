public import Time

/// When the store of the limits was out of reach last, and for how long what each instance counted meanwhile goes on
/// counting beside the store, which knows nothing of it: as long again, so that a moment's absence is over in a
/// moment. What lasted longer than a rate remembers is forgotten by nobody: there is no second burst.
///
/// Pure: time is an argument.
public struct StoreAbsence: Sendable, Equatable {
    /// The other instances find out so much later, in nanoseconds: their pauses between attempts to connect.
    private static let othersNanoseconds: UInt64 = 1_500_000_000

    private var since: Instant?
    private var lastBegin = Instant(nanoseconds: 0)
    private var end = Instant(nanoseconds: 0)
    private var length: UInt64 = 0
    private var rememberedUntil = Instant(nanoseconds: 0)

    /// The store was never away.
    public init() {}

    /// The store is out of reach; told again while it is, nothing changes. While the last time still matters, it goes on:
    /// a moment's absence must not make a long one forgotten.
    public mutating func began(at now: Instant) {
        guard since == nil else { return }
        since = isRemembered(at: now) ? lastBegin : now
    }

    /// The store is there again.
    public mutating func ended(at now: Instant) {
        guard let since else { return }
        self.since = nil
        lastBegin = since
        end = now
        length = now.nanoseconds(since: since)
        rememberedUntil = now.advanced(byNanoseconds: length)
    }

    /// Whether it still matters for any rate.
    public func isRemembered(at now: Instant) -> Bool { now < rememberedUntil }

    /// Whether it still matters for rates whose charges are forgotten after `nanoseconds`.
    public func isRemembered(for nanoseconds: UInt64, at now: Instant) -> Bool {
        guard now < rememberedUntil else { return false }
        let others = nanoseconds.addingReportingOverflow(Self.othersNanoseconds)
        let lasting = others.overflow ? length : min(length, others.partialValue)
        return now < end.advanced(byNanoseconds: lasting)
    }
}

extension LimitVariant {
    /// How long a charge says something at most, in nanoseconds.
    public var memoryNanoseconds: UInt64 {
        meters.reduce(0) { longest, meter in
            let isBucket = meter.algorithm == .tokenBucket
            return max(longest, isBucket ? meter.depth : meter.rate.periodNanoseconds)
        }
    }
}
