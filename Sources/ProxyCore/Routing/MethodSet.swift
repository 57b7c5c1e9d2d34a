/// A request method by its position in the closed list that routing and metrics share.
public typealias MethodIndex = UInt8

/// A set of request methods, one bit each by `MethodIndex`.
public struct MethodSet: OptionSet, Sendable, Hashable {
    /// One bit a method; bits above `other` are never set.
    public let rawValue: UInt16

    /// A set from its bits.
    @inlinable
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// The set of the one method at `index`; an index beyond the list counts as `other`.
    @inlinable
    public init(index: MethodIndex) { rawValue = 1 &<< UInt16(min(index, 9)) }

    /// Method names by index; the last stands for every other method.
    public static let names = [
        "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "other",
    ]
    /// GET, index 0.
    public static let get = MethodSet(index: 0)
    /// HEAD, index 1.
    public static let head = MethodSet(index: 1)
    /// Every method, known or not.
    public static let all = MethodSet(rawValue: 0x3ff)

    /// The index of the method called `name` (case-sensitive, RFC 9110 §9.1); 9 for one not listed.
    public static func index(of name: String) -> MethodIndex {
        MethodIndex(names.firstIndex(of: name) ?? 9)
    }

    /// Whether the method at `index` is in the set.
    @inlinable
    public func contains(index: MethodIndex) -> Bool {
        rawValue & MethodSet(index: index).rawValue != 0
    }

    /// The value of an `Allow` field (RFC 9110 §10.2.1), without those that cannot be named.
    public var allow: String {
        Self.names.indices.dropLast().filter { contains(index: MethodIndex($0)) }
            .map { Self.names[$0] }.joined(separator: ", ")
    }
}
