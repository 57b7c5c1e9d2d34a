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
        caching.started = memory.fetchStart
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
        guard let memory = worker.instance.memory else { return }
        if caching.result == .method { return invalidate(after: response, memory) }
        guard caching.isLookedUp else { return }
        if caching.isValidating { worker.metrics.count(revalidation: response.status) }
        if response.status == 304, caching.isValidating { return takeNotModified(response, memory) }
        if response.status.isUpstreamFailure, judgeFailure(response) { return }
        if caching.facts.isHead { return takeHeadAnswer(response, memory) }
        collect(response, memory)
    }

    /// RFC 9111 §4.4: a non-error answer to an unsafe method invalidates what is stored for its target.
    private func invalidate(after response: ResponseHead, _ memory: MemoryCache) {
        guard caching.facts.isUnsafe, (200..<400).contains(response.status) else { return }
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
            keep(updated, memory)
            settle(.stored(updated))
        } else {
            forget(memory)
            settle(.alone)
        }
    }

    /// A 5xx of the upstream's: true if a stale response stands in for it.
    private func judgeFailure(_ response: ResponseHead) -> Bool {
        let isStoppedGap = caching.candidate != nil && caching.staleUse.mayServeOnError
        guard isStoppedGap else { return false }
        settleFailed(FlightFailure(status: response.status, error: "upstream_status"))
        caching.isWithheld = true
        caching.detail = .sie
        caching.replacement = caching.candidate
        return true
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
            keep(updated, memory)
        case .freshen: break
        case .invalidate: forget(memory)
        }
    }

    /// What is stored for the key must not be used again.
    private func forget(_ memory: MemoryCache) {
        let key = caching.key
        memory.invalidate(key.span, hash: caching.hash)
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
        case .refuse(let reason):
            worker.metrics.stores[reason == .tooLarge ? .tooLarge : .uncacheable].add()
            if response.status.isUpstreamFailure {
                return settleFailed(
                    FlightFailure(status: response.status, error: "upstream_status"))
            }
            if caching.flight != nil {
                memory.noteUnshared(caching.hash, now: .now())
            }
            settle(.alone)
        }
    }

    /// Bytes of the answer's content.
    func take(content bytes: Span<UInt8>) {
        guard let fill = caching.fill else { return }
        fill.append(bytes)
        if fill.isAbandoned { giveUpStoring() }
    }

    private func giveUpStoring() {
        caching.fill = nil
        worker.metrics.stores[.tooLarge].add()
        if caching.flight != nil, let memory = worker.instance.memory {
            memory.noteUnshared(caching.hash, now: .now())
        }
        settle(.alone)
    }

    /// The answer is whole. It is stored before its last bytes leave, so that whoever has seen it whole finds
    /// it stored.
    func contentIsComplete(version: Version) {
        guard let fill = caching.fill, let memory = worker.instance.memory else { return }
        caching.fill = nil
        let content = fill.finish()
        let stored = makeStored(
            fill.metadata, fill.head,
            body: SharedBytes(copying: content.span), version: version, memory)
        keep(stored, memory)
        settle(.stored(stored))
    }

    private func makeStored(
        _ metadata: StoredMetadata, _ head: StoredHead, body: SharedBytes, version: Version,
        _ memory: MemoryCache
    ) -> StoredResponse {
        let rendered = worker.render(
            metadata, head, length: body.count, route: route, version: version)
        return StoredResponse(
            metadata, head, rendered: rendered.bytes, body: body, started: caching.started,
            hasRequestID: rendered.hasRequestID, account: memory.alive)
    }

    private func keep(_ response: StoredResponse, _ memory: MemoryCache) {
        let isKept = memory.store(
            response, key: caching.key, hash: caching.hash, target: purgeTarget)
        worker.metrics.stores[isKept ? .stored : .error].add()
    }

    private var purgeTarget: PurgeTarget {
        let key = caching.key
        let host = key.span.extracting(caching.parts.host)
        let target = key.span.extracting(caching.parts.target)
        return PurgeTarget(
            route: route.nameHash, hostAndTarget: stableHash(target, from: stableHash(host)),
            target: stableHash(target), host: Array(copying: host), path: Array(copying: target))
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
}
