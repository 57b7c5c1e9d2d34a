import EventLoop
import Support
import Testing

@Suite("SharedBytes", .timeLimit(.minutes(1)))
struct SharedBytesTests {
    @Test("what is made from a span shows the same bytes", arguments: [0, 1, 70_000])
    func contents(count: Int) {
        let bytes = SharedBytes(copying: pattern(count).span, account: MemoryAccount())
        #expect(bytes.count == count)
        let seen = bytes.withSpan { span in span.indices.map { span[$0] } }
        #expect(seen == pattern(count))
    }

    @Test("a slow reader gets all of it, long after the sender let go of it")
    func slowReader() throws {
        let (head, body) = (pattern(500), pattern(8 << 20))
        let (pending, isHeld, drains, received, isFreed) = try withPair(receiveBytes: 8 * 1024) {
            loop, stream, client in
            let watch = Watch()
            let pending = watch.send(body, after: head, over: stream)
            let isHeld = watch.isAlive
            let received = try await loop.blocking {
                try client.receive(exactly: head.count + body.count)
            }
            try await loop.until("the end of writing") { stream.drains > 0 }
            return (pending, isHeld, stream.drains, received, !watch.isAlive)
        }
        #expect(pending > 1 << 20)
        #expect(isHeld && isFreed)
        #expect(drains == 1)
        #expect(received == head + body)
    }

    @Test("two streams send the same bytes, each in its own time")
    func twoReaders() throws {
        let body = pattern(4 << 20)
        let received = try onLoop { loop in
            let listener = try StreamListener(on: loop)
            defer { listener.close() }
            let (first, slow) = try await listener.pair(on: loop, receiveBytes: 8 * 1024)
            let (second, quick) = try await listener.pair(on: loop)
            let shared = SharedBytes(copying: body.span, account: MemoryAccount())
            first.write([1].span, shared, 0..<shared.count)
            second.write([2].span, shared, 0..<shared.count)
            let quickly = try await loop.blocking { try quick.receive(exactly: 1 + body.count) }
            let slowly = try await loop.blocking { try slow.receive(exactly: 1 + body.count) }
            return [slowly, quickly]
        }
        #expect(received == [[1] + body, [2] + body])
    }

    @Test(
        "a part of it, whatever bounds are asked for",
        arguments: [(0..<0, 0..<0), (3..<7, 3..<7), (5..<900, 5..<10), (20..<30, 10..<10)])
    func part(asked: Range<Int>, sent: Range<Int>) throws {
        let received = try withPair { loop, stream, client in
            stream.write(
                Array("head".utf8).span,
                SharedBytes(copying: pattern(10).span, account: MemoryAccount()), asked)
            stream.finishWriting()
            return try await loop.blocking { try client.receiveAll() }
        }
        #expect(received == Array("head".utf8) + pattern(10)[sent])
    }

    @Test(
        "it is let go of when the connection is closed or lost in the middle",
        arguments: [true, false])
    func broken(closes: Bool) throws {
        let isFreed = try withPair(receiveBytes: 8 * 1024) { loop, stream, client in
            let watch = Watch()
            _ = watch.send(pattern(8 << 20), after: [], over: stream)
            #expect(watch.isAlive)
            if closes {
                stream.close()
                try await loop.until("the close") { stream.closes > 0 }
            } else {
                client.reset()
                try await loop.until("the failure") { !stream.failures.isEmpty }
            }
            return !watch.isAlive
        }
        #expect(isFreed)
    }
}

/// Sees whether shared bytes are still there without keeping them.
private final class Watch {
    private weak var bytes: SharedBytes?
    private let account = MemoryAccount()

    /// Whether the bytes are, and are charged.
    var isAlive: Bool {
        precondition((bytes == nil) == (account.bytes == 0), "charged for as long as they live")
        return bytes != nil
    }

    /// Writes `body` and lets go of it; returns what the kernel did not take at once.
    func send(_ body: [UInt8], after head: [UInt8], over stream: Stream) -> Int {
        let shared = SharedBytes(copying: body.span, account: account)
        bytes = shared
        stream.write(head.span, shared, 0..<shared.count)
        return stream.pendingBytes
    }
}
