internal import EventLoop
internal import HTTP1
internal import ProxyCore
internal import Telemetry
internal import Time

// Answers from the cache, written into `out`. The common one is a copy of what was rendered when the
// response was stored, and a few short fields behind it.

extension Worker {
    /// Gives back what a large answer of several parts took.
    func trimOut() {
        if out.capacity > Worker.outBytesKept { out = ByteWriter(capacity: 4096) }
    }

    private static let outBytesKept = 256 * 1024

    /// Renders what a stored response's answers have in common; see `StoredResponse.rendered`.
    func render(
        _ metadata: StoredMetadata, _ head: StoredHead, length: Int, route: Route, version: Version
    ) -> (bytes: [UInt8], hasRequestID: Bool) {
        var writer = ByteWriter(capacity: head.bytes.count + 256)
        writer.appendStatusLine(metadata.status)
        var hasRequestID = false
        for field in head.fields {
            let edits = route.responseEdits
            if !edits.drops.isEmpty, edits.drops(field.name, of: head.bytes) { continue }
            if field.known == .xRequestID { hasRequestID = true }
            writer.appendField(field, of: head.bytes)
        }
        if metadata.status != 204 {
            writer.appendField("Content-Length", decimal: UInt64(length))
        }
        writer.append(snapshot.viaField(for: version))
        writer.append(route.responseEdits.lines)
        // Exactly as large as it is: it is counted, and kept.
        return (writer.bytes, hasRequestID)
    }

    /// Writes the head of an answer from `stored`, and the content too where that is not the stored bytes
    /// themselves.
    func writeStoredHead(
        _ stored: StoredResponse, _ extent: StoredExtent, for request: ClientRequest, age: Int64,
        ttl: Int64
    ) {
        out.removeAll()
        switch extent {
        case .bytes(let range) where request.status != 206:
            _ = range
            out.append(stored.rendered)
            return finishStoredHead(stored, request, age: age, ttl: ttl)
        case .bytes(let range):
            out.appendStatusLine(206)
            appendFields(of: stored, request.route, except: [.contentLength])
            appendContentRange(range, of: stored.body.count)
            out.appendField("Content-Length", decimal: UInt64(range.count))
            finishStoredHead(stored, request, age: age, ttl: ttl)
        case .multipart(let parts):
            writeMultipart(parts, stored, request, age: age, ttl: ttl)
        case .notModified:
            out.appendStatusLine(304)
            let fields = stored.head.fields
            for field in fields
            where NotModified.keeps(
                field.known, hasETag: !stored.metadata.etag.isEmpty)
            {
                appendUnlessDropped(field, of: stored, request.route)
            }
            out.append(snapshot.viaField(for: .http11))
            out.append(request.route.responseEdits.lines)
            finishStoredHead(stored, request, age: age, ttl: ttl)
        case .unsatisfiable:
            out.appendStatusLine(416)
            out.append("Content-Range: bytes */")
            out.append(decimal: UInt64(stored.body.count))
            out.append("\r\nContent-Length: 0\r\n")
            appendDate()
            finishStoredHead(stored, request, age: age, ttl: ttl)
        }
    }

    /// The fields that differ from answer to answer.
    private func finishStoredHead(
        _ stored: StoredResponse, _ request: ClientRequest, age: Int64, ttl: Int64
    ) {
        out.appendField("Age", decimal: UInt64(clamping: age))
        appendCacheStatus(of: request, ttl: ttl)
        appendLimits(of: request)
        if !stored.hasRequestID { appendRequestID(of: request) }
        appendPersistence(of: request)
        out.appendLineEnd()
    }

    private func appendFields(
        of stored: StoredResponse, _ route: Route, except: Set<FieldName>
    ) {
        for field in stored.head.fields where !except.contains(field.known) {
            appendUnlessDropped(field, of: stored, route)
        }
        out.append(snapshot.viaField(for: .http11))
        out.append(route.responseEdits.lines)
    }

    private func appendUnlessDropped(
        _ field: Field, of stored: StoredResponse, _ route: Route
    ) {
        let edits = route.responseEdits
        if !edits.drops.isEmpty, edits.drops(field.name, of: stored.head.bytes) { return }
        out.appendField(field, of: stored.head.bytes)
    }

    private func appendContentRange(_ range: Range<Int>, of count: Int) {
        out.append("Content-Range: bytes ")
        out.append(decimal: UInt64(range.lowerBound))
        out.append("-")
        out.append(decimal: UInt64(range.upperBound - 1))
        out.append("/")
        out.append(decimal: UInt64(count))
        out.appendLineEnd()
    }

    /// RFC 9110 §15.3.7.2: each part with its own Content-Range, between boundaries that do not occur in it
    /// but by chance.
    private func writeMultipart(
        _ parts: [Range<Int>], _ stored: StoredResponse, _ request: ClientRequest, age: Int64,
        ttl: Int64
    ) {
        var boundary = ByteWriter(capacity: 32)
        boundary.append(hex: random.next() | 1 << 63)
        boundary.append(hex: random.next() | 1 << 63)
        var head = ByteWriter()
        swap(&head, &out)
        for part in parts {
            out.append("\r\n--")
            boundary.withSpan { out.append($0) }
            out.appendLineEnd()
            for field in stored.head.fields where field.known == .contentType {
                out.appendField(field, of: stored.head.bytes)
            }
            appendContentRange(part, of: stored.body.count)
            out.appendLineEnd()
            stored.body.withSpan { out.append($0.extracting(part)) }
        }
        out.append("\r\n--")
        boundary.withSpan { out.append($0) }
        out.append("--\r\n")
        swap(&head, &out)
        out.appendStatusLine(206)
        appendFields(of: stored, request.route, except: [.contentLength, .contentType])
        out.append("Content-Type: multipart/byteranges; boundary=")
        boundary.withSpan { out.append($0) }
        out.appendLineEnd()
        out.appendField("Content-Length", decimal: UInt64(head.count))
        finishStoredHead(stored, request, age: age, ttl: ttl)
        head.withSpan { out.append($0) }
    }

    /// Cache-Status (RFC 9211), behind one of the upstream's. `ttl`: seconds of freshness left, for answers
    /// from the cache.
    func appendCacheStatus(of request: ClientRequest, ttl: Int64?) {
        guard let result = request.caching.result else { return }
        out.append("Cache-Status: ")
        out.append(snapshot.viaBytes)
        if let forward = request.caching.forward, request.attempts > 0 || result == .collapsed {
            out.append("; fwd=")
            out.append(forward.word)
            if request.caching.upstreamStatus > 0 {
                out.append("; fwd-status=")
                out.append(decimal: UInt64(request.caching.upstreamStatus))
            }
            if result == .collapsed { out.append("; collapsed") }
            if request.caching.isStoring { out.append("; stored") }
        } else if request.caching.tier != .none {
            out.append("; hit")
        }
        if let ttl {
            out.append(ttl < 0 ? "; ttl=-" : "; ttl=")
            out.append(decimal: ttl.magnitude)
        }
        if let detail = request.caching.detail ?? request.caching.tier.detail {
            out.append("; detail=")
            out.append(detail.word)
        }
        out.appendLineEnd()
    }
}

extension CacheTier {
    /// The word for it in Cache-Status.
    fileprivate var detail: CacheDetail? {
        switch self {
        case .local: .l1
        case .redis: .l2
        case .none: nil
        }
    }
}
