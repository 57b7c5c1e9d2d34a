import HTTP1
import Testing

@Suite("Heads")
struct MessageHeadTests {
    private func head(_ lines: String...) -> RequestHead {
        let head = RequestHead()
        let bytes = octets(
            "GET / HTTP/1.1\r\nHost: a\r\n" + lines.map { $0 + "\r\n" }.joined() + "\r\n")
        #expect(parseRequest(bytes, into: head).consumed == bytes.count)
        return head
    }

    private func forwarded(_ head: RequestHead) -> [String] {
        head.fields.filter(head.isForwardable).map { text(head.bytes, $0.name) }
    }

    @Test("find every known name in any case, and nothing else", arguments: FieldName.allCases)
    func knownNames(_ name: FieldName) {
        guard name != .other else { return }
        let spelt = "\(name.name)"
        // Names that decide on the message need values that it survives.
        let refused: Set<FieldName> = [
            .host, .contentLength, .transferEncoding, .expect, .maxForwards,
        ]
        guard !refused.contains(name) else { return }
        for text in [spelt, spelt.lowercased(), spelt.uppercased()] {
            #expect(head(text + ": 1").fields.map(\.known) == [.host, name])
        }
        let near = [
            spelt + "x", String(spelt.dropLast()), "x" + spelt, String(spelt.dropFirst()) + "x",
        ]
        for text in near {
            #expect(head(text + ": 1").fields.last?.known == .other, "\(text)")
        }
        // Bit 0x20 apart from a letter or "-" there are only tokens that no known name holds.
        if let dash = spelt.firstIndex(of: "-") {
            #expect(
                head(spelt[..<dash] + "_" + spelt[dash...].dropFirst() + ": 1").seen & ~1
                    == head().seen)
        }
    }

    @Test("have at most 64 known names, so that a set is one word")
    func knownNameCount() {
        #expect(FieldName.allCases.count <= 64)
        #expect(
            Set(FieldName.allCases.map { "\($0.name)".lowercased() }).count
                == FieldName.allCases.count)
    }

    @Test("keep fields in order, duplicates too")
    func values() {
        let head = head("Accept: a", "X: b", "accept: c")
        #expect(head.values(of: .accept).map { text(head.bytes, $0) } == ["a", "c"])
        #expect(head.value(of: .accept).map { text(head.bytes, $0) } == "a")
        #expect(head.count(of: .accept) == 2)
        #expect(head.contains(.accept) && !head.contains(.cookie))
        #expect(head.value(of: .cookie) == nil)
        #expect(head.equals(head.methodRange, "GET"))
        #expect(head.equalsIgnoringCase(head.fields[0].name, "HOST"))
    }

    @Test("RFC 9110 §7.6.1 connection fields are not forwarded")
    func hopByHop() {
        let head = head(
            "Connection: keep-alive", "Keep-Alive: x", "Proxy-Connection: x", "TE: trailers",
            "Trailer: X", "Upgrade: x", "Proxy-Authorization: x", "HTTP2-Settings: x", "Y: z")
        #expect(forwarded(head) == ["Host", "Y"])
    }

    @Test("RFC 9110 §7.6.1 fields named by Connection are not forwarded")
    func nominated() {
        let head = head("Connection: close, x-a", "X-A: 1", "x-A: 2", "X-B: 3", "connection: X-B ,")
        #expect(forwarded(head) == ["Host"])
        #expect(head.isNominated(head.fields[2]))
        #expect(!head.isNominated(head.fields[0]))
    }

    @Test("fields that must reach their recipient survive a nomination")
    func protected() {
        let head = head(
            "Connection: host, cache-control, content-length, authorization, x-forwarded-for, user-agent",
            "Cache-Control: no-store", "Content-Length: 5", "Authorization: x",
            "X-Forwarded-For: y", "User-Agent: z")
        #expect(
            forwarded(head) == [
                "Host", "Cache-Control", "Content-Length", "Authorization", "X-Forwarded-For",
            ])
    }

    @Test("no field is both hop-by-hop and protected, and trailers hold neither kind")
    func classes() {
        for name in FieldName.allCases where HopByHop.isHopByHop(name) {
            #expect(!HopByHop.isProtected(name))
            #expect(!HopByHop.isAllowedInTrailer(name))
        }
        for name in [FieldName.host, .contentLength, .cacheControl, .authorization, .setCookie] {
            #expect(HopByHop.isProtected(name))
            #expect(!HopByHop.isAllowedInTrailer(name))
        }
    }

    @Test("are reused without a trace of the message before")
    func reuse() {
        let head = RequestHead()
        let first = octets(
            "OPTIONS http://b/c?d HTTP/1.1\r\nHost: a\r\nMax-Forwards: 3\r\nConnection: x\r\n"
                + "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n")
        let second = octets("GET /e HTTP/1.0\r\n\r\n")
        #expect(
            parseRequest(first, into: head).word
                == "OPTIONS /c?d b chunked keep absolute continue forwards=3")
        let clean = parseRequest(second)
        #expect(parseRequest(second, into: head) == clean)
        #expect(head.scheme == nil && head.authority == nil && !head.nominatesFields)
        #expect(head.seen == 0 && head.bytes == second)
    }

    @Test("pipelined come out one by one")
    func pipelined() {
        let one = octets("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n")
        let two = octets("GET /2 HTTP/1.1\r\nHost: b\r\n\r\n")
        let all = one + two
        var parser = RequestParser()
        let head = RequestHead()
        #expect(parser.parse(all.span, into: head) == .complete(consumed: one.count))
        #expect(!parser.isInsideMessage)
        let rest = Array(all[one.count...])
        #expect(parser.parse(rest.span, into: head) == .complete(consumed: two.count))
        #expect(head.summary == "GET /2 b none keep")
        #expect(parser.parse([UInt8]().span, into: head) == .needMore)
        #expect(!parser.isInsideMessage)
        #expect(parser.parse(Array(one[..<5]).span, into: head) == .needMore)
        #expect(parser.isInsideMessage)
        parser.reset()
        #expect(parser.parse(two.span, into: head) == .complete(consumed: two.count))
    }

    @Test("obey other limits than the default ones")
    func limits() {
        let bytes = octets("POST /ab HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
        func word(_ limits: HeadLimits) -> String {
            let whole = parseRequest(bytes, limits: limits)
            #expect(parseRequest(bytes, stops: 0..<bytes.count, limits: limits) == whole)
            return whole.word
        }
        #expect(word(HeadLimits(headBytesMax: bytes.count)) == "POST /ab a 9 keep")
        #expect(word(HeadLimits(headBytesMax: bytes.count - 1)) == "head_too_large")
        #expect(word(HeadLimits(headBytesMax: 0)) == "head_too_large")
        #expect(word(HeadLimits(fieldsMax: 2)) == "POST /ab a 9 keep")
        #expect(word(HeadLimits(fieldsMax: 1)) == "too_many_fields")
        #expect(word(HeadLimits(targetBytesMax: 3)) == "POST /ab a 9 keep")
        #expect(word(HeadLimits(targetBytesMax: 2)) == "target_too_long")
        #expect(word(HeadLimits(bodyBytesMax: 9)) == "POST /ab a 9 keep")
        #expect(word(HeadLimits(bodyBytesMax: 8)) == "body_too_large")
    }

    @Test("methods have the properties of RFC 9110 §9.2", arguments: Method.allCases)
    func methods(_ method: Method) {
        let safe: Set<Method> = [.get, .head, .options, .trace]
        #expect(method.isSafe == safe.contains(method))
        #expect(method.isIdempotent == safe.union([.put, .delete]).contains(method))
        if method != .other, method != .connect {
            let head = RequestHead()
            _ = parseRequest(octets("\(method.name) / HTTP/1.1\r\nHost: a\r\n\r\n"), into: head)
            #expect(head.method == method)
        }
    }
}

@Suite("Rejections")
struct RejectionTests {
    @Test("have a status and a class that fit", arguments: Rejection.allCases)
    func status(_ rejection: Rejection) {
        let allowed: [RejectionReason: Set<UInt16>] = [
            .badRequest: [400, 417, 502], .headerTooLarge: [414, 431], .bodyTooLarge: [413],
            .smuggling: [400], .notImplemented: [501], .version: [505],
        ]
        #expect(allowed[rejection.reason]?.contains(rejection.status) == true)
        let isWord = rejection.rawValue.allSatisfy { $0.isLowercase || $0.isNumber || $0 == "_" }
        #expect(isWord)
    }

    @Test("each is reached by a case of the tables")
    func reached() {
        let cases = requestLineCases + requestFieldCases + responseCases + chunkCases
        let reached = Set(cases.map(\.expected))
        for rejection in Rejection.allCases {
            #expect(reached.contains(rejection.rawValue), "\(rejection)")
        }
    }
}
