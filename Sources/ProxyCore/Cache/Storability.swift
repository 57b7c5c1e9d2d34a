public import HTTP1
public import Time

/// Whether a response is stored, and as what.
public enum Storable: Sendable {
    /// It is; the body goes with it.
    case store(StoredMetadata, StoredHead)
    /// It is not.
    case refuse(NoStoreReason)
}

/// Why a response is not stored. Closed: the raw values are words of logs.
public enum NoStoreReason: String, Sendable, CaseIterable {
    /// The route is not cached.
    case bypass
    /// The request is no GET without a body (RFC 9111 §3; answers to HEAD are not stored by themselves).
    case method
    /// The request said no-store (§5.2.1.5).
    case requestNoStore = "request_no_store"
    /// The status is never stored, or not final (§3).
    case status
    /// 206: parts are not stored (§3.3).
    case partial
    /// The response says must-understand, and the status is not understood here (§5.2.2.3).
    case unsupported
    /// The response says no-store (§5.2.2.5).
    case noStore = "no_store"
    /// The response says private (§5.2.2.7).
    case `private`
    /// The request had credentials, and the response does not allow to share the answer (§3.5).
    case authorization
    /// The response sets a cookie, and the route does not allow to store that (§7.3).
    case setCookie = "set_cookie"
    /// Vary says that nothing but the origin can tell (§4.1), or names too many fields.
    case varyStar = "vary_star"
    /// Nothing marks the response as cacheable (§3).
    case notCacheable = "not_cacheable"
    /// The body ends with the connection: its end cannot be told from a cut (§3.3).
    case closeDelimited = "close_delimited"
    /// The body is longer than the route stores.
    case tooLarge = "too_large"
    /// It is not fresh, cannot be validated, and may not be served stale.
    case useless
}

/// RFC 9111 §3: storing responses in caches.
public enum Storability {
    /// Decides about the answer to `request`. The caller still has to see all of its body (§3.3) and to
    /// count its bytes if it comes in chunks.
    public static func decide(
        _ request: RequestHead, _ facts: CacheRequest, _ response: ResponseHead,
        _ settings: CacheSettings, requestTime: Timestamp, responseTime: Timestamp
    ) -> Storable {
        let lines = FieldLines(response)
        let control = ResponseControl.read(lines)
        let exchange = Exchange(
            request: request, response: response, settings: settings, requestTime: requestTime,
            responseTime: responseTime)
        if let reason = refusal(facts, response, control, lines, settings) {
            return .refuse(reason)
        }
        guard let vary = VaryRule.read(lines, request, ignoring: settings.varyIgnore) else {
            return .refuse(.varyStar)
        }
        let date = exchange.date(lines)
        let head = StoredHead(
            response, StorableFields(settings: settings, control: control), date: date)
        let stored = exchange.metadata(
            head, age: Freshness.receivedAge(lines), control: control, status: response.status,
            vary: vary)
        guard isMarkedCacheable(stored, control, lines, settings) else {
            return .refuse(.notCacheable)
        }
        guard isUseful(stored) else { return .refuse(.useless) }
        return .store(stored, head)
    }

    /// The clauses of §3, in order, that need no more than the heads.
    private static func refusal(
        _ facts: CacheRequest, _ response: ResponseHead, _ control: ResponseControl,
        _ lines: FieldLines, _ settings: CacheSettings
    ) -> NoStoreReason? {
        if facts.use == .bypass { return .bypass }
        // The request method is understood by the cache;
        if facts.use == .method || facts.isHead { return .method }
        // the response status code is final;
        let status = response.status
        if CacheableStatus.isNeverStored(status) { return .status }
        // if it is 206 or 304, or must-understand is present, the cache understands it;
        if status == 206 { return .partial }
        if control.flags.contains(.mustUnderstand), !CacheableStatus.isUnderstood(status) {
            return .unsupported
        }
        // no-store is not present in the response, nor (§5.2.1.5) in the request;
        if control.forbidsStoring(status) { return .noStore }
        if facts.noStore { return .requestNoStore }
        // if the cache is shared: private is not present;
        if control.flags.contains(.isPrivate) { return .private }
        // Authorization is not present in the request, or the response explicitly allows it (§3.5);
        if facts.hasAuthorization, !control.allowsAuthorization { return .authorization }
        // (§7.3: whose cookie it is, only the origin knows)
        if forbidsForCookie(control, lines, settings) { return .setCookie }
        // §3.3: not if it cannot be known to be complete, nor if it is larger than allowed.
        if response.body == .untilClose { return .closeDelimited }
        if case .length(let length) = response.body, length > UInt64(max(0, settings.bodyBytesMax))
        {
            return .tooLarge
        }
        return nil
    }

    private static func forbidsForCookie(
        _ control: ResponseControl, _ lines: FieldLines, _ settings: CacheSettings
    ) -> Bool {
        guard lines.contains(.setCookie) else { return false }
        switch settings.setCookie {
        case .never: return true
        case .drop: return false
        case .explicit:
            let isDropped = (control.noCacheFields + settings.dropFields)
                .contains(Array("set-cookie".utf8))
            return !isDropped && !control.isExplicitlyShared
        }
    }

    /// §3, last clause: public, Expires, max-age or s-maxage, or a status that may be stored without
    /// them, by its definition or by the route's settings. A validator alone is not enough.
    private static func isMarkedCacheable(
        _ stored: StoredMetadata, _ control: ResponseControl, _ lines: FieldLines,
        _ settings: CacheSettings
    ) -> Bool {
        if control.flags.contains(.isPublic) { return true }
        if control.sharedMaxAge != .absent || control.maxAge != .absent { return true }
        if lines.contains(.expires), !control.flags.contains(.isTargeted) { return true }
        return CacheableStatus.isHeuristic(stored.status) || stored.lifetimeSeconds > 0
    }

    /// Whether it can answer anything, now or after validation.
    private static func isUseful(_ stored: StoredMetadata) -> Bool {
        stored.hasValidator || Int64(stored.initialAgeSeconds) < stored.usableSeconds
    }
}
