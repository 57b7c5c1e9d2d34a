import EventLoop
import Locking
import Support
import Testing
import Time

@Suite("Loop", .timeLimit(.minutes(1)))
struct LoopTests {
    @Test("posted calls run in order on the loop's thread")
    func posting() throws {
        let seen: Locked<[Int]> = Locked([])
        let onThread = Locked(true)
        try onLoop { loop in
            for number in 0..<100 {
                loop.post {
                    if !loop.isCurrent { onThread.withLock { $0 = false } }
                    seen.withLock { $0.append(number) }
                }
            }
            try await loop.until("all calls") { seen.withLock { $0.count } == 100 }
        }
        #expect(seen.withLock { $0 } == Array(0..<100))
        #expect(onThread.withLock { $0 })
    }

    @Test("a task stays on its thread: from the start, after waiting, in other modules")
    func tasks() throws {
        let facts = try onLoop { loop in
            var facts = [loop.isCurrent]
            await loop.sleep(nanoseconds: 1)
            facts.append(loop.isCurrent)
            let suspension = Suspension<Int>()
            loop.spawn { suspension.resume(7) }
            let value = await waitElsewhere(suspension)
            facts.append(loop.isCurrent && value == 7)
            // A resumption that comes from another thread ends up on the loop all the same.
            let one = try await loop.blocking { 1 }
            facts.append(loop.isCurrent && one == 1)
            await Task.yield()
            facts.append(loop.isCurrent)
            return facts
        }
        #expect(facts == [true, true, true, true, true])
    }

    @Test("the caller's thread is not the loop's")
    func outside() throws {
        let loop = try Loop()
        #expect(!loop.isCurrent)
    }

    @Test("a task that never waits starves neither timers nor sockets nor posted calls")
    func starvation() throws {
        let server = try ScriptedServer { try $0.send($0.receive(atMost: 4)) }
        defer { server.stop() }
        let port = server.port
        let answer = try onLoop { loop in
            let isOver = Locked(false)
            let spinner = loop.spawn {
                while !isOver.withLock({ $0 }) { await Task.yield() }
            }
            // A timer, a call from another thread with a socket behind it, and a poll.
            await loop.sleep(nanoseconds: 5_000_000)
            let client = try await loop.blocking {
                let client = try RawSocket(port: port)
                try client.send("ping")
                return client
            }
            let ready = Suspension<Void>()
            let poll = try Poll(on: loop, descriptor: client.descriptor) { _ in ready.resume(()) }
            poll.watch(.readable)
            await ready.wait()
            poll.close()
            isOver.withLock { $0 = true }
            await spinner.value
            return try client.receive(exactly: 4)
        }
        #expect(answer == Array("ping".utf8))
    }

    @Test(
        "the time spent working is told, whatever it was spent on; waiting is not",
        arguments: ["posted", "timer", "socket", "poll"])
    func turns(kind: String) throws {
        let worst = try withPair { loop, stream, client in
            var worst: UInt64 = 0
            var isDone = false
            func work() {
                let start = Instant.now()
                while Instant.now().nanoseconds(since: start) < 20_000_000 {}
                isDone = true
            }
            loop.onTurn = { worst = max(worst, $0) }
            // The task itself was resumed by a timer: its turn is over after another one.
            await loop.sleep(nanoseconds: 1)
            await loop.sleep(nanoseconds: 1)
            worst = 0
            var poll: Poll?
            switch kind {
            case "posted": ConfinedCall(loop: loop) { work() }.run()
            case "timer": Timer(on: loop) { work() }.arm(afterNanoseconds: 1)
            case "socket":
                stream.onReceived = { _, _ in work() }
                try client.send("x")
            default:
                poll = try Poll(on: loop, descriptor: client.descriptor) { _ in
                    poll?.watch([])
                    work()
                }
                poll?.watch(.writable)
            }
            try await loop.until("the work") { isDone }
            // The work may have been in the very turn that resumed this task.
            await loop.sleep(nanoseconds: 1)
            await loop.sleep(nanoseconds: 1)
            loop.onTurn = nil
            poll?.close()
            poll = nil
            stream.onReceived = { _, _ in }
            return worst
        }
        #expect(worst >= 20_000_000)
    }

    @Test("a turn that waits is not a busy one")
    func waiting() throws {
        let busy = try onLoop { loop in
            var busy: [UInt64] = []
            for _ in 0..<5 {
                var worst: UInt64 = 0
                loop.onTurn = { worst = max(worst, $0) }
                await loop.sleep(nanoseconds: 100_000_000)
                loop.onTurn = nil
                busy.append(worst)
            }
            return busy
        }
        // The least of five: a machine that is busy with others may stall this thread.
        #expect(busy.min() ?? .max < 90_000_000)
    }

    @Test("posts from many threads all arrive")
    func manyThreads() throws {
        let count = Locked(0)
        try onLoop { loop in
            let threads = (0..<4).map { _ in
                BlockingThread {
                    for _ in 0..<1_000 { loop.post { count.withLock { $0 += 1 } } }
                }
            }
            try await loop.until("all calls") { count.withLock { $0 } == 4_000 }
            for thread in threads { thread.join() }
        }
        #expect(count.withLock { $0 } == 4_000)
    }

    @Test("a confined call runs on its loop")
    func confined() throws {
        let isRight = try onLoop { loop in
            let done = Suspension<Void>()
            var isRight = false
            let call = ConfinedCall(loop: loop) {
                isRight = loop.isCurrent
                done.resume(())
            }
            let thread = BlockingThread { call.run() }
            await done.wait()
            thread.join()
            return isRight
        }
        #expect(isRight)
    }

    @Test("a loop ends with its thread and is freed, armed timers or not")
    func lifetime() throws {
        weak var freed: Loop?
        do {
            let thread = try LoopThread(name: "a name longer than fifteen bytes") { loop in
                Timer(on: loop) {}.arm(afterNanoseconds: 60_000_000_000)
            }
            freed = thread.loop
            thread.loop.stop()
            thread.join()
        }
        #expect(freed == nil)
    }

    @Test("a task may be resumed only once and by the value given")
    func suspension() throws {
        let values = try onLoop { loop in
            let suspension = Suspension<Int>()
            suspension.resume(1)
            var values = [suspension.isWaiting ? 1 : 0]
            loop.spawn {
                values.append(suspension.isWaiting ? 1 : 0)
                suspension.resume(2)
                suspension.resume(3)
                values.append(suspension.isWaiting ? 1 : 0)
            }
            values.append(await suspension.wait())
            return values
        }
        // A resumption without a waiter is lost; the second one is too.
        #expect(values == [0, 1, 0, 2])
    }

    // The first loop of a process is the one that libuv may not survive: each number has a process of its own.
    @Test(
        "without descriptors, or with a few, there is no loop, and an error that says so",
        arguments: 0...3 as ClosedRange<Int32>)
    func exhaustion(left: Int32) async {
        await #expect(processExitsWith: .success) { [left] in
            try withDescriptors(left) {
                let error = #expect(throws: LoopError.self) { try Loop() }
                #expect(error?.description == "event loop: too many open files")
            }
            // Nothing is held of what was tried.
            _ = try Loop()
        }
    }
}
