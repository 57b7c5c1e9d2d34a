import HTTP1

/// What came of feeding bytes to a parser: comparable, whatever the way they were cut.
struct Outcome: Equatable {
    /// As in `MessageCase.expected`.
    var word: String
    var fields: [String] = []
    /// Bytes taken of the message.
    var consumed = 0
}

/// Feeds `bytes` so that the parser sees them grow up to each of `stops` and to the end.
func parseRequest(
    _ bytes: [UInt8], stops: some Sequence<Int> = [Int](), limits: HeadLimits = .init(),
    into head: RequestHead = RequestHead()
) -> Outcome {
    var parser = RequestParser(limits: limits)
    return feed(bytes, stops) { buffer in
        switch parser.parse(buffer, into: head) {
        case .needMore: nil
        case .reject(let rejection): Outcome(word: rejection.rawValue)
        case .complete(let consumed):
            Outcome(word: head.summary, fields: head.fieldDump, consumed: consumed)
        }
    }
}

func parseResponse(
    _ bytes: [UInt8], to method: Method = .get, stops: some Sequence<Int> = [Int](),
    limits: HeadLimits = .init(), into head: ResponseHead = ResponseHead()
) -> Outcome {
    var parser = ResponseParser(limits: limits)
    return feed(bytes, stops) { buffer in
        switch parser.parse(buffer, requestMethod: method, into: head) {
        case .needMore: nil
        case .reject(let rejection): Outcome(word: rejection.rawValue)
        case .complete(let consumed):
            Outcome(word: head.summary, fields: head.fieldDump, consumed: consumed)
        }
    }
}

private func feed(
    _ bytes: [UInt8], _ stops: some Sequence<Int>, _ parse: (Span<UInt8>) -> Outcome?
) -> Outcome {
    for stop in stops {
        if let outcome = parse(bytes.span.extracting(0..<stop)) { return outcome }
    }
    return parse(bytes.span) ?? Outcome(word: "more")
}

/// Feeds the pieces of `bytes` between `stops` to a decoder of the chunked coding.
func decodeChunks(
    _ bytes: [UInt8], stops: some Sequence<Int> = [Int](), limits: BodyLimits = .init()
) -> Outcome {
    var decoder = BodyDecoder(.chunked, limits: limits)
    var content: [UInt8] = []
    var at = 0
    for stop in Array(stops) + [bytes.count] {
        while true {
            let piece = bytes.span.extracting(at..<stop)
            switch decoder.next(piece) {
            case .needMore(let consumed):
                guard consumed == piece.count else { return Outcome(word: "left bytes behind") }
                at += consumed
            case .data(let consumed, let range):
                guard range.upperBound <= consumed, !range.isEmpty else {
                    return Outcome(word: "bad range")
                }
                content += bytes[(at + range.lowerBound)..<(at + range.upperBound)]
                at += consumed
                continue
            case .end(let consumed):
                at += consumed
                let trailers = decoder.trailers
                let shown = trailers.fields.map {
                    text(trailers.bytes, $0.name) + "=" + text(trailers.bytes, $0.value)
                }
                let all = ByteRange(0, content.count)
                return Outcome(
                    word: "\(text(content, all))|\(shown.joined(separator: ","))"
                        + "|\(bytes.count - at)",
                    consumed: at)
            case .reject(let rejection):
                return Outcome(word: rejection.rawValue)
            }
            break
        }
    }
    return Outcome(word: "more")
}
