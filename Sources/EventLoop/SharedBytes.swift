internal import Glibc
internal import Synchronization

/// Bytes that never change once they are made, and that streams send without a copy: a stored body.
/// Freed with the last reference, which may be that of a write still under way to a slow client.
///
/// `@unchecked Sendable`: written only by `init`, before anybody else can see it.
@safe public final class SharedBytes: @unchecked Sendable {
    /// Number of bytes.
    public let count: Int
    /// What `account` is charged with for as long as the bytes live.
    public let charge: Int
    let base: UnsafeMutableRawPointer
    private let account: MemoryAccount

    /// A copy of `bytes`. `account` is charged with them and `surcharge` until they are freed.
    public init(copying bytes: Span<UInt8>, account: MemoryAccount, surcharge: Int = 0) {
        count = bytes.count
        charge = bytes.count + surcharge
        self.account = account
        account.add(charge)
        unsafe base = .allocate(byteCount: max(1, bytes.count), alignment: 16)
        unsafe bytes.withUnsafeBytes { source in
            if let start = source.baseAddress { unsafe memcpy(base, start, source.count) }
        }
    }

    deinit {
        unsafe base.deallocate()
        account.add(-charge)
    }

    /// Shows the bytes.
    public func withSpan<Result>(_ body: (Span<UInt8>) -> Result) -> Result {
        let bytes = unsafe UnsafeRawBufferPointer(start: base, count: count)
        return unsafe body(Span<UInt8>(_unsafeBytes: bytes))
    }
}

/// How many bytes are alive of what was made under it, wherever they are held on to. From any thread.
public final class MemoryAccount: Sendable {
    private let total = Atomic<Int>(0)

    /// Nothing is counted yet.
    public init() {}

    /// Bytes alive now.
    public var bytes: Int { total.load(ordering: .relaxed) }

    /// Counts `count` more, or fewer if it is negative.
    public func add(_ count: Int) { total.add(count, ordering: .relaxed) }
}
