public import HTTP1
internal import Time

/// The client's own conditions against a stored response that may be used (RFC 9111 §4.3.2). If-Match
/// and If-Unmodified-Since are not among them; see `CacheRequest.hasOtherPreconditions`.
public enum ClientConditions {
    /// What comes of them.
    public enum Outcome: Sendable, Equatable {
        /// There are none that count.
        case none
        /// The client has the response already: 304, with the fields that `NotModified` keeps.
        case notModified
        /// The client has another one: the stored response as it is.
        case full
    }

    /// Evaluates If-None-Match, else If-Modified-Since, in the order of RFC 9110 §13.2.2.
    public static func evaluate(
        _ head: RequestHead, _ facts: CacheRequest, _ stored: StoredMetadata,
        _ storedHead: StoredHead
    ) -> Outcome {
        // RFC 9110 §13.2.1: no conditions where the answer without them is not a successful one.
        guard facts.hasConditions, stored.status / 100 == 2 else { return .none }
        if head.contains(.ifNoneMatch) {
            return matchesNone(head, stored, storedHead) ? .full : .notModified
        }
        return modifiedSince(head, stored, storedHead)
    }

    /// RFC 9110 §13.1.2: false if one of the tags is that of the stored response, by weak comparison,
    /// or "*" is given, for there is a response.
    private static func matchesNone(
        _ head: RequestHead, _ stored: StoredMetadata, _ storedHead: StoredHead
    ) -> Bool {
        let bytes = head.bytes
        let fields = head.fields
        let other = storedHead.bytes
        for index in fields.indices where fields[index].known == .ifNoneMatch {
            if bytes.span.equals(fields[index].value, "*") { return false }
            guard !stored.etag.isEmpty else { continue }
            var tags = EntityTagIterator(fields[index].value)
            while let tag = tags.next(in: bytes.span) {
                if EntityTag.areWeaklyEqual(tag, bytes.span, stored.etag, other.span) {
                    return false
                }
            }
        }
        return true
    }

    /// RFC 9110 §13.1.3 and RFC 9111 §4.3.2: against Last-Modified, else Date, which is when it was
    /// received if the origin gave none. Not a date, or more than one: ignored.
    private static func modifiedSince(
        _ head: RequestHead, _ stored: StoredMetadata, _ storedHead: StoredHead
    ) -> Outcome {
        guard head.count(of: .ifModifiedSince) == 1,
            let value = head.value(of: .ifModifiedSince)
        else { return .none }
        let bytes = head.bytes
        // Clients send back what they were sent.
        if !stored.lastModifiedText.isEmpty,
            bytes.span.equals(value, stored.lastModifiedText, of: storedHead.bytes.span)
        {
            return .notModified
        }
        let text = bytes.span.extracting(value.indices)
        guard let since = HTTPDate.parse(text, now: stored.responseTime) else { return .none }
        let modified = stored.lastModified ?? stored.date
        return modified.seconds <= since.seconds ? .notModified : .full
    }
}

/// The fields of a 304 made from a stored response (RFC 9110 §15.4.5).
public enum NotModified {
    /// Whether a stored field goes into it: those that the section demands, those that tell caches
    /// between here and the client what they need, and Last-Modified only in place of an ETag.
    public static func keeps(_ name: FieldName, hasETag: Bool) -> Bool {
        switch name {
        case .etag, .date, .cacheControl, .cdnCacheControl, .expires, .vary, .contentLocation,
            .cacheStatus, .via:
            true
        case .lastModified: !hasETag
        default: false
        }
    }
}
