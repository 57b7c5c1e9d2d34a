internal import Deflate
internal import EventLoop
internal import HTTP1
internal import ProxyCore
internal import Redis
internal import Telemetry
internal import Time

// A request at the tier that all instances share (L2). Whoever leads the fetch of a key within this
// instance looks here first: another instance may have the answer, or may be fetching it.

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
        /// This answers it although it is stale. `isToBeRenewed`: in the background, and not by another instance.
        case stale(StoredResponse, isToBeRenewed: Bool)
        /// Fetch: with the lease in `caching.shared`, or without any.
        case fetch
        /// The target's answers are not to be shared.
        case unshared
        /// Another instance fetches it.
        case held
        /// The client went away.
        case left
    }

    /// What one look-up comes to.
    private struct SharedFinding {
        /// What it means for the request, if it says that.
        var answer: SharedAnswer?
        /// What it means for the lease.
        var lease: LeaseAnswer
        var number: Int64 = 0
    }

    /// Looks the request up in Redis, and waits while another instance fetches its answer.
    func askShared(
        _ link: SharedLink, _ memory: MemoryCache, _ wish: SharedWish
    ) async -> SharedAnswer {
        let base = caching.key
        let terms = LeaseTerms(
            token: worker.random.next(), durationNanoseconds: link.tier.settings.leaseNanoseconds,
            patience: wish.patience, deadline: followDeadline)
        let fetch = SharedFetch(
            base: SharedKey(base: base.span), terms, link, on: worker.loop, worker.metrics.leases)
        caching.shared = fetch
        fetch.isHeldUp = { [weak self] in self?.isHeldUpByClient ?? false }
        let joined = joined
        var action = fetch.start()
        while case .ask = action {
            // Listens before it asks: what is heard while the answer is on its way counts.
            var isTold = false
            let wake = ConfinedCall(loop: worker.loop) {
                isTold = true
                joined.resume(.told)
            }
            let key = fetch.key
            let mayWait = wish == .leads && link.tier.wait(for: key, wake)
            defer { if mayWait { link.tier.stopWaiting(for: key, wake) } }
            let found = await lookUp(fetch, wish, link, memory)
            action = fetch.answered(found.lease, number: found.number)
            if isClientGone, !isOfUseToOthers { return .left }
            if let answer = found.answer { return answer }
            guard case .wait(let until) = action else { continue }
            guard mayWait else { return .fetch }
            action = await waitForOthers(fetch, until: until) { isTold }
            if isClientGone, !isOfUseToOthers { return .left }
            if case .fetch = action { worker.metrics.leases[.expired].add() }
        }
        return action == .leave ? .held : .fetch
    }

    /// Asks Redis once.
    private func lookUp(
        _ fetch: SharedFetch, _ wish: SharedWish, _ link: SharedLink, _ memory: MemoryCache
    ) async -> SharedFinding {
        fetch.placeholder = link.tier.beginFill(fetch.key)
        defer { _ = mayKeep(fetch, link.tier) }
        let start = memory.fetchStart
        let found = await link.lookUp(
            fetch.key, wish.question(fetch.token, link.tier), known: knownCopy(fetch.key))
        guard let found else {
            worker.metrics.leases[.unavailable].add()
            return SharedFinding(lease: .unavailable)
        }
        if found.state == .vary { return follow(vary: found, fetch) }
        var finding = SharedFinding(lease: LeaseAnswer(found.lease))
        if case .granted(let number) = found.lease { finding.number = number }
        finding.answer = read(found, wish, fetch, start, link, memory)
        // What is there will do, whoever has a lease on it.
        if finding.answer != nil, finding.lease != .granted { finding.lease = .object }
        return finding
    }

    /// What the record means for the request; nil: it is to be fetched.
    private func read(
        _ found: SharedLookUp, _ wish: SharedWish, _ fetch: SharedFetch, _ start: FetchStart,
        _ link: SharedLink, _ memory: MemoryCache
    ) -> SharedAnswer? {
        if wish == .renews { return nil }
        let isSoft = found.state == .soft
        var stored: StoredResponse?
        switch (found.state, found.object) {
        case (.unshared, _): return .unshared
        case (.valid, .known), (.soft, .known): stored = confirmedCandidate(link)
        case (.valid, .record(let bytes)), (.soft, .record(let bytes)):
            stored = take(bytes, fetch, start, link, memory)
        case (.absent, _) where wish == .leads && link.tier.liveUntil > .now():
            // It is only here: too large to be shared, or fetched without a lease. Had it been purged, it would
            // have been heard.
            stored = confirmedCandidate(link)
        default: break
        }
        guard let stored else { return nil }
        return use(stored, isSoft: isSoft, found.lease, wish)
    }

    /// Uses what was found if it is fresh, or stale and allowed; else it is what a validation is about, and what
    /// there is if the upstream fails.
    private func use(
        _ stored: StoredResponse, isSoft: Bool, _ lease: SharedLookUp.Lease, _ wish: SharedWish
    ) -> SharedAnswer? {
        switch Reuse.decide(stored.metadata, caching.facts, isSoftPurged: isSoft, now: .now()) {
        case .fresh: return .response(stored)
        case .stale(_, _, let use):
            caching.staleUse = use
            guard wish != .refreshes, use.mayServeWhileRevalidating || use.allowedByClient else {
                goesOn(because: .stale)
                return nil
            }
            var isToBeRenewed = use.mayServeWhileRevalidating
            if case .held = lease { isToBeRenewed = false }
            return .stale(stored, isToBeRenewed: isToBeRenewed)
        case .validate(let reason, _, _, let mayServeOnError):
            caching.staleUse.mayServeOnError = mayServeOnError
            if !reason.sendsConditions {
                caching.candidate = nil
                caching.isValidating = false
            }
            goesOn(because: reason == .responseNoCache ? .stale : .request)
            return nil
        }
    }

    /// The upstream has to be asked in spite of what was found; until now it may have looked like a miss.
    private func goesOn(because result: CacheResult) {
        caching.result = result
        caching.forward = result
    }

    /// The target varies: what is asked for is one of its variants.
    private func follow(vary found: SharedLookUp, _ fetch: SharedFetch) -> SharedFinding {
        guard case .record(let bytes) = found.object else {
            return SharedFinding(lease: .ungranted)
        }
        do throws(SharedEntryFault) {
            let record = try VaryRecord.decode(bytes.span).record
            let key = caching.key
            let variant = record.variant(head, of: key.span)
            fetch.vary = record
            if fetch.key == variant { return SharedFinding(lease: .ungranted) }
            fetch.key = variant
            caching.result = .varyMiss
            return SharedFinding(lease: .elsewhere)
        } catch {
            worker.metrics.recordFaults[error].add()
            return SharedFinding(lease: .ungranted)
        }
    }

    /// The copy at hand, which is still what is in Redis.
    private func confirmedCandidate(_ link: SharedLink) -> StoredResponse? {
        guard let stored = caching.candidate else { return nil }
        stored.copyUntil = link.tier.copyEnd(from: .now(), chance: worker.random.next())
        return stored
    }

    /// A record that another instance stored: kept in memory if it may be, and from now on the candidate.
    private func take(
        _ bytes: [UInt8], _ fetch: SharedFetch, _ start: FetchStart, _ link: SharedLink,
        _ memory: MemoryCache
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
        caching.candidate = stored
        caching.started = start
        caching.isValidating = stored.metadata.hasValidator
        return stored
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
                copyUntil: tier.copyEnd(from: .now(), chance: worker.random.next()))
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

    /// Another instance fetches: waits until it has, or its lease should have run out.
    private func waitForOthers(
        _ fetch: SharedFetch, until deadline: Instant, isTold: () -> Bool
    ) async -> LeaseAction {
        let timer = Timer(on: worker.loop) { [joined] in joined.resume(.deadline) }
        timer.arm(at: deadline)
        defer { timer.cancel() }
        while !isTold(), deadline > .now() {
            if isClientGone, !isOfUseToOthers { return .nothing }
            _ = await joined.wait()
        }
        guard isTold() else { return fetch.waited() }
        worker.metrics.leases[.waited].add()
        return fetch.invalidated()
    }
}

extension LeaseAnswer {
    /// The same in the terms of a fetch.
    fileprivate init(_ lease: SharedLookUp.Lease) {
        switch lease {
        case .none: self = .ungranted
        case .granted: self = .granted
        case .held(let milliseconds):
            // One more, for it was rounded down.
            self = .held(remainingNanoseconds: (min(milliseconds, 1 << 40) + 1) * 1_000_000)
        }
    }
}

extension ClientRequest.SharedWish {
    /// What it does while another instance has the lease.
    fileprivate var patience: LeaseTerms.Patience {
        switch self {
        case .leads: .waits
        case .refreshes: .leaves
        case .renews, .looks: .fetches
        }
    }

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
