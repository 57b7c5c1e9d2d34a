public import Time

/// How one key's fetch from the origin is coordinated with other instances through Redis: at most
/// one of them has the lease, and only it may fill the shared cache.
///
/// One value for each fetch, from the miss to its end. `get_or_lease` returns the object, or the lease, or
/// that somebody else has it; `fill_if_lease` stores only while the lease still has our token, which a purge
/// takes away. A lease is short, so that whoever dies with it does not keep the others waiting, and is renewed at
/// half its time while the fetch goes on. Who waits is woken by the invalidation that the fill causes, and asks
/// again when the lease has run out: one of those that wait gets it then. After `asksMax` questions that were
/// answered with something else than time, without Redis, or past its deadline, a fetch goes ahead without lease,
/// and does not fill.
public enum FetchLease: ~Copyable, Sendable {
    /// Nothing was asked yet.
    case idle(LeaseTerms)
    /// `get_or_lease` is on its way.
    case asked(LeaseTerms, asks: Int, since: Instant)
    /// Somebody else has the lease, at most until then if it is not renewed.
    case waiting(LeaseTerms, asks: Int, until: Instant)
    /// The lease is ours; its renewal may be on its way.
    case leased(LeaseTerms, HeldLease)
    /// Fetching without lease: nothing is filled.
    case unleased
    /// Over.
    case done(LeaseEnd)
}

extension FetchLease {
    /// Questions that one fetch asks, not counting those after a lease's time was over.
    public static let asksMax = 4
    /// Nobody waits less than this part of a lease, so that deadlines bound the questions too.
    static let waitsDivisor: UInt64 = 16

    /// How far it is.
    public var phase: LeasePhase {
        switch self {
        case .idle: .idle
        case .asked: .asked
        case .waiting: .waiting
        case .leased(_, let held): held.asked == nil ? .leased : .renewing
        case .unleased: .unleased
        case .done: .done
        }
    }

    /// When to call `tick`, whatever else happens; `.never` if there is no need.
    public var wake: Instant {
        switch self {
        case .waiting(_, _, let until): until
        case .leased(_, let held): held.renews
        default: .never
        }
    }

    /// Whether what is fetched may be offered to the others at `now`.
    public func mayFill(at now: Instant) -> Bool {
        switch self {
        case .leased(_, let held): now < held.expires
        default: false
        }
    }

    /// Asks for the object or the lease. The first thing to do; does nothing later.
    public mutating func start(at now: Instant) -> LeaseAction {
        var action = LeaseAction.nothing
        self =
            switch consume self {
            case .idle(let terms): .asking(terms, asks: 1, now, &action)
            case let other: other
            }
        return action
    }

    /// The answer to `get_or_lease` is there.
    public mutating func answered(_ answer: LeaseAnswer, at now: Instant) -> LeaseAction {
        var action = LeaseAction.nothing
        self =
            switch consume self {
            case .asked(let terms, let asks, let since):
                .told(answer, terms, asks, since, now, &action)
            case let other: other
            }
        return action
    }

    /// The key was invalidated: filled, purged, or its lease given back.
    public mutating func invalidated(at now: Instant) -> LeaseAction {
        var action = LeaseAction.nothing
        self =
            switch consume self {
            case .waiting(let terms, let asks, _): .asking(terms, asks: asks + 1, now, &action)
            case let other: other
            }
        return action
    }

    /// Time has passed: to be called at `wake`.
    public mutating func tick(at now: Instant) -> LeaseAction {
        var action = LeaseAction.nothing
        self =
            switch consume self {
            case .waiting(let terms, let asks, let until):
                now >= until
                    ? .asking(terms, asks: asks, now, &action)
                    : .waiting(terms, asks: asks, until: until)
            case .leased(let terms, let held) where now >= held.renews:
                .renewed(terms, held, now, &action)
            case let other: other
            }
        return action
    }

    /// The answer to `renew_lease` is there.
    public mutating func renewed(_ answer: RenewalAnswer, at now: Instant) {
        self =
            switch consume self {
            case .leased(let terms, let held):
                .told(answer, terms, held, now)
            case let other: other
            }
    }

    /// The fetch is over. `isStorable` if it brought something to share.
    public mutating func fetched(isStorable: Bool, at now: Instant) -> LeaseAction {
        var action: LeaseAction?
        let end: LeaseEnd
        switch consume self {
        case .leased(let terms, let held):
            if now >= held.expires {
                end = .lost
            } else {
                end = isStorable ? .offered : .abandoned
                action = isStorable ? .fill(token: terms.token) : .giveBack(token: terms.token)
            }
        case .unleased: end = isStorable ? .unleased : .abandoned
        case .done(let earlier): end = earlier
        case .idle: end = .abandoned
        case .asked: end = .abandoned
        case .waiting: end = .abandoned
        }
        self = .done(end)
        return action ?? .keepOut(end)
    }

    private static func asking(
        _ terms: LeaseTerms, asks: Int, _ now: Instant, _ action: inout LeaseAction
    ) -> FetchLease {
        guard asks <= asksMax, now < terms.deadline else {
            action = .fetch
            return .unleased
        }
        action = .ask(token: terms.token, durationNanoseconds: terms.durationNanoseconds)
        return .asked(terms, asks: asks, since: now)
    }

    private static func told(
        _ answer: LeaseAnswer, _ terms: LeaseTerms, _ asks: Int, _ since: Instant, _ now: Instant,
        _ action: inout LeaseAction
    ) -> FetchLease {
        switch answer {
        case .object:
            action = .use
            return .done(.object)
        case .elsewhere:
            return .asking(terms, asks: asks + 1, now, &action)
        case .granted:
            action = .fetch
            return .leased(terms, terms.held(from: since))
        case .held(let remaining):
            return .refused(remaining, terms, asks, now, &action)
        case .ungranted, .unavailable:
            action = .fetch
            return .unleased
        }
    }

    private static func refused(
        _ remaining: UInt64, _ terms: LeaseTerms, _ asks: Int, _ now: Instant,
        _ action: inout LeaseAction
    ) -> FetchLease {
        switch terms.patience {
        case .fetches:
            action = .fetch
            return .unleased
        case .leaves:
            action = .leave
            return .done(.left)
        case .waits:
            let duration = terms.durationNanoseconds
            let bound = max(min(remaining, duration), duration / waitsDivisor, 1)
            let until = min(now.advanced(byNanoseconds: bound), terms.deadline)
            action = .wait(until: until)
            return .waiting(terms, asks: asks, until: until)
        }
    }

    private static func renewed(
        _ terms: LeaseTerms, _ held: HeldLease, _ now: Instant, _ action: inout LeaseAction
    ) -> FetchLease {
        var held = held
        held.renews = .never
        if now < terms.deadline, now < held.expires {
            held.asked = now
            action = .renew(token: terms.token, durationNanoseconds: terms.durationNanoseconds)
        }
        return .leased(terms, held)
    }

    private static func told(
        _ answer: RenewalAnswer, _ terms: LeaseTerms, _ held: HeldLease, _ now: Instant
    ) -> FetchLease {
        guard let asked = held.asked else { return .leased(terms, held) }
        switch answer {
        case .renewed: return .leased(terms, terms.held(from: asked))
        case .gone: return .done(.lost)
        case .unknown:
            let again = now.advanced(byNanoseconds: terms.durationNanoseconds / 8)
            return .leased(terms, HeldLease(expires: held.expires, renews: again, asked: nil))
        }
    }
}
