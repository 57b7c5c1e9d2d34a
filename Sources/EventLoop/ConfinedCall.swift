/// Something to be done on one loop's thread, handed around between threads.
///
/// `@unchecked Sendable`: made on the loop's thread, its body runs only there.
public final class ConfinedCall: @unchecked Sendable {
    private let loop: Loop
    private let body: () -> Void

    /// Wraps `body`, to be run on `loop`, whose thread is the current one.
    public init(loop: Loop, _ body: @escaping () -> Void) {
        self.loop = loop
        self.body = body
    }

    /// Runs the body on its loop, soon. From any thread.
    public func run() { loop.post { self.body() } }
}
