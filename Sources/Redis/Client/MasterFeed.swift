public import EventLoop
internal import Locking

/// Carries the master's snapshot from whoever finds it out to the clients on their loops, and the wish
/// to look again the other way. From any thread.
public final class MasterFeed: Sendable {
    private struct State {
        var snapshot = MasterSnapshot.unknown
        var followers: [Int: ConfinedCall] = [:]
        var nextFollower = 0
        var resolver: ConfinedCall?
        var hints: [(DataHint, generation: UInt64)] = []
    }

    /// Hints that wait for the resolver; older ones are dropped.
    static let hintsMax = 16

    private let state: Locked<State>

    /// A feed that starts with `snapshot`: of a master that never changes, nothing else is needed.
    public init(_ snapshot: MasterSnapshot = .unknown) {
        state = Locked(State(snapshot: snapshot))
    }

    /// The latest snapshot.
    public var snapshot: MasterSnapshot { state.withLock { $0.snapshot } }

    /// Replaces the snapshot and tells everybody who follows.
    public func publish(_ snapshot: MasterSnapshot) {
        let followers = state.withLock { state in
            let isNew = state.snapshot != snapshot
            state.snapshot = snapshot
            return isNew ? Array(state.followers.values) : []
        }
        for follower in followers { follower.run() }
    }

    /// Runs `changed` on `loop`, whose thread is the current one, after each change; the number ends it.
    public func follow(on loop: Loop, _ changed: @escaping () -> Void) -> Int {
        let call = ConfinedCall(loop: loop, changed)
        return state.withLock { state in
            state.nextFollower += 1
            state.followers[state.nextFollower] = call
            return state.nextFollower
        }
    }

    /// Ends what `follow` began.
    public func unfollow(_ follower: Int) {
        // Freed here, on the follower's thread, and not under the lock.
        let call = state.withLock { $0.followers.removeValue(forKey: follower) }
        withExtendedLifetime(call) {}
    }

    /// The master of `generation` does not behave like one: whoever resolves is to look now.
    public func requestResolve(_ hint: DataHint, generation: UInt64) {
        let resolver = state.withLock { state in
            if state.hints.count == Self.hintsMax { state.hints.removeFirst() }
            state.hints.append((hint, generation))
            return state.resolver
        }
        resolver?.run()
    }

    /// The hints since the last time, oldest first.
    func takeHints() -> [(DataHint, generation: UInt64)] {
        state.withLock { state in
            defer { state.hints = [] }
            return state.hints
        }
    }

    /// Runs `resolve` on `loop`, whose thread is the current one, after each `requestResolve`; nil ends it.
    func answerRequests(on loop: Loop, _ resolve: (() -> Void)?) {
        let call = resolve.map { ConfinedCall(loop: loop, $0) }
        let previous = state.withLock { state in
            let previous = state.resolver
            state.resolver = call
            return previous
        }
        withExtendedLifetime(previous) {}
    }
}
