import ProxyCore
import Redis
import Time

/// What a data connection owes an answer to.
enum Pending {
    case lease(Int)
    case fill(Int)
    case renewal(Int, token: UInt64)
    case release
    case purge(key: Int, number: UInt64)
    case replay
}

/// A fetch that is on its way.
final class Flight {
    var lease: FetchLease
    var placeholder: FillGuard.Placeholder?
    let token: UInt64
    /// This instance purged its key since it was begun.
    var isPurged = false

    init(_ terms: LeaseTerms) {
        token = terms.token
        lease = .idle(terms)
    }
}

/// Requests, purges, and the way through memory, shared cache and origin.
extension Instance {
    /// Requests come until all is to be quiet.
    func work() {
        guard isBusy else { return }
        later(ms(world.between(20, 120))) { [self] in work() }
        let key = world.chance(keys.count)
        if world.chance(purgeOneIn) == 0 { purge(key) } else { request(key) }
    }

    private func request(_ key: Int) {
        if isLive, let value = memory[key] { return judge.served(value, by: self) }
        guard flights[key] == nil else { return }
        let flight = Flight(
            LeaseTerms(
                token: world.chance() | 1, durationNanoseconds: ms(world.between(150, 500)),
                patience: .waits, deadline: world.now.advanced(byNanoseconds: ms(1_500))))
        flights[key] = flight
        step(flight, key) { $0.start(at: world.now) }
    }

    func step(_ flight: Flight, _ key: Int, _ body: (inout FetchLease) -> LeaseAction) {
        let before = flight.lease.phase
        let action = body(&flight.lease)
        reached("lease", before.rawValue, flight.lease.phase.rawValue)
        switch action {
        case .ask(let token, let duration):
            flight.placeholder = fills.begin(keyBytes[key])
            let sent = ask(.lease(key)) {
                .getOrLease($0, key: key, token: token, duration: duration)
            }
            if !sent { answered(.unavailable, nil, key) }
        case .use: flights[key] = nil
        case .fetch:
            fetch(flight, key)
            keepLease(flight, key)
        case .wait(let until):
            later(until.nanoseconds - min(world.time, until.nanoseconds)) { [self] in
                guard flights[key] === flight else { return }
                step(flight, key) { $0.tick(at: world.now) }
            }
        case .renew(let token, let duration):
            let sent = ask(.renewal(key, token: token)) {
                .renew($0, key: key, token: token, duration: duration)
            }
            if !sent { renewed(.unknown, key, token) }
        case .fill, .giveBack, .keepOut, .leave, .nothing: break
        }
    }

    /// Renews the lease in time, while the fetch goes on.
    private func keepLease(_ flight: Flight, _ key: Int) {
        let wake = flight.lease.wake
        guard wake != .never else { return }
        later(wake.nanoseconds - min(world.time, wake.nanoseconds)) { [self] in
            guard flights[key] === flight, flight.lease.wake == wake else { return }
            step(flight, key) { $0.tick(at: world.now) }
        }
    }

    func renewed(_ answer: RenewalAnswer, _ key: Int, _ token: UInt64) {
        guard let flight = flights[key], flight.token == token else { return }
        step(flight, key) {
            $0.renewed(answer, at: world.now)
            return .nothing
        }
        if answer == .renewed { judge.count("renewals") }
        keepLease(flight, key)
    }

    private func fetch(_ flight: Flight, _ key: Int) {
        let value = Value(key: key, number: origin(), fetchedFrom: world.time)
        later(ms(world.between(10, 600))) { [self] in
            guard flights[key] === flight else { return }
            let before = flight.lease.phase
            let isStorable = !flight.isPurged && world.chance(10) > 0
            let action = flight.lease.fetched(isStorable: isStorable, at: world.now)
            reached("lease", before.rawValue, flight.lease.phase.rawValue)
            let isChecked = !flaws.contains(.fillsWithoutToken)
            switch action {
            case .fill: break
            case .keepOut(.lost) where !isChecked: break
            case .giveBack where !isChecked && flight.isPurged: break
            case .giveBack(let token):
                flights[key] = nil
                _ = ask(.release) { .release($0, key: key, token: token) }
                return
            default:
                flights[key] = nil
                return
            }
            let sent = ask(.fill(key)) {
                .fill($0, key: key, token: flight.token, value, isChecked: isChecked)
            }
            if !sent { flights[key] = nil }
        }
    }

    /// The answer to `get_or_lease`.
    func answered(_ answer: LeaseAnswer, _ value: Value?, _ key: Int) {
        guard let flight = flights[key] else { return }
        if let placeholder = flight.placeholder {
            flight.placeholder = nil
            // In this order: the placeholder goes in any case.
            if fills.finish(placeholder), let value, isLive {
                judge.kept(value, by: self)
                memory[key] = value
            }
        }
        step(flight, key) { $0.answered(answer, at: world.now) }
    }

    private func purge(_ key: Int) {
        let number = journal.record(key, at: world.now)
        flights[key]?.isPurged = true
        forget(key)
        _ = ask(.purge(key: key, number: number)) { .purge($0, key: key) }
    }

    func forget(_ key: Int) {
        memory[key] = nil
        if !flaws.contains(.fillsIgnoreInvalidations) { fills.invalidate(keyBytes[key]) }
        if let flight = flights[key] {
            step(flight, key) { $0.invalidated(at: world.now) }
        }
    }

    func reached(_ machine: String, _ before: String, _ after: String) {
        if before != after { transitions.insert("\(machine) \(before)>\(after)") }
    }
}
