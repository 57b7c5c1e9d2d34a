internal import EventLoop
internal import HTTP1
internal import ProxyCore
internal import Telemetry
internal import Time
internal import Upstream

// The life of a request, top to bottom: `handle` decides without waiting, `forward` waits for the
// upstream in a task on the same thread, `ClientRequest.finish` counts and logs.

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
        worker.takeRunner().run(request)
    }

    /// Gets the answer from the upstream and passes it on; a connection that had died in the pool is
    /// replaced once.
    func forward(_ request: ClientRequest) async {
        request.upload.begin(request.head, bodyBytesMax: request.route.bodyBytesMax)
        do throws(UpstreamFailure) {
            do throws(UpstreamFailure) {
                try await attempt(request, fresh: false)
            } catch {
                await request.upload.settled()
                guard request.mayRetry(after: error) else { throw error }
                request.upload.rewind()
                try await retry(request)
            }
            await request.upload.settled()
            request.finish(request.disposition)
        } catch {
            await request.upload.settled()
            request.fail(error)
        }
    }

    private func retry(_ request: ClientRequest) async throws(UpstreamFailure) {
        let retries = request.route.upstream.metrics.retries
        do {
            try await attempt(request, fresh: true)
            retries[.success].add()
        } catch {
            retries[.failure].add()
            throw error
        }
    }

    /// One attempt, counted and timed whatever comes of it.
    private func attempt(
        _ request: ClientRequest, fresh: Bool
    ) async throws(UpstreamFailure) {
        let upstream = request.route.upstream
        let start = Instant.now()
        request.attempts += 1
        do {
            try await exchange(request, fresh: fresh)
            upstream.metrics.answers.add(code: Int(request.relay.status))
        } catch {
            upstream.metrics.errors[error.reason].add()
            request.upstreamNanoseconds = Instant.now().nanoseconds(since: start)
            upstream.metrics.observe(request.upstreamNanoseconds, request.trace.context.traceID)
            throw error
        }
        request.upstreamNanoseconds = Instant.now().nanoseconds(since: start)
        upstream.metrics.observe(request.upstreamNanoseconds, request.trace.context.traceID)
    }

    /// Leases a connection, runs the exchange on it, gives it back.
    private func exchange(
        _ request: ClientRequest, fresh: Bool
    ) async throws(UpstreamFailure) {
        let route = request.route
        let pool = route.upstream.pool
        let connection: UpstreamConnection
        if !fresh, let idle = pool.leaseIdle(request.interrupt) {
            connection = idle
        } else {
            connection = try await pool.lease(
                fresh: fresh, until: request.connectDeadline(), request.interrupt)
        }
        request.wasReused = connection.uses > 1
        if request.interrupt.isRaised {
            pool.giveBack(connection, reusable: true)
            throw UpstreamFailure(.canceled, "the client went away")
        }
        do {
            try send(request, on: connection)
            try await receive(request, on: connection)
        } catch {
            request.upload.stop()
            pool.giveBack(connection, reusable: false)
            throw error
        }
        let isWhole = request.upload.isComplete
        if !isWhole { request.upload.stop() }
        pool.giveBack(connection, reusable: isWhole && request.relay.isReusable)
    }

    /// Sends the head and what is there of the body; the rest of the body goes its own way (`upload`),
    /// while the answer is already waited for.
    private func send(
        _ request: ClientRequest, on connection: UpstreamConnection
    ) throws(UpstreamFailure) {
        let upload = request.upload
        upload.prepare(endpoint: connection.endpointIndex)
        if upload.fault != nil {
            throw UpstreamFailure(.canceled, "the client's body is at fault")
        }
        request.relay.begin(request.head)
        request.sentBytes = try connection.sendSome(upload.buffer.bytes, from: 0)
        upload.start(on: connection, sent: request.sentBytes)
    }

    /// Reads the answer and passes it on while it comes, no faster than the client takes it.
    private func receive(
        _ request: ClientRequest, on connection: UpstreamConnection
    ) async throws(UpstreamFailure) {
        let relay = request.relay
        request.lastProgress = .now()
        var turns = 0
        while true {
            if let failure = request.upload.failure, failure.reason == .timeout, relay.hasNothing {
                throw failure
            }
            // A fast upstream and a fast client must not keep the thread to themselves.
            turns += 1
            if turns % ClientConnection.readsPerTurn == 0 { await loop.nextTurn() }
            try await connection.waitReadable(until: request.readDeadline())
            switch connection.read({ relay.consume($0) }) {
            case .bytes: request.lastProgress = .now()
            case .wouldBlock: continue
            case .end: relay.endOfStream()
            case .broken: throw UpstreamFailure(.reset, "the upstream's connection broke")
            }
            if let failure = relay.failure { throw failure }
            if pendingBytes > ClientConnection.pendingBytesMax {
                guard await request.waitDrained() else {
                    throw UpstreamFailure(.canceled, "the client went away")
                }
                request.lastProgress = .now()
            }
            if relay.isComplete { return }
        }
    }
}
