internal import EventLoop
internal import HTTP1
internal import ProxyCore
internal import Telemetry
internal import Time
internal import Upstream

// What a request decides about itself: who sent it, how long it may take, what its failure means.

extension ClientRequest {
    /// Finds out who the client is and which trace the request belongs to.
    func identify(_ head: RequestHead, trusted: [CIDR]) {
        if !trusted.isEmpty, trusted.contains(where: { $0.contains(client) }) {
            isFromTrustedPeer = true
            client = resolvedClient(head, trusted: trusted)
        }
        trace.identify(head, random: &worker.random)
    }

    /// Follows X-Forwarded-For, or without it Forwarded, back to the right-most hop that is not trusted.
    private func resolvedClient(_ head: RequestHead, trusted: [CIDR]) -> ClientAddress {
        let lines = { (name: FieldName) in
            head.values(of: name).map { Array(head.bytes[$0.indices]) }
        }
        return ClientAddress.resolve(
            peer: client, forwardedFor: lines(.xForwardedFor), forwarded: lines(.forwarded),
            trusted: trusted)
    }

    /// Whether our own pseudonym stands in Via (RFC 9110 §7.6.3): the request went in a circle.
    func hasLooped(via pseudonym: [UInt8]) -> Bool {
        guard head.contains(.via) else { return false }
        var found = false
        let bytes = head.bytes
        head.forEachValue(of: .via) { value in
            var members = ListIterator(value)
            while let member = members.next(in: bytes.span) {
                if ViaMember.receivedBy(member, in: bytes.span, is: pseudonym.span) { found = true }
            }
        }
        return found
    }

    /// Whether the request may be sent once more: the connection broke without a byte of an answer, it was
    /// one from the pool that may have died there, all that was sent can be sent again, and sending it
    /// twice does no harm (RFC 9110 §9.2.2) or it was never sent.
    func mayRetry(after failure: UpstreamFailure) -> Bool {
        failure.reason == .reset && attempts == 1 && wasReused && relay.hasNothing
            && !upload.hasMoved && !isClientGone
            && route.retriesMax > 0 && (head.method.isIdempotent || sentBytes == 0)
    }

    // MARK: Deadlines

    var totalDeadline: Instant {
        let whole = route.totalNanoseconds.map { started.advanced(byNanoseconds: $0) } ?? .never
        return min(whole, admission.clientDeadline)
    }

    func connectDeadline() -> Instant {
        min(totalDeadline, Instant.now().advanced(byNanoseconds: route.connectNanoseconds))
    }

    /// Until when the upstream may stay silent now: for the first byte counted from the end of the
    /// request, later from the last byte that came.
    func readDeadline() -> Instant {
        if caching.withheldUntil != .never { return min(totalDeadline, caching.withheldUntil) }
        if relay.hasNothing {
            if !upload.isComplete, upload.failure == nil { return totalDeadline }
            let since = max(lastProgress, upload.completed)
            return min(totalDeadline, since.advanced(byNanoseconds: route.firstByteNanoseconds))
        }
        return min(totalDeadline, lastProgress.advanced(byNanoseconds: route.idleNanoseconds))
    }

    // MARK: Ends

    /// What becomes of the client's connection after a whole answer.
    var disposition: ClientConnection.Disposition {
        if isClientGone { return .abort(closeReason ?? .client) }
        if let closeReason { return .close(closeReason) }
        return .keep
    }

    /// Whether the connection goes on after the answer whose head is being written now.
    func decidePersistence(isBodyTaken: Bool = false) {
        if closeReason != nil { return }
        if worker.isDraining {
            closeReason = .drain
        } else if !head.isPersistent {
            closeReason = .client
        } else if !isBodyTaken, !upload.isComplete {
            // The rest of the body cannot be told from a next request: nothing after it is interpreted.
            closeReason = .rejectedRequest
        }
    }

    /// The attempt failed: tells the client in the clearest way that is still possible.
    func fail(_ failure: UpstreamFailure) {
        if caching.fill != nil {
            caching.fill = nil
            worker.metrics.stores[.error].add()
        }
        settleFailed(failure)
        if let fault = upload.fault {
            return failBecauseOfBody(fault)
        }
        if isClientGone {
            errorReason = closeReason == .writeTimeout ? .timeout : .clientAbort
            error = closeReason == .writeTimeout ? "write_timeout" : "client_abort"
            if status == 0 { status = 499 }
            return finish(.abort(closeReason ?? .client))
        }
        if let refusal = admission.refusal { return answerRefused(refusal) }
        error = failure.reason.word
        detail = failure.detail
        if isAnswered {
            // RFC 9112 §8: an incomplete answer must not look complete.
            errorReason = .upstreamAbort
            return finish(.abort(.upstreamAbort))
        }
        if serveStaleOnError() { return }
        origin = .proxy
        answerFailure(failure.status, failure.explanation)
    }

    private func failBecauseOfBody(_ fault: RequestUpload.Fault) {
        let reason: RequestErrorReason
        let status: UInt16
        switch fault {
        case .tooSlow: (status, reason) = (408, .timeout)
        case .cutShort: (status, reason) = (400, .clientAbort)
        case .refused(let rejection):
            (status, reason) = (rejection.status, RequestErrorReason(rejection.reason))
        }
        if isAnswered {
            error = "client_body"
            errorReason = reason
            return finish(.abort(.rejectedRequest))
        }
        refuse(status, reason, "the request's body was refused")
    }
}

extension UpstreamFailure {
    /// The client went away while its request waited for another one's fetch.
    static let clientLeft = UpstreamFailure(.canceled, "the client went away")

    /// The status that a client gets for it.
    var status: UInt16 {
        switch reason {
        case .timeout: 504
        case .poolFull, .canceled: 503
        case .dns, .connect, .tls, .reset, .protocol: 502
        }
    }

    /// What a client is told.
    var explanation: String {
        switch reason {
        case .timeout: "the upstream did not answer in time"
        case .poolFull: "too many requests wait for the upstream"
        case .dns: "the upstream's name could not be resolved"
        case .connect: "the upstream could not be connected to"
        case .tls: "the upstream's TLS could not be verified or spoken"
        case .reset: "the upstream broke off before it answered"
        case .protocol: "the upstream's answer was not valid HTTP/1.1"
        case .canceled: "the instance is stopping"
        }
    }
}

extension UpstreamErrorReason {
    /// The raw value as a literal.
    var word: StaticString {
        switch self {
        case .dns: "dns"
        case .connect: "connect"
        case .tls: "tls"
        case .timeout: "timeout"
        case .reset: "reset"
        case .protocol: "protocol"
        case .poolFull: "pool_full"
        case .canceled: "canceled"
        }
    }
}

extension RequestErrorReason {
    /// The metric's word for a parser's.
    init(_ reason: RejectionReason) {
        switch reason {
        case .badRequest: self = .badRequest
        case .headerTooLarge: self = .headerTooLarge
        case .bodyTooLarge: self = .bodyTooLarge
        case .smuggling: self = .smuggling
        case .notImplemented: self = .notImplemented
        case .version: self = .version
        }
    }

    /// The raw value as a literal.
    var word: StaticString {
        switch self {
        case .badRequest: "bad_request"
        case .headerTooLarge: "header_too_large"
        case .bodyTooLarge: "body_too_large"
        case .timeout: "timeout"
        case .clientAbort: "client_abort"
        case .smuggling: "smuggling"
        case .notImplemented: "not_implemented"
        case .version: "version"
        case .loop: "loop"
        case .upstreamAbort: "upstream_abort"
        }
    }
}
