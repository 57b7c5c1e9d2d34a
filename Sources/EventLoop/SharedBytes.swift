internal import Glibc
internal import Synchronization

/// Bytes that never change once they are made, and that streams send without a copy: a stored body.
/// Freed with the last reference, which may be that of a write still under way to a slow client.
///
/// `@unchecked Sendable`: written only by `init`, before anybody else can see it.
@safe public final class SharedBytes: @unchecked Sendable {
    /// Number of bytes.
    public let count: Int
    let base: UnsafeMutableRawPointer
    private let account: MemoryAccount?

    /// A copy of `pieces`, one behind the other. `account` counts the bytes for as long as they live.
    public init(copying pieces: [[UInt8]], account: MemoryAccount? = nil) {
        let total = pieces.reduce(0) { $0 &+ $1.count }
        count = total
        self.account = account
        unsafe base = .allocate(byteCount: max(1, total), alignment: 16)
        var offset = 0
        for piece in pieces {
            unsafe piece.withUnsafeBytes { bytes in
                if let source = bytes.baseAddress {
                    unsafe memcpy(base + offset, source, bytes.count)
                }
            }
            offset += piece.count
        }
        account?.add(total)
    }

    deinit {
        unsafe base.deallocate()
        account?.add(-count)
    }

    /// Shows the bytes.
    public func withSpan<Result>(_ body: (Span<UInt8>) -> Result) -> Result {
        let bytes = unsafe UnsafeRawBufferPointer(start: base, count: count)
        return unsafe body(Span<UInt8>(_unsafeBytes: bytes))
    }
}

/// How many bytes are alive of what was made under it. From any thread.
public final class MemoryAccount: Sendable {
    private let total = Atomic<Int>(0)

    /// Nothing counted yet.
    public init() {}

    /// Bytes alive now.
    public var bytes: Int { total.load(ordering: .relaxed) }

    func add(_ count: Int) { total.add(count, ordering: .relaxed) }
}
