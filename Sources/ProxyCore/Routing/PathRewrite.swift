/// How a route changes the path on its way to the upstream. Segments that stay are copied byte by
/// byte as the client sent them; the query is never touched.
public enum PathRewrite: Sendable, Equatable {
    /// A new path, with parameters of the matched template by name and its rest by a final `**`.
    case template(PathTemplate)
    /// The first `strip` segments dropped, then `add` put in front (`add` is empty or starts with
    /// `/` and has no `/` at its end).
    case prefix(strip: PathTemplate?, add: String)

    /// What is wrong with applying this to paths that match `template`; nil if nothing is.
    func problem(for template: PathTemplate) -> TextProblem? {
        switch self {
        case .template(let target):
            for case .parameter(let name) in target.segments
            where template.index(ofParameter: name) == nil {
                return TextProblem(
                    expected: "a parameter of `\(template)`", found: "{\(name)}")
            }
            if target.segments.contains(.one) {
                return TextProblem("expected no `*` in a rewrite; name the segment instead")
            }
            return target.hasRest && !template.hasRest
                ? TextProblem("expected no `**`, since `\(template)` does not end in `**`") : nil
        case .prefix(let strip?, _):
            guard template.segments.starts(with: strip.segments) else {
                return TextProblem(
                    expected: "a prefix of `\(template)`", found: strip.text)
            }
            return nil
        case .prefix:
            return nil
        }
    }
}

/// A rewrite made ready for its route.
struct CompiledRewrite: Sendable {
    /// One piece of the new path.
    enum Piece: Sendable {
        /// A slash and these bytes.
        case literal([UInt8])
        /// A slash and segment number so-and-so of the client's path.
        case segment(Int)
        /// All segments from this number on, each behind its slash.
        case rest(Int)
    }

    let pieces: [Piece]

    init(_ rewrite: PathRewrite, for template: PathTemplate) {
        switch rewrite {
        case .template(let target):
            pieces = target.text.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
                .enumerated().map { index, text in
                    switch target.segments[index] {
                    case .parameter(let name):
                        template.index(ofParameter: name).map { .segment($0) }
                            ?? .literal(Array(text.utf8))
                    case .rest: .rest(template.segments.count - 1)
                    case .literal, .one: .literal(Array(text.utf8))
                    }
                }
        case .prefix(let strip, let add):
            let prefix: [Piece] =
                add.isEmpty ? [] : [.literal(Array(add.utf8.dropFirst()))]
            pieces = prefix + [.rest(strip?.segments.count ?? 0)]
        }
    }

    /// Appends the new path and the query of `target` (a path, and a query if there is one).
    func append(_ target: Span<UInt8>, to bytes: inout [UInt8]) {
        let start = bytes.count
        let pathEnd = Self.pathEnd(target)
        for piece in pieces {
            switch piece {
            case .literal(let literal):
                bytes.append(UInt8(ascii: "/"))
                bytes += literal
            case .segment(let index):
                let lower = Self.slash(index, in: target, before: pathEnd)
                let upper = Self.slash(1, in: target, from: lower, before: pathEnd)
                Self.append(target, lower..<upper, to: &bytes)
            case .rest(let index):
                let lower = Self.slash(index, in: target, before: pathEnd)
                Self.append(target, lower..<pathEnd, to: &bytes)
            }
        }
        if bytes.count == start { bytes.append(UInt8(ascii: "/")) }
        Self.append(target, pathEnd..<target.count, to: &bytes)
    }

    private static func pathEnd(_ target: Span<UInt8>) -> Int {
        var index = 0
        while index < target.count, target[index] != UInt8(ascii: "?") { index += 1 }
        return index
    }

    /// The position of the slash before segment `number`, counted from the slash at `start`.
    private static func slash(
        _ number: Int, in target: Span<UInt8>, from start: Int = 0, before end: Int
    ) -> Int {
        var left = number
        var index = start
        while left > 0, index < end {
            index += 1
            if index < end, target[index] == UInt8(ascii: "/") { left -= 1 }
        }
        return index
    }

    private static func append(_ target: Span<UInt8>, _ range: Range<Int>, to bytes: inout [UInt8])
    {
        let part = target.extracting(range)
        bytes.reserveCapacity(bytes.count + part.count)
        for index in part.indices { bytes.append(part[index]) }
    }
}
