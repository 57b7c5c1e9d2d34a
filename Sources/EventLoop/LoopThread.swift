internal import CUV
internal import Glibc

/// A thread that runs one loop.
public final class LoopThread: Sendable {
    /// The loop that the thread runs.
    public let loop: Loop
    private let thread: pthread_t

    /// Starts a thread named `name` (at most 15 bytes are shown by the system); `prepare` runs on it first.
    public init(name: String, prepare: @escaping @Sendable (Loop) -> Void) throws(LoopError) {
        let loop = try Loop()
        self.loop = loop
        let box = unsafe Unmanaged.passRetained(Start(loop: loop, name: name, prepare: prepare))
        var thread = pthread_t()
        let code = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                // Retained for the thread by the creator.
                let start = unsafe Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                unsafe cuv_name_this_thread(String(start.name.prefix(15)))
                start.loop.runAfter(start.prepare)
                return nil
            }, unsafe box.toOpaque())
        if code != 0 {
            unsafe box.release()
            throw LoopError(step: "start thread \(name)", code: 0 - code)
        }
        self.thread = thread
    }

    /// Waits until the loop has been stopped and its thread has ended.
    public func join() { pthread_join(thread, nil) }

    private final class Start: Sendable {
        let loop: Loop
        let name: String
        let prepare: @Sendable (Loop) -> Void
        init(loop: Loop, name: String, prepare: @escaping @Sendable (Loop) -> Void) {
            self.loop = loop
            self.name = name
            self.prepare = prepare
        }
    }
}
