public import HTTP1

/// Which requests a stored response answers besides its own (RFC 9111 §4.1): the fields that Vary
/// names, and the values that they had in the request. Names are sorted, each there once, so that
/// rules about the same fields are equal.
public struct VaryRule: Sendable, Equatable {
    /// More fields than that are as good as `*`.
    public static let fieldsMax = 16

    /// What the request that the response answered had for a field.
    enum Value: Sendable, Equatable {
        /// No such field. It matches only requests without it, empty ones neither.
        case absent
        /// These bytes of `bytes`, in the form of `SelectingValue`.
        case text(ByteRange)
        /// An Accept-Encoding that means this set.
        case codings(AcceptedCodings)
    }

    struct Entry: Sendable, Equatable {
        var known: FieldName
        /// The name in lower case, within `bytes`.
        var name: ByteRange
        var value: Value
    }

    private(set) var bytes: [UInt8] = []
    private(set) var entries: [Entry] = []

    /// The rule of a response without Vary: it answers any request.
    public init() {}

    /// A rule from its parts; all ranges must lie within `bytes`.
    init(bytes: [UInt8], entries: [Entry]) {
        self.bytes = bytes
        self.entries = entries
    }

    /// Whether it answers any request.
    public var isEmpty: Bool { entries.isEmpty }

    /// The rule of a response to `request`, without the fields that the route ignores; nil if Vary has
    /// a `*`, or is not a list of field names, or one that is too long.
    public static func read(
        _ response: ResponseHead, _ request: RequestHead, _ settings: CacheSettings
    ) -> VaryRule? {
        read(FieldLines(response), request, ignoring: settings.varyIgnore)
    }

    static func read(
        _ lines: FieldLines, _ request: RequestHead, ignoring ignored: [[UInt8]]
    ) -> VaryRule? {
        guard lines.contains(.vary) else { return VaryRule() }
        var names: [[UInt8]] = []
        for value in lines.values(of: .vary) {
            var members = ListIterator(value)
            while let member = members.next(in: lines.bytes.span) {
                let name = lines.bytes[member.indices].map(\.lowercased)
                if name == [UInt8(ascii: "*")] || !name.allSatisfy(\.isTokenByte) { return nil }
                if !ignored.contains(name), !names.contains(name) { names.append(name) }
                if names.count > fieldsMax { return nil }
            }
        }
        names.sort { $0.lexicographicallyPrecedes($1) }
        var rule = VaryRule()
        for name in names { rule.add(name, of: request) }
        return rule
    }

    private mutating func add(_ name: [UInt8], of request: RequestHead) {
        let known = Self.known(name)
        let start = bytes.count
        bytes.append(contentsOf: name)
        let range = ByteRange(start, bytes.count)
        entries.append(
            Entry(known: known, name: range, value: value(of: known, name, in: request)))
    }

    private mutating func value(
        of known: FieldName, _ name: [UInt8], in request: RequestHead
    ) -> Value {
        if known == .acceptEncoding, let codings = AcceptedCodings.read(request) {
            return .codings(codings)
        }
        let start = bytes.count
        guard SelectingValue.append(known, name.span, of: request, to: &bytes) else {
            return .absent
        }
        return .text(ByteRange(start, bytes.count))
    }

    /// Whether the response answers `request`. Does not allocate.
    public func matches(_ request: RequestHead) -> Bool {
        for index in entries.indices {
            let entry = entries[index]
            let name = bytes.span.extracting(entry.name.indices)
            let isEqual =
                switch entry.value {
                case .absent: !Self.contains(entry.known, name, request)
                case .codings(let codings): AcceptedCodings.read(request) == codings
                case .text(let text):
                    SelectingValue.equals(
                        entry.known, name, of: request, bytes.span.extracting(text.indices))
                }
            if !isEqual { return false }
        }
        return true
    }

    /// Appends what tells the variants of this rule's fields apart for `request`: equal for two requests
    /// exactly if a response to one answers the other.
    public func appendVariantKey(_ request: RequestHead, to out: inout [UInt8]) {
        for entry in entries {
            let name = bytes.span.extracting(entry.name.indices)
            out.append(copying: name)
            if entry.known == .acceptEncoding, let codings = AcceptedCodings.read(request) {
                out.append(UInt8(ascii: "="))
                out.append(codings.rawValue)
            } else {
                let mark = out.count
                out.append(UInt8(ascii: ":"))
                if !SelectingValue.append(entry.known, name, of: request, to: &out) {
                    out[mark] = UInt8(ascii: "-")
                }
            }
            out.append(0x0A)
        }
    }

    /// This rule with the fields that `other` has more, for an answer that named further ones.
    func joined(_ other: VaryRule) -> VaryRule {
        var joined = self
        for entry in other.entries {
            let isKnown = entries.contains {
                bytes.span.equals($0.name, entry.name, of: other.bytes.span)
            }
            if !isKnown { joined.adopt(entry, of: other) }
        }
        return joined
    }

    private mutating func adopt(_ entry: Entry, of other: VaryRule) {
        var entry = entry
        entry.name = copy(entry.name, of: other)
        if case .text(let text) = entry.value { entry.value = .text(copy(text, of: other)) }
        let place = entries.firstIndex {
            bytes[entry.name.indices].lexicographicallyPrecedes(bytes[$0.name.indices])
        }
        entries.insert(entry, at: place ?? entries.count)
    }

    private mutating func copy(_ range: ByteRange, of other: VaryRule) -> ByteRange {
        let start = bytes.count
        bytes.append(contentsOf: other.bytes[range.indices])
        return ByteRange(start, bytes.count)
    }

    /// The known name that a name in lower case is. Off the hot path: a walk through all of them.
    static func known(_ name: [UInt8]) -> FieldName {
        FieldName.allCases.first { known in
            known != .other && name.span.equalsIgnoringCase(ByteRange(0, name.count), known.name)
        } ?? .other
    }

    private static func contains(
        _ known: FieldName, _ name: Span<UInt8>, _ request: RequestHead
    ) -> Bool {
        if known != .other { return request.contains(known) }
        let bytes = request.bytes
        let fields = request.fields
        var cursor = SelectingValue(known)
        return cursor.nextLine(of: name, in: bytes.span, fields.span)
    }
}
