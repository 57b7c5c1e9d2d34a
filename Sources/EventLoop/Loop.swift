internal import CUV
internal import Glibc
internal import Locking
internal import Synchronization
public import Time

/// One event loop and the thread that runs it: every socket, timer and task of a worker lives here.
///
/// The loop is a `TaskExecutor`: a task started with `spawn` and all nonisolated async functions it
/// calls run on the loop's thread, so that neither locks nor actors are needed on the way of a request.
/// `@unchecked Sendable`: all state but `inbox`, `owner` and `wakeup` (whose `uv_async_send` is the
/// one libuv call that any thread may make) is touched by the loop's own thread only, which
/// `enqueue` and `post` check or by-pass.
@safe public final class Loop: TaskExecutor, @unchecked Sendable {
    /// Work that arrives from other threads.
    private enum Message {
        case job(UnownedJob)
        case call(@Sendable () -> Void)
    }

    /// Rounds of jobs that one callback may run before I/O gets its turn again.
    private static let drainRoundsMax = 64
    /// Times that what was done at the end of a turn may ask for another end before I/O gets its turn.
    private static let endRoundsMax = 8
    /// Size of the buffer that every stream of this loop reads into.
    static let readBufferBytes = 64 * 1024

    let uv: UnsafeMutablePointer<uv_loop_t>
    let readBuffer: UnsafeMutablePointer<CChar>
    let wheel = TimerWheel()
    private let wakeup: UnsafeMutablePointer<uv_async_t>
    private let ticker: UnsafeMutablePointer<uv_timer_t>
    private let beforePoll: UnsafeMutablePointer<uv_prepare_t>
    private let afterPoll: UnsafeMutablePointer<uv_check_t>

    /// The thread inside `run`, 0 outside of it.
    private let owner = Atomic<UInt>(0)
    private let inbox = Locked<[Message]>([])
    private var received: [Message] = []
    private var jobs: [UnownedJob] = []
    private var running: [UnownedJob] = []
    private var isDraining = false
    private var endings: [any TurnEnd] = []
    private var ending: [any TurnEnd] = []
    private var pollReturned = Instant(nanoseconds: 0)
    private var wallAtPoll = Timestamp(nanoseconds: 0)
    private var isWaiting = false
    private var isInitialized = false

    /// Called before each wait for events with the nanoseconds that were spent working since the last one.
    public var onTurn: ((_ busyNanoseconds: UInt64) -> Void)?

    /// A loop that is not yet run by any thread; fails only when the process is out of descriptors.
    public init() throws(LoopError) {
        try Loop.checkDescriptors()
        unsafe uv = .allocate(capacity: 1)
        unsafe wakeup = .allocate(capacity: 1)
        unsafe ticker = .allocate(capacity: 1)
        unsafe beforePoll = .allocate(capacity: 1)
        unsafe afterPoll = .allocate(capacity: 1)
        unsafe readBuffer = .allocate(capacity: Loop.readBufferBytes)
        try unsafe LoopError.check(uv_loop_init(uv), "event loop")
        isInitialized = true
        unsafe uv.pointee.data = Unmanaged.passUnretained(self).toOpaque()
        try unsafe LoopError.check(
            uv_async_init(uv, wakeup) { handle in
                guard let handle = unsafe handle else { return }
                unsafe Loop.of(handle.pointee.loop).receiveMessages()
            }, "wake-up")
        unsafe uv_timer_init(uv, ticker)
        unsafe uv_prepare_init(uv, beforePoll)
        unsafe uv_check_init(uv, afterPoll)
    }

    /// libuv ends the process if descriptors run out while it makes the pipe that all its loops share. Each loop
    /// needs six, the first with that pipe: whether they are there is found out before.
    private static func checkDescriptors() throws(LoopError) {
        var ends: [uv_file] = []
        defer { for end in ends { close(end) } }
        for _ in 0..<3 {
            var pair: [uv_file] = [-1, -1]
            try unsafe LoopError.check(uv_pipe(&pair, 0, 0), "event loop")
            ends += pair
        }
    }

    /// The loop that owns a libuv handle, from the handle's `loop` pointer.
    static func of(_ uv: UnsafeMutablePointer<uv_loop_t>) -> Loop {
        // The loop outlives its handles: `run` returns only after all of them are closed.
        unsafe Unmanaged<Loop>.fromOpaque(uv.pointee.data).takeUnretainedValue()
    }

    /// Runs the loop on the calling thread until `stop`; what is armed then will never fire.
    public func run() {
        owner.store(UInt(pthread_self()), ordering: .releasing)
        takeTime()
        unsafe uv_check_start(afterPoll) { handle in
            guard let handle = unsafe handle else { return }
            unsafe Loop.of(handle.pointee.loop).workBegins()
        }
        unsafe uv_prepare_start(beforePoll) { handle in
            guard let handle = unsafe handle else { return }
            let loop = unsafe Loop.of(handle.pointee.loop)
            loop.endTurn()
            loop.onTurn?(Instant.now().nanoseconds(since: loop.pollReturned))
            loop.isWaiting = true
        }
        receiveMessages()
        unsafe uv_run(uv, UV_RUN_DEFAULT)
        wheel.removeAll()
        endings.removeAll()
        owner.store(0, ordering: .releasing)
    }

    /// Runs `prepare` and, unless that fails, the loop, both on the calling thread.
    public func runWith(_ prepare: () throws(LoopError) -> Void) throws(LoopError) {
        owner.store(UInt(pthread_self()), ordering: .releasing)
        try prepare()
        run()
    }

    /// Runs `prepare` and then the loop, both on the calling thread.
    func runAfter(_ prepare: (Loop) -> Void) {
        owner.store(UInt(pthread_self()), ordering: .releasing)
        prepare(self)
        run()
    }

    /// Makes `run` return after the current round of events. From any thread.
    public func stop() {
        post { unsafe uv_stop(self.uv) }
    }

    /// Runs `body` on the loop's thread, soon. From any thread.
    public func post(_ body: @escaping @Sendable () -> Void) {
        deliver(.call(body))
    }

    /// Starts a task whose every step runs on this loop's thread. Only from the loop's own thread.
    ///
    /// Not inlined: Swift 6.3 would copy the local type into other modules without making it linkable.
    @discardableResult
    @inline(never)
    public func spawn(_ body: @escaping () async -> Void) -> Task<Void, Never> {
        // Sound because the task starts, continues and ends on the thread that captured `body`: the
        // executor preference is inherited by every nonisolated async function it calls.
        struct OnThisThread: @unchecked Sendable { let body: () async -> Void }
        let confined = OnThisThread(body: body)
        return Task(executorPreference: self) { await confined.body() }
    }

    /// Whether the caller is on the loop's thread.
    public var isCurrent: Bool {
        owner.load(ordering: .relaxed) == UInt(pthread_self())
    }

    /// Takes a job from the Swift runtime (`TaskExecutor`).
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if isCurrent {
            jobs.append(job)
        } else {
            deliver(.job(job))
        }
    }

    private func deliver(_ message: Message) {
        let isFirst = inbox.withLock { inbox in
            inbox.append(message)
            return inbox.count == 1
        }
        if isFirst { unsafe uv_async_send(wakeup) }
    }

    /// Takes the time when the wait for events is over. libuv calls back for I/O from within the wait, so
    /// that each such callback begins with this; what else there is comes after `afterPoll`.
    func workBegins() {
        guard isWaiting else { return }
        isWaiting = false
        takeTime()
    }

    private func takeTime() {
        pollReturned = .now()
        wallAtPoll = .now()
    }

    /// What the wall clock says at `instant`, going by what it said when this turn began: one clock is read for
    /// what happens in it, not two. Only from the loop's thread.
    public func wallClock(at instant: Instant) -> Timestamp {
        let since = Int64(truncatingIfNeeded: instant.nanoseconds &- pollReturned.nanoseconds)
        return Timestamp(nanoseconds: wallAtPoll.nanoseconds &+ since)
    }

    private func receiveMessages() {
        workBegins()
        inbox.withLock { swap(&$0, &received) }
        for message in received {
            switch message {
            case .job(let job): jobs.append(job)
            case .call(let body): body()
            }
        }
        received.removeAll(keepingCapacity: true)
        drain()
    }

    /// Runs the jobs that a callback made ready; each C callback of this module ends with it.
    func drain() {
        guard !isDraining, !jobs.isEmpty else { return }
        isDraining = true
        var rounds = 0
        while !jobs.isEmpty, rounds < Loop.drainRoundsMax {
            swap(&jobs, &running)
            for job in running {
                unsafe job.runSynchronously(on: asUnownedTaskExecutor())
            }
            running.removeAll(keepingCapacity: true)
            rounds += 1
        }
        isDraining = false
        // What is left waits for one turn of I/O; the wake-up brings us back.
        if !jobs.isEmpty { unsafe uv_async_send(wakeup) }
    }

    /// Calls `subject.turnEnds()` once, before the loop next waits for events. Only from the loop's thread;
    /// a subject that asks twice is called twice.
    public func atTurnEnd(_ subject: any TurnEnd) { endings.append(subject) }

    private func endTurn() {
        var rounds = 0
        while !endings.isEmpty, rounds < Loop.endRoundsMax {
            swap(&endings, &ending)
            for subject in ending { subject.turnEnds() }
            ending.removeAll(keepingCapacity: true)
            drain()
            rounds += 1
        }
        // The rest comes after a turn of I/O, which then must not wait.
        if !endings.isEmpty { unsafe uv_async_send(wakeup) }
    }

    deinit {
        // All handles are closed with the loop: let their close callbacks run, then free the memory.
        if isInitialized {
            unsafe uv_walk(
                uv,
                { handle, _ in
                    if unsafe uv_is_closing(handle) == 0 { unsafe uv_close(handle, nil) }
                }, nil)
            unsafe uv_run(uv, UV_RUN_DEFAULT)
            unsafe uv_loop_close(uv)
        }
        unsafe wakeup.deallocate()
        unsafe ticker.deallocate()
        unsafe beforePoll.deallocate()
        unsafe afterPoll.deallocate()
        unsafe readBuffer.deallocate()
        unsafe uv.deallocate()
    }
}

extension Loop {
    /// Asks libuv to call the wheel at `instant`.
    func scheduleTick(at instant: Instant) {
        let wait = instant.nanoseconds(since: .now())
        // libuv counts from the start of the turn, which may be earlier than now: refresh it first.
        unsafe uv_update_time(uv)
        unsafe uv_timer_start(
            ticker,
            { handle in
                guard let handle = unsafe handle else { return }
                unsafe Loop.of(handle.pointee.loop).tick()
            }, (wait + 999_999) / 1_000_000, 0)
    }

    private func tick() {
        wheel.advance(to: .now(), on: self)
        drain()
    }
}
