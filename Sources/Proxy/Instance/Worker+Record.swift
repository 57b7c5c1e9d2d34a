internal import HTTP1
internal import ProxyCore
internal import Telemetry
internal import Time

extension Worker {
    /// Counts, times and logs one finished request. Called by `ClientRequest.finish` only.
    func record(_ request: ClientRequest, durationNanoseconds: UInt64) {
        metrics.inFlight.add(-1)
        let route = request.route.metrics
        route.requests.add(
            method: Int(request.loggedMethod.rawValue), code: Int(request.status),
            origin: request.origin)
        let outcome = request.caching.result?.outcome ?? .none
        if let result = request.caching.result {
            metrics.cacheRequests.count(result, request.caching.tier)
        }
        route.durations[outcome].observe(
            nanoseconds: durationNanoseconds, traceID: request.trace.context.traceID)
        metrics.sentBytes[outcome].add(request.bytesOut)
        metrics.responseSize.observe(bytes: request.bytesOut)
        if let reason = request.errorReason { metrics.requestErrors[reason].add() }
        countTop(request)
        if let log, shouldLog(request, durationNanoseconds) {
            line.removeAll()
            switch snapshot.settings.log.access.format {
            case .json: appendJSON(request, durationNanoseconds)
            case .text: appendText(request, durationNanoseconds)
            }
            let dropped = line.withSpan { log.append($0) }
            if dropped > 0 { metrics.logDropped.add(UInt64(dropped)) }
        }
    }

    /// Counts who asked, and for what.
    private func countTop(_ request: ClientRequest) {
        let head = request.head
        guard head.path.upperBound <= head.bytes.count else { return }
        if request.isFromTrustedPeer {
            clientKey.removeAll(keepingCapacity: true)
            request.client.append(to: &clientKey)
        }
        let key = request.isFromTrustedPeer ? clientKey : request.peerText
        let bytes = head.bytes
        top.count(client: key.span, path: bytes.span.extracting(head.path.indices))
    }

    /// All errors, refusals and slow requests; of the others one in so many.
    private func shouldLog(_ request: ClientRequest, _ nanoseconds: UInt64) -> Bool {
        let settings = snapshot.settings.log.access
        if settings.sampleRate <= 1 { return true }
        if request.status >= 400 || request.errorReason != nil { return true }
        if let slow = settings.slowNanoseconds, nanoseconds >= slow { return true }
        logTurn = logTurn + 1 < settings.sampleRate ? logTurn + 1 : 0
        return logTurn == 0
    }
}

extension ClientRequest {
    /// The method, `.other` when the request line was not understood.
    var loggedMethod: Method { head.bytes.isEmpty ? .other : head.method }
}
