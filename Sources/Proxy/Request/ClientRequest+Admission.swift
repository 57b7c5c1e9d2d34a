internal import EventLoop
internal import HTTP1
internal import ProxyCore
internal import Telemetry
internal import Time
internal import Upstream

// Whether a request may go to its upstream, what its outcome tells about the upstream, and whether it goes
// once more. Hits never come here.

extension ClientRequest {
    private var health: UpstreamHealth { route.upstream.health }
    private var resilience: ResilienceSettings { route.upstream.settings.resilience }

    // MARK: Before an attempt

    /// The client may have said how long it waits; its word can only shorten the time.
    func readClientDeadline() {
        guard let milliseconds = route.upstream.deadlineField?.milliseconds(in: head) else {
            return
        }
        admission.isUsed = true
        admission.clientDeadline = started.advanced(byNanoseconds: milliseconds * 1_000_000)
    }

    /// Asks for an attempt, and waits for its turn where it has to. Fails if the upstream is to be spared:
    /// then `admission.refusal` says why.
    func admit() async throws(UpstreamFailure) {
        admission.isUsed = true
        admission.isConnected = false
        admission.answered = nil
        let now = Instant.now()
        if totalDeadline <= now { throw UpstreamFailure(.timeout, "no time was left to ask") }
        let call = admissionCall(at: now)
        var verdict = health.enter(call, at: now)
        if case .full = verdict {
            // Refreshes have the lowest priority: they do not wait for a turn.
            verdict = step == .refresh ? health.refuse(.overloaded, at: now) : await queue(call)
        }
        switch verdict {
        case .refused(let refusal):
            admission.refusal = refusal
            admission.breakerState = refusal.state
            throw UpstreamFailure(.canceled, refusal.explanation)
        case .full:
            preconditionFailure("a request was neither admitted nor refused")
        case .admitted(let permit):
            admission.permit = permit
            admission.breakerState = permit.state
            if permit.pauseNanoseconds > 0 {
                await worker.loop.sleep(nanoseconds: permit.pauseNanoseconds)
            }
        }
        if isClientGone {
            report(.ignored)
            throw .clientLeft
        }
    }

    private func admissionCall(at now: Instant) -> AdmissionCall {
        let left = Deadline(at: totalDeadline).nanosecondsLeft(at: now)
        let answer = route.connectNanoseconds.addingReportingOverflow(route.firstByteNanoseconds)
        let deadline = now.advanced(
            byNanoseconds: answer.overflow ? .max : answer.partialValue)
        return AdmissionCall(
            deadline: min(totalDeadline, deadline), isUnlimited: isUploadSlow,
            isRetry: attempts > 0,
            waitNanosecondsMax: resilience.concurrency.waitNanosecondsMax(left: left),
            chance: worker.random.next())
    }

    /// Whether the client has yet to send a part of its body. How long that takes says nothing about the
    /// upstream, and clients that send slowly must not use up its places.
    private var isUploadSlow: Bool {
        if upload.isDecoded { return false }
        switch head.body {
        case .none, .untilClose: return false
        case .chunked: return true
        case .length(let length):
            return length > 0 && UInt64(connection?.inbound.count ?? 0) < length
        }
    }

    /// Waits for a place, if there is room to wait in.
    private func queue(_ call: AdmissionCall) async -> AdmissionVerdict {
        let waiter = AdmissionWaiter(
            ConfinedCall(loop: worker.loop) { [joined] in joined.resume(.told) })
        let now = Instant.now()
        guard health.join(call, waiter, at: now) else { return health.refuse(.overloaded, at: now) }
        await waitForTurn(waiter, until: now.advanced(byNanoseconds: call.waitNanosecondsMax))
        return health.proceed(call, waiter, at: .now())
    }

    /// Waits for the turn, for the client's leaving or for `deadline`.
    private func waitForTurn(_ waiter: AdmissionWaiter, until deadline: Instant) async {
        let timer = Timer(on: worker.loop) { [joined] in joined.resume(.deadline) }
        timer.arm(at: deadline)
        defer { timer.cancel() }
        // As for a flight: what woke it is looked up.
        while !waiter.isGranted, !isClientGone, deadline > .now() {
            _ = await joined.wait()
        }
    }

    // MARK: After an attempt

    /// The answer's head is there. True if the answer is not to be used, since the request is sent again.
    func noteAnswer(_ response: ResponseHead) -> Bool {
        guard let permit = admission.permit else { return false }
        let now = Instant.now()
        let latency = now.nanoseconds(since: max(lastProgress, upload.completed))
        let isSlow = latency >= resilience.breaker.slowNanoseconds
        let outcome = CallOutcome.answer(status: response.status, isSlow: isSlow)
        let pause = requestedPause(response)
        admission.permit = nil
        admission.answered = permit
        health.finish(
            permit,
            AttemptReport(
                outcome: outcome, latencyNanoseconds: outcome == .failure ? nil : latency,
                pauseNanoseconds: pause, isAnswered: true, chance: worker.random.next()),
            at: now)
        guard pause == 0, let condition = RetryCondition(status: response.status),
            mayTryAgain(condition), payForRetry()
        else { return false }
        admission.wantsRetry = true
        withholdAnswer()
        return true
    }

    /// The pause that 429 and 503 ask for with Retry-After, in nanoseconds (RFC 9110 §10.2.3, RFC 6585 §4).
    private func requestedPause(_ response: ResponseHead) -> UInt64 {
        guard response.status == 429 || response.status == 503,
            let value = response.value(of: .retryAfter)
        else { return 0 }
        let bytes = response.bytes
        return RetryAfter.nanoseconds(bytes.span.extracting(value.indices), now: .now()) ?? 0
    }

    /// The attempt is over. What its answer did not tell about the upstream, its failure does.
    func concludeAttempt(_ failure: UpstreamFailure?) {
        if admission.permit != nil {
            // Without a failure the head would have been there.
            report(failure.map(outcome) ?? .ignored)
        } else if let failure, let permit = admission.answered, isTruncation(failure) {
            health.reportTruncation(permit, at: .now(), chance: worker.random.next())
        }
        admission.answered = nil
    }

    private func report(_ outcome: CallOutcome) {
        guard let permit = admission.permit else { return }
        admission.permit = nil
        let now = Instant.now()
        // A request that ran out of time has measured the upstream as well.
        let isMeasured = outcome == .failure && admission.isConnected
        let latency = now.nanoseconds(since: max(lastProgress, upload.completed))
        health.finish(
            permit,
            AttemptReport(
                outcome: outcome, latencyNanoseconds: isMeasured ? latency : nil,
                chance: worker.random.next()),
            at: now)
    }

    private func outcome(of failure: UpstreamFailure) -> CallOutcome {
        // The client's own haste says nothing about the upstream.
        if failure.reason == .timeout, admission.clientDeadline <= .now() { return .ignored }
        // A kept connection that the upstream had closed already (RFC 9112 §9.6).
        if failure.reason == .reset, wasReused, relay.hasNothing { return .ignored }
        return .error(failure.reason, isConnected: admission.isConnected)
    }

    private func isTruncation(_ failure: UpstreamFailure) -> Bool {
        if caching.isWithheld { return false }
        return failure.reason == .reset || failure.reason == .protocol || failure.reason == .timeout
    }

    // MARK: Once more

    /// Whether the request is to be sent once more after this failure.
    func isToBeRepeated(after failure: UpstreamFailure) -> Bool {
        if isClientGone || admission.refusal != nil { return false }
        if admission.wantsRetry { return true }
        // A connection that died in the pool: known to be harmless, so that nothing is paid for it.
        if mayRetry(after: failure) { return true }
        guard relay.hasNothing, let condition = condition(of: failure) else { return false }
        return mayTryAgain(condition) && payForRetry()
    }

    private func condition(of failure: UpstreamFailure) -> RetryCondition? {
        switch failure.reason {
        case .connect: .connect
        case .timeout: .timeout
        case .reset: .reset
        // A name or a certificate is not right a moment later.
        case .dns, .tls, .protocol, .poolFull, .canceled: nil
        }
    }

    private func mayTryAgain(_ condition: RetryCondition) -> Bool {
        let settings = resilience.retry
        guard settings.conditions.contains(condition),
            settings.methods.contains(index: head.method.rawValue),
            admission.retries < route.retriesMax, step != .refresh, !isAnswered, !isClientGone,
            !upload.hasMoved, upload.fault == nil,
            // Better at hand than another attempt, and no load at all.
            !mayUseCandidateOnError
        else { return false }
        return Deadline(at: totalDeadline).allows(
            pauseNanoseconds: settings.pause.nanosecondsMax, thenNanoseconds: 1_000_000, at: .now())
    }

    private func payForRetry() -> Bool {
        switch health.takeRetry(at: .now()) {
        case .allowed:
            admission.hasRetry = true
            return true
        case .exhausted:
            route.upstream.metrics.retries[.budgetExhausted].add()
            return false
        case .pointless: return false
        }
    }

    /// Counts a retry that has brought an answer: of use only if it is not one to be repeated in its turn.
    func countRetry() {
        let condition = RetryCondition(status: relay.status)
        let isInVain = condition.map(resilience.retry.conditions.contains) ?? false
        route.upstream.metrics.retries[isInVain ? .failure : .success].add()
    }

    /// Reads the answer to its end without showing it to anybody, so that its connection can be kept.
    private func withholdAnswer() {
        caching.isWithheld = true
        caching.withheldUntil = Instant.now().advanced(
            byNanoseconds: ClientRequest.withheldNanoseconds)
    }

    /// Makes ready for another attempt, after a pause if one is due.
    func prepareRepetition() async {
        upload.rewind()
        admission.retries += 1
        if admission.wantsRetry {
            admission.wantsRetry = false
            caching.isWithheld = false
            caching.withheldUntil = .never
            caching.upstreamStatus = 0
        }
        guard admission.hasRetry else { return }
        admission.hasRetry = false
        await worker.loop.sleep(
            nanoseconds: resilience.retry.pause.nanoseconds(chance: worker.random.next()))
    }

    // MARK: Refused

    /// Nothing was sent to the upstream: a stale answer if there is one, else 503.
    func answerRefused(_ refusal: Refusal) {
        error = refusal.reason.word
        detail = nil
        caching.detail = CacheDetail(refusal.reason)
        if serveStaleOnError() { return }
        origin = .proxy
        answerFailure(503, refusal.explanation)
    }

    /// The fetch that this request waited for was refused: it shares the refusal.
    func shareRefusal(_ refusal: Refusal) {
        admission.isUsed = true
        admission.refusal = refusal
        admission.breakerState = refusal.state
        health.countShed(refusal.reason)
        answerRefused(refusal)
    }
}

extension Refusal {
    /// What a client is told.
    var explanation: String {
        let words =
            switch reason {
            case .breakerOpen: "the upstream fails and is left alone for a while"
            case .gateClosed: "the upstream has asked for a pause"
            case .overloaded: "the upstream has as many requests as it can take"
            case .paced: "the upstream's quota is used up"
            }
        return "\(reason.rawValue): \(words)"
    }
}

extension FlightFailure {
    /// How a leader failed that was not let through.
    init(_ refusal: Refusal) {
        self.init(status: 503, error: refusal.reason.word, refusal: refusal)
    }
}

extension CacheDetail {
    /// The word for an answer that is given because of a refusal.
    init(_ reason: ShedReason) {
        switch reason {
        case .breakerOpen: self = .breakerOpen
        case .gateClosed: self = .gateClosed
        case .overloaded: self = .overloaded
        case .paced: self = .paced
        }
    }
}
