internal import EventLoop
internal import HTTP1
internal import ProxyCore
internal import Telemetry

// Answers of the proxy's own: problem details (RFC 9457), small and complete in one write.

extension ClientRequest {
    /// Refuses what could not be understood; nothing after it on the connection is interpreted.
    func refuse(_ rejection: Rejection) {
        error = "rejected"
        detail = rejection.rawValue
        errorReason = RequestErrorReason(rejection.reason)
        closeReason = .rejectedRequest
        answerLocally(rejection.status, rejection.rawValue)
    }

    /// Refuses with this status; the connection ends after it.
    func refuse(_ status: UInt16, _ reason: RequestErrorReason, _ text: String) {
        error = reason.word
        errorReason = reason
        closeReason = reason == .timeout ? .requestTimeout : .rejectedRequest
        answerLocally(status, text)
    }

    /// OPTIONS or TRACE that has come as far as it may (RFC 9110 §7.6.2).
    func answerAsFinalRecipient() {
        let connect = MethodSet(index: Method.connect.rawValue)
        let methods = (route.spec?.match.methods ?? .all).subtracting(connect).allow
        if head.method == .options {
            answerLocally(204, "", allow: methods)
        } else {
            answerLocally(405, "TRACE is not answered here", allow: methods)
        }
    }

    /// Says that the upstream could not answer, or what the route has in place of that.
    func answerFailure(_ status: UInt16, _ text: String) {
        guard let fallback = route.spec?.fallback else { return answerLocally(status, text) }
        send(fallback.status, fallback.contentType, fallback.body)
    }

    /// Sends a complete answer that no upstream made, and finishes the request.
    func answerLocally(_ status: UInt16, _ text: String, allow: String? = nil) {
        let body = status == 204 ? "" : problem(status, text)
        send(status, "application/problem+json", body, allow: allow)
    }

    private func send(
        _ status: UInt16, _ contentType: String, _ body: String, allow: String? = nil
    ) {
        guard let connection else { return }
        if isClientGone { return finish(.abort(closeReason ?? .client)) }
        self.status = status
        origin = .proxy
        if trace.span == SpanID(0) { trace.start(random: &worker.random) }
        // A body that has not been read cannot be told from a next request.
        if closeReason == nil, head.hasBody, !upload.isDecoded {
            closeReason = .rejectedRequest
        }
        decidePersistence(isBodyTaken: true)
        isAnswered = true
        worker.out.removeAll()
        worker.out.appendStatusLine(status)
        worker.appendDate()
        if status != 204 {
            worker.out.append("Content-Type: ")
            worker.out.append(utf8: contentType)
            worker.out.appendLineEnd()
            worker.out.appendField("Content-Length", decimal: UInt64(body.utf8.count))
        }
        if let allow {
            worker.out.append("Allow: ")
            worker.out.append(utf8: allow)
            worker.out.appendLineEnd()
        }
        if status < 300, status != 204 { worker.out.appendField("Cache-Control", "no-store") }
        if status == 503 {
            worker.out.appendField(
                "Retry-After", decimal: admission.refusal?.retryAfterSeconds ?? 1)
        }
        worker.out.append(worker.snapshot.viaField(for: .http11))
        worker.appendCacheStatus(of: self, ttl: nil)
        worker.appendLimits(of: self)
        worker.appendRequestID(of: self)
        worker.appendPersistence(of: self)
        worker.out.appendLineEnd()
        if head.method != .head { worker.out.append(utf8: body) }
        bytesOut += UInt64(worker.out.count)
        worker.sendOut(to: connection)
        finish(disposition)
    }

    private func problem(_ status: UInt16, _ text: String) -> String {
        "{\"type\":\"about:blank\",\"title\":\"\(StatusText.reason(for: status))\","
            + "\"status\":\(status),\"detail\":\"\(text)\"\(limitMembers)}\n"
    }
}
