/// What a complete request head means, decided once and in a fixed order: framing first, because
/// a doubt about it is the most dangerous one, then host, expectation and connection.
enum RequestRules {
    /// Sets body, authority, expectation and persistence of `head`, whose request line is read.
    static func decide(
        _ facts: HeadFacts, _ bytes: Span<UInt8>, _ head: inout RequestParts, bodyBytesMax: UInt64
    ) throws(Rejection) {
        head.body = try framing(facts, bytes, head.version, bodyBytesMax: bodyBytesMax)
        try host(facts, bytes, &head)
        // RFC 9110 §10.1.1: an expectation in a request of HTTP/1.0 is ignored.
        if facts.hasExpect, head.version == .http11 {
            guard facts.expectsOnlyContinue else { throw .unsupportedExpectation }
            head.expectsContinue = head.body != .none && head.body != .length(0)
        }
        // RFC 9110 §7.6.2: other methods may ignore the field.
        if facts.maxForwardsCount > 0, head.method == .options || head.method == .trace {
            guard facts.maxForwardsCount == 1 else { throw .invalidMaxForwards }
            switch bytes.decimal(facts.maxForwards) {
            case .value(let value): head.maxForwards = value
            case .overflow: head.maxForwards = .max
            case .invalid: throw .invalidMaxForwards
            }
        }
        head.isPersistent = facts.isPersistent(head.version)
        head.nominatesFields = facts.nominatesFields
    }

    /// RFC 9112 §6.3, for requests: without either field there is no body.
    private static func framing(
        _ facts: HeadFacts, _ bytes: Span<UInt8>, _ version: Version, bodyBytesMax: UInt64
    ) throws(Rejection) -> BodyFraming {
        if facts.hasTransferEncoding {
            if version == .http10 { throw .transferEncodingOnHTTP10 }
            if facts.contentLengthCount > 0 { throw .transferEncodingWithContentLength }
            try facts.codings.requireChunked()
            return .chunked
        }
        guard let length = try facts.announcedLength(bytes) else { return .none }
        guard length <= bodyBytesMax else { throw .bodyTooLarge }
        return .length(length)
    }

    /// RFC 9112 §3.2: exactly one valid Host in HTTP/1.1, at most one in HTTP/1.0; an authority in the
    /// target overrides it but does not excuse it.
    private static func host(
        _ facts: HeadFacts, _ bytes: Span<UInt8>, _ head: inout RequestParts
    ) throws(Rejection) {
        if facts.hostCount > 1 { throw .duplicateHost }
        guard facts.hostCount == 1 else {
            if head.version == .http11 { throw .missingHost }
            return
        }
        guard Authority.isValid(bytes, facts.host) else { throw .invalidHost }
        if head.authority == nil { head.authority = facts.host }
    }
}

extension HeadFacts {
    /// The one Content-Length, nil without any. Equal duplicates are refused too: RFC 9110 §8.6
    /// allows either, and who sends them is not to be trusted with framing.
    func announcedLength(_ bytes: Span<UInt8>) throws(Rejection) -> UInt64? {
        if contentLengthCount == 0 { return nil }
        if contentLengthCount > 1 { throw .duplicateContentLength }
        switch bytes.decimal(contentLength) {
        case .value(let value): return value
        case .overflow: throw .bodyTooLarge
        case .invalid: throw .invalidContentLength
        }
    }
}
