internal import EventLoop
internal import HTTP1
internal import ProxyCore
internal import Telemetry
internal import Time
internal import Upstream

// The life of a request, top to bottom: `handle` decides without waiting and answers from memory where it
// can, `proceed` waits for others or for the upstream in a task on the same thread, `finish` counts and
// logs.

extension ClientConnection {
    /// Decides what happens to a request whose head is complete. Nothing here waits.
    func handle(_ request: ClientRequest) {
        let head = request.head
        request.identify(head, trusted: worker.snapshot.settings.trustedProxies)
        if request.hasLooped(via: worker.snapshot.viaBytes) {
            return request.refuse(508, .loop, "this request has been through this proxy before")
        }
        switch worker.snapshot.match(head) {
        case .route(let index):
            request.route = worker.routes[index]
        case .noRoute:
            return request.answerLocally(404, "no route takes this host and path")
        case .methodNotAllowed(let allowed):
            return request.answerLocally(
                405, "the route does not take this method", allow: allowed.allow)
        case .badPath(let defect):
            return request.refuse(400, .badRequest, defect.explanation)
        }
        if head.maxForwards == 0 {
            return request.answerAsFinalRecipient()
        }
        if case .length(let length) = head.body, length > request.route.bodyBytesMax {
            return request.refuse(.bodyTooLarge)
        }
        if request.isHeld(at: .all) || request.answerFromMemory() || request.isHeld(at: .miss) {
            return
        }
        worker.takeRunner().run(request)
    }
}

extension ClientRequest {
    /// What a task has to do for a request.
    enum Step: Equatable {
        /// Get the answer, from the upstream or from another request's fetch.
        case fetch
        /// Get it from the upstream, for the cache alone.
        case refresh
        /// Wait for the store of limits; the matches from `first` on are undecided.
        case limits(LimitStage, first: Int)
        /// Wait until a slow client has taken the answer.
        case drain
    }

    /// Does what could not be done without waiting.
    func proceed() async {
        switch step {
        case .fetch:
            readClientDeadline()
            await fetch()
        case .refresh:
            await refreshShared()
        case .limits(let stage, let first):
            await passLimits(stage, from: first)
        case .drain:
            await drain()
            finish(disposition)
        }
    }

    /// Gets the answer from the upstream and passes it on, with another attempt where that may help.
    func forward() async {
        var failure: UpstreamFailure?
        do throws(UpstreamFailure) {
            try await exchangeOnce(fresh: false)
            if caching.isMismatch {
                forgetCandidate()
                // On a connection of its own, for it has used up its retry.
                try await exchangeOnce(fresh: true)
            }
        } catch {
            failure = error
        }
        if isDetached { return endDetached(failure) }
        if let failure { return fail(failure) }
        if let stored = caching.replacement { return serveReplacement(stored) }
        if relay.isBehind { await drain() }
        finish(disposition)
    }

    /// Waits until a slow client has taken most of what was written for it, or never will.
    private func drain() async {
        while isBackedUp, await waitDrained() {}
    }

    private func exchangeOnce(fresh: Bool) async throws(UpstreamFailure) {
        isExchangeUsed = true
        upload.begin(head, bodyBytesMax: route.bodyBytesMax)
        prepareCaching()
        var isRetry = false
        while true {
            do throws(UpstreamFailure) {
                try await attempt(fresh: fresh || isRetry)
                await upload.settled()
                if isRetry { countRetry() }
                if !admission.wantsRetry { return }
            } catch {
                await upload.settled()
                if isRetry { route.upstream.metrics.retries[.failure].add() }
                guard isToBeRepeated(after: error) else { throw error }
            }
            isRetry = true
            await prepareRepetition()
        }
    }

    /// One attempt, counted and timed whatever comes of it, if the upstream is to get it.
    private func attempt(fresh: Bool) async throws(UpstreamFailure) {
        try await admit()
        let upstream = route.upstream
        let start = Instant.now()
        attempts += 1
        do {
            try await exchange(fresh: fresh)
            concludeAttempt(nil)
            upstream.metrics.answers.add(code: Int(relay.status))
        } catch {
            concludeAttempt(error)
            upstream.metrics.errors[error.reason].add()
            upstreamNanoseconds = Instant.now().nanoseconds(since: start)
            upstream.metrics.observe(upstreamNanoseconds, trace.context.traceID)
            throw error
        }
        upstreamNanoseconds = Instant.now().nanoseconds(since: start)
        upstream.metrics.observe(upstreamNanoseconds, trace.context.traceID)
    }

    /// Leases a connection, runs the exchange on it, gives it back.
    private func exchange(fresh: Bool) async throws(UpstreamFailure) {
        let pool = route.upstream.pool
        let leased: UpstreamConnection
        if !fresh, let idle = pool.leaseIdle(interrupt) {
            leased = idle
        } else {
            leased = try await pool.lease(
                fresh: fresh, until: connectDeadline(), interrupt)
        }
        wasReused = leased.uses > 1
        admission.isConnected = true
        if interrupt.isRaised {
            pool.giveBack(leased, reusable: true)
            throw UpstreamFailure(.canceled, "the client went away")
        }
        do {
            try send(on: leased)
            try await receive(on: leased)
        } catch {
            upload.stop()
            pool.giveBack(leased, reusable: false)
            throw error
        }
        let isWhole = upload.isComplete
        if !isWhole { upload.stop() }
        pool.giveBack(leased, reusable: isWhole && relay.isReusable)
    }

    /// Sends the head and what is there of the body; the rest of the body goes its own way (`upload`),
    /// while the answer is already waited for.
    private func send(on upstream: UpstreamConnection) throws(UpstreamFailure) {
        upload.prepare(endpoint: upstream.endpointIndex)
        if upload.fault != nil {
            throw UpstreamFailure(.canceled, "the client's body is at fault")
        }
        relay.begin(head)
        sentBytes = try upload.buffer.withSpan { bytes throws(UpstreamFailure) in
            try upstream.sendSome(bytes)
        }
        upload.start(on: upstream, sent: sentBytes)
    }

    /// Reads the answer and passes it on while it comes, no faster than the client takes it.
    private func receive(on upstream: UpstreamConnection) async throws(UpstreamFailure) {
        lastProgress = .now()
        var turns = 0
        while true {
            if let failure = upload.failure, failure.reason == .timeout, relay.hasNothing {
                throw failure
            }
            // A fast upstream and a fast client must not keep the thread to themselves.
            turns += 1
            if turns % ClientConnection.readsPerTurn == 0 { await worker.loop.nextTurn() }
            try await upstream.waitReadable(until: readDeadline())
            switch upstream.read({ relay.consume($0) }) {
            case .bytes: lastProgress = .now()
            case .wouldBlock: continue
            case .end: relay.endOfStream()
            case .broken: throw UpstreamFailure(.reset, "the upstream's connection broke")
            }
            if let failure = relay.failure { throw failure }
            // Others wait for this answer: they do not wait for its first client.
            if isBackedUp, hasFollowers { relay.fallBehind() }
            if isBackedUp, !relay.isBehind {
                guard await waitDrained() else {
                    throw UpstreamFailure(.canceled, "the client went away")
                }
                lastProgress = .now()
            }
            if relay.isComplete { return }
        }
    }
}
