internal import Deflate

/// gzip (RFC 1952) for answers made in memory.
public enum Gzip {
    /// `bytes` compressed at the fastest level; nil when zlib is out of memory.
    public static func compress(_ bytes: [UInt8]) -> [UInt8]? {
        Zlib.compress(bytes.span, as: .gzip)
    }
}
