internal import EventLoop
internal import HTTP1
internal import Locking
internal import ProxyCore
internal import Synchronization

/// Lines of one worker on their way to the log's thread. Bounded: what does not fit is dropped and
/// counted by the worker, which never waits for the sink.
final class LogBuffer: Sendable {
    /// Bytes that may wait for the sink, per worker.
    static let pendingBytesMax = 1 << 20

    private struct Pending {
        var bytes: [UInt8]
        /// Lines that the sink did not take and that nobody has counted yet.
        var lostCount = 0
    }

    private let pending: Locked<Pending>

    init() { pending = Locked(Pending(bytes: LogBuffer.room())) }

    /// An empty buffer that never grows, so that no line costs an allocation. Memory that no line ever reached is
    /// not resident.
    static func room() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(pendingBytesMax)
        return bytes
    }

    /// Adds a whole line. How many lines were dropped: this one when there is no room for it, and those that
    /// the sink did not take since the last call.
    func append(_ line: Span<UInt8>) -> Int {
        pending.withLock { pending in
            var dropped = pending.lostCount
            pending.lostCount = 0
            if pending.bytes.count + line.count <= LogBuffer.pendingBytesMax {
                pending.bytes.append(copying: line)
            } else {
                dropped += 1
            }
            return dropped
        }
    }

    /// Exchanges the lines for an empty buffer.
    func take(_ lines: inout [UInt8]) {
        pending.withLock { swap(&$0.bytes, &lines) }
    }

    /// Lines that were taken could not be written, or not to their end.
    func lose(_ lines: Span<UInt8>) {
        var count = 0
        for index in lines.indices where lines[index] == UInt8(ascii: "\n") { count += 1 }
        pending.withLock { $0.lostCount += count }
    }
}

/// The thread that writes access log lines. It may block on its sink for as long as that likes.
final class AccessLog: Sendable {
    private static let flushNanoseconds: UInt64 = 50_000_000

    private let sink: FileSink
    private let buffers = Locked<[LogBuffer]>([])
    private let rounds = Atomic<Int>(0)

    /// Opens the sink; fails with one line when that cannot be done.
    init(_ target: AccessLogTarget) throws(LoopError) {
        switch target {
        case .off: sink = FileSink.nowhere
        case .standardOutput: sink = FileSink.standardOutput
        case .file(let path): sink = try FileSink(appendingTo: path)
        }
    }

    /// A buffer for one more worker.
    func makeBuffer() -> LogBuffer {
        let buffer = LogBuffer()
        buffers.withLock { $0.append(buffer) }
        return buffer
    }

    /// Starts writing, on a thread of its own.
    func start() throws(LoopError) {
        _ = try LoopThread(name: "access-log") { [self] loop in flushForEver(on: loop) }
    }

    private func flushForEver(on loop: Loop) {
        var timer: Timer?
        var spare = LogBuffer.room()
        timer = Timer(on: loop) { [self] in
            flush(&spare)
            timer?.arm(afterNanoseconds: AccessLog.flushNanoseconds)
        }
        timer?.arm(afterNanoseconds: AccessLog.flushNanoseconds)
    }

    private func flush(_ spare: inout [UInt8]) {
        for buffer in buffers.withLock({ $0 }) {
            spare.removeAll(keepingCapacity: true)
            buffer.take(&spare)
            if spare.isEmpty { continue }
            // A full disk, a pipe without a reader: what cannot be written is not kept.
            let written = sink.write(spare.span)
            if written < spare.count { buffer.lose(spare.span.extracting(written...)) }
        }
        rounds.add(1, ordering: .sequentiallyConsistent)
    }

    /// Waits until what has been logged so far is written, at most a second: a thread that is stuck in its
    /// sink is given up.
    func finish() {
        // The round that is under way may have passed a buffer already; the next one has not.
        let wanted = rounds.load(ordering: .sequentiallyConsistent) + 2
        for _ in 0..<200 where rounds.load(ordering: .sequentiallyConsistent) < wanted {
            SystemFacts.pause(milliseconds: 5)
        }
    }
}
