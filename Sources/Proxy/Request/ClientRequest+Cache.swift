internal import EventLoop
internal import HTTP1
internal import ProxyCore
internal import Telemetry
internal import Time

// A request at the cache. `answerFromMemory` is the hit path: it never waits and does not allocate.

extension ClientRequest {
    /// Answers with what is stored, if it may. False: the upstream has to be asked (`fetch`).
    func answerFromMemory() -> Bool {
        guard let memory = worker.instance.memory else {
            caching.result = .bypass
            return false
        }
        let route = self.route
        caching.facts = CacheRequest.read(head, route.cacheReading)
        switch caching.facts.use {
        case .lookup: break
        case .method:
            caching.result = .method
            return false
        case .bypass:
            caching.result = .bypass
            return false
        }
        caching.key.append(contentsOf: route.keyPrefix)
        guard let parts = route.appendKey(of: head, to: &caching.key) else {
            caching.result = .bypass
            return false
        }
        caching.parts = parts
        hashKey(memory)
        caching.isLookedUp = true
        return lookUp(in: memory)
    }

    /// In a function of its own: a second reference to the key that lived on would have the key copied when
    /// the request is reset.
    private func hashKey(_ memory: MemoryCache) {
        let key = caching.key
        caching.hash = memory.hash(key.span)
    }

    private func lookUp(in memory: MemoryCache) -> Bool {
        switch find(in: memory) {
        case .response(let stored, let isSoft):
            return use(stored, isSoft: isSoft)
        case .nothing:
            caching.result = .uriMiss
        case .otherVariants:
            caching.result = .varyMiss
        case .unshared:
            caching.result = .uriMiss
            caching.isUnshared = true
            caching.detail = .hitForMiss
        }
        return refuseIfOnlyCached()
    }

    /// What the memory tier holds for the request.
    func find(in memory: MemoryCache) -> MemoryCache.Found {
        let (head, key) = (head, caching.key)
        return memory.find(key.span, hash: caching.hash, now: started) {
            $0.metadata.vary.matches(head)
        }
    }

    /// Answers with `stored` if that is allowed now; else keeps it as candidate.
    private func use(_ stored: StoredResponse, isSoft: Bool) -> Bool {
        let now = startedWall
        if let shared = worker.instance.shared, !shared.mayUse(stored, at: started) {
            return lookAgain(at: stored)
        }
        switch Reuse.decide(stored.metadata, caching.facts, isSoftPurged: isSoft, now: now) {
        case .fresh(let age, let ttl):
            if ttl < refreshAhead(of: stored) { worker.refresh(stored, for: self) }
            serve(stored, as: .hit, age: age, ttl: ttl)
            return true
        case .stale(let age, let ttl, let use):
            keepCandidate(stored)
            caching.staleUse = use
            caching.result = .stale
            guard use.allowedByClient || use.mayServeWhileRevalidating else { break }
            if use.mayServeWhileRevalidating {
                caching.detail = .swr
                worker.refresh(stored, for: self)
            }
            worker.metrics.staleServed[.revalidate].add()
            serve(stored, as: .staleServed, age: age, ttl: ttl)
            return true
        case .validate(let reason, _, _, let mayServeOnError):
            if reason.sendsConditions { keepCandidate(stored) }
            caching.staleUse.mayServeOnError = mayServeOnError
            caching.result = reason == .responseNoCache ? .stale : .request
        }
        return refuseIfOnlyCached()
    }

    /// What is in memory may have changed in Redis: it is a candidate until that was asked.
    private func lookAgain(at stored: StoredResponse) -> Bool {
        caching.result = .stale
        switch Reuse.decide(stored.metadata, caching.facts, isSoftPurged: true, now: startedWall) {
        case .stale(_, _, let use): caching.staleUse.mayServeOnError = use.mayServeOnError
        case .validate(let reason, _, _, let mayServeOnError):
            caching.staleUse.mayServeOnError = mayServeOnError
            if !reason.sendsConditions { return refuseIfOnlyCached() }
        case .fresh: break
        }
        keepCandidate(stored)
        return refuseIfOnlyCached()
    }

    private func keepCandidate(_ stored: StoredResponse) {
        caching.candidate = stored
        if let memory = worker.instance.memory { caching.started = memory.fetchStart }
    }

    /// Seconds before the end of its lifetime from which on a hit renews a response: not for most of it.
    private func refreshAhead(of stored: StoredResponse) -> Int64 {
        Int64(min(route.cache.refreshAheadSeconds, stored.metadata.lifetimeSeconds / 2))
    }

    /// RFC 9111 §5.2.1.7: only-if-cached and nothing usable stored.
    private func refuseIfOnlyCached() -> Bool {
        guard caching.facts.onlyIfCached else { return false }
        answerLocally(504, "nothing usable is stored, and the request is only-if-cached")
        return true
    }

    /// Answers with a stored response: whole, in part, or not at all because the client has it already.
    func serve(
        _ stored: StoredResponse, as result: CacheResult, age: Int64, ttl: Int64,
        tier: CacheTier = .local
    ) {
        guard let connection else { return }
        if isClientGone { return finish(.abort(closeReason ?? .client)) }
        caching.result = result
        // After a validation the upstream has spoken, and said that this is still its answer.
        let isValidated = result != .staleServed && attempts > 0
        caching.tier = isValidated ? .none : tier
        caching.ageSeconds = isValidated ? nil : age
        origin = isValidated ? .upstream : .cache
        decidePersistence(isBodyTaken: true)
        isAnswered = true
        let extent = extent(of: stored)
        worker.writeStoredHead(stored, extent, for: self, age: age, ttl: ttl)
        bytesOut += UInt64(worker.out.count)
        if case .bytes(let range) = extent, head.method != .head, !range.isEmpty {
            bytesOut += UInt64(range.count)
            if range.count <= ClientRequest.copiedBytesMax {
                stored.body.withSpan { worker.out.append($0.extracting(range)) }
                worker.sendOut(to: connection)
            } else {
                worker.out.withSpan { connection.write($0, stored.body, range) }
            }
        } else {
            worker.sendOut(to: connection)
        }
        worker.trimOut()
        guard connection.pendingBytes > ClientConnection.pendingBytesMax else {
            return finish(disposition)
        }
        step = .drain
        worker.takeRunner().run(self)
    }

    /// Content up to this is copied behind the head: sending two pieces costs the kernel more (for 1 KB 0.4 of 8 us).
    private static let copiedBytesMax = 4096

    /// How much of a stored response answers the request (RFC 9110 §13 and §14).
    private func extent(of stored: StoredResponse) -> StoredExtent {
        let whole = 0..<stored.body.count
        switch ClientConditions.evaluate(head, caching.facts, stored.metadata, stored.head) {
        case .notModified:
            status = 304
            return .notModified
        case .none, .full: break
        }
        status = stored.metadata.status
        guard caching.facts.hasRange, status == 200, head.method == .get else {
            return .bytes(whole)
        }
        switch RangeRequest.evaluate(
            head, stored.metadata, stored.head, bodyCount: stored.body.count)
        {
        case .whole: return .bytes(whole)
        case .unsatisfiable:
            status = 416
            return .unsatisfiable
        case .parts(let parts):
            status = 206
            if parts.count == 1, let part = parts.first { return .bytes(part) }
            return .multipart(parts)
        }
    }
}

/// How much of a stored response an answer carries.
enum StoredExtent {
    /// These bytes of the content; with status 206, they are a part of it.
    case bytes(Range<Int>)
    /// Several parts, as multipart/byteranges.
    case multipart([Range<Int>])
    /// 304: the client has it.
    case notModified
    /// 416: no part of what was asked for exists.
    case unsatisfiable
}
