/// Collects the bytes of a message to be sent. Its buffer is reused: after it has grown, writing does
/// not allocate.
public struct ByteWriter: Sendable {
    /// What was written.
    @inlinable public var bytes: [UInt8] { storage }

    @usableFromInline var storage: [UInt8]

    /// An empty writer with room for `capacity` storage.
    @inlinable public init(capacity: Int = 0) {
        storage = []
        storage.reserveCapacity(capacity)
    }

    /// Number of bytes written.
    @inlinable public var count: Int { storage.count }

    /// Whether nothing was written.
    @inlinable public var isEmpty: Bool { storage.isEmpty }

    /// Starts over, by default with the memory at hand.
    @inlinable public mutating func removeAll(keepingCapacity: Bool = true) {
        storage.removeAll(keepingCapacity: keepingCapacity)
    }

    /// Makes room for that many bytes in all.
    @inlinable public mutating func reserveCapacity(_ capacity: Int) {
        storage.reserveCapacity(capacity)
    }

    /// Appends a literal.
    @inlinable public mutating func append(_ text: StaticString) { storage.append(literal: text) }

    /// Appends the bytes of `span`.
    @inlinable public mutating func append(_ span: Span<UInt8>) { storage.append(copying: span) }

    /// Appends `range` of `source`, cut to what `source` has.
    @inlinable public mutating func append(_ source: [UInt8], _ range: ByteRange) {
        let upper = Swift.min(range.upperBound, source.count)
        guard range.lowerBound >= 0, range.lowerBound < upper else { return }
        storage.append(copying: source.span.extracting(range.lowerBound..<upper))
    }

    /// Appends all of `array`.
    @inlinable public mutating func append(_ array: [UInt8]) { storage.append(contentsOf: array) }

    /// Lets `body` append to the bytes.
    @inlinable public mutating func withBytes(_ body: (inout [UInt8]) -> Void) { body(&storage) }

    /// Appends one byte.
    @inlinable public mutating func append(byte: UInt8) { storage.append(byte) }

    /// Appends the UTF-8 of `text`.
    @inlinable public mutating func append(utf8 text: String) {
        storage.append(contentsOf: text.utf8)
    }
}
