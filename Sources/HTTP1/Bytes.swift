/// Small questions about runs of bytes, without a `String`. Ranges that reach outside of the span
/// are cut to it, never a trap.
extension Span where Element == UInt8 {
    /// Whether the bytes of `range` are those of `text`, letter case included.
    @inlinable
    public func equals(_ range: ByteRange, _ text: StaticString) -> Bool {
        let literal = unsafe text.octets
        guard range.isOf(literal.count, within: count) else { return false }
        for index in 0..<literal.count
        where unsafe self[range.lowerBound &+ index] != literal[index] {
            return false
        }
        return true
    }

    /// Whether the bytes of `range` are those of `text`, ASCII letters of either case being equal.
    @inlinable
    public func equalsIgnoringCase(_ range: ByteRange, _ text: StaticString) -> Bool {
        let literal = unsafe text.octets
        guard range.isOf(literal.count, within: count) else { return false }
        for index in 0..<literal.count
        where unsafe Octet.lowercased(self[range.lowerBound &+ index])
            != Octet.lowercased(literal[index])
        {
            return false
        }
        return true
    }

    /// Whether two runs of this span are equal, ASCII letters of either case being equal.
    @inlinable
    public func equalsIgnoringCase(_ left: ByteRange, _ right: ByteRange) -> Bool {
        guard left.count == right.count, left.upperBound <= count, right.upperBound <= count else {
            return false
        }
        for index in 0..<Int(left.count)
        where Octet.lowercased(self[left.lowerBound &+ index])
            != Octet.lowercased(self[right.lowerBound &+ index])
        {
            return false
        }
        return true
    }

    /// `range` without SP and HTAB at either end (RFC 9110 §5.6.3).
    @inlinable
    public func trimmingBlanks(_ range: ByteRange) -> ByteRange {
        var lower = range.lowerBound
        var upper = Swift.min(range.upperBound, count)
        while lower < upper, Octet.isBlank(self[lower]) { lower &+= 1 }
        while upper > lower, Octet.isBlank(self[upper &- 1]) { upper &-= 1 }
        return ByteRange(lower, Swift.max(lower, upper))
    }

    /// The bytes of `range` as 1*DIGIT: no sign, no blanks, nothing else.
    @inlinable
    public func decimal(_ range: ByteRange) -> Decimal {
        guard range.count > 0, range.upperBound <= count else { return .invalid }
        var value: UInt64 = 0
        var overflows = false
        for index in range.lowerBound..<range.upperBound {
            let digit = self[index] &- 0x30
            guard digit < 10 else { return .invalid }
            let (product, high) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
            overflows = overflows || high || carry
            value = sum
        }
        return overflows ? .overflow : .value(value)
    }
}

/// What a run of bytes is as a decimal number.
public enum Decimal: Equatable, Sendable {
    /// Digits only, and they fit.
    case value(UInt64)
    /// Digits only, but more than 64 bits hold.
    case overflow
    /// Empty, or something besides digits.
    case invalid
}

extension ByteRange {
    /// Whether the run has `length` bytes, all of them within the first `bound`.
    @inlinable
    func isOf(_ length: Int, within bound: Int) -> Bool {
        Int(count) == length && start >= 0 && upperBound <= bound
    }
}

extension StaticString {
    /// The bytes of the literal, which live as long as the program.
    @inlinable
    var octets: UnsafeBufferPointer<UInt8> {
        unsafe UnsafeBufferPointer(start: utf8Start, count: utf8CodeUnitCount)
    }

    /// The byte at `index`, which must be within `utf8CodeUnitCount`.
    @inlinable
    func octet(at index: Int) -> UInt8 {
        precondition(index >= 0 && index < utf8CodeUnitCount)
        return unsafe utf8Start[index]
    }
}

extension [UInt8] {
    /// A copy of the bytes of `span`, in exactly the memory they need.
    @inlinable
    public init(copying span: Span<UInt8>) {
        self = unsafe span.withUnsafeBufferPointer { unsafe Array($0) }
    }

    /// Appends the bytes of a literal in one copy.
    @inlinable
    mutating func append(literal text: StaticString) {
        unsafe append(octets: text.octets)
    }

    /// Appends the bytes of `span` in one copy.
    @inlinable
    public mutating func append(copying span: Span<UInt8>) {
        unsafe span.withUnsafeBufferPointer { source in
            unsafe append(octets: source)
        }
    }

    /// `append(contentsOf:)` with less to do for the short runs that heads are made of.
    @inlinable
    mutating func append(octets source: UnsafeBufferPointer<UInt8>) {
        // Nothing appended to an empty array would be a write to the one that all threads share.
        guard let first = source.baseAddress, source.count > 0 else { return }
        append(addingCapacity: source.count) { output in
            unsafe output.withUnsafeMutableBufferPointer { room, initialized in
                unsafe room.baseAddress?.initialize(from: first, count: source.count)
                initialized = source.count
            }
        }
    }
}
