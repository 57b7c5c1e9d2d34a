/// The trailer section of a chunked body (RFC 9112 §7.1.2). Never merged into the fields of the head.
public struct TrailerFields: Sendable {
    /// The bytes that the ranges of `fields` index.
    public internal(set) var bytes: [UInt8] = []
    /// The fields that may be forwarded, in order; those that `HopByHop.isAllowedInTrailer` refuses
    /// are dropped.
    public internal(set) var fields: [Field] = []
    /// How many were dropped.
    public internal(set) var droppedCount = 0
}
