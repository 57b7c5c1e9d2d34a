import EventLoop
import Glibc
import Support
import Testing

@Suite("Stream", .timeLimit(.minutes(1)))
struct StreamTests {
    @Test("1 MiB comes back as it went, whatever the windows")
    func echo() throws {
        let sent = pattern(1 << 20)
        let echoed = try withPair { loop, stream, client in
            stream.onReceived = { stream, bytes in
                stream.write(bytes)
                if stream.pendingBytes > 64 * 1024 { stream.pauseReading() }
            }
            stream.onDrained = { $0.startReading() }
            return try await loop.blocking {
                let writer = BlockingThread {
                    try? client.send(sent)
                    client.finishWriting()
                }
                let echoed = try client.receive(exactly: sent.count)
                writer.join()
                return echoed
            }
        }
        #expect(echoed == sent)
    }

    @Test("what the kernel does not take is pending, and its end is told")
    func pending() throws {
        let sent = pattern(8 << 20)
        let (pendingBefore, drains, received) = try withPair(receiveBytes: 8 * 1024) {
            loop, stream, client in
            stream.write(sent.span.extracting(..<100), sent.span.extracting(100...))
            let pendingBefore = stream.pendingBytes
            let received = try await loop.blocking { try client.receive(exactly: sent.count) }
            try await loop.until("the end of writing") { stream.pendingBytes == 0 }
            try await loop.until("the event") { stream.drains > 0 }
            return (pendingBefore, stream.drains, received)
        }
        #expect(pendingBefore > 1 << 20)
        #expect(drains == 1)
        #expect(received == sent)
    }

    @Test("two parts of which any may be empty", arguments: [(0, 0), (0, 5), (5, 0), (5, 7)])
    func parts(first: Int, second: Int) throws {
        let received = try withPair { loop, stream, client in
            stream.write(pattern(first).span, pattern(second).span)
            stream.finishWriting()
            return try await loop.blocking { try client.receiveAll() }
        }
        #expect(received == pattern(first) + pattern(second))
    }

    @Test("half close: the peer's end is told once, and its answer still arrives")
    func halfClose() throws {
        let (ends, received) = try withPair { loop, stream, client in
            client.finishWriting()
            try await loop.until("the end") { stream.ends > 0 }
            stream.write(Array("late".utf8).span)
            stream.finishWriting()
            let received = try await loop.blocking { try client.receiveAll() }
            return (stream.ends, received)
        }
        #expect(ends == 1)
        #expect(received == Array("late".utf8))
    }

    @Test("our half closed: what the peer sends is read on")
    func ourHalf() throws {
        let bytes = try withPair { loop, stream, client in
            stream.finishWriting()
            stream.finishWriting()
            let end = try await loop.blocking { try client.receiveAll() }
            #expect(end.isEmpty)
            try client.send("still here")
            try await loop.until("bytes") { stream.bytes.count == 10 }
            return stream.bytes
        }
        #expect(bytes == Array("still here".utf8))
    }

    @Test("reset reaches the peer as one, also with bytes pending and after a FIN")
    func reset() throws {
        for (pending, half) in [(0, false), (4 << 20, false), (0, true), (4 << 20, true)] {
            let (error, closes) = try withPair(receiveBytes: 8 * 1024) { loop, stream, client in
                stream.write(pattern(pending).span)
                if half { stream.finishWriting() }
                stream.reset()
                stream.reset()
                stream.close()
                let error = try await loop.blocking { () -> Int32 in
                    do {
                        _ = try client.receiveAll()
                        return 0
                    } catch let error as SocketError { return error.code }
                }
                try await loop.until("the close") { stream.closes > 0 }
                return (error, stream.closes)
            }
            // With nothing pending the FIN may be read before the reset comes.
            #expect(error == ECONNRESET || pending == 0 && half, "pending \(pending), half \(half)")
            #expect(closes == 1)
        }
    }

    @Test("closing with bytes pending: told once, nothing after it")
    func closePending() throws {
        let facts = try withPair(receiveBytes: 8 * 1024) { loop, stream, client in
            stream.write(pattern(4 << 20).span)
            stream.close()
            stream.write(pattern(10).span)
            stream.finishWriting()
            stream.startReading()
            try await loop.until("the close") { stream.closes > 0 }
            let received = try await loop.blocking { try? client.receiveAll().count }
            #expect(received ?? 0 < 4 << 20)
            return [stream.closes, stream.failures.count, stream.drains, stream.ends]
        }
        #expect(facts == [1, 0, 0, 0])
    }

    @Test("the peer's reset is reported once, however much is tried after it")
    func peerReset() throws {
        let (failures, closes) = try withPair(receiveBytes: 8 * 1024) { loop, stream, client in
            stream.write(pattern(4 << 20).span)
            client.reset()
            try await loop.until("the failure") { !stream.failures.isEmpty }
            stream.write(pattern(10).span)
            stream.write(pattern(10).span)
            for _ in 0..<3 { await loop.sleep(nanoseconds: 1) }
            let failures = stream.failures.count
            stream.close()
            try await loop.until("the close") { stream.closes > 0 }
            return (failures, stream.closes)
        }
        #expect(failures == 1)
        #expect(closes == 1)
    }

    @Test("while reading is paused nothing arrives; afterwards everything does")
    func pause() throws {
        let sent = pattern(300_000)
        let (whilePaused, bytes) = try withPair { loop, stream, client in
            stream.pauseReading()
            let writer = BlockingThread { try? client.send(sent) }
            // Turns enough for the first bytes to be there.
            for _ in 0..<3 { await loop.sleep(nanoseconds: 1) }
            let whilePaused = stream.bytes.count
            stream.startReading()
            stream.startReading()
            try await loop.until("all bytes") { stream.bytes.count == sent.count }
            writer.join()
            return (whilePaused, stream.bytes)
        }
        #expect(whilePaused == 0)
        #expect(bytes == sent)
    }

    @Test("closing from within an event")
    func closeInside() throws {
        let facts = try withPair { loop, stream, client in
            stream.onReceived = { stream, _ in stream.close() }
            try client.send("x")
            try await loop.until("the close") { stream.closes > 0 }
            let end = try await loop.blocking { try client.receiveAll() }
            return [stream.closes, stream.ends, stream.failures.count, end.count]
        }
        #expect(facts == [1, 0, 0, 0])
    }

    @Test("the peer's address")
    func peer() throws {
        let isLoopback = try withPair { _, stream, _ in
            stream.peer.isIPv4 && stream.peer.low & 0xff00_0000 == 0x7f00_0000
                && stream.peer.port != 0
        }
        #expect(isLoopback)
    }
}
