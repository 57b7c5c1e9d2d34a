internal import Deflate
internal import EventLoop
internal import HTTP1
internal import ProxyCore
internal import Telemetry
internal import Time

// What a request fetched under a lease goes to the tier that all instances share.

extension ClientRequest {
    /// The record that a response to this request is, or would be, in Redis; nil without that tier.
    func sharedIdentity(for metadata: StoredMetadata) -> SharedIdentity? {
        guard worker.instance.shared != nil else { return nil }
        let key = caching.key
        let base = caching.shared?.base ?? SharedKey(base: key.span)
        // Without a lease it is not written; what others write under its name still tells that it is old.
        let writeID = caching.shared?.mayFill ?? false ? max(1, worker.random.next()) : 0
        guard !metadata.vary.isEmpty else { return SharedIdentity(key: base, writeID: writeID) }
        guard
            let record = VaryRecord(
                metadata.vary, known: caching.shared?.vary, writeID: max(1, writeID))
        else { return SharedIdentity(key: base, writeID: 0) }
        return SharedIdentity(key: record.variant(head, of: key.span), writeID: writeID)
    }

    /// Stores a response, which memory has by now, in Redis: if this request has the lease.
    func share(_ response: StoredResponse, version: Version) {
        guard let link = worker.link, let fetch = caching.shared, let identity = response.shared,
            identity.writeID != 0, fetch.mayFill, let memory = worker.instance.memory
        else { return }
        guard let keep = SharedKeeping.milliseconds(response.metadata, now: .now()),
            let record = record(of: response, identity, version: version, link.tier)
        else { return releaseLease() }
        guard let lease = fetch.end(isStorable: true) else { return }
        var variant: SharedCommands.Variant?
        if !response.metadata.vary.isEmpty,
            let vary = VaryRecord(
                response.metadata.vary, known: fetch.vary, writeID: identity.writeID)
        {
            variant = SharedCommands.Variant(
                base: fetch.base, known: fetch.vary?.writeID, record: vary)
        }
        let (key, metrics) = (caching.key, worker.metrics)
        link.tier.noteOwn(identity)
        worker.loop.spawn {
            let outcome = await link.fill(
                identity.key, lease, record: record, keepMilliseconds: keep, variant: variant)
            metrics.count(fill: outcome)
            if outcome != .stored {
                link.tier.forgetOwn(identity)
                // Others have, or will have, something newer.
                if outcome != nil { memory.dropCopies(key.span) }
            }
        }
    }

    private func record(
        of response: StoredResponse, _ identity: SharedIdentity, version: Version,
        _ tier: SharedTier
    ) -> [UInt8]? {
        var entry = SharedEntry(
            metadata: response.metadata, head: response.head, key: caching.key,
            parts: caching.parts, route: route.nameHash, version: version,
            bodyCount: response.body.count)
        let compresses =
            tier.settings.compression == .zlib
            && SharedKeeping.isCompressible(response.head, bodyCount: response.body.count)
        var record: [UInt8]?
        response.body.withSpan { body in
            if compresses, let small = Zlib.compress(body, as: .zlib), small.count < body.count {
                entry.bodyCoding = .zlib
                record = try? EntryCodec.encode(
                    entry, body: small.span, writeID: identity.writeID)
            } else {
                record = try? EntryCodec.encode(entry, body: body, writeID: identity.writeID)
            }
        }
        if let record, record.count <= tier.settings.entryBytesMax { return record }
        worker.metrics.sharedStores[.tooLarge].add()
        return nil
    }

    /// Gives the lease back without having stored anything. `isUnshared`: others are not to wait for each
    /// other either.
    func releaseLease(isUnshared: Bool = false) {
        guard let fetch = caching.shared, let link = worker.link,
            let lease = fetch.end(isStorable: false)
        else { return }
        // What is here and nowhere else stays: the release is heard as a change.
        link.tier.noteOwn(SharedIdentity(key: lease.key, writeID: 0))
        let commands = link.tier.commands
        let release =
            isUnshared
            ? commands.release(
                lease, unsharedMilliseconds: MemoryCache.unsharedNanoseconds / 1_000_000,
                writeID: max(1, worker.random.next()))
            : commands.release(lease)
        link.post(release, .cacheDelete)
    }
}
