internal import HTTP1

/// The query part of a key: normalised, and edited as the rules of the route say.
enum QueryKey {
    /// More parameters than that are not sorted: it would cost, and is no ordinary request.
    static let sortedMax = 32

    private static let ampersand = UInt8(ascii: "&")

    /// Appends "?" and the query; nothing if no parameter is left. False if one of them keeps the
    /// request away from the cache; then what was appended has to go.
    static func append(
        _ bytes: Span<UInt8>, _ query: ByteRange, _ rules: KeyRules, to out: inout [UInt8]
    ) -> Bool {
        let mark = out.count
        out.append(UInt8(ascii: "?"))
        NormalTarget.appendTriplets(bytes, query, to: &out)
        if !rules.bypassQuery.isEmpty, bypasses(out.span, from: mark + 1, rules.bypassQuery) {
            return false
        }
        if rules.editsQuery {
            filter(&out, from: mark + 1, rules)
            if rules.sortQuery { sort(&out, from: mark + 1) }
            if out.count == mark + 1 { out.removeLast() }
        }
        return true
    }

    /// Whether a parameter has one of these names.
    private static func bypasses(
        _ query: Span<UInt8>, from start: Int, _ names: [[UInt8]]
    ) -> Bool {
        var parameter = start
        while parameter < query.count {
            if isNamed(query, at: parameter, names) { return true }
            parameter = query.offset(of: ampersand, from: parameter, limit: query.count) &+ 1
        }
        return false
    }

    /// Whether the parameter at `start` has one of these names; most differ in their first byte.
    @inline(__always)
    private static func isNamed(_ query: Span<UInt8>, at start: Int, _ names: [[UInt8]]) -> Bool {
        let first = query[start]
        for index in names.indices {
            if let wanted = names[index].first, wanted != first, first != UInt8(ascii: "%"),
                wanted != UInt8(ascii: "*")
            {
                continue
            }
            let name = bounds(query, from: start).name
            if matches(query, start..<name, names[index]) { return true }
        }
        return false
    }

    /// Where the name of the parameter at `start` ends, and where the parameter does.
    @inline(__always)
    private static func bounds(_ query: Span<UInt8>, from start: Int) -> (name: Int, end: Int) {
        var end = start
        var name = -1
        while end < query.count, query[end] != ampersand {
            if name < 0, query[end] == UInt8(ascii: "=") { name = end }
            end &+= 1
        }
        return (name < 0 ? end : name, end)
    }

    /// Whether a name, triplets decoded, is `pattern`, which may end in "*".
    static func matches(_ query: Span<UInt8>, _ name: Range<Int>, _ pattern: [UInt8]) -> Bool {
        let isPrefix = pattern.last == UInt8(ascii: "*")
        let length = isPrefix ? pattern.count &- 1 : pattern.count
        guard name.count >= length else { return false }
        var index = name.lowerBound
        for position in 0..<length {
            guard index < name.upperBound else { return false }
            var byte = query[index]
            var width = 1
            if byte == UInt8(ascii: "%"),
                let decoded = NormalTarget.triplet(query, at: index, end: name.upperBound)
            {
                byte = decoded
                width = 3
            }
            guard byte == pattern[position] else { return false }
            index &+= width
        }
        return isPrefix || index == name.upperBound
    }

    /// Removes, in place, parameters that the rules leave out, and empty ones.
    private static func filter(_ out: inout [UInt8], from start: Int, _ rules: KeyRules) {
        var write = start
        var parameter = start
        let limit = out.count
        while parameter < limit {
            let (name, end) = bounds(out.span, from: parameter)
            if end > parameter, isKept(out.span, parameter..<name, rules) {
                if write > start {
                    out[write] = ampersand
                    write += 1
                }
                for index in parameter..<end {
                    out[write] = out[index]
                    write += 1
                }
            }
            parameter = end + 1
        }
        out.removeSubrange(write...)
    }

    private static func isKept(
        _ query: Span<UInt8>, _ name: Range<Int>, _ rules: KeyRules
    ) -> Bool {
        for pattern in rules.ignoreQuery where matches(query, name, pattern) { return false }
        guard let only = rules.onlyQuery else { return true }
        for pattern in only where matches(query, name, pattern) { return true }
        return false
    }

    /// Sorts parameters by name; equal names keep their order, which may matter to the origin. The
    /// sorted ones are appended, then the others removed.
    private static func sort(_ out: inout [UInt8], from start: Int) {
        var parameters = InlineArray<32, (start: Int, name: Int, end: Int)>(repeating: (0, 0, 0))
        var count = 0
        var parameter = start
        let limit = out.count
        while parameter < limit {
            guard count < sortedMax else { return }
            let (name, end) = bounds(out.span, from: parameter)
            var place = count
            while place > 0 {
                let other = parameters[place - 1]
                guard precedes(out.span, parameter..<name, other.start..<other.name) else { break }
                parameters[place] = other
                place -= 1
            }
            parameters[place] = (parameter, name, end)
            count += 1
            parameter = end + 1
        }
        guard count > 1 else { return }
        for index in 0..<count {
            if index > 0 { out.append(ampersand) }
            for byte in parameters[index].start..<parameters[index].end { out.append(out[byte]) }
        }
        out.removeSubrange(start..<limit)
    }

    private static func precedes(
        _ query: Span<UInt8>, _ left: Range<Int>, _ right: Range<Int>
    ) -> Bool {
        for offset in 0..<min(left.count, right.count) {
            let (one, other) = (query[left.lowerBound + offset], query[right.lowerBound + offset])
            if one != other { return one < other }
        }
        return left.count < right.count
    }
}
