public import Synchronization

/// Observations counted by bucket, written by one thread and read by any.
///
/// A sequence number that is odd while the writer is inside lets a reader take buckets, sum and
/// exemplars as they stood together, without a lock and without the writer ever waiting.
public final class Histogram: Sendable {
    @usableFromInline let sequence = Atomic<UInt64>(0)
    @usableFromInline let sum = Atomic<UInt64>(0)
    @usableFromInline let bounds: [16 of UInt64]
    @usableFromInline let counts: [17 of Atomic<UInt64>]
    @usableFromInline let slots: ExemplarSlots?
    // As in `Counter`.
    private let padding: [6 of UInt64] = .init(repeating: 0)

    init(_ buckets: Buckets, keepsExemplars: Bool) {
        let given = buckets.bounds
        // Nothing is above the padding, so its buckets stay empty.
        bounds = InlineArray { $0 < given.count ? given[$0] : .max }
        counts = InlineArray { _ in Atomic(0) }
        slots = keepsExemplars ? ExemplarSlots() : nil
    }

    /// Counts a duration. Only the owner's thread may call it.
    @inlinable
    public func observe(nanoseconds: UInt64) {
        let turn = begin()
        count(nanoseconds, in: bucket(of: nanoseconds))
        end(turn)
    }

    /// Counts a duration and keeps `traceID` as the exemplar of its bucket, if the family has
    /// exemplars. Only the owner's thread may call it.
    @inlinable
    public func observe(nanoseconds: UInt64, traceID: TraceID) {
        let turn = begin()
        let index = bucket(of: nanoseconds)
        count(nanoseconds, in: index)
        if let slots, !traceID.isZero {
            slots.high[index].store(traceID.high, ordering: .releasing)
            slots.low[index].store(traceID.low, ordering: .releasing)
            slots.value[index].store(nanoseconds, ordering: .releasing)
        }
        end(turn)
    }

    /// Counts a size. Only the owner's thread may call it.
    @inlinable
    public func observe(bytes: UInt64) {
        observe(nanoseconds: bytes)
    }

    /// The number of bounds below `value`, which is the index of its bucket: five compares whose
    /// results are added, no branch.
    @inlinable
    func bucket(of value: UInt64) -> Int {
        var index = value > bounds[7] ? 8 : 0
        index &+= value > bounds[index &+ 3] ? 4 : 0
        index &+= value > bounds[index &+ 1] ? 2 : 0
        index &+= value > bounds[index] ? 1 : 0
        index &+= value > bounds[index] ? 1 : 0
        return index
    }

    @inlinable
    func begin() -> UInt64 {
        let turn = sequence.load(ordering: .relaxed)
        sequence.store(turn &+ 1, ordering: .relaxed)
        return turn
    }

    // Each store inside is a releasing one: who sees it, sees the odd sequence number before it.
    @inlinable
    func count(_ value: UInt64, in index: Int) {
        counts[index].store(counts[index].load(ordering: .relaxed) &+ 1, ordering: .releasing)
        // Stays at the top instead of falling: a counter that falls reads as a restart.
        let (total, overflow) = sum.load(ordering: .relaxed).addingReportingOverflow(value)
        sum.store(overflow ? .max : total, ordering: .releasing)
    }

    @inlinable
    func end(_ turn: UInt64) {
        sequence.store(turn &+ 2, ordering: .releasing)
    }
}

/// One exemplar per bucket: the last one written.
@usableFromInline
final class ExemplarSlots: Sendable {
    @usableFromInline let high: [17 of Atomic<UInt64>]
    @usableFromInline let low: [17 of Atomic<UInt64>]
    @usableFromInline let value: [17 of Atomic<UInt64>]
    private let padding: [6 of UInt64] = .init(repeating: 0)

    init() {
        high = InlineArray { _ in Atomic(0) }
        low = InlineArray { _ in Atomic(0) }
        value = InlineArray { _ in Atomic(0) }
    }
}
