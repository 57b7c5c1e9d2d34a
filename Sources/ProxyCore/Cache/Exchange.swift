internal import HTTP1
internal import Time

/// A request and the response to it, as far as a stored response is made or updated from them.
struct Exchange {
    let request: RequestHead
    let response: ResponseHead
    let settings: CacheSettings
    /// When the request was sent.
    let requestTime: Timestamp
    /// When the head of the response had come.
    let responseTime: Timestamp

    /// RFC 9110 §6.6.1: Date, or the time of receipt if it is missing or no date.
    func date(_ lines: FieldLines) -> Timestamp {
        guard let value = lines.value(of: .date) else { return responseTime }
        return HTTPDate.parse(lines.bytes.span.extracting(value.indices), now: responseTime)
            ?? Timestamp(seconds: responseTime.seconds)
    }

    /// What is kept about the response whose stored fields are `head`.
    func metadata(
        _ head: StoredHead, age: UInt32?, control: ResponseControl, status: UInt16, vary: VaryRule
    ) -> StoredMetadata {
        let lines = FieldLines(head)
        let date = date(lines)
        let modified = lastModified(lines)
        let query = request.query
        let lifetime = Lifetime(
            Lifetime.Basis(
                lines: lines, control: control, status: status, date: date,
                lastModified: modified?.time, hasQuery: query.map { !$0.isEmpty } ?? false,
                receivedAt: responseTime),
            settings)
        let etag = lines.value(of: .etag) ?? .empty
        return StoredMetadata(
            status: status, date: date, responseTime: responseTime,
            initialAgeSeconds: Freshness.correctedInitialAge(
                age: age, date: date, requestTime: requestTime, responseTime: responseTime),
            lifetimeSeconds: lifetime.bounded(settings, forbidsStale: control.forbidsStale),
            staleWhileRevalidateSeconds: window(
                control, control.staleWhileRevalidate, settings.staleWhileRevalidateSeconds,
                max: settings.staleWhileRevalidateMaxSeconds),
            staleIfErrorSeconds: window(
                control, control.staleIfError, settings.staleIfErrorSeconds,
                max: settings.staleIfErrorMaxSeconds),
            flags: flags(control, lifetime, status, etag, lines),
            etag: etag, lastModified: modified?.time, lastModifiedText: modified?.text ?? .empty,
            vary: vary, tags: CacheTags.read(lines))
    }

    /// The setting, else the directive, within its bound; nothing where stale is forbidden (§4.2.4).
    private func window(
        _ control: ResponseControl, _ directive: DeltaSeconds, _ setting: UInt32?, max: UInt32
    ) -> UInt32 {
        control.forbidsStale ? 0 : min(setting ?? directive.seconds ?? 0, max)
    }

    private func lastModified(_ lines: FieldLines) -> (time: Timestamp, text: ByteRange)? {
        guard let value = lines.value(of: .lastModified) else { return nil }
        let text = lines.bytes.span.extracting(value.indices)
        return HTTPDate.parse(text, now: responseTime).map { ($0, value) }
    }

    private func flags(
        _ control: ResponseControl, _ lifetime: Lifetime, _ status: UInt16, _ etag: ByteRange,
        _ lines: FieldLines
    ) -> StoredMetadata.Flags {
        var flags: StoredMetadata.Flags = []
        if control.flags.contains(.noCache) { flags.insert(.requiresValidation) }
        if control.forbidsStale { flags.insert(.forbidsStale) }
        if control.flags.contains(.immutable) { flags.insert(.isImmutable) }
        if CacheableStatus.isNegative(status) { flags.insert(.isNegative) }
        if lifetime.source == .heuristic { flags.insert(.isHeuristic) }
        if control.allowsAuthorization { flags.insert(.isShareableWithAuthorization) }
        if !etag.isEmpty, !EntityTag.isStrong(etag, in: lines.bytes.span) {
            flags.insert(.hasWeakETag)
        }
        return flags
    }
}
