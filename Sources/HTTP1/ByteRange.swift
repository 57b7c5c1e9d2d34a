/// A run of bytes inside the `bytes` of a head (or any other buffer its owner names), by offset.
public struct ByteRange: Sendable, Equatable {
    /// Offset of the first byte.
    public var start: Int32
    /// Number of bytes; 0 is an empty run that still has a place.
    public var count: Int32

    /// The `count` bytes from offset `start` on.
    @inlinable
    public init(start: Int32, count: Int32) {
        self.start = start
        self.count = count
    }

    /// The bytes from offset `lower` up to but without `upper`. Offsets above `Int32.max` cannot
    /// occur: `HeadLimits` bounds every buffer that is parsed.
    @inlinable
    public init(_ lower: Int, _ upper: Int) {
        start = Int32(truncatingIfNeeded: lower)
        count = Int32(truncatingIfNeeded: upper &- lower)
    }

    /// The empty run at offset 0.
    public static let empty = ByteRange(start: 0, count: 0)

    /// Whether the run has no bytes.
    @inlinable
    public var isEmpty: Bool { count == 0 }

    /// Offset of the first byte.
    @inlinable
    public var lowerBound: Int { Int(start) }

    /// Offset just past the last byte.
    @inlinable
    public var upperBound: Int { Int(start) &+ Int(count) }

    /// The same run as a standard range, to index an array or a span with.
    @inlinable
    public var indices: Range<Int> { lowerBound..<Swift.max(lowerBound, upperBound) }
}
