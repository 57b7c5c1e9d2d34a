internal import EventLoop
internal import Locking
internal import ProxyCore

/// A worker and the thread it lives on, as the control loop sees them.
final class WorkerThread: Sendable {
    private let thread: LoopThread
    // Filled on the worker's own thread, and only ever used there.
    private let worker: Locked<Worker?>

    /// Starts a worker that listens on `sockets`. `failed` is told, on the worker's thread, if it cannot.
    init(
        _ instance: Instance, index: Int, snapshot: Snapshot,
        sockets: [(ListeningSocket, ListenerSettings)],
        failed: @escaping @Sendable (LoopError) -> Void
    ) throws(LoopError) {
        let box = Locked<Worker?>(nil)
        worker = box
        let seed = SeedWords()
        thread = try LoopThread(name: "worker-\(index)") { loop in
            let worker = Worker(
                instance, loop: loop, index: index, snapshot: snapshot, seed: seed)
            do throws(LoopError) {
                for (socket, settings) in sockets { try worker.listen(socket, settings) }
            } catch {
                failed(error)
            }
            box.withLock { $0 = worker }
        }
    }

    /// Runs `body` with the worker on its thread.
    func post(_ body: @escaping @Sendable (Worker) -> Void) {
        thread.loop.post { [worker] in
            if let worker = worker.withLock({ $0 }) { body(worker) }
        }
    }
}
