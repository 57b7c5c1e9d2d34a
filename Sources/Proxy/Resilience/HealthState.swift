internal import ProxyCore
internal import Telemetry
internal import Time

/// The state behind an upstream's lock. The machines decide; this asks them in order: gate, breaker,
/// concurrency, quota.
struct HealthState: ~Copyable {
    var breaker: CircuitBreaker
    private var gate: UpstreamGate
    private var limit: ConcurrencyLimit
    private var budget: RetryBudget
    private var pacer: Pacer
    private var waiters: [UInt64: AdmissionWaiter] = [:]
    private var lastID: UInt64 = 0
    private var shed = [UInt64](repeating: 0, count: ShedReason.allCases.count)

    init(_ settings: ResilienceSettings) {
        breaker = CircuitBreaker(settings.breaker)
        gate = UpstreamGate(settings.gate)
        limit = ConcurrencyLimit(settings.concurrency)
        budget = RetryBudget(settings.retry.budget)
        pacer = Pacer(settings.pacing)
    }

    mutating func apply(_ settings: ResilienceSettings) {
        breaker.settings = settings.breaker
        gate.settings = settings.gate
        limit.settings = settings.concurrency
        budget.settings = settings.retry.budget
        pacer.settings = settings.pacing
    }

    mutating func count(_ reason: ShedReason) { shed[reason.index] += 1 }

    // MARK: Before an attempt

    /// See `UpstreamHealth.enter`.
    mutating func enter(_ call: AdmissionCall, at now: Instant) -> AdmissionVerdict {
        if !call.isRetry { budget.countCall(at: now) }
        let verdict = pass(call, hasPlace: !call.isUnlimited, at: now)
        guard case .admitted(let permit) = verdict, !call.isUnlimited else { return verdict }
        if limit.enter(0, at: now) == .admitted { return verdict }
        // What lets it pass now may not when its turn comes: asked for again then.
        breaker.report(permit.breaker, .ignored, at: now, chance: call.chance)
        if permit.isTrial { gate.finishTrial(isAnswered: false, at: now) }
        pacer.giveBack()
        return .full
    }

    /// See `UpstreamHealth.join`: nil without room, true if there is a place already.
    mutating func join(
        _ call: AdmissionCall, _ waiter: AdmissionWaiter, at now: Instant
    ) -> Bool? {
        lastID += 1
        switch limit.enter(lastID, waitNanosecondsMax: call.waitNanosecondsMax, at: now) {
        case .admitted:
            return true
        case .queued:
            waiter.id = lastID
            waiters[lastID] = waiter
            return false
        case .full:
            return nil
        }
    }

    /// See `UpstreamHealth.proceed`. Who is named may go now.
    mutating func proceed(
        _ call: AdmissionCall, _ waiter: AdmissionWaiter, at now: Instant
    ) -> (AdmissionVerdict, [AdmissionWaiter]) {
        waiters[waiter.id] = nil
        if limit.leave(waiter.id) {
            return (refuse(.overloaded, until: nil, at: now), [])
        }
        let verdict = pass(call, hasPlace: true, at: now)
        if case .refused = verdict { return (verdict, release(nil, at: now)) }
        return (verdict, [])
    }

    /// Gate, breaker and quota.
    private mutating func pass(
        _ call: AdmissionCall, hasPlace: Bool, at now: Instant
    ) -> AdmissionVerdict {
        var isTrial = false
        switch gate.admit(at: now, deadline: call.deadline) {
        case .open: break
        case .trial: isTrial = true
        case .closed(let until): return refuse(.gateClosed, until: until, at: now)
        }
        let permit: BreakerPermit
        let wasOpen = breaker.state == .open
        switch breaker.admit(at: now, deadline: call.deadline, chance: call.chance) {
        case .admitted(let admitted): permit = admitted
        case .refused(let until):
            if isTrial { gate.finishTrial(isAnswered: false, at: now) }
            return refuse(.breakerOpen, until: until, at: now)
        }
        // The ramp lets a share of the requests through; the limit, which then grows with the share, bounds them also
        // where refused clients come back at once and ask so often that a share of them is all of them.
        if wasOpen, breaker.state == .halfOpen { limit.restart() }
        guard let pause = pacer.take(at: now, waitNanosecondsMax: call.waitNanosecondsMax) else {
            breaker.report(permit, .ignored, at: now, chance: call.chance)
            if isTrial { gate.finishTrial(isAnswered: false, at: now) }
            return refuse(.paced, until: pacer.nextDue, at: now)
        }
        return .admitted(
            AdmissionPermit(
                breaker: permit, state: breaker.state, isTrial: isTrial, hasPlace: hasPlace,
                pauseNanoseconds: pause))
    }

    /// Counts and words a refusal.
    mutating func refuse(
        _ reason: ShedReason, until: Instant?, at now: Instant
    ) -> AdmissionVerdict {
        count(reason)
        return .refused(Refusal(reason, breaker.state, until: until, at: now))
    }

    // MARK: After an attempt

    /// See `UpstreamHealth.finish`. Who is named may go now.
    mutating func finish(
        _ permit: AdmissionPermit, _ report: AttemptReport, at now: Instant
    ) -> [AdmissionWaiter] {
        var outcome = report.outcome
        if report.pauseNanoseconds > 0,
            gate.close(forNanoseconds: report.pauseNanoseconds, at: now)
        {
            outcome = .ignored
        } else if permit.isTrial {
            gate.finishTrial(isAnswered: report.isAnswered, at: now)
        }
        breaker.report(permit.breaker, outcome, at: now, chance: report.chance)
        guard permit.hasPlace else { return [] }
        return release(report.latencyNanoseconds, at: now)
    }

    private mutating func release(
        _ latencyNanoseconds: UInt64?, at now: Instant
    ) -> [AdmissionWaiter] {
        switch breaker.state {
        case .ramp: limit.trust(breaker.rampShare(at: now) ?? 1)
        case .closed: limit.trust(nil)
        case .open, .halfOpen: break
        }
        return limit.release(latencyNanoseconds: latencyNanoseconds, at: now).compactMap {
            waiters.removeValue(forKey: $0)
        }
    }

    /// See `UpstreamHealth.takeRetry`.
    mutating func takeRetry(at now: Instant) -> RetryVerdict {
        guard !gate.isClosed, breaker.state == .closed || breaker.state == .ramp else {
            return .pointless
        }
        return budget.take(at: now) ? .allowed : .exhausted
    }

    // MARK: Shown

    mutating func view(at now: Instant) -> HealthView {
        HealthView(
            state: breaker.state, openNanoseconds: breaker.openUntil?.nanoseconds(since: now),
            transitions: BreakerState.allCases.map { breaker.transitions(to: $0) }, shed: shed,
            isGateClosed: gate.isClosed,
            gateNanoseconds: gate.closedUntil?.nanoseconds(since: now),
            limit: Int(limit.limit), inFlight: limit.inFlight, queued: limit.queued,
            retriesLeft: budget.left(at: now))
    }
}
