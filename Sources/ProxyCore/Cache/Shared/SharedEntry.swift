public import HTTP1

/// A stored response as instances share it: all that the memory cache keeps of one, but for the rendered head,
/// which hangs on the settings of the instance that serves it, and for the body, which is passed beside it.
public struct SharedEntry: Sendable, Equatable {
    /// How the body is kept.
    public enum BodyCoding: UInt8, Sendable {
        /// As it was received.
        case identity
        /// In the zlib format (RFC 1950); for us alone, Content-Encoding does not tell.
        case zlib
    }

    /// What the policy needs to know.
    public var metadata: StoredMetadata
    /// The field lines as received.
    public var head: StoredHead
    /// The key in the memory cache.
    public var key: [UInt8]
    /// Where host and target are in it.
    public var parts: KeyParts
    /// The stable hash of the route's name.
    public var route: UInt64
    /// The version that the upstream spoke, for Via.
    public var version: Version
    /// How the body is kept.
    public var bodyCoding: BodyCoding
    /// Bytes of the body as it was received.
    public var bodyCount: Int

    /// An entry from its parts.
    public init(
        metadata: StoredMetadata, head: StoredHead, key: [UInt8], parts: KeyParts, route: UInt64,
        version: Version, bodyCoding: BodyCoding = .identity, bodyCount: Int
    ) {
        self.metadata = metadata
        self.head = head
        self.key = key
        self.parts = parts
        self.route = route
        self.version = version
        self.bodyCoding = bodyCoding
        self.bodyCount = bodyCount
    }
}

/// What a record holds.
public struct DecodedEntry: Sendable, Equatable {
    /// The response.
    public var entry: SharedEntry
    /// What tells this record from others under the same name.
    public var writeID: UInt64
    /// Where the body is in the record, coded as `entry.bodyCoding` says.
    public var body: Range<Int>
}

/// Why a response cannot be shared.
public enum EntryUnfit: String, Error, Sendable, CaseIterable {
    /// More than a length in the record holds, or than `entry_max` allows.
    case tooLarge
    /// Fields, tags or key are not as this program makes them.
    case irregular
}
