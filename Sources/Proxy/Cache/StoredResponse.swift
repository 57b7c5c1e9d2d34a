internal import EventLoop
internal import HTTP1
internal import ProxyCore
internal import Synchronization
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
    /// Bytes of memory that it and its body take, the allocations' own overhead included.
    let bytes: Int
    /// Those without the body, which has a life of its own: a slow client may hold on to it longer.
    private let ownBytes: Int
    private let account: MemoryAccount
    /// Which record in Redis it is a copy of, if it is one.
    let shared: SharedIdentity?
    private let copyUntilNanoseconds: Atomic<UInt64>

    init(
        _ metadata: StoredMetadata, _ head: StoredHead, rendered: [UInt8], body: SharedBytes,
        started: FetchStart, hasRequestID: Bool, account: MemoryAccount,
        shared: SharedIdentity? = nil, copyUntil: Instant = .never
    ) {
        self.metadata = metadata
        self.head = head
        self.rendered = rendered
        self.body = body
        self.started = started
        self.hasRequestID = hasRequestID
        self.account = account
        self.shared = shared
        copyUntilNanoseconds = Atomic(copyUntil.nanoseconds)
        let contents =
            rendered.count + head.bytes.count + metadata.tags.count * 8
            + head.fields.count * MemoryLayout<Field>.stride
        ownBytes = StoredResponse.overheadBytes + StoredResponse.withLoss(contents)
        bytes = ownBytes + body.charge
        account.add(ownBytes)
    }

    deinit { account.add(-ownBytes) }

    /// Until when it may be used without asking Redis whether it still is what all share.
    var copyUntil: Instant {
        get { Instant(nanoseconds: copyUntilNanoseconds.load(ordering: .relaxed)) }
        set { copyUntilNanoseconds.store(newValue.nanoseconds, ordering: .relaxed) }
    }

    /// A body, charged with what the allocator loses on it.
    static func body(_ bytes: Span<UInt8>, account: MemoryAccount) -> SharedBytes {
        SharedBytes(
            copying: bytes, account: account, surcharge: withLoss(bytes.count) - bytes.count)
    }

    private static func withLoss(_ bytes: Int) -> Int { bytes + bytes / unusableShare }

    /// Whether it can still answer anything, stale or after validation. A client may accept any staleness
    /// (max-stale); for those few, nothing is kept longer than `acceptedSeconds`.
    func isUseful(at now: Timestamp) -> Bool {
        if metadata.hasValidator { return true }
        let accepted =
            metadata.flags.contains(.forbidsStale) ? 0 : StoredResponse.acceptedSeconds
        return Freshness.currentAge(metadata, now: now) < metadata.usableSeconds &+ accepted
    }

    private static let acceptedSeconds: Int64 = 3600

    /// One byte in so many is lost to the allocator: rounding, and holes that nothing fits into (measured by
    /// Tests/Stack/test_cache_memory.py under churn of random sizes).
    private static let unusableShare = 6
    /// The object itself and what five allocations cost beside their contents.
    private static let overheadBytes = 640
}

/// The point in time at which a fetch started, on the two clocks of things that make stored responses
/// invalid. What happened later than that makes its result invalid too.
struct FetchStart: Sendable {
    /// Purges recorded before.
    let purges: PurgeMoment
    /// Invalidations by unsafe requests before.
    let invalidations: UInt64
}

extension StoredResponse: CustomReflectable {
    /// Without the fields: an atomic one cannot be copied into a mirror.
    var customMirror: Mirror { Mirror(self, children: ["status": metadata.status]) }
}
