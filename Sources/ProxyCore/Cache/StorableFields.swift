internal import HTTP1
internal import Time

/// Which fields of a response are stored (RFC 9111 §3.1), at first and on an update (§3.2).
struct StorableFields {
    let settings: CacheSettings
    let control: ResponseControl

    /// Whether `field` of `head` is stored. Date is never: the caller adds the one that counts.
    func keep(_ field: Field, of head: ResponseHead, _ bytes: Span<UInt8>) -> Bool {
        switch field.known {
        // Content-Length follows from the stored body, Age from the metadata.
        case .contentLength, .age, .date: return false
        case .setCookie where settings.setCookie != .explicit: return false
        default: break
        }
        // Connection, what it nominates, and what concerns one connection or proxy only.
        guard head.isForwardable(field), !isProxyField(field, bytes) else { return false }
        return !isExcluded(field, bytes)
    }

    /// Whether the route does not store the field, or the response does not want it to be reused
    /// without validation (§5.2.2.4).
    func isExcluded(_ field: Field, _ bytes: Span<UInt8>) -> Bool {
        isListed(field, in: settings.dropFields, bytes)
            || isListed(field, in: control.noCacheFields, bytes)
    }

    /// Whether a field of a 304, or of an answer to HEAD, takes the place of the stored ones of its name
    /// (§3.2). What tells how to read the stored body stays with it.
    func updates(_ field: Field, of head: ResponseHead, _ bytes: Span<UInt8>) -> Bool {
        switch field.known {
        case .contentEncoding, .contentRange: return false
        case .setCookie where !control.isExplicitlyShared: return false
        default: return keep(field, of: head, bytes)
        }
    }

    private func isListed(_ field: Field, in names: [[UInt8]], _ bytes: Span<UInt8>) -> Bool {
        names.contains { bytes.equalsIgnoringCase(field.name, lowercase: $0) }
    }

    private func isProxyField(_ field: Field, _ bytes: Span<UInt8>) -> Bool {
        let prefix = ByteRange(start: field.name.start, count: min(field.name.count, 6))
        return bytes.equalsIgnoringCase(prefix, "proxy-")
    }
}

extension StoredHead {
    /// The fields of a response that are stored, with `date` as its Date.
    init(_ head: ResponseHead, _ storable: StorableFields, date: Timestamp) {
        self.init()
        let bytes = head.bytes
        for field in head.fields where storable.keep(field, of: head, bytes.span) {
            append(field, of: bytes.span)
        }
        appendDate(date)
    }

    /// `old` with the fields of a newer response (RFC 9111 §3.2): all lines of a name are replaced
    /// together.
    init(
        _ old: StoredHead, updatedBy head: ResponseHead, _ storable: StorableFields, date: Timestamp
    ) {
        self.init()
        let bytes = head.bytes
        let updates = head.fields.filter { storable.updates($0, of: head, bytes.span) }
        for field in old.fields where field.known != .date {
            if storable.isExcluded(field, old.bytes.span) { continue }
            let isReplaced = updates.contains { update in
                update.known == field.known
                    && (field.known != .other
                        || old.bytes.span.equalsIgnoringCase(
                            field.name, of: bytes.span, update.name))
            }
            if !isReplaced { append(field, of: old.bytes.span) }
        }
        for field in updates { append(field, of: bytes.span) }
        appendDate(date)
    }
}
