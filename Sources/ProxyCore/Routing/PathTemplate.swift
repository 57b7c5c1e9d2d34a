/// A path with holes: what a route matches. `/items/{id}` takes one non-empty segment for `{id}`;
/// `*` takes any one segment, also an empty one; `**`, only as the last, takes any number of
/// segments, also none. Everything else is literal. Templates are compared in the normal form of
/// `PathScan`.
public struct PathTemplate: Sendable, Hashable, CustomStringConvertible {
    /// One part between slashes.
    public enum Segment: Sendable, Hashable {
        /// These bytes, in normal form.
        case literal([UInt8])
        /// Any one non-empty segment, which a rewrite may use by this name.
        case parameter(String)
        /// Any one segment.
        case one
        /// All that is left.
        case rest
    }

    /// Most segments of a template.
    public static let segmentsMax = 16

    /// The template as written; the `route` label of metrics.
    public let text: String
    /// Its segments, in order.
    public let segments: [Segment]

    /// `/**`: every path.
    public static let everything = PathTemplate(text: "/**", segments: [.rest])

    private init(text: String, segments: [Segment]) {
        self.text = text
        self.segments = segments
    }

    /// Reads a template, or says what is wrong with it.
    public init(_ text: String) throws(TextProblem) {
        guard text.utf8.first == UInt8(ascii: "/") else {
            throw TextProblem(expected: "a path template that starts with `/`", found: text)
        }
        let parts = text.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= Self.segmentsMax else {
            throw TextProblem("expected at most \(Self.segmentsMax) segments, found \(parts.count)")
        }
        var segments: [Segment] = []
        for (index, part) in parts.enumerated() {
            let segment = try Self.segment(part, isLast: index == parts.count - 1)
            if case .parameter(let name) = segment, segments.contains(.parameter(name)) {
                throw TextProblem("the parameter {\(name)} appears more than once")
            }
            segments.append(segment)
        }
        self.init(text: text, segments: segments)
    }

    private static func segment(_ part: Substring, isLast: Bool) throws(TextProblem) -> Segment {
        if part == "**" {
            guard isLast else { throw TextProblem("expected `**` only as the last segment") }
            return .rest
        }
        if part == "*" { return .one }
        if part.hasPrefix("{"), part.hasSuffix("}"), part.count > 1 {
            return .parameter(try parameterName(part.dropFirst().dropLast()))
        }
        if part.contains(where: { $0 == "{" || $0 == "}" || $0 == "*" }) {
            throw TextProblem(
                expected: "a parameter, `*` or `**` to be a whole segment", found: String(part))
        }
        guard !part.isEmpty || isLast else {
            throw TextProblem("expected no empty segment (`//`)")
        }
        return .literal(try literal(part))
    }

    private static func parameterName(_ name: Substring) throws(TextProblem) -> String {
        let isName =
            !name.isEmpty && name.first?.isNumber == false
            && name.utf8.allSatisfy { $0.isAlphanumeric || $0 == UInt8(ascii: "_") }
        guard isName, name.utf8.count <= 64 else {
            throw TextProblem(
                expected: "a parameter name of letters, digits and `_`", found: String(name))
        }
        return String(name)
    }

    private static func literal(_ part: Substring) throws(TextProblem) -> [UInt8] {
        if part.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7f }) {
            throw TextProblem(
                expected: "a segment without spaces or control characters", found: String(part))
        }
        if let byte = part.utf8.first(where: { $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") })
        {
            throw TextProblem(
                "expected a path without `\(Character(Unicode.Scalar(byte)))`: "
                    + "routes are matched by path only")
        }
        let path = [UInt8(ascii: "/")] + part.utf8
        var segments = PathScan()
        if let defect = segments.scan(path.span) {
            throw TextProblem("expected a plain segment, found \(defect.explanation)")
        }
        var normal: [UInt8] = []
        segments.appendNormalized(segment: 0, of: path.span, to: &normal)
        return normal
    }

    /// The template as written.
    public var description: String { text }

    /// Whether it ends in `**`.
    var hasRest: Bool { segments.last == .rest }

    /// The position of the parameter called `name`.
    func index(ofParameter name: String) -> Int? { segments.firstIndex(of: .parameter(name)) }
}
