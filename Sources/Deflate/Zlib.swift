internal import CZlib

/// zlib (RFC 1950) and gzip (RFC 1952), whole values at a time.
public enum Zlib {
    /// What is put around the compressed bytes (RFC 1951).
    public enum Wrapper: Sendable, CaseIterable {
        /// Two bytes before and a checksum behind: for values of our own.
        case zlib
        /// As Content-Encoding knows it.
        case gzip

        /// 15 bits of window, plus 16 for a gzip wrapper instead of zlib's own.
        fileprivate var windowBits: Int32 { self == .gzip ? 15 + 16 : 15 }
    }

    /// `bytes` compressed at the fastest level; nil when zlib is out of memory, or for more than it can count.
    public static func compress(_ bytes: Span<UInt8>, as wrapper: Wrapper) -> [UInt8]? {
        guard bytes.count <= Int(UInt32.max) / 2 else { return nil }
        var stream = unsafe z_stream()
        guard
            unsafe deflateInit2_(
                &stream, 1, Z_DEFLATED, wrapper.windowBits, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
                Int32(MemoryLayout<z_stream>.size)) == Z_OK
        else { return nil }
        defer { unsafe deflateEnd(&stream) }
        var output = [UInt8](
            repeating: 0, count: Int(unsafe deflateBound(&stream, UInt(bytes.count))))
        let status = unsafe connect(&stream, bytes, &output) { unsafe deflate(&$0, Z_FINISH) }
        guard status == Z_STREAM_END else { return nil }
        output.removeLast(Int(unsafe stream.avail_out))
        return output
    }

    /// What was compressed to `bytes`, which must be `count` bytes and all of `bytes`; nil if it is anything else.
    /// Allocates `count` bytes, whatever `bytes` holds.
    public static func decompress(
        _ bytes: Span<UInt8>, as wrapper: Wrapper, count: Int
    ) -> [UInt8]? {
        guard count >= 0, count < Int(UInt32.max), bytes.count < Int(UInt32.max) else { return nil }
        var stream = unsafe z_stream()
        guard
            unsafe inflateInit2_(
                &stream, wrapper.windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
                == Z_OK
        else { return nil }
        defer { unsafe inflateEnd(&stream) }
        // A byte more than it may be: zlib wants room, and one too many shows.
        var output = [UInt8](repeating: 0, count: count + 1)
        let status = unsafe connect(&stream, bytes, &output) { unsafe inflate(&$0, Z_FINISH) }
        guard status == Z_STREAM_END, unsafe stream.avail_in == 0, unsafe stream.avail_out == 1
        else { return nil }
        output.removeLast()
        return output
    }

    /// Runs `body` on a stream that reads `input` and writes `output`.
    private static func connect(
        _ stream: inout z_stream, _ input: Span<UInt8>, _ output: inout [UInt8],
        _ body: (inout z_stream) -> Int32
    ) -> Int32 {
        unsafe input.withUnsafeBufferPointer { source in
            unsafe output.withUnsafeMutableBufferPointer { target in
                // zlib reads through a pointer that is not const, and does not write through it.
                unsafe stream.next_in = UnsafeMutablePointer(mutating: source.baseAddress)
                unsafe stream.avail_in = UInt32(source.count)
                unsafe stream.next_out = target.baseAddress
                unsafe stream.avail_out = UInt32(target.count)
                return unsafe body(&stream)
            }
        }
    }
}
