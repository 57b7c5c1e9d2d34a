internal import EventLoop

/// A task that takes one request after the other as far as it goes. Making a task costs more than waking one that is
/// there, so that a worker keeps a few.
final class Runner {
    private let worker: Worker
    private let wakeup = Suspension<Void>()
    private var next: ClientRequest?

    init(_ worker: Worker) { self.worker = worker }

    /// Starts on `request`, soon. The runner must be new or parked.
    func run(_ request: ClientRequest) {
        next = request
        if isStarted { return wakeup.resume(()) }
        isStarted = true
        worker.loop.spawn { [self] in await serve() }
    }

    private var isStarted = false

    private func serve() async {
        while let request = next {
            next = nil
            await request.proceed()
            guard worker.park(self) else { return }
            await wakeup.wait()
        }
    }
}
