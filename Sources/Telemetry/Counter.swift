public import Synchronization

/// A count that only grows, written by one thread and read by any.
///
/// The writer loads and stores; there is no read-modify-write instruction, since nobody else
/// writes. In a family of unit seconds the count is in nanoseconds.
public final class Counter: Sendable {
    @usableFromInline let count = Atomic<UInt64>(0)
    // Keeps the cells of two workers on different cache lines wherever the allocator puts them.
    private let padding: [6 of UInt64] = .init(repeating: 0)

    init() {}

    /// Adds `amount`. Only the owner's thread may call it.
    @inlinable
    public func add(_ amount: UInt64 = 1) {
        count.store(count.load(ordering: .relaxed) &+ amount, ordering: .relaxed)
    }

    /// The count so far.
    @inlinable
    public var value: UInt64 { count.load(ordering: .relaxed) }
}

/// A number that goes up and down, written by one thread and read by any.
///
/// The gauges of several shards with equal labels are summed on the page, so a value of the whole
/// instance belongs in one shard only.
public final class Gauge: Sendable {
    @usableFromInline let bits = Atomic<UInt64>(0)
    private let padding: [6 of UInt64] = .init(repeating: 0)

    init() {}

    /// Sets the value. Only the owner's thread may call it. A value that is not finite takes the
    /// sample off the page.
    @inlinable
    public func set(_ value: Double) {
        bits.store(value.bitPattern, ordering: .relaxed)
    }

    /// Adds `amount`, which may be negative. Only the owner's thread may call it.
    @inlinable
    public func add(_ amount: Int = 1) {
        set(value + Double(amount))
    }

    /// The value now.
    @inlinable
    public var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }
}
