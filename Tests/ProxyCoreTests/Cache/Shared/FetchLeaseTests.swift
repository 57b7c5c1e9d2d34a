import Testing
import Time

@testable import ProxyCore

private func at(_ milliseconds: UInt64) -> Instant {
    Instant(nanoseconds: milliseconds * 1_000_000)
}

/// An event in a state, what is done, and the state then.
struct LeaseStep: Sendable, CustomTestStringConvertible {
    enum Event: Sendable {
        case start
        case answered(LeaseAnswer)
        case invalidated
        case tick
        case renewed(RenewalAnswer)
        case fetched
        case fetchedUnstorable
    }

    let at: UInt64
    let event: Event
    let action: LeaseAction
    let phase: LeasePhase

    init(_ at: UInt64, _ event: Event, _ action: LeaseAction, _ phase: LeasePhase) {
        self.at = at
        self.event = event
        self.action = action
        self.phase = phase
    }

    var testDescription: String { "\(event) at \(at)" }
}

@Suite("Leases")
struct FetchLeaseTests {
    private static let ask = LeaseAction.ask(token: 5, durationNanoseconds: 400_000_000)
    private static let renew = LeaseAction.renew(token: 5, durationNanoseconds: 400_000_000)
    private static let held = LeaseAnswer.held(remainingNanoseconds: 300_000_000)
    private static let begun = [LeaseStep(0, .start, ask, .asked)]
    private static let leased = begun + [.init(1, .answered(.granted), .fetch, .leased)]

    static let stories: [(String, [LeaseStep])] = [
        (
            "the object is there",
            begun + [
                .init(0, .start, .nothing, .asked), .init(1, .answered(.object), .use, .done),
                .init(2, .answered(.granted), .nothing, .done),
                .init(2, .fetched, .keepOut(.object), .done),
            ]
        ),
        (
            "the lease is ours, and the fill carries the token, once",
            begun + [
                .init(1, .tick, .nothing, .asked),
                .init(1, .answered(.granted), .fetch, .leased),
                .init(2, .invalidated, .nothing, .leased), .init(2, .tick, .nothing, .leased),
                .init(399, .fetched, .fill(token: 5), .done),
                .init(399, .fetched, .keepOut(.offered), .done),
            ]
        ),
        (
            "the lease runs out, counted from the question",
            begun + [
                .init(90, .answered(.granted), .fetch, .leased),
                .init(400, .fetched, .keepOut(.lost), .done),
            ]
        ),
        (
            "what is not to be stored is not, and the lease goes back",
            leased + [
                .init(9, .fetchedUnstorable, .giveBack(token: 5), .done),
                .init(9, .fetchedUnstorable, .keepOut(.abandoned), .done),
            ]
        ),
        (
            "Redis is away",
            begun + [
                .init(1, .answered(.unavailable), .fetch, .unleased),
                .init(2, .invalidated, .nothing, .unleased),
                .init(2, .start, .nothing, .unleased), .init(3, .tick, .nothing, .unleased),
                .init(9, .fetched, .keepOut(.unleased), .done),
            ]
        ),
        (
            "a replica was asked, which grants nothing",
            begun + [
                .init(1, .answered(.ungranted), .fetch, .unleased),
                .init(9, .fetchedUnstorable, .keepOut(.abandoned), .done),
            ]
        ),
        (
            "the answer is under another name",
            begun + [
                .init(1, .answered(.elsewhere), ask, .asked),
                .init(2, .answered(.granted), .fetch, .leased),
                .init(201, .tick, renew, .renewing),
            ]
        ),
        (
            "names that lead from one to the next end in a fetch without lease",
            begun + [
                .init(1, .answered(.elsewhere), ask, .asked),
                .init(2, .answered(.elsewhere), ask, .asked),
                .init(3, .answered(.elsewhere), ask, .asked),
                .init(4, .answered(.elsewhere), .fetch, .unleased),
            ]
        ),
        (
            "somebody else fills, and we find it",
            begun + [
                .init(1, .answered(held), .wait(until: at(301)), .waiting),
                .init(2, .tick, .nothing, .waiting), .init(50, .invalidated, ask, .asked),
                .init(51, .answered(.object), .use, .done),
            ]
        ),
        (
            "somebody else's lease runs out, and we get it",
            begun + [
                .init(1, .answered(held), .wait(until: at(301)), .waiting),
                .init(300, .tick, .nothing, .waiting), .init(301, .tick, ask, .asked),
                .init(302, .answered(.granted), .fetch, .leased),
                .init(303, .fetched, .fill(token: 5), .done),
            ]
        ),
        (
            "others are faster each time: four questions, and then without",
            begun + [
                .init(0, .answered(held), .wait(until: at(300)), .waiting),
                .init(10, .invalidated, ask, .asked),
                .init(10, .answered(held), .wait(until: at(310)), .waiting),
                .init(20, .invalidated, ask, .asked),
                .init(20, .answered(held), .wait(until: at(320)), .waiting),
                .init(30, .invalidated, ask, .asked),
                .init(30, .answered(held), .wait(until: at(330)), .waiting),
                .init(40, .invalidated, .fetch, .unleased),
                .init(41, .fetched, .keepOut(.unleased), .done),
            ]
        ),
        (
            "a lease that is renewed is waited for, up to the deadline",
            begun + [
                .init(0, .answered(held), .wait(until: at(300)), .waiting),
                .init(300, .tick, ask, .asked),
                .init(300, .answered(held), .wait(until: at(600)), .waiting),
                .init(600, .tick, ask, .asked),
                .init(600, .answered(held), .wait(until: at(900)), .waiting),
                .init(900, .tick, ask, .asked),
                .init(900, .answered(held), .wait(until: at(1_000)), .waiting),
                .init(1_000, .tick, .fetch, .unleased),
            ]
        ),
        (
            "nobody waits past the deadline, nor longer than a lease lasts",
            begun + [
                .init(
                    0, .answered(.held(remainingNanoseconds: .max)),
                    .wait(until: at(400)), .waiting),
                .init(700, .invalidated, ask, .asked),
                .init(800, .answered(held), .wait(until: at(1_000)), .waiting),
                .init(1_000, .tick, .fetch, .unleased),
            ]
        ),
        (
            "nor less than a sixteenth of it: a lease without end makes no storm of questions",
            begun + [
                .init(
                    0, .answered(.held(remainingNanoseconds: 0)), .wait(until: at(25)), .waiting),
                .init(24, .tick, .nothing, .waiting), .init(25, .tick, ask, .asked),
            ]
        ),
        ("an end before the beginning", [.init(0, .fetched, .keepOut(.abandoned), .done)]),
        ("an end while it is asked for", begun + [.init(1, .fetched, .keepOut(.abandoned), .done)]),
    ]

    static let renewals: [(String, [LeaseStep])] = [
        (
            "renewed at half its time, counted from the sending, again and again",
            leased + [
                .init(199, .tick, .nothing, .leased), .init(200, .tick, renew, .renewing),
                .init(230, .tick, .nothing, .renewing),
                .init(250, .renewed(.renewed), .nothing, .leased),
                .init(399, .tick, .nothing, .leased), .init(400, .tick, renew, .renewing),
                .init(401, .renewed(.renewed), .nothing, .leased),
                .init(799, .fetched, .fill(token: 5), .done),
            ]
        ),
        (
            "and lost after that like any other",
            leased + [
                .init(200, .tick, renew, .renewing),
                .init(250, .renewed(.renewed), .nothing, .leased),
                .init(600, .fetched, .keepOut(.lost), .done),
            ]
        ),
        (
            "what ends meanwhile is filled under the lease as it was",
            leased + [
                .init(200, .tick, renew, .renewing), .init(300, .fetched, .fill(token: 5), .done),
                .init(301, .renewed(.renewed), .nothing, .done),
            ]
        ),
        (
            "but not after it",
            leased + [
                .init(200, .tick, renew, .renewing),
                .init(400, .fetched, .keepOut(.lost), .done),
            ]
        ),
        (
            "a purge has taken it away",
            leased + [
                .init(200, .tick, renew, .renewing), .init(201, .renewed(.gone), .nothing, .done),
                .init(300, .fetched, .keepOut(.lost), .done),
            ]
        ),
        (
            "Redis does not say: asked again while it lasts",
            leased + [
                .init(200, .tick, renew, .renewing),
                .init(250, .renewed(.unknown), .nothing, .leased),
                .init(299, .tick, .nothing, .leased), .init(300, .tick, renew, .renewing),
                .init(350, .renewed(.unknown), .nothing, .leased),
                .init(400, .tick, .nothing, .leased),
                .init(400, .fetched, .keepOut(.lost), .done),
            ]
        ),
        (
            "an answer that nobody asked for changes nothing",
            leased + [
                .init(100, .renewed(.renewed), .nothing, .leased),
                .init(100, .renewed(.gone), .nothing, .leased),
                .init(400, .fetched, .keepOut(.lost), .done),
            ]
        ),
        (
            "not past the deadline",
            leased + [
                .init(200, .tick, renew, .renewing),
                .init(201, .renewed(.renewed), .nothing, .leased),
                .init(500, .tick, renew, .renewing),
                .init(500, .renewed(.renewed), .nothing, .leased),
                .init(800, .tick, renew, .renewing),
                .init(801, .renewed(.renewed), .nothing, .leased),
                .init(1_000, .tick, .nothing, .leased),
                .init(1_100, .fetched, .fill(token: 5), .done),
            ]
        ),
    ]

    static let impatient: [(LeaseTerms.Patience, LeaseAction, LeasePhase)] = [
        (.leaves, .leave, .done), (.fetches, .fetch, .unleased),
        (.waits, .wait(until: at(300)), .waiting),
    ]

    @Test("go from one state to the next", arguments: stories + renewals)
    func story(name: String, steps: [LeaseStep]) {
        var lease = Self.idle(.waits)
        for step in steps {
            let now = at(step.at)
            var action = LeaseAction.nothing
            switch step.event {
            case .start: action = lease.start(at: now)
            case .answered(let answer): action = lease.answered(answer, at: now)
            case .invalidated: action = lease.invalidated(at: now)
            case .tick: action = lease.tick(at: now)
            case .renewed(let answer): lease.renewed(answer, at: now)
            case .fetched: action = lease.fetched(isStorable: true, at: now)
            case .fetchedUnstorable: action = lease.fetched(isStorable: false, at: now)
            }
            #expect(action == step.action, "\(name): \(step.testDescription)")
            let phase = lease.phase
            #expect(phase == step.phase, "\(name): \(step.testDescription)")
        }
    }

    @Test("of others are waited for, or not", arguments: impatient)
    func patience(patience: LeaseTerms.Patience, action: LeaseAction, phase: LeasePhase) {
        var lease = Self.idle(patience)
        _ = lease.start(at: at(0))
        let taken = lease.answered(Self.held, at: at(0))
        #expect(taken == action)
        let reached = lease.phase
        #expect(reached == phase)
    }

    @Test("say when they are to be looked at, and whether a fill would be of use")
    func times() {
        var lease = Self.idle(.waits)
        expect(lease, wake: .never, fillsAt: nil)
        _ = lease.start(at: at(0))
        expect(lease, wake: .never, fillsAt: nil)
        _ = lease.answered(Self.held, at: at(0))
        expect(lease, wake: at(300), fillsAt: nil)
        _ = lease.tick(at: at(300))
        _ = lease.answered(.granted, at: at(310))
        expect(lease, wake: at(500), fillsAt: 699)
        _ = lease.tick(at: at(500))
        expect(lease, wake: .never, fillsAt: 699)
        lease.renewed(.renewed, at: at(510))
        expect(lease, wake: at(700), fillsAt: 899)
        _ = lease.fetched(isStorable: true, at: at(510))
        expect(lease, wake: .never, fillsAt: nil)
    }

    /// `last`: the last millisecond at which it may fill.
    private func expect(_ lease: borrowing FetchLease, wake: Instant, fillsAt last: UInt64?) {
        let found = lease.wake
        #expect(found == wake)
        let before = lease.mayFill(at: at(last ?? 0))
        let after = lease.mayFill(at: at((last ?? 0) + 1))
        #expect(before == (last != nil))
        #expect(!after)
    }

    private static func idle(_ patience: LeaseTerms.Patience) -> FetchLease {
        .idle(
            LeaseTerms(
                token: 5, durationNanoseconds: 400_000_000, patience: patience,
                deadline: at(1_000)))
    }
}
