public import HTTP1

/// What rules look at in one request. Looking allocates nothing.
public struct LimitFacts: ~Copyable {
    /// The request.
    public let head: RequestHead
    /// Who sent it.
    public let client: ClientAddress
    /// That as text, if the caller has it at hand; else empty.
    let clientText: [UInt8]
    /// The position of its route in the settings.
    public let route: Int
    /// Where the identity of its application stands, within `head.bytes`.
    let application: ByteRange?
    /// Whether that is in the query, and has triplets.
    let isApplicationInQuery: Bool
    /// Its path, if any rule asks for it.
    let scan: PathScan?

    /// The facts of `head`. `plans`: those that will be asked about.
    public init(
        _ head: RequestHead, client: ClientAddress, clientText: [UInt8] = [], route: Int,
        _ plans: LimitPlans
    ) {
        self.head = head
        self.client = client
        self.clientText = clientText
        self.route = route
        (application, isApplicationInQuery) =
            plans.applications.isEmpty ? (nil, false) : Self.application(head, plans.applications)
        scan = plans.readsPath ? Self.scan(head) : nil
    }

    private static func scan(_ head: RequestHead) -> PathScan {
        let bytes = head.bytes
        let path = bytes.span.extracting(head.path.indices)
        var scan = PathScan()
        // A path that is no good meets no template: the route table has refused it, or it is empty or `*`.
        if scan.scan(path) != nil { scan.becomeAsterisk() }
        return scan
    }

    private static func application(
        _ head: RequestHead, _ sources: [LimitPlans.Source]
    ) -> (ByteRange?, Bool) {
        for index in sources.indices {
            let value =
                sources[index].isQuery
                ? parameter(sources[index].name, of: head)
                : field(sources[index].known, sources[index].name, of: head)
            if let value, !value.isEmpty { return (value, sources[index].isQuery) }
        }
        return (nil, false)
    }

    /// The value of the first field of that name (in lower case).
    static func field(
        _ known: FieldName, _ name: [UInt8], of head: RequestHead
    ) -> ByteRange? {
        if known != .other { return head.value(of: known) }
        let (bytes, fields) = (head.bytes, head.fields)
        for index in fields.indices
        where fields[index].known == .other
            && isNamed(bytes.span.extracting(fields[index].name.indices), name.span)
        {
            return fields[index].value
        }
        return nil
    }

    private static func isNamed(_ field: Span<UInt8>, _ name: Span<UInt8>) -> Bool {
        guard field.count == name.count else { return false }
        for index in field.indices where field[index].lowercased != name[index] { return false }
        return true
    }

    /// The value of the first query parameter of that name, triplets as they are.
    static func parameter(_ name: [UInt8], of head: RequestHead) -> ByteRange? {
        guard let query = head.query else { return nil }
        let bytes = head.bytes
        var start = query.lowerBound
        while start < query.upperBound {
            var end = start
            var mark = -1
            while end < query.upperBound, bytes[end] != UInt8(ascii: "&") {
                if mark < 0, bytes[end] == UInt8(ascii: "=") { mark = end }
                end += 1
            }
            let nameEnd = mark < 0 ? end : mark
            if LimitText.equals(bytes.span, start..<nameEnd, name.span) {
                return ByteRange(min(nameEnd + 1, end), end)
            }
            start = end + 1
        }
        return nil
    }
}

/// Texts of requests in the form that keys have: triplets of a target decoded, and what is not plain written as
/// triplets again, so that other spellings of a value do not have budgets of their own.
enum LimitText {
    private static let percent = UInt8(ascii: "%")
    private static let digits = Array("0123456789ABCDEF".utf8)

    /// Whether `bytes[range]`, triplets decoded, is `text`.
    static func equals(_ bytes: Span<UInt8>, _ range: Range<Int>, _ text: Span<UInt8>) -> Bool {
        var index = range.lowerBound
        var position = 0
        while index < range.upperBound {
            guard position < text.count else { return false }
            var byte = bytes[index]
            index += 1
            if byte == percent,
                let decoded = NormalTarget.triplet(bytes, at: index - 1, end: range.upperBound)
            {
                byte = decoded
                index += 2
            }
            guard byte == text[position] else { return false }
            position += 1
        }
        return position == text.count
    }

    /// Whether `bytes[range]` is like `pattern`, with triplets decoded where `isTarget`. Allocates only if there is one.
    static func matches(
        _ pattern: TextPattern, _ bytes: Span<UInt8>, _ range: Range<Int>, isTarget: Bool
    ) -> Bool {
        guard isTarget,
            bytes.offset(of: percent, from: range.lowerBound, limit: range.upperBound)
                < range.upperBound
        else { return pattern.matches(bytes.extracting(range)) }
        var decoded: [UInt8] = []
        var index = range.lowerBound
        while index < range.upperBound {
            if bytes[index] == percent,
                let byte = NormalTarget.triplet(bytes, at: index, end: range.upperBound)
            {
                decoded.append(byte)
                index += 3
            } else {
                decoded.append(bytes[index])
                index += 1
            }
        }
        return pattern.matches(decoded.span)
    }

    /// Appends `bytes[range]`; `isTarget`: whether it is of a target, and has triplets.
    static func append(
        _ bytes: Span<UInt8>, _ range: Range<Int>, isTarget: Bool, to out: inout [UInt8]
    ) {
        var index = range.lowerBound
        while index < range.upperBound {
            var byte = bytes[index]
            index += 1
            if isTarget, byte == percent,
                let decoded = NormalTarget.triplet(bytes, at: index - 1, end: range.upperBound)
            {
                byte = decoded
                index += 2
            }
            append(byte, to: &out)
        }
    }

    @inline(__always)
    private static func append(_ byte: UInt8, to out: inout [UInt8]) {
        if byte > 0x20, byte < 0x7f, byte != percent, byte != UInt8(ascii: "|") {
            out.append(byte)
        } else {
            out.append(percent)
            out.append(digits[Int(byte >> 4)])
            out.append(digits[Int(byte & 15)])
        }
    }

    /// Appends `value` in 16 hexadecimal digits.
    static func append(hex value: UInt64, to out: inout [UInt8]) {
        for shift in stride(from: 60, through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: value >> UInt64(shift)) & 15
            out.append(digit < 10 ? 0x30 + digit : 0x57 + digit)
        }
    }
}
