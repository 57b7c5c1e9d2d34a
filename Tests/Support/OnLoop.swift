internal import Dispatch
public import EventLoop
internal import Locking
internal import Time

/// A test that waited longer than anything here may take.
public struct Hung: Error, CustomStringConvertible {
    /// What it waited for.
    public let description: String
    init(_ what: String) { description = "waited in vain: \(what)" }
}

/// Runs `body` as a task on a new loop with a thread of its own, waits for its result, then ends both.
@discardableResult
public func onLoop<Success: Sendable>(
    prepare: @escaping @Sendable (Loop) -> Void = { _ in },
    _ body: @escaping @Sendable (Loop) async throws -> Success
) throws -> Success {
    // As every process that runs loops does: libuv's writes would raise SIGPIPE.
    SignalWatch.ignoreBrokenPipes()
    let outcome: Locked<Result<Success, any Error>?> = Locked(nil)
    let done = DispatchSemaphore(value: 0)
    let thread = try LoopThread(name: "test-loop", prepare: prepare)
    let loop = thread.loop
    loop.post {
        loop.spawn {
            let result: Result<Success, any Error>
            do { result = .success(try await body(loop)) } catch { result = .failure(error) }
            outcome.withLock { $0 = result }
            done.signal()
        }
    }
    guard done.wait(timeout: .now() + 30) == .success else { throw Hung("a task of the loop") }
    // Twice around, so that the close callbacks of what the body closed have run.
    loop.post { loop.post { loop.stop() } }
    thread.join()
    guard let result = outcome.withLock({ $0 }) else { throw Hung("no result") }
    return try result.get()
}

extension Loop {
    /// Waits, one tick at a time, until `condition` holds; throws after ten seconds.
    public func until(_ what: String, _ condition: () -> Bool) async throws {
        let end = Instant.now().advanced(byNanoseconds: 10_000_000_000)
        while !condition() {
            if Instant.now() > end { throw Hung(what) }
            await sleep(nanoseconds: 1_000_000)
        }
    }

    /// Runs `body`, which may block, on a thread of its own and waits for it without blocking the loop.
    public func blocking<Success: Sendable>(
        _ body: @escaping @Sendable () throws -> Success
    ) async throws -> Success {
        let done = Suspension<Void>()
        let outcome: Locked<Result<Success, any Error>?> = Locked(nil)
        let finished = ConfinedCall(loop: self) { done.resume(()) }
        let thread = BlockingThread {
            let result = Result { try body() }
            outcome.withLock { $0 = result }
            finished.run()
        }
        await done.wait()
        thread.join()
        guard let result = outcome.withLock({ $0 }) else { throw Hung("no result") }
        return try result.get()
    }
}

/// An async function of another module that suspends: where does its caller go on?
public func waitElsewhere(_ suspension: Suspension<Int>) async -> Int {
    let value = await suspension.wait()
    return await passThrough(value)
}

private func passThrough(_ value: Int) async -> Int { value }

/// A small generator with a seed, so that a failing run can be repeated (SplitMix64).
public struct Seeded: RandomNumberGenerator {
    private var state: UInt64

    /// The same seed gives the same numbers.
    public init(seed: UInt64) { state = seed }

    /// The next 64 bits.
    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
