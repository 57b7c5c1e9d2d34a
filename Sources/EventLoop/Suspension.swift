/// The one place where a task waits: at most one task at a time, resumed on its own loop.
///
/// `resume` without a waiter does nothing: whoever waits first looks whether it still has to.
@safe public final class Suspension<Value: Sendable> {
    private var waiter: UnsafeContinuation<Value, Never>?

    /// Nobody waits yet.
    public init() {}

    /// Whether a task waits.
    public var isWaiting: Bool { unsafe waiter != nil }

    /// Waits for `resume` and returns its value.
    public func wait() async -> Value {
        // One waiter by construction: each Suspension belongs to one step of one request.
        precondition(unsafe waiter == nil, "two tasks wait on one Suspension")
        return unsafe await withUnsafeContinuation { unsafe waiter = $0 }
    }

    /// Lets the waiting task, if any, go on with `value` at the end of the current callback.
    public func resume(_ value: Value) {
        guard let waiting = unsafe waiter else { return }
        unsafe waiter = nil
        unsafe waiting.resume(returning: value)
    }
}
