internal import EventLoop
internal import HTTP1
internal import ProxyCore
internal import Time

/// A response in the memory cache: immutable, shared by all workers, alive until the last of them has
/// sent it. A hit writes `rendered`, the few fields that differ from answer to answer, and `body`.
final class StoredResponse: Sendable {
    /// What the policy needs to know.
    let metadata: StoredMetadata
    /// The field lines as received, for updates by a 304.
    let head: StoredHead
    /// Status line and fields as clients get them, without the empty line at the end, and without the
    /// fields that each answer adds: Age, Cache-Status, X-Request-Id, Connection.
    let rendered: [UInt8]
    /// The whole content, shared with earlier versions that a 304 updated.
    let body: SharedBytes
    /// When its fetch started, in the order of purges (`Generations`) and of invalidations.
    let started: FetchStart
    /// Whether `rendered` has an X-Request-Id of the upstream's.
    let hasRequestID: Bool

    init(
        _ metadata: StoredMetadata, _ head: StoredHead, rendered: [UInt8], body: SharedBytes,
        started: FetchStart, hasRequestID: Bool
    ) {
        self.metadata = metadata
        self.head = head
        self.rendered = rendered
        self.body = body
        self.started = started
        self.hasRequestID = hasRequestID
    }

    /// Bytes of memory that it takes, the allocations' own overhead included.
    var bytes: Int {
        let fields = head.fields.count * MemoryLayout<Field>.stride
        return body.count + rendered.count + head.bytes.count + fields
            + metadata.tags.count * 8 + StoredResponse.overheadBytes
    }

    /// Whether it can still answer anything, stale or after validation.
    func isUseful(at now: Timestamp) -> Bool {
        metadata.hasValidator
            || Freshness.currentAge(metadata, now: now) < metadata.usableSeconds
    }

    /// The object itself and what five allocations cost beside their contents.
    private static let overheadBytes = 640
}

/// The point in time at which a fetch started, on the two clocks of things that make stored responses
/// invalid. What happened later than that makes its result invalid too.
struct FetchStart: Sendable {
    /// Purges recorded before.
    let purges: UInt64
    /// Invalidations by unsafe requests before.
    let invalidations: UInt64
}
