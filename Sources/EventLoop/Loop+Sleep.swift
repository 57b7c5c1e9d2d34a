extension Loop {
    /// Lets timers and other connections have their turn before the task goes on.
    public func nextTurn() async {
        let suspension = Suspension<Void>()
        ConfinedCall(loop: self) { suspension.resume(()) }.run()
        await suspension.wait()
    }

    /// Suspends the task for `nanoseconds`. Only from a task of this loop; `Task.sleep` would leave the
    /// thread.
    public func sleep(nanoseconds: UInt64) async {
        let suspension = Suspension<Void>()
        let timer = Timer(on: self) { suspension.resume(()) }
        timer.arm(afterNanoseconds: nanoseconds)
        await suspension.wait()
        timer.cancel()
    }
}
