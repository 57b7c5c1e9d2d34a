internal import EventLoop
internal import HTTP1
internal import ProxyCore
internal import Telemetry
internal import Time
internal import Upstream

// What the cache makes of an upstream's answer: at its head it is decided whether the answer goes to the
// client and whether it is stored; at its last byte it is.

extension ClientRequest {
    /// Notes where the fetch stands in time. Called before each exchange.
    func prepareCaching() {
        guard caching.isLookedUp, let memory = worker.instance.memory else { return }
        // What a validation brings is as old as the candidate's look-up.
        if caching.candidate == nil { caching.started = memory.fetchStart }
        caching.requestTime = .now()
    }

    /// The 304 that came was not about what is stored: asks again as if nothing were.
    func forgetCandidate() {
        caching.candidate = nil
        caching.staleUse = CacheUse.noUse
        caching.isValidating = false
        caching.isMismatch = false
        caching.isWithheld = false
        upload.reset()
    }

    /// Decides about the answer whose head has come. After it, `caching.isWithheld` says whether the client
    /// gets something else, and `caching.fill` collects what is to be stored.
    func judge(_ response: ResponseHead) {
        caching.upstreamStatus = response.status
        if noteAnswer(response) { return }
        guard let memory = worker.instance.memory else { return }
        if caching.facts.isUnsafe { return invalidate(after: response, memory) }
        guard caching.isLookedUp else { return }
        if caching.isValidating { worker.metrics.count(revalidation: response.status) }
        if response.status == 304, caching.isValidating { return takeNotModified(response, memory) }
        if response.status.isUpstreamFailure, judgeFailure(response) { return }
        if caching.facts.isHead { return takeHeadAnswer(response, memory) }
        collect(response, memory)
    }

    /// RFC 9111 §4.4: a non-error answer to an unsafe method invalidates what is stored for its target, by
    /// whichever route.
    private func invalidate(after response: ResponseHead, _ memory: MemoryCache) {
        guard (200..<400).contains(response.status) else { return }
        let targets = Invalidation.targets(
            head, response, route.cache.key, upstreamAuthority: route.upstream.hosts[0])
        for target in targets {
            worker.invalidate(target, in: memory)
        }
    }

    /// RFC 9111 §4.3.3: the stored response is still good; its fields and its freshness are renewed.
    private func takeNotModified(_ response: ResponseHead, _ memory: MemoryCache) {
        guard let candidate = caching.candidate else { return }
        caching.isWithheld = true
        let freshened = Validation.merge(
            candidate.metadata, candidate.head, with: response, request: head,
            settings: route.cache, requestTime: caching.requestTime, responseTime: .now())
        guard let freshened else {
            caching.isMismatch = true
            return
        }
        let updated = makeStored(
            freshened.metadata, freshened.head, body: candidate.body, version: response.version,
            memory)
        caching.replacement = updated
        if freshened.isStorable {
            land(updated, version: response.version, memory)
        } else {
            drop(candidate, memory)
            settle(.alone)
        }
    }

    /// A 5xx of the upstream's: true if a stale response stands in for it.
    private func judgeFailure(_ response: ResponseHead) -> Bool {
        guard mayUseCandidateOnError else { return false }
        settleFailed(FlightFailure(status: response.status, error: "upstream_status"))
        caching.isWithheld = true
        caching.withheldUntil = Instant.now().advanced(
            byNanoseconds: ClientRequest.withheldNanoseconds)
        caching.detail = .sie
        caching.replacement = caching.candidate
        return true
    }

    /// How long the client waits for the rest of an answer that it does not get.
    static let withheldNanoseconds: UInt64 = 100_000_000

    /// Whether the candidate may stand in for an answer that does not come: allowed when it was found, and
    /// neither purged nor invalidated since.
    var mayUseCandidateOnError: Bool {
        guard let candidate = caching.candidate, caching.staleUse.mayServeOnError,
            let memory = worker.instance.memory
        else { return false }
        return memory.isStillUsable(
            candidate, hash: caching.hash, target: purgeTarget, since: caching.started)
    }

    /// RFC 9111 §4.3.5: an answer to HEAD tells about the stored answer to GET.
    private func takeHeadAnswer(_ response: ResponseHead, _ memory: MemoryCache) {
        guard let candidate = caching.candidate else { return }
        let update = Validation.headUpdate(
            candidate.metadata, candidate.head, bodyCount: candidate.body.count, with: response,
            request: head, settings: route.cache, requestTime: caching.requestTime,
            responseTime: .now())
        switch update {
        case .ignore: break
        case .freshen(let freshened) where freshened.isStorable:
            let updated = makeStored(
                freshened.metadata, freshened.head, body: candidate.body,
                version: response.version, memory)
            _ = keep(updated, memory)
        case .freshen: break
        case .invalidate:
            let key = caching.key
            memory.soften(candidate, key.span, hash: caching.hash)
        }
    }

    private func drop(_ response: StoredResponse, _ memory: MemoryCache) {
        let key = caching.key
        memory.drop(response, key.span, hash: caching.hash)
    }

    /// Starts to collect the answer if it may be stored; lets followers go if not.
    private func collect(_ response: ResponseHead, _ memory: MemoryCache) {
        let decision = Storability.decide(
            head, caching.facts, response, route.cache, requestTime: caching.requestTime,
            responseTime: .now())
        switch decision {
        case .store(var metadata, let stored):
            metadata.shorten(byPercent: route.cache.jitterPercent, random: worker.random.next())
            caching.fill = Fill(
                metadata, stored, length: response.contentLength,
                bytesMax: route.cache.bodyBytesMax, memory.fills)
            caching.isStoring = true
            // Each request has to ask for itself: no reason to wait for all of this.
            if !metadata.isFresh(at: metadata.responseTime) {
                // Other instances wait on if what comes of it will serve them.
                if !metadata.isOfUseWhileRevalidating(at: metadata.responseTime) { releaseLease() }
                settleFlight(.alone)
            }
        case .refuse(let reason):
            worker.metrics.stores[reason == .tooLarge ? .tooLarge : .uncacheable].add()
            // §4.3.3: it takes the place of what was stored, though nothing is stored in its place.
            if let candidate = caching.candidate, reason.isAboutAnswer, response.status.replaces,
                !caching.facts.noStore
            {
                drop(candidate, memory)
            }
            if response.status.isUpstreamFailure {
                return settleFailed(
                    FlightFailure(status: response.status, error: "upstream_status"))
            }
            if caching.flight != nil { noteUnshared(memory) }
            settle(.alone)
        }
    }

    /// Each is to fetch for itself from now on, here and in other instances.
    private func noteUnshared(_ memory: MemoryCache) {
        memory.noteUnshared(caching.hash, now: .now())
        releaseLease(isUnshared: true)
    }

    /// Bytes of the answer's content. If there is no room to collect them, what was collected before is
    /// returned, once.
    func take(content bytes: Span<UInt8>) -> [UInt8]? {
        guard let fill = caching.fill, let content = fill.append(bytes) else { return nil }
        caching.fill = nil
        worker.metrics.stores[.tooLarge].add()
        if caching.flight != nil, let memory = worker.instance.memory { noteUnshared(memory) }
        settle(.alone)
        return content
    }

    /// The answer is whole. It is stored before its last bytes leave, so that whoever has seen it whole finds
    /// it stored.
    func contentIsComplete(version: Version) {
        guard let fill = caching.fill, let memory = worker.instance.memory else { return }
        caching.fill = nil
        let content = fill.finish()
        let stored = makeStored(
            fill.metadata, fill.head,
            body: StoredResponse.body(content.span, account: memory.alive), version: version, memory
        )
        caching.landed = stored
        land(stored, version: version, memory)
    }

    /// Stores a response and hands it to whoever waits for it.
    private func land(_ response: StoredResponse, version: Version, _ memory: MemoryCache) {
        let outcome = keep(response, memory)
        if outcome != .outdated { share(response, version: version) }
        switch outcome {
        case .outdated, .stored(isSoft: true): settle(.again)
        case .stored, .tooLarge:
            // What is stale at once each has to ask about for itself.
            settle(response.metadata.isFresh(at: .now()) ? .stored(response) : .alone)
        }
    }

    private func makeStored(
        _ metadata: StoredMetadata, _ head: StoredHead, body: SharedBytes, version: Version,
        _ memory: MemoryCache
    ) -> StoredResponse {
        let rendered = worker.render(
            metadata, head, length: body.count, route: route, version: version)
        let identity = sharedIdentity(for: metadata)
        return StoredResponse(
            metadata, head, rendered: rendered.bytes, body: body, started: caching.started,
            hasRequestID: rendered.hasRequestID, account: memory.alive, shared: identity,
            copyUntil: worker.instance.shared?.copyEnd(from: .now(), chance: worker.random.next())
                ?? .never)
    }

    private func keep(
        _ response: StoredResponse, _ memory: MemoryCache
    ) -> MemoryCache.StoreOutcome {
        let outcome = memory.store(
            response, key: caching.key, hash: caching.hash, target: purgeTarget)
        switch outcome {
        case .stored: worker.metrics.stores[.stored].add()
        case .outdated: worker.metrics.stores[.error].add()
        case .tooLarge: worker.metrics.stores[.tooLarge].add()
        }
        return outcome
    }

    /// What purges of the request's target go by.
    var purgeTarget: PurgeTarget {
        let key = caching.key
        let host = key.span.extracting(caching.parts.host)
        let target = key.span.extracting(caching.parts.target)
        return PurgeTarget(
            route: route.nameHash, hostAndTarget: stableHash(target, from: stableHash(host)),
            target: stableHash(target), host: Array(copying: host), path: Array(copying: target),
            hasSelectedKey: route.hasSelectedKey)
    }

    /// Sends what is stored in place of the upstream's answer.
    func serveReplacement(_ stored: StoredResponse) {
        if isClientGone { return fail(.clientLeft) }
        let age = Freshness.currentAge(stored.metadata, now: .now())
        let ttl = Int64(stored.metadata.lifetimeSeconds) - age
        if caching.detail == .sie {
            worker.metrics.staleServed[.error].add()
            return serve(stored, as: .staleServed, age: age, ttl: ttl)
        }
        serve(stored, as: caching.result ?? .stale, age: age, ttl: ttl)
    }
}

extension UInt16 {
    /// Whether the status says that the upstream failed, in the sense of stale-if-error (RFC 5861 §4).
    var isUpstreamFailure: Bool { self == 500 || self == 502 || self == 503 || self == 504 }

    /// Whether an answer with this status says what the target is now, whoever asks.
    var replaces: Bool {
        (200..<400).contains(self) && self != 206 && self != 304 || self == 404 || self == 410
    }
}

extension NoStoreReason {
    /// Whether the answer itself is not to be stored, not only this one to this request.
    var isAboutAnswer: Bool {
        switch self {
        case .bypass, .method, .requestNoStore, .status, .partial, .authorization: false
        default: true
        }
    }
}

extension StoredMetadata {
    /// Whether it may be used without asking, at `now`, by requests that do not say otherwise.
    func isFresh(at now: Timestamp) -> Bool {
        !flags.contains(.requiresValidation)
            && Freshness.currentAge(self, now: now) < Int64(lifetimeSeconds)
    }

    /// Whether it may be used while it is validated in the background, at `now`.
    func isOfUseWhileRevalidating(at now: Timestamp) -> Bool {
        !flags.contains(.requiresValidation)
            && Freshness.currentAge(self, now: now)
                < Int64(lifetimeSeconds) + Int64(staleWhileRevalidateSeconds)
    }
}
