internal import Glibc

/// A file or pipe that is only written to, by blocking calls: for threads that serve nobody.
public struct FileSink: Sendable {
    private let descriptor: Int32

    /// Takes everything and keeps nothing.
    public static let nowhere = FileSink(descriptor: -1)
    /// Standard output.
    public static let standardOutput = FileSink(descriptor: 1)
    /// Standard error.
    public static let standardError = FileSink(descriptor: 2)

    private init(descriptor: Int32) { self.descriptor = descriptor }

    /// Opens `path` for appending, creating it (mode 0644) if need be.
    public init(appendingTo path: String) throws(LoopError) {
        // Non-blocking only for the open itself: a FIFO without a reader would hang it.
        descriptor = unsafe open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0o644)
        guard descriptor >= 0 else { throw LoopError(step: "open \(path)", code: -errno) }
        _ = fcntl(descriptor, F_SETFL, O_APPEND)
    }

    /// Writes all of `bytes`, waiting as long as it takes; gives up on an error. How many were written.
    @discardableResult
    public func write(_ bytes: Span<UInt8>) -> Int {
        guard descriptor >= 0 else { return bytes.count }
        return unsafe bytes.withUnsafeBytes { bytes in
            var offset = 0
            while offset < bytes.count {
                let count = unsafe Glibc.write(
                    descriptor, bytes.baseAddress?.advanced(by: offset), bytes.count - offset)
                if count > 0 {
                    offset += count
                } else if count < 0, errno == EAGAIN {
                    // Standard output may be a pipe that another process made non-blocking.
                    var state = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    _ = unsafe poll(&state, 1, -1)
                } else if count == 0 || errno != EINTR {
                    return offset
                }
            }
            return offset
        }
    }
}
