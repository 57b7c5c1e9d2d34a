/// What is wrong with a path: reasons for 400, before any route is looked for.
public enum PathDefect: String, Sendable, Equatable, CaseIterable {
    /// It does not start with `/`.
    case notAbsolute = "not_absolute"
    /// A `%` without two hexadecimal digits behind it.
    case percentEncoding = "percent_encoding"
    /// A `.` or `..` segment, in whatever disguise.
    case dotSegment = "dot_segment"
    /// `%00`.
    case nul
    /// Empty segments that would lead to another route once an upstream drops them.
    case emptySegments = "empty_segments"

    /// What stands there, for people.
    public var explanation: String {
        switch self {
        case .notAbsolute: "no `/` at its start"
        case .percentEncoding: "a `%` without two hexadecimal digits"
        case .dotSegment: "a `.` or `..` segment"
        case .nul: "a NUL"
        case .emptySegments: "an ambiguous `//`"
        }
    }
}

/// The segments of a path: one pass that refuses what is dangerous, finds the slashes, and hashes
/// every segment in its normal form. No allocation.
///
/// The normal form decodes every percent triplet but `%2F` (it would turn into a separator) and `%25`
/// (it would turn into the start of another triplet), which are kept with upper-case digits. Decoding
/// more than the unreserved bytes of RFC 3986 §6.2.2.2 makes matching stricter, not laxer: no
/// spelling of a path slips past the route that its plain spelling would meet.
struct PathScan {
    /// Where a segment lies, and the hash of its normal form.
    struct Segment {
        var start: UInt32 = 0
        var end: UInt32 = 0
        var hash: UInt32 = PathScan.hashSeed
        /// Whether its bytes are its normal form already.
        var isPlain = true

        var isEmpty: Bool { start == end }
    }

    static let hashSeed: UInt32 = 2_166_136_261
    private static let slash = UInt8(ascii: "/")
    private static let percent = UInt8(ascii: "%")

    /// The first segments; those beyond can only be met by `**`.
    private(set) var segments = InlineArray<16, Segment>(repeating: Segment())
    /// How many segments there are, kept or not.
    private(set) var count = 0
    /// Whether there is an empty segment other than the last.
    private(set) var hasInnerEmpty = false

    /// Adds a byte to a hash (FNV-1a).
    @inline(__always)
    static func hash(_ hash: UInt32, _ byte: UInt8) -> UInt32 {
        (hash ^ UInt32(byte)) &* 16_777_619
    }

    /// Reads the path at the start of `path`, up to a `?` or its end.
    mutating func scan(_ path: Span<UInt8>) -> PathDefect? {
        guard !path.isEmpty, path[0] == Self.slash else { return .notAbsolute }
        var index = 1
        var segment = Segment(start: 1)
        var dots = DotTracker()
        while index < path.count, path[index] != UInt8(ascii: "?") {
            let byte = path[index]
            if byte == Self.slash {
                guard dots.take(byte) else { return .dotSegment }
                finish(&segment, at: index, isLast: false)
                index += 1
                segment = Segment(start: UInt32(truncatingIfNeeded: index))
            } else if byte == Self.percent {
                guard let decoded = Self.triplet(path, at: index) else { return .percentEncoding }
                if decoded == 0 { return .nul }
                guard dots.take(decoded) else { return .dotSegment }
                segment.isPlain = false
                segment.hash = Self.hashDecoded(segment.hash, decoded)
                index += 3
            } else {
                guard dots.take(byte) else { return .dotSegment }
                segment.hash = Self.hash(segment.hash, byte)
                index += 1
            }
        }
        guard dots.take(Self.slash) else { return .dotSegment }
        finish(&segment, at: index, isLast: true)
        return nil
    }

    /// Adds the normal form of a triplet that stands for `byte`.
    private static func hashDecoded(_ seed: UInt32, _ byte: UInt8) -> UInt32 {
        guard byte == slash || byte == percent else { return hash(seed, byte) }
        let kept = hash(hash(seed, percent), UInt8(ascii: "2"))
        return hash(kept, byte == slash ? UInt8(ascii: "F") : UInt8(ascii: "5"))
    }

    /// Makes this the scan of the asterisk form (RFC 9112 §3.2.4), which only `/**` takes: more
    /// segments than any template has.
    mutating func becomeAsterisk() { count = .max }

    private mutating func finish(_ segment: inout Segment, at end: Int, isLast: Bool) {
        segment.end = UInt32(truncatingIfNeeded: end)
        if segment.isEmpty, !isLast { hasInnerEmpty = true }
        if count < PathTemplate.segmentsMax { segments[count] = segment }
        count += 1
    }

    /// The byte that the triplet at `index` stands for, nil if it is none.
    static func triplet(_ path: Span<UInt8>, at index: Int) -> UInt8? {
        guard path.count - index > 2, let high = path[index + 1].hexValue,
            let low = path[index + 2].hexValue
        else { return nil }
        return high << 4 | low
    }

    /// The same path without its empty inner segments: what an upstream that merges slashes sees.
    func collapsed() -> PathScan {
        var result = PathScan()
        let kept = min(count, PathTemplate.segmentsMax)
        for index in 0..<kept where !segments[index].isEmpty || index == count - 1 {
            result.segments[result.count] = segments[index]
            result.count += 1
        }
        // Segments beyond the kept ones count as they are: only `**` can take them.
        result.count += count - kept
        return result
    }

    /// Appends segment `index` of `path` in normal form.
    func appendNormalized(segment index: Int, of path: Span<UInt8>, to bytes: inout [UInt8]) {
        var position = Int(segments[index].start)
        while position < Int(segments[index].end) {
            let byte = path[position]
            if byte == Self.percent, let decoded = Self.triplet(path, at: position) {
                switch decoded {
                case Self.slash: bytes += [Self.percent, UInt8(ascii: "2"), UInt8(ascii: "F")]
                case Self.percent: bytes += [Self.percent, UInt8(ascii: "2"), UInt8(ascii: "5")]
                default: bytes.append(decoded)
                }
                position += 3
            } else {
                bytes.append(byte)
                position += 1
            }
        }
    }

    /// Whether segment `segment` of `path` has the normal form `literal[range]`.
    static func matches(
        _ segment: Segment, of path: Span<UInt8>, _ literal: Span<UInt8>
    ) -> Bool {
        var position = Int(segment.start)
        let end = Int(segment.end)
        if segment.isPlain, end - position != literal.count { return false }
        var index = 0
        while position < end {
            guard index < literal.count else { return false }
            guard path[position] == percent, let decoded = triplet(path, at: position) else {
                guard literal[index] == path[position] else { return false }
                position += 1
                index += 1
                continue
            }
            position += 3
            if decoded == slash || decoded == percent {
                // The kept triplets, `%2F` and `%25`, stand in the literal as they are written.
                let last = decoded == slash ? UInt8(ascii: "F") : UInt8(ascii: "5")
                guard literal.count - index > 2, literal[index] == percent,
                    literal[index + 1] == UInt8(ascii: "2"), literal[index + 2] == last
                else { return false }
                index += 3
            } else {
                guard literal[index] == decoded else { return false }
                index += 1
            }
        }
        return index == literal.count
    }
}

/// Follows the piece between two separators, to tell whether it is `.` or `..`.
///
/// `\` and an encoded slash are separators to some upstreams, and some drop what follows a `;`, so
/// `..;x`, `..%2Fx` and `..\x` are dot segments to those, and are taken for ones here.
private struct DotTracker {
    private var dots: UInt8 = 0
    private var isOther = false

    /// Takes the next decoded byte; false when it ends a dot segment.
    mutating func take(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "."):
            dots = min(dots + 1, 3)
            return true
        case UInt8(ascii: "/"), UInt8(ascii: "\\"), UInt8(ascii: ";"):
            let isDotSegment = !isOther && (dots == 1 || dots == 2)
            dots = 0
            isOther = byte == UInt8(ascii: ";")
            return !isDotSegment
        default:
            isOther = true
            return true
        }
    }
}
