internal import Deflate
internal import EventLoop
internal import HTTP1
internal import ProxyCore
internal import Redis
internal import Telemetry
internal import Time

// A request at the tier that all instances share (L2). Whoever leads the fetch of a key within this
// instance looks here first: another instance may have the answer, or may be fetching it.

/// What a fetch knows of the shared tier: which record it is about, and the lease on it.
final class SharedFetch {
    /// The name of the target's record.
    let base: SharedKey
    /// The record that is asked for: the target's, or one variant's once it is known that there are such.
    var key: SharedKey
    /// By what the target varies, and the write-id of the record that says so, as found.
    var vary: VaryRecord?
    /// Tells who holds the lease.
    let token: [UInt8]
    /// The lease, while this fetch has it.
    var lease: SharedCommands.Lease?
    /// A look-up whose answer may still be kept.
    var placeholder: FillGuard.Placeholder?
    /// Until when the lease lasts.
    var leaseEnd = Instant.never

    init(base: SharedKey, token: UInt64) {
        self.base = base
        key = base
        self.token = (0..<8).map { UInt8(truncatingIfNeeded: token >> (8 * $0)) }
    }

    /// The lease, if it still lasts; this fetch does not have it any more.
    func takeLease(at now: Instant) -> SharedCommands.Lease? {
        defer { lease = nil }
        return now < leaseEnd ? lease : nil
    }
}

extension ClientRequest {
    /// What a request wants of the shared tier.
    enum SharedWish {
        /// An answer, the lease on fetching it, or to wait for whoever has it.
        case leads
        /// The same for the cache's own account: nobody waits.
        case refreshes
        /// The lease: it fetches whatever there is.
        case renews
        /// An answer. What it fetches is for nobody else.
        case looks
    }

    /// What the shared tier says about a request.
    enum SharedAnswer {
        /// This answers it, or was stored for those who wait.
        case response(StoredResponse)
        /// Fetch: with the lease in `caching.shared`, or without any.
        case fetch
        /// The target's answers are not to be shared.
        case unshared
        /// Another instance fetches it.
        case held
        /// The client went away.
        case left
    }

    /// Times that one request asks.
    private static let sharedAsksMax = 4

    /// Looks the request up in Redis, and waits while another instance fetches its answer.
    func askShared(
        _ link: SharedLink, _ memory: MemoryCache, _ wish: SharedWish
    ) async -> SharedAnswer {
        let span = caching.key
        let fetch = SharedFetch(base: SharedKey(base: span.span), token: worker.random.next())
        caching.shared = fetch
        for _ in 0..<ClientRequest.sharedAsksMax {
            fetch.placeholder = link.tier.beginFill(fetch.key)
            defer { _ = mayKeep(fetch, link.tier) }
            let start = memory.fetchStart
            let asked = Instant.now()
            let found = await link.lookUp(
                fetch.key, wish.question(fetch.token, link.tier), known: knownCopy(fetch.key))
            if isClientGone, !isOfUseToOthers { return .left }
            guard let found else {
                worker.metrics.leases[.unavailable].add()
                return .fetch
            }
            if case .granted(let number) = found.lease {
                worker.metrics.leases[.granted].add()
                fetch.lease = SharedCommands.Lease(
                    key: fetch.key, token: fetch.token, number: number)
                fetch.leaseEnd = asked.advanced(
                    byNanoseconds: link.tier.settings.leaseNanoseconds)
            }
            switch await read(found, wish, fetch, start, link, memory) {
            case .askAgain: continue
            case .answer(let answer): return answer
            }
        }
        worker.metrics.leases[.expired].add()
        return .fetch
    }

    private enum SharedStep {
        case askAgain
        case answer(SharedAnswer)
    }

    private func read(
        _ found: SharedLookUp, _ wish: SharedWish, _ fetch: SharedFetch, _ start: FetchStart,
        _ link: SharedLink, _ memory: MemoryCache
    ) async -> SharedStep {
        switch (found.state, found.object) {
        case _ where wish == .renews && found.state != .vary:
            return .answer(.fetch)
        case (.unshared, _):
            return .answer(.unshared)
        case (.vary, .record(let bytes)):
            return take(vary: bytes, fetch)
        case (.valid, .known), (.soft, .known):
            if let stored = confirmCandidate(isSoft: found.state == .soft, link) {
                return .answer(.response(stored))
            }
        case (.valid, .record(let bytes)), (.soft, .record(let bytes)):
            if let stored = take(
                bytes, isSoft: found.state == .soft, fetch, start, link, memory)
            {
                return .answer(.response(stored))
            }
        case (.absent, _) where wish == .leads && link.tier.liveUntil > .now():
            // It is only here: too large to be shared, or fetched without a lease. Had it been purged, it would
            // have been heard.
            if let stored = confirmCandidate(isSoft: false, link) {
                return .answer(.response(stored))
            }
        default: break
        }
        guard case .held(let milliseconds) = found.lease else { return .answer(.fetch) }
        guard wish == .leads else { return .answer(.held) }
        return await waitForOthers(fetch.key, milliseconds: milliseconds, link)
    }

    /// The target varies: what is asked for is one of its variants.
    private func take(vary bytes: [UInt8], _ fetch: SharedFetch) -> SharedStep {
        do throws(SharedEntryFault) {
            let record = try VaryRecord.decode(bytes.span).record
            let key = caching.key
            let variant = record.variant(head, of: key.span)
            fetch.vary = record
            if fetch.key == variant { return .answer(.fetch) }
            fetch.key = variant
            caching.result = .varyMiss
            return .askAgain
        } catch {
            worker.metrics.recordFaults[error].add()
            return .answer(.fetch)
        }
    }

    /// The copy at hand is still what is in Redis; nil if it is stale.
    private func confirmCandidate(isSoft: Bool, _ link: SharedLink) -> StoredResponse? {
        guard let stored = caching.candidate else { return nil }
        stored.copyUntil = link.tier.copyEnd(from: .now())
        return isFreshNow(stored, isSoft: isSoft) ? stored : nil
    }

    /// A record that another instance stored: kept in memory if it may be, and used if it is fresh; else it is the
    /// candidate to be validated.
    private func take(
        _ bytes: [UInt8], isSoft: Bool, _ fetch: SharedFetch, _ start: FetchStart,
        _ link: SharedLink, _ memory: MemoryCache
    ) -> StoredResponse? {
        guard let stored = decode(bytes, fetch.key, start, link.tier, memory),
            stored.metadata.vary.matches(head)
        else { return nil }
        // What a replica says while there is no master answers once, and is not kept.
        if link.tier.feed.snapshot.master != nil,
            keepCopy(stored, fetch, link.tier, memory) == .outdated
        {
            return nil
        }
        if isFreshNow(stored, isSoft: isSoft) { return stored }
        caching.candidate = stored
        caching.started = start
        caching.isValidating = stored.metadata.hasValidator
        decideStaleUse(of: stored, isSoft: isSoft)
        return nil
    }

    private func isFreshNow(_ stored: StoredResponse, isSoft: Bool) -> Bool {
        if case .fresh = Reuse.decide(
            stored.metadata, caching.facts, isSoftPurged: isSoft, now: .now())
        {
            return true
        }
        return false
    }

    private func decideStaleUse(of stored: StoredResponse, isSoft: Bool) {
        switch Reuse.decide(stored.metadata, caching.facts, isSoftPurged: isSoft, now: .now()) {
        case .stale(_, _, let use): caching.staleUse = use
        case .validate(_, _, _, let mayServeOnError):
            caching.staleUse.mayServeOnError = mayServeOnError
        case .fresh: break
        }
    }

    private func decode(
        _ bytes: [UInt8], _ name: SharedKey, _ start: FetchStart, _ tier: SharedTier,
        _ memory: MemoryCache
    ) -> StoredResponse? {
        do throws(SharedEntryFault) {
            let key = caching.key
            let decoded = try EntryCodec.decode(bytes.span, key: key.span)
            let entry = decoded.entry
            let kept = bytes.span.extracting(decoded.body)
            let body: SharedBytes
            switch entry.bodyCoding {
            case .identity: body = StoredResponse.body(kept, account: memory.alive)
            case .zlib:
                guard let plain = Zlib.decompress(kept, as: .zlib, count: entry.bodyCount) else {
                    throw .malformed
                }
                body = StoredResponse.body(plain.span, account: memory.alive)
            }
            let rendered = worker.render(
                entry.metadata, entry.head, length: body.count, route: route,
                version: entry.version)
            return StoredResponse(
                entry.metadata, entry.head, rendered: rendered.bytes, body: body, started: start,
                hasRequestID: rendered.hasRequestID, account: memory.alive,
                shared: SharedIdentity(key: name, writeID: decoded.writeID),
                copyUntil: tier.copyEnd(from: .now()))
        } catch {
            worker.metrics.recordFaults[error].add()
            return nil
        }
    }

    /// Keeps in memory what was found in Redis, unless the record was changed meanwhile. It is stored first: what
    /// is heard from then on finds the copy.
    private func keepCopy(
        _ stored: StoredResponse, _ fetch: SharedFetch, _ tier: SharedTier, _ memory: MemoryCache
    ) -> MemoryCache.StoreOutcome {
        let outcome = memory.store(
            stored, key: caching.key, hash: caching.hash, target: purgeTarget)
        if !mayKeep(fetch, tier) {
            let key = caching.key
            memory.dropCopies(key.span)
        }
        return outcome
    }

    /// Whether nothing was heard of the record since it was asked for. To be called once.
    private func mayKeep(_ fetch: SharedFetch, _ tier: SharedTier) -> Bool {
        guard let placeholder = fetch.placeholder else { return false }
        fetch.placeholder = nil
        return tier.endFill(placeholder)
    }

    /// The write-id of the candidate, if it is a copy of that record.
    private func knownCopy(_ key: SharedKey) -> UInt64? {
        guard let identity = caching.candidate?.shared, identity.key == key, identity.writeID != 0
        else { return nil }
        return identity.writeID
    }

    /// Another instance fetches: waits until it has, at most as long as its lease lasts.
    private func waitForOthers(
        _ key: SharedKey, milliseconds: UInt64, _ link: SharedLink
    ) async -> SharedStep {
        let joined = joined
        var isTold = false
        let wake = ConfinedCall(loop: worker.loop) {
            isTold = true
            joined.resume(.told)
        }
        guard link.tier.wait(for: key, wake) else { return .answer(.fetch) }
        defer { link.tier.stopWaiting(for: key, wake) }
        let end = Instant.now().advanced(byNanoseconds: (milliseconds + 1) * 1_000_000)
        let deadline = min(end, totalDeadline)
        let timer = Timer(on: worker.loop) { joined.resume(.deadline) }
        timer.arm(at: deadline)
        defer { timer.cancel() }
        while !isTold, deadline > .now() {
            if isClientGone, !isOfUseToOthers { return .answer(.left) }
            _ = await joined.wait()
        }
        if isTold { worker.metrics.leases[.waited].add() }
        return .askAgain
    }
}

extension ClientRequest.SharedWish {
    /// What Redis is asked.
    fileprivate func question(_ token: [UInt8], _ tier: SharedTier) -> SharedLink.Question {
        let nanoseconds = tier.settings.leaseNanoseconds
        switch self {
        case .looks: return .peek
        case .leads, .refreshes:
            return .lease(token: token, nanoseconds: nanoseconds, freshAt: .now())
        case .renews:
            // Nothing is fresh enough.
            return .lease(
                token: token, nanoseconds: nanoseconds, freshAt: Timestamp(nanoseconds: .max))
        }
    }
}
