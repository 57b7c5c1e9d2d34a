/// The memory tier of the cache, shared by all routes.
public struct CacheMemorySettings: Sendable, Equatable {
    /// Most bytes that stored responses take, keys and overhead included.
    public var bytesMax: Int = 256 << 20
    /// Most requests that wait for one fetch; more of them fetch for themselves.
    public var followersMax: Int = 4096
    /// Most bytes of answers that are being collected at the same time; nil: an eighth of `bytesMax`.
    public var fillsMax: Int?

    /// The defaults.
    public init() {}

    /// Most bytes of answers that are being collected at the same time.
    public var fillBytesMax: Int { fillsMax ?? max(1 << 20, bytesMax / 8) }
}
