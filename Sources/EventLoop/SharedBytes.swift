internal import Glibc

/// Bytes that never change once they are made, and that streams send without a copy: a stored body.
/// Freed with the last reference, which may be that of a write still under way to a slow client.
///
/// `@unchecked Sendable`: written only by `init`, before anybody else can see it.
@safe public final class SharedBytes: @unchecked Sendable {
    /// Number of bytes.
    public let count: Int
    let base: UnsafeMutableRawPointer

    /// A copy of `bytes`.
    public init(copying bytes: Span<UInt8>) {
        count = bytes.count
        unsafe base = .allocate(byteCount: max(1, bytes.count), alignment: 16)
        unsafe bytes.withUnsafeBytes { source in
            if let start = source.baseAddress { unsafe memcpy(base, start, source.count) }
        }
    }

    deinit { unsafe base.deallocate() }

    /// Shows the bytes.
    public func withSpan<Result>(_ body: (Span<UInt8>) -> Result) -> Result {
        let bytes = unsafe UnsafeRawBufferPointer(start: base, count: count)
        return unsafe body(Span<UInt8>(_unsafeBytes: bytes))
    }
}
