public import HTTP1
public import Time

/// A stored response as it is after a newer answer told more about it.
public struct Freshened: Sendable {
    /// Its metadata, as of the newer answer.
    public var metadata: StoredMetadata
    /// Its fields.
    public var head: StoredHead
    /// Whether it may stay in the store. If not it still is the answer to this request.
    public var isStorable: Bool
}

/// What an answer to HEAD means for a stored answer to GET (RFC 9111 §4.3.5).
public enum HeadUpdate: Sendable {
    /// Nothing.
    case ignore
    /// It is still right, and fresh again.
    case freshen(Freshened)
    /// It is out of date: to be treated as stale, as by a soft purge.
    case invalidate
}

/// RFC 9111 §4.3: validating stored responses.
public enum Validation {
    /// Appends the field lines that make a request a validation of the stored response (§4.3.1), in
    /// place of the client's own If-None-Match and If-Modified-Since. Whether there are any.
    public static func appendConditions(
        for stored: StoredMetadata, _ head: StoredHead, to out: inout ByteWriter
    ) -> Bool {
        if !stored.etag.isEmpty {
            out.append("If-None-Match: ")
            out.append(head.bytes, stored.etag)
            out.append("\r\n")
        }
        if !stored.lastModifiedText.isEmpty {
            out.append("If-Modified-Since: ")
            out.append(head.bytes, stored.lastModifiedText)
            out.append("\r\n")
        }
        return stored.hasValidator
    }

    /// The stored response freshened by the 304 that answered `request` (§4.3.4). Nil if the 304 is not
    /// about it: then the request has to be sent again without conditions.
    ///
    /// The variant it stands for may be narrower than before: compare `metadata.vary`.
    public static func merge(
        _ stored: StoredMetadata, _ head: StoredHead, with notModified: ResponseHead,
        request: RequestHead, settings: CacheSettings, requestTime: Timestamp,
        responseTime: Timestamp
    ) -> Freshened? {
        guard selects(notModified, stored, head) else { return nil }
        return update(
            stored, head,
            Exchange(
                request: request, response: notModified, settings: settings,
                requestTime: requestTime, responseTime: responseTime))
    }

    /// What the answer to HEAD means for a stored response that could have been chosen for it (§4.3.5).
    /// Only a 200 means anything. `bodyCount` is the length of the stored body.
    public static func headUpdate(
        _ stored: StoredMetadata, _ head: StoredHead, bodyCount: Int, with response: ResponseHead,
        request: RequestHead, settings: CacheSettings, requestTime: Timestamp,
        responseTime: Timestamp
    ) -> HeadUpdate {
        guard response.status == 200 else { return .ignore }
        guard stored.status == 200, hasSameValidators(response, stored, head) else {
            return .invalidate
        }
        if let length = response.contentLength, length != UInt64(max(0, bodyCount)) {
            return .invalidate
        }
        return .freshen(
            update(
                stored, head,
                Exchange(
                    request: request, response: response, settings: settings,
                    requestTime: requestTime, responseTime: responseTime)))
    }

    /// §4.3.4: a strong validator in the 304 must be that of the stored response; without one, a weak one
    /// must. Without any the 304 can only be about what was asked for, since one response was.
    private static func selects(
        _ response: ResponseHead, _ stored: StoredMetadata, _ head: StoredHead
    ) -> Bool {
        let bytes = response.bytes
        if let tag = response.value(of: .etag) {
            if EntityTag.isStrong(tag, in: bytes.span) {
                return EntityTag.areStronglyEqual(tag, bytes.span, stored.etag, head.bytes.span)
            }
            return EntityTag.areWeaklyEqual(tag, bytes.span, stored.etag, head.bytes.span)
        }
        guard let value = response.value(of: .lastModified), stored.lastModified != nil else {
            return true
        }
        return isSameDate(value, of: bytes.span, stored, head)
    }

    /// §4.3.5: all of the validators received are those of the stored response.
    private static func hasSameValidators(
        _ response: ResponseHead, _ stored: StoredMetadata, _ head: StoredHead
    ) -> Bool {
        let bytes = response.bytes
        if let tag = response.value(of: .etag),
            !bytes.span.equals(tag, stored.etag, of: head.bytes.span)
        {
            return false
        }
        guard let value = response.value(of: .lastModified) else { return true }
        return isSameDate(value, of: bytes.span, stored, head)
    }

    private static func isSameDate(
        _ value: ByteRange, of bytes: Span<UInt8>, _ stored: StoredMetadata, _ head: StoredHead
    ) -> Bool {
        if bytes.equals(value, stored.lastModifiedText, of: head.bytes.span) { return true }
        let time = HTTPDate.parse(bytes.extracting(value.indices), now: stored.responseTime)
        return time != nil && time == stored.lastModified
    }

    /// §3.2 and §4.3.4: the fields of the newer answer, and freshness and age counted from it.
    private static func update(
        _ stored: StoredMetadata, _ head: StoredHead, _ exchange: Exchange
    ) -> Freshened {
        let lines = FieldLines(exchange.response)
        let own = ResponseControl.read(lines)
        let merged = StoredHead(
            head, updatedBy: exchange.response,
            StorableFields(settings: exchange.settings, control: own), date: exchange.date(lines))
        let control = ResponseControl.read(FieldLines(merged))
        let vary = VaryRule.read(
            lines, exchange.request, ignoring: exchange.settings.varyIgnore)
        let metadata = exchange.metadata(
            merged, age: Freshness.receivedAge(lines), control: control, status: stored.status,
            vary: vary.map(stored.vary.joined) ?? stored.vary)
        // §3: what would not have been stored with these fields does not stay.
        let isStorable =
            vary != nil && !control.forbidsStoring(stored.status)
            && !control.flags.contains(.isPrivate)
            && (!exchange.request.contains(.authorization) || control.allowsAuthorization)
        return Freshened(metadata: metadata, head: merged, isStorable: isStorable)
    }
}
