/// The `for` nodes of one `Forwarded` line (RFC 7239 §4), last first.
///
/// Quoted strings must be read from the left, so elements are found in a first pass; a line with more
/// elements than the walk follows keeps the last ones.
struct ForwardedElements {
    /// What one element says of its sender.
    enum Element {
        /// The node identifier, without quotes.
        case node(Range<Int>)
        /// Nothing at all between commas.
        case empty
        /// No `for`, two of them, or no valid element.
        case malformed
    }

    private var starts = InlineArray<32, Int>(repeating: 0)
    private var count = 0
    private var end: Int
    private var isBroken = false

    init(_ line: Span<UInt8>) {
        end = line.count
        push(0)
        var isQuoted = false
        var index = 0
        while index < line.count {
            switch line[index] {
            case UInt8(ascii: "\""): isQuoted.toggle()
            case UInt8(ascii: "\\") where isQuoted: index += 1
            case UInt8(ascii: ",") where !isQuoted: push(index + 1)
            default: break
            }
            index += 1
        }
        isBroken = isQuoted
    }

    private mutating func push(_ start: Int) {
        starts[count % 32] = start
        count += 1
    }

    private var taken = 0

    /// The next element to the left; nil at the line's start.
    mutating func previous(_ line: Span<UInt8>) -> Element? {
        guard count > 0, taken < 32 else { return nil }
        if isBroken { return .malformed }
        count -= 1
        taken += 1
        let start = starts[count % 32]
        defer { end = start - 1 }
        return Self.element(line, line.trimmed(start..<end))
    }

    private static func element(_ line: Span<UInt8>, _ range: Range<Int>) -> Element {
        if range.isEmpty { return .empty }
        var node: Range<Int>?
        var start = range.lowerBound
        while start <= range.upperBound {
            guard let end = pairEnd(line, start..<range.upperBound) else { return .malformed }
            let pair = line.trimmed(start..<end)
            start = end + 1
            if pair.isEmpty { continue }
            guard let equals = pair.first(where: { line[$0] == UInt8(ascii: "=") }) else {
                return .malformed
            }
            guard isFor(line, pair.lowerBound..<equals) else { continue }
            guard node == nil, let value = unquoted(line, equals + 1..<pair.upperBound) else {
                return .malformed
            }
            node = value
        }
        return node.map(Element.node) ?? .malformed
    }

    /// Where the pair at the start of `range` ends: at a `;` outside quotes, or with the range.
    private static func pairEnd(_ line: Span<UInt8>, _ range: Range<Int>) -> Int? {
        var isQuoted = false
        var index = range.lowerBound
        while index < range.upperBound {
            switch line[index] {
            case UInt8(ascii: "\""): isQuoted.toggle()
            case UInt8(ascii: "\\") where isQuoted: index += 1
            case UInt8(ascii: ";") where !isQuoted: return index
            default: break
            }
            index += 1
        }
        return isQuoted ? nil : range.upperBound
    }

    /// RFC 7239 §4: parameter names are case-insensitive.
    private static func isFor(_ line: Span<UInt8>, _ range: Range<Int>) -> Bool {
        range.count == 3 && line[range.lowerBound].lowercased == UInt8(ascii: "f")
            && line[range.lowerBound + 1].lowercased == UInt8(ascii: "o")
            && line[range.lowerBound + 2].lowercased == UInt8(ascii: "r")
    }

    /// A value without its quotes; addresses hold nothing that needs an escape, so one is refused.
    private static func unquoted(_ line: Span<UInt8>, _ range: Range<Int>) -> Range<Int>? {
        guard !range.isEmpty else { return nil }
        guard line[range.lowerBound] == UInt8(ascii: "\"") else {
            return range.contains { line[$0] == UInt8(ascii: "\"") } ? nil : range
        }
        let inner = range.lowerBound + 1..<max(range.upperBound - 1, range.lowerBound + 1)
        guard range.count > 2, line[range.upperBound - 1] == UInt8(ascii: "\""),
            !inner.contains(where: {
                line[$0] == UInt8(ascii: "\"") || line[$0] == UInt8(ascii: "\\")
            })
        else { return nil }
        return inner
    }
}
