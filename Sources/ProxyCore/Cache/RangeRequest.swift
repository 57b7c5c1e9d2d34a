public import HTTP1
internal import Time

/// A request for parts of a stored response (RFC 9110 §14.2).
public enum RangeRequest {
    /// What is sent.
    public enum Outcome: Sendable, Equatable {
        /// The stored response as it is.
        case whole
        /// 206 with these parts of the body, in this order; at least one, none of them empty.
        case parts([Range<Int>])
        /// 416 with `Content-Range: bytes */N`: no part that was asked for is there.
        case unsatisfiable
    }

    /// More parts than this are a whole response, cheaper for both sides (§14.2, §17.15).
    static let partsMax = 16

    /// Evaluates Range and If-Range against a stored response. To be asked after `ClientConditions`: a
    /// 304 comes before a 206 (§13.2.2).
    public static func evaluate(
        _ head: RequestHead, _ stored: StoredMetadata, _ storedHead: StoredHead, bodyCount: Int
    ) -> Outcome {
        // §14.2: Range is defined for GET, and for what would be a 200 without it.
        guard head.contains(.range), head.method == .get, stored.status == 200, bodyCount > 0,
            head.count(of: .range) == 1, let value = head.value(of: .range)
        else { return .whole }
        guard isRangeWanted(head, stored, storedHead) else { return .whole }
        let bytes = head.bytes
        guard var specs = RangeSpecs(bytes.span, value) else { return .whole }
        var parts: [Range<Int>] = []
        while true {
            switch specs.next(bytes.span, bodyCount: bodyCount) {
            case .invalid: return .whole
            case .unsatisfiable: continue
            case .end: return parts.isEmpty ? .unsatisfiable : .parts(parts)
            case .part(let part): add(part, to: &parts)
            }
            if parts.count > partsMax { return .whole }
        }
    }

    /// Keeps the order of the request; what is coalesced stands where its first part did (§15.3.7.2).
    private static func add(_ part: Range<Int>, to parts: inout [Range<Int>]) {
        var part = part
        var place = parts.count
        for index in parts.indices.reversed()
        where part.lowerBound <= parts[index].upperBound
            && parts[index].lowerBound <= part.upperBound
        {
            let lower = min(part.lowerBound, parts[index].lowerBound)
            part = lower..<max(part.upperBound, parts[index].upperBound)
            parts.remove(at: index)
            place = index
        }
        parts.insert(part, at: min(place, parts.count))
    }

    /// RFC 9110 §13.1.5: without If-Range, or if its validator is the strong one of the stored response.
    private static func isRangeWanted(
        _ head: RequestHead, _ stored: StoredMetadata, _ storedHead: StoredHead
    ) -> Bool {
        guard let value = head.value(of: .ifRange) else { return true }
        let bytes = head.bytes
        if EntityTag.isStrong(value, in: bytes.span) {
            return EntityTag.areStronglyEqual(
                value, bytes.span, stored.etag, storedHead.bytes.span)
        }
        // A date must be that of Last-Modified exactly; a weak tag is no date, and matches nothing.
        guard stored.hasStrongLastModified else { return false }
        let text = bytes.span.extracting(value.indices)
        return HTTPDate.parse(text, now: stored.responseTime) == stored.lastModified
    }
}

/// Reads the ranges of a Range field (RFC 9110 §14.1.1) one by one.
private struct RangeSpecs {
    /// What the next range is.
    enum Step {
        /// The field does not follow its grammar: it is ignored.
        case invalid
        /// The range is beyond the body.
        case unsatisfiable
        /// A part of the body.
        case part(Range<Int>)
        /// There are no more.
        case end
    }

    private var members: ListIterator
    private var isEmpty = true

    /// Nil for another unit than bytes, which is ignored (§14.2).
    init?(_ bytes: Span<UInt8>, _ value: ByteRange) {
        let unit = ByteRange(start: value.start, count: 6)
        guard value.count > 6, bytes.equalsIgnoringCase(unit, "bytes=") else { return nil }
        members = ListIterator(ByteRange(value.lowerBound &+ 6, value.upperBound))
    }

    mutating func next(_ bytes: Span<UInt8>, bodyCount: Int) -> Step {
        guard let member = members.next(in: bytes) else { return isEmpty ? .invalid : .end }
        isEmpty = false
        guard let dash = member.indices.first(where: { bytes[$0] == UInt8(ascii: "-") }) else {
            return .invalid
        }
        let first = ByteRange(member.lowerBound, dash)
        let last = ByteRange(dash + 1, member.upperBound)
        if first.isEmpty { return suffix(bytes, last, bodyCount) }
        guard let lower = number(bytes, first) else { return .invalid }
        var upper = bodyCount
        if !last.isEmpty {
            guard let end = number(bytes, last), end >= lower else { return .invalid }
            upper = end >= bodyCount ? bodyCount : end + 1
        }
        return lower < bodyCount ? .part(lower..<upper) : .unsatisfiable
    }

    /// The last bytes of the body (§14.1.2): all of it if it is shorter, none for `-0`.
    private func suffix(_ bytes: Span<UInt8>, _ range: ByteRange, _ bodyCount: Int) -> Step {
        guard let length = number(bytes, range) else { return .invalid }
        return length == 0 ? .unsatisfiable : .part(max(0, bodyCount - length)..<bodyCount)
    }

    /// A number; what is more than an `Int` counts as the largest.
    private func number(_ bytes: Span<UInt8>, _ range: ByteRange) -> Int? {
        switch bytes.decimal(range) {
        case .value(let value): Int(min(value, UInt64(Int.max)))
        case .overflow: Int.max
        case .invalid: nil
        }
    }
}
