internal import EventLoop
internal import Synchronization

/// A request that waits for its turn at an upstream. Whoever makes room for it may be on another thread.
final class AdmissionWaiter: Sendable {
    private let wake: ConfinedCall
    private let granted = Atomic<Bool>(false)
    private let number = Atomic<UInt64>(0)

    /// `wake` is called on the waiter's own loop when its turn has come.
    init(_ wake: ConfinedCall) { self.wake = wake }

    /// Its number in the queue; set under the upstream's lock when it joins.
    var id: UInt64 {
        get { number.load(ordering: .relaxed) }
        set { number.store(newValue, ordering: .relaxed) }
    }

    /// Whether its turn has come.
    var isGranted: Bool { granted.load(ordering: .acquiring) }

    /// Its turn has come. Not under the lock.
    func grant() {
        granted.store(true, ordering: .releasing)
        wake.run()
    }
}
