internal import EventLoop
internal import ProxyCore
internal import Telemetry
internal import Time

/// What a fetch knows of the shared tier: which record it is about, and how far it is with the lease on it, which
/// `FetchLease` decides. Keeps the lease while the fetch goes on.
final class SharedFetch {
    /// The name of the target's record.
    let base: SharedKey
    /// The record that is asked for: the target's, or one variant's once it is known that there are such.
    var key: SharedKey
    /// By what the target varies, and the write-id of the record that says so, as found.
    var vary: VaryRecord?
    /// A look-up whose answer may still be kept.
    var placeholder: FillGuard.Placeholder?
    /// Tells who holds the lease.
    let token: [UInt8]
    /// Whether the fetch is held up by its own client. Then it is not for others to wait for.
    var isHeldUp: () -> Bool = { false }

    private var machine: FetchLease
    private var grant: SharedCommands.Lease?
    private let link: SharedLink
    private let timer: Timer
    private let leases: CounterSet<CacheLeaseOutcome>

    init(
        base: SharedKey, _ terms: LeaseTerms, _ link: SharedLink, on loop: Loop,
        _ leases: CounterSet<CacheLeaseOutcome>
    ) {
        self.base = base
        key = base
        token = (0..<8).map { UInt8(truncatingIfNeeded: terms.token >> (8 * $0)) }
        machine = .idle(terms)
        self.link = link
        self.leases = leases
        timer = Timer(on: loop) {}
        timer.action = { [weak self, loop] in
            guard let self else { return }
            loop.spawn { await self.renew() }
        }
    }

    deinit { timer.cancel() }

    /// Whether what is fetched may be offered to the others now.
    var mayFill: Bool { machine.mayFill(at: .now()) }

    /// The first question.
    func start() -> LeaseAction { machine.start(at: .now()) }

    /// Redis has answered, with the number of the lease if it granted one.
    func answered(_ answer: LeaseAnswer, number: Int64 = 0) -> LeaseAction {
        let action = machine.answered(answer, at: .now())
        if answer == .granted, machine.phase == .leased {
            leases[.granted].add()
            grant = SharedCommands.Lease(key: key, token: token, number: number)
            timer.arm(at: machine.wake)
        }
        return action
    }

    /// Something was heard of the record that is waited for.
    func invalidated() -> LeaseAction { machine.invalidated(at: .now()) }

    /// The wait for it is over.
    func waited() -> LeaseAction { machine.tick(at: .now()) }

    /// The fetch is over: the lease, to fill under or to be given back, if it is still ours. Only once.
    func end(isStorable: Bool) -> SharedCommands.Lease? {
        timer.cancel()
        defer { grant = nil }
        if case .keepOut(let end) = machine.fetched(isStorable: isStorable, at: .now()) {
            if end == .lost, grant != nil { leases[.lost].add() }
            return nil
        }
        return grant
    }

    /// The lease has half of its time left, and the fetch goes on.
    private func renew() async {
        guard case .renew = machine.tick(at: .now()), let grant else { return }
        let answer = isHeldUp() ? RenewalAnswer.unknown : await link.renew(grant)
        machine.renewed(answer, at: .now())
        if answer == .renewed { leases[.renewed].add() }
        timer.arm(at: machine.wake)
    }
}
