/// Collects the bytes of a message to be sent. Its memory is its own and reused: after it has grown, writing
/// does not allocate, and asks for no more than whether there is room. An array would ask each time whether
/// someone shares it, which for the dozens of short pieces of a head was a tenth of the cost of a hit.
@safe
public struct ByteWriter: ~Copyable {
    /// Number of bytes written.
    public private(set) var count = 0
    /// Number of bytes that there is room for.
    public private(set) var capacity: Int
    private var memory: UnsafeMutablePointer<UInt8>

    /// An empty writer with room for `capacity` bytes.
    public init(capacity: Int = 0) {
        self.capacity = Swift.max(capacity, 16)
        unsafe memory = .allocate(capacity: self.capacity)
    }

    deinit { unsafe memory.deallocate() }

    /// A copy of what was written.
    public var bytes: [UInt8] { withSpan { [UInt8](copying: $0) } }

    /// Whether nothing was written.
    public var isEmpty: Bool { count == 0 }

    /// Shows what was written.
    @inline(__always)
    public func withSpan<Result: ~Copyable, Failure: Error>(
        _ body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let bytes = unsafe UnsafeRawBufferPointer(start: memory, count: count)
        return unsafe try body(Span<UInt8>(_unsafeBytes: bytes))
    }

    /// Starts over with the memory at hand.
    public mutating func removeAll() { count = 0 }

    /// Makes room for that many bytes in all.
    public mutating func reserveCapacity(_ capacity: Int) {
        if capacity > self.capacity { grow(to: capacity) }
    }

    /// Room for `length` bytes, which count as written: all of them must be set.
    @inline(__always)
    private mutating func extend(by length: Int) -> UnsafeMutablePointer<UInt8> {
        if capacity &- count < length { grow(to: Swift.max(2 * capacity, count + length)) }
        let start = unsafe memory + count
        count &+= length
        return unsafe start
    }

    @inline(never)
    private mutating func grow(to capacity: Int) {
        let grown = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
        unsafe grown.update(from: memory, count: count)
        unsafe memory.deallocate()
        unsafe memory = grown
        self.capacity = capacity
    }

    /// Appends a literal.
    public mutating func append(_ text: StaticString) {
        let octets = unsafe text.octets
        guard let source = octets.baseAddress else { return }
        unsafe extend(by: octets.count).update(from: source, count: octets.count)
    }

    /// Appends the bytes of `span`.
    public mutating func append(_ span: Span<UInt8>) {
        unsafe span.withUnsafeBufferPointer { octets in
            guard let source = octets.baseAddress else { return }
            unsafe extend(by: octets.count).update(from: source, count: octets.count)
        }
    }

    /// Appends `range` of `source`, cut to what `source` has.
    public mutating func append(_ source: [UInt8], _ range: ByteRange) {
        let upper = Swift.min(range.upperBound, source.count)
        guard range.lowerBound >= 0, range.lowerBound < upper else { return }
        append(source.span.extracting(range.lowerBound..<upper))
    }

    /// Appends all of `array`.
    public mutating func append(_ array: [UInt8]) { append(array.span) }

    /// Appends one byte.
    public mutating func append(byte: UInt8) { unsafe extend(by: 1).pointee = byte }

    /// Appends eight bytes, the first of them the lowest of `word`.
    public mutating func append(word: UInt64) {
        unsafe UnsafeMutableRawPointer(extend(by: 8)).storeBytes(
            of: word.littleEndian, as: UInt64.self)
    }

    /// Appends the UTF-8 of `text`.
    public mutating func append(utf8 text: String) {
        for byte in text.utf8 { append(byte: byte) }
    }

    /// Appends `value` in decimal, without leading zeros.
    public mutating func append(decimal value: UInt64) {
        var digits = 1
        var bound: UInt64 = 10
        while digits < 20, value >= bound {
            digits &+= 1
            bound = digits < 20 ? bound &* 10 : .max
        }
        append(value, digits: digits)
    }

    /// Appends the lowest `digits` decimal digits of `value`.
    mutating func append(_ value: UInt64, digits: Int) {
        let start = unsafe extend(by: digits)
        var rest = value
        for place in stride(from: digits &- 1, through: 0, by: -1) {
            let quotient = rest / 10
            unsafe start[place] = 0x30 &+ UInt8(truncatingIfNeeded: rest &- quotient &* 10)
            rest = quotient
        }
    }
}
