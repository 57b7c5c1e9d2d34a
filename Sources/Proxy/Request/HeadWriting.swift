internal import EventLoop
internal import HTTP1
internal import ProxyCore
internal import Telemetry
internal import Time

// Heads are always written from their parsed form, never copied: what was not understood is not sent on.

extension Worker {
    /// Writes the request's head as the upstream gets it into the upload's buffer.
    func writeUpstreamHead(_ request: ClientRequest, endpoint: Int) {
        let head = request.head
        let route = request.route
        var out = ByteWriter()
        swap(&out, &request.upload.buffer)
        out.append(head.bytes, head.methodRange)
        out.append(byte: UInt8(ascii: " "))
        appendTarget(of: request, prefix: route.upstream.prefixes[endpoint], to: &out)
        out.append(" HTTP/1.1\r\nHost: ")
        appendHost(of: request, endpoint: endpoint, to: &out)
        out.appendLineEnd()
        let fields = head.fields
        for index in fields.indices where passes(fields[index], of: request) {
            out.appendField(fields[index], of: head.bytes)
        }
        if request.caching.isValidating, let candidate = request.caching.candidate {
            _ = Validation.appendConditions(for: candidate.metadata, candidate.head, to: &out)
        }
        appendForwarded(of: request, to: &out)
        out.append(snapshot.viaField(for: head.version))
        out.append("traceparent: ")
        request.trace.appendTraceparent(to: &out)
        out.appendLineEnd()
        if let field = route.upstream.deadlineField {
            field.append(until: request.totalDeadline, now: .now(), to: &out)
        }
        if let left = head.maxForwards {
            out.appendField("Max-Forwards", decimal: left - 1)
        }
        switch head.body {
        case .length(let length): out.appendField("Content-Length", decimal: length)
        case .chunked: out.appendField("Transfer-Encoding", "chunked")
        case .none, .untilClose: break
        }
        out.append(route.requestEdits.lines)
        out.appendLineEnd()
        swap(&out, &request.upload.buffer)
    }

    private func appendTarget(
        of request: ClientRequest, prefix: [UInt8], to out: inout ByteWriter
    ) {
        let head = request.head
        if head.asksForServer {
            out.append("*")
            return
        }
        out.append(prefix)
        var target = ByteRange(start: head.path.start, count: head.path.count)
        if let query = head.query { target = ByteRange(head.path.lowerBound, query.upperBound) }
        // An absolute-form target may have a query and no path.
        if head.path.isEmpty { out.append("/") }
        if let table = request.route.rewritingTable {
            var path: [UInt8] = []
            table.appendTarget(
                of: request.route.index, head.bytes.span.extracting(target.indices), to: &path)
            out.append(path)
        } else if head.path.isEmpty, let query = head.query {
            out.append("?")
            out.append(head.bytes, query)
        } else {
            out.append(head.bytes, target)
        }
    }

    private func appendHost(
        of request: ClientRequest, endpoint: Int, to out: inout ByteWriter
    ) {
        if request.route.upstream.preservesHost, let authority = request.head.authority {
            out.append(request.head.bytes, authority)
        } else {
            out.append(request.route.upstream.hosts[endpoint])
        }
    }

    /// Whether a field of the request goes on as it is.
    private func passes(_ field: Field, of request: ClientRequest) -> Bool {
        let head = request.head
        switch field.known {
        case .host, .contentLength, .traceparent: return false
        case .ifNoneMatch, .ifModifiedSince, .ifRange, .range:
            // A stored response is validated for every client; its answer is made from what is stored then.
            if request.caching.isValidating { return false }
        case .maxForwards: return head.maxForwards == nil
        case .expect: return head.expectsContinue
        case .tracestate: return request.trace.isContinued
        case .xForwardedFor:
            // Appended values go into one line (`appendForwarded`): many readers look at one only.
            return snapshot.settings.forwarded == .off
        case .xForwardedProto, .xForwardedHost:
            return snapshot.settings.forwarded == .off
                || snapshot.settings.forwarded == .append && request.isFromTrustedPeer
        case .forwarded:
            return snapshot.settings.forwarded != .replace
        default: break
        }
        guard head.isForwardable(field) else { return false }
        if let deadline = request.route.upstream.deadlineField,
            deadline.isName(field.name, of: head.bytes)
        {
            return false
        }
        let edits = request.route.requestEdits
        return edits.drops.isEmpty || !edits.drops(field.name, of: head.bytes)
    }

    private func appendForwarded(of request: ClientRequest, to out: inout ByteWriter) {
        let policy = snapshot.settings.forwarded
        guard policy != .off else { return }
        let head = request.head
        out.append("X-Forwarded-For: ")
        if policy == .append {
            head.forEachValue(of: .xForwardedFor) { value in
                if value.isEmpty { return }
                out.append(head.bytes, value)
                out.append(", ")
            }
        }
        // The hop that is added is the one that sent us the request; earlier ones are in the list.
        out.append(request.peerText)
        out.appendLineEnd()
        let keeps = policy == .append && request.isFromTrustedPeer
        if !(keeps && head.contains(.xForwardedProto)) {
            out.appendField("X-Forwarded-Proto", "http")
        }
        if !(keeps && head.contains(.xForwardedHost)), let authority = head.authority {
            out.append("X-Forwarded-Host: ")
            out.append(head.bytes, authority)
            out.appendLineEnd()
        }
    }

    // MARK: Responses

    /// Sends `out`, and `data` behind it, in one system call where the kernel takes them.
    func sendOut(to connection: ClientConnection, _ data: Span<UInt8> = Span()) {
        out.withSpan { connection.write($0, data) }
    }

    /// Writes the final response's head for the client into `out`.
    func writeClientHead(
        _ response: ResponseHead, for request: ClientRequest, contentLength: UInt64?,
        isChunked: Bool
    ) {
        appendStatusLine(response)
        appendFields(response, edits: request.route.responseEdits)
        if !response.contains(.date) { appendDate() }
        if let contentLength { out.appendField("Content-Length", decimal: contentLength) }
        if isChunked { out.appendField("Transfer-Encoding", "chunked") }
        out.append(snapshot.viaField(for: response.version))
        appendCacheStatus(of: request, ttl: nil)
        appendLimits(of: request)
        if !response.contains(.xRequestID) { appendRequestID(of: request) }
        appendPersistence(of: request)
        out.append(request.route.responseEdits.lines)
        out.appendLineEnd()
    }

    /// Writes an interim response for the client into `out`.
    func writeInterim(_ response: ResponseHead) {
        appendStatusLine(response)
        appendFields(response, edits: .none)
        out.append(snapshot.viaField(for: response.version))
        out.appendLineEnd()
    }

    private func appendStatusLine(_ response: ResponseHead) {
        if response.reason.isEmpty {
            out.appendStatusLine(response.status)
        } else {
            out.append("HTTP/1.1 ")
            out.append(decimal: UInt64(response.status))
            out.append(" ")
            out.append(response.bytes, response.reason)
            out.appendLineEnd()
        }
    }

    private func appendFields(_ response: ResponseHead, edits: FieldEditor) {
        let fields = response.fields
        for index in fields.indices {
            let field = fields[index]
            if field.known == .contentLength || !response.isForwardable(field) { continue }
            if !edits.drops.isEmpty, edits.drops(field.name, of: response.bytes) { continue }
            out.appendField(field, of: response.bytes)
        }
    }

    /// Date in the form of RFC 9110 §5.6.7, made once a second.
    func appendDate() {
        let now = Timestamp.now()
        if now.seconds != dateSecond {
            dateSecond = now.seconds
            date.removeAll()
            HTTPDate.append(now, to: &date)
        }
        out.append("Date: ")
        date.withSpan { out.append($0) }
        out.appendLineEnd()
    }

    /// The trace's id, by which the client's report finds the log line.
    func appendRequestID(of request: ClientRequest) {
        out.append("X-Request-Id: ")
        request.trace.appendTraceID(to: &out)
        out.appendLineEnd()
    }

    /// Tells the client what becomes of the connection (RFC 9112 §9.3).
    func appendPersistence(of request: ClientRequest) {
        if request.closeReason != nil {
            out.appendField("Connection", "close")
        } else if request.head.version == .http10 {
            out.appendField("Connection", "keep-alive")
        }
    }

    /// Ends a chunked answer. Trailers go only to clients that said they want them (RFC 9110 §6.5.1).
    func writeLastChunk(_ trailers: TrailerFields, for request: ClientRequest) {
        out.append("0\r\n")
        if !trailers.fields.isEmpty, request.head.acceptsTrailers {
            for field in trailers.fields { out.appendField(field, of: trailers.bytes) }
        }
        out.appendLineEnd()
    }
}

extension RequestHead {
    /// `OPTIONS *` in either of its forms: a question to the server, not to a resource (§3.2.4).
    var asksForServer: Bool {
        targetForm == .asterisk
            || targetForm == .absolute && method == .options && path.isEmpty && query == nil
    }

    /// Whether any byte of a body follows the head.
    var hasBody: Bool { body != .none && body != .length(0) }

    /// Whether TE lists "trailers" (RFC 9110 §10.1.4).
    var acceptsTrailers: Bool {
        var accepts = false
        let bytes = self.bytes
        forEachValue(of: .te) { value in
            var members = ListIterator(value)
            while let member = members.next(in: bytes.span) {
                if bytes.span.equalsIgnoringCase(member, "trailers") { accepts = true }
            }
        }
        return accepts
    }
}
