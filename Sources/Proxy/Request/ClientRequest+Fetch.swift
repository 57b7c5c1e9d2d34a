internal import EventLoop
internal import HTTP1
internal import ProxyCore
internal import Telemetry
internal import Time
internal import Upstream

// A request that memory could not answer: it fetches, or it waits for another one that is fetching the
// same. Whatever happens to the client meanwhile, a fetch that somebody else can use goes on.

extension ClientRequest {
    /// Why a follower's wait ended.
    enum FollowerWake: Sendable {
        /// The flight has an outcome.
        case told
        /// The client is gone.
        case left
        /// The request's time is over.
        case deadline
    }

    /// Gets the answer, from the upstream or from another request's fetch.
    func fetch() async {
        caching.forward = caching.result
        guard let memory = worker.instance.memory, caching.isLookedUp else {
            return await forward()
        }
        caching.isValidating = caching.candidate.map { $0.metadata.hasValidator } ?? false
        guard mayShare else {
            if caching.isUnshared { worker.metrics.flights[.hitForMiss].add() }
            return await fetchForItself(memory)
        }
        await share(memory, rounds: 2)
    }

    /// Whether the answer can be another request's too. Requests for a part, with conditions or with
    /// credentials fetch for themselves, and so do those that have to ask in any case.
    private var mayShare: Bool {
        let facts = caching.facts
        if caching.isUnshared || facts.isHead || facts.hasAuthorization || facts.noStore
            || facts.noCache || facts.hasOtherPreconditions
        {
            return false
        }
        if let candidate = caching.candidate?.metadata,
            candidate.flags.contains(.requiresValidation) || candidate.lifetimeSeconds == 0
        {
            return false
        }
        return caching.isValidating || !facts.hasRange && !facts.hasConditions
    }

    /// Joins the flight for the key; `rounds`: how often more, should its answer be another variant.
    private func share(_ memory: MemoryCache, rounds: Int) async {
        let (joined, drained) = (joined, drained)
        let follower = Follower(
            ConfinedCall(loop: worker.loop) {
                joined.resume(.told)
                // A leader that waits for its client learns that others wait for it.
                drained.resume(())
            }, hasFallback: caching.candidate != nil && caching.staleUse.mayServeOnError)
        switch memory.join(caching.key, hash: caching.hash, follower, now: .now()) {
        case .alone:
            await forward()
        case .leader(let ticket):
            caching.flight = ticket
            // Another flight may have landed between the look-up and now.
            if let stored = freshNow(in: memory) {
                memory.settle(ticket, .stored(stored))
                caching.flight = nil
                return serveCollapsed(stored)
            }
            worker.metrics.flights[.leader].add()
            await lead(memory)
        case .follower(let ticket, _):
            worker.metrics.flights[.follower].add()
            await follow(ticket, follower, memory, rounds: rounds)
        }
    }

    /// Leads the flight: gets the answer from the tier that instances share, or from the upstream.
    private func lead(_ memory: MemoryCache) async {
        guard let link = worker.link else { return await forward() }
        switch await askShared(link, memory, .leads) {
        case .response(let stored):
            settle(.stored(stored))
            if isDetached { return endDetached(nil) }
            serveShared(stored)
        case .stale(let stored, let isToBeRenewed):
            await serveStaleShared(stored, isToBeRenewed: isToBeRenewed)
        case .fetch, .held:
            await forward()
        case .unshared:
            memory.noteUnshared(caching.hash, now: .now())
            caching.detail = .hitForMiss
            settle(.alone)
            await forward()
        case .left:
            fail(.clientLeft)
        }
    }

    /// Gets an answer that nobody else can use, or that must be new.
    private func fetchForItself(_ memory: MemoryCache) async {
        guard let link = worker.link, !caching.isUnshared else { return await forward() }
        switch await askShared(link, memory, caching.facts.noCache ? .renews : .looks) {
        case .response(let stored): serveShared(stored)
        case .stale(let stored, let isToBeRenewed):
            await serveStaleShared(stored, isToBeRenewed: isToBeRenewed)
        case .left: fail(.clientLeft)
        case .fetch, .unshared, .held: await forward()
        }
    }

    /// Renews a response without a client: unless another instance does, or has.
    func refreshShared() async {
        guard let link = worker.link, let memory = worker.instance.memory else {
            return await forward()
        }
        // Whoever answered with what was stale asked for it, and got the lease.
        if let shared = caching.shared, shared.mayFill { return await forward() }
        switch await askShared(link, memory, .refreshes) {
        case .response(let stored), .stale(let stored, _):
            settle(.stored(stored))
            endDetached(nil)
        case .fetch: await forward()
        case .unshared, .held, .left: endDetached(nil)
        }
    }

    private func freshNow(in memory: MemoryCache) -> StoredResponse? {
        guard case .response(let stored, let isSoft) = find(in: memory),
            worker.instance.shared?.mayUse(stored, at: .now()) ?? (stored !== caching.candidate),
            case .fresh = Reuse.decide(
                stored.metadata, caching.facts, isSoftPurged: isSoft, now: .now())
        else { return nil }
        return stored
    }

    private func follow(
        _ ticket: FlightTicket, _ follower: Follower, _ memory: MemoryCache, rounds: Int
    ) async {
        let wake = await waitForFlight(follower)
        if follower.outcome == nil, memory.leave(ticket, follower) {
            if wake == .left { return fail(.clientLeft) }
            if totalDeadline <= .now() { return fail(.init(.timeout, "another request's fetch")) }
            // That fetch takes too long to be waited for; this one may stream.
            return await forward()
        }
        switch follower.outcome {
        case .stored(let stored):
            await take(stored, memory, rounds: rounds)
        case .again where rounds > 0:
            await share(memory, rounds: rounds - 1)
        case .again:
            await forward()
        case .lead(let ticket):
            caching.flight = ticket
            if isClientGone {
                guard isOfUseToOthers else { return fail(.clientLeft) }
                detach()
            }
            worker.metrics.flights[.leader].add()
            await lead(memory)
        case .failed(let failure):
            failAsFollower(failure)
        case .alone, nil:
            caching.detail = .hitForMiss
            worker.metrics.flights[.hitForMiss].add()
            await forward()
        }
    }

    /// When a follower stops waiting: at its own deadline, or when nobody would join the flight any more.
    var followDeadline: Instant {
        min(totalDeadline, started.advanced(byNanoseconds: Flights.joinedNanosecondsMax))
    }

    /// Waits for the flight's outcome, the client's leaving, or `followDeadline`.
    private func waitForFlight(_ follower: Follower) async -> FollowerWake {
        let deadline = followDeadline
        let timer = Timer(on: worker.loop) { [joined] in joined.resume(.deadline) }
        timer.arm(at: deadline)
        defer { timer.cancel() }
        // A wake-up may have been meant for an earlier request of this object, and may hide another one that
        // came with it: what it says is looked up. The outcome is a message to this loop, after this.
        while true {
            if follower.outcome != nil { return .told }
            if isClientGone { return .left }
            if deadline <= .now() { return .deadline }
            _ = await joined.wait()
        }
    }

    /// Answers with what another request fetched, unless it is not for this one.
    private func take(_ stored: StoredResponse, _ memory: MemoryCache, rounds: Int) async {
        if isClientGone { return fail(.clientLeft) }
        guard stored.metadata.vary.matches(head) else {
            caching.result = .varyMiss
            caching.forward = .varyMiss
            if rounds > 0 { return await share(memory, rounds: rounds - 1) }
            return await forward()
        }
        if case .fresh = Reuse.decide(
            stored.metadata, caching.facts, isSoftPurged: false, now: .now())
        {
            return serveCollapsed(stored)
        }
        if mayUseStale(stored) { return serveStale(stored, tier: .local) }
        // Stored, but this request has to ask: with a validator, for itself.
        caching.candidate = stored
        caching.started = stored.started
        caching.isValidating = stored.metadata.hasValidator
        await forward()
    }

    private func serveShared(_ stored: StoredResponse) {
        let age = Freshness.currentAge(stored.metadata, now: .now())
        serve(
            stored, as: .hit, age: age, ttl: Int64(stored.metadata.lifetimeSeconds) - age,
            tier: .redis)
    }

    /// RFC 5861 §3 with what only Redis has: answers at once, and leaves the lease, if there is one, to the fetch in
    /// the background.
    private func serveStaleShared(_ stored: StoredResponse, isToBeRenewed: Bool) async {
        if isToBeRenewed {
            settleFlight(.stored(stored))
            // Who waited is answered; what is left of a request without client is the fetch in the background.
            if isDetached { return await forward() }
            if worker.refresh(stored, for: self, under: caching.shared) {
                caching.shared = nil
            } else {
                releaseLease()
            }
        } else {
            settle(.stored(stored))
            if isDetached { return endDetached(nil) }
        }
        serveStale(stored, tier: .redis)
    }

    /// Whether what others found may answer this request although it is stale.
    private func mayUseStale(_ stored: StoredResponse) -> Bool {
        guard
            case .stale(_, _, let use) = Reuse.decide(
                stored.metadata, caching.facts, isSoftPurged: false, now: .now())
        else { return false }
        caching.staleUse = use
        return use.mayServeWhileRevalidating || use.allowedByClient
    }

    private func serveStale(_ stored: StoredResponse, tier: CacheTier) {
        if caching.staleUse.mayServeWhileRevalidating { caching.detail = .swr }
        worker.metrics.staleServed[.revalidate].add()
        let age = Freshness.currentAge(stored.metadata, now: .now())
        serve(
            stored, as: .staleServed, age: age,
            ttl: Int64(stored.metadata.lifetimeSeconds) - age, tier: tier)
    }

    private func serveCollapsed(_ stored: StoredResponse) {
        let age = Freshness.currentAge(stored.metadata, now: .now())
        serve(
            stored, as: .collapsed, age: age,
            ttl: Int64(stored.metadata.lifetimeSeconds) - age)
    }

    private func failAsFollower(_ failure: FlightFailure) {
        if isClientGone { return fail(.clientLeft) }
        if let refusal = failure.refusal { return shareRefusal(refusal) }
        if serveStaleOnError() { return }
        error = failure.error
        answerFailure(failure.status, "the fetch that this request waited for failed twice")
    }

    /// Answers with the stale candidate because nothing better is to be had; false if that is not allowed.
    func serveStaleOnError() -> Bool {
        guard !isAnswered, connection != nil, mayUseCandidateOnError,
            let stored = caching.candidate
        else { return false }
        let age = Freshness.currentAge(stored.metadata, now: .now())
        if admission.refusal == nil { caching.detail = .sie }
        worker.metrics.staleServed[.error].add()
        serve(
            stored, as: .staleServed, age: age,
            ttl: Int64(stored.metadata.lifetimeSeconds) - age)
        return true
    }

    // MARK: Settling

    /// Ends the flight that this request leads, if it does.
    func settle(_ outcome: FlightOutcome) {
        releaseLease()
        settleFlight(outcome)
    }

    /// The same, and what comes of the fetch is for the other instances yet.
    func settleFlight(_ outcome: FlightOutcome) {
        guard let ticket = caching.flight, let memory = worker.instance.memory else { return }
        caching.flight = nil
        memory.settle(ticket, outcome)
    }

    /// The fetch failed: another one may try, once. `countsAsTry`: false if it was only given up.
    func settleFailed(_ failure: FlightFailure, countsAsTry: Bool = true) {
        releaseLease()
        guard let ticket = caching.flight, let memory = worker.instance.memory else { return }
        caching.flight = nil
        memory.fail(ticket, failure, countsAsTry: countsAsTry)
    }

    /// The fetch failed, in the words of an attempt.
    func settleFailed(_ failure: UpstreamFailure) {
        if let refusal = admission.refusal { return settle(.failed(FlightFailure(refusal))) }
        settleFailed(
            FlightFailure(status: failure.status, error: failure.reason.word),
            countsAsTry: failure.reason != .canceled)
    }

    /// Whether others wait for this request's fetch.
    var hasFollowers: Bool {
        guard let ticket = caching.flight, let memory = worker.instance.memory else { return false }
        return memory.hasFollowers(ticket)
    }

    /// Whether the fetch is of use although the client is gone: it is being stored, or others wait.
    var isOfUseToOthers: Bool {
        if let fill = caching.fill, !fill.isAbandoned { return true }
        return hasFollowers
    }

    /// The fetch that went on without a client is over.
    func endDetached(_ failure: UpstreamFailure?) {
        if let failure { settleFailed(failure) }
        if step == .refresh, failure != nil || caching.upstreamStatus >= 500,
            let memory = worker.instance.memory
        {
            memory.pauseRefresh(caching.key, hash: caching.hash, now: .now())
        }
        if caching.fill != nil { worker.metrics.stores[.error].add() }
        // A flight that nothing has settled has brought nothing to be shared.
        settle(.alone)
        worker.giveBack(self)
    }
}
