import HTTP1
import Testing
import Time

@testable import ProxyCore

/// Heads from random pieces, the same ones in each run.
private struct Pieces {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func number(below bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(bound))
    }

    mutating func pick(_ list: [String]) -> String { list[number(below: list.count)] }

    private static let texts = [
        "no-store", "no-cache", "private", "public", "max-age", "s-maxage", "must-revalidate",
        "max-stale", "min-fresh", "only-if-cached", "stale-if-error", "stale-while-revalidate",
        "immutable", "must-understand", "=", "=0", "=1", "=60", "=99999999999999999999", "\"", "\\",
        ",", ", ", ";", " ", "\t", "*", "W/", "\"a\"", "\"b\"", "a", "A", "-", "0", "5", "bytes=",
        "0-0", "-5", "5-", "gzip", "br", "q=0", "identity", "/", "//", "..", ".", "%", "%2e", "%41",
        "%zz", "?", "&", "#", "http:", "h", "Foo", "foo", "Accept-Encoding", "(", ")", "?1", ":",
        "\u{e9}", "Wed, 01 Jan 2025 00:00:00 GMT", "Tue, 31 Dec 2024 23:00:00 GMT", "@", "x",
    ]

    mutating func text() -> String {
        (0..<number(below: 6)).map { _ in pick(Self.texts) }.joined()
    }

    mutating func fields(_ names: [String]) -> [String] {
        (0..<number(below: 6)).map { _ in pick(names) + ": " + text() }
    }

    mutating func request() -> RequestHead {
        let names = [
            "Cache-Control", "Pragma", "If-None-Match", "If-Modified-Since", "If-Range", "Range",
            "Accept-Encoding", "Foo", "Cookie", "Authorization", "If-Match", "Accept-Language",
        ]
        let allowed = text().unicodeScalars.filter {
            $0.value > 0x20 && $0.value < 0x7F && $0 != "#"
        }
        let target = "/" + String(String.UnicodeScalarView(allowed))
        let method = pick(["GET", "GET", "GET", "HEAD", "POST"])
        return ProxyCoreTests.request(method + " " + target, fields(names))
    }

    mutating func response(_ status: UInt16, to method: HTTP1.Method) -> ResponseHead {
        let names = [
            "Cache-Control", "CDN-Cache-Control", "Expires", "Date", "Age", "ETag", "Last-Modified",
            "Vary", "Set-Cookie", "Location", "Content-Location", "Cache-Tag", "Cache-Groups",
            "Foo",
            "Surrogate-Key", "Cache-Control", "ETag", "Vary",
        ]
        return ProxyCoreTests.response(status, fields(names), to: method)
    }
}

@Suite("Random heads")
struct PolicyFuzzTests {
    @Test("never trap, and what holds for all of them holds", arguments: 0..<8)
    func random(_ seed: Int) {
        var pieces = Pieces(seed: UInt64(seed) &* 7919 &+ 1)
        var storedCount = 0
        for _ in 0..<400 {
            let head = pieces.request()
            let settings = settings {
                $0.setCookie = .drop
                $0.key.sortQuery = pieces.number(below: 2) == 0
                $0.key.cookies = [byteArray("a")]
            }
            checkKey(head, settings.key)
            let status: UInt16 = [200, 200, 200, 404, 301, 503][pieces.number(below: 6)]
            let answer = pieces.response(status, to: head.method)
            let targets = Invalidation.targets(head, answer, settings.key)
            #expect(head.method.isSafe == targets.isEmpty || head.method == .post)
            let result = Storability.decide(
                head, CacheRequest.read(head, settings), answer, settings, requestTime: start,
                responseTime: start)
            guard case .store(let metadata, let fields) = result else { continue }
            storedCount += 1
            #expect(head.method == .get && metadata.vary.matches(head))
            checkLines(fields)
            let other = pieces.request()
            checkReuse(metadata, fields, other, settings)
            let update = pieces.response(304, to: .get)
            let merged = Validation.merge(
                metadata, fields, with: update, request: head, settings: settings,
                requestTime: after(9), responseTime: after(9))
            if let merged { checkLines(merged.head) }
        }
        #expect(storedCount > 20)
    }

    private func checkKey(_ head: RequestHead, _ rules: KeyRules) {
        var key: [UInt8] = []
        guard let parts = CacheKey.append(head, rules, to: &key) else { return }
        #expect(parts.host == 0..<1 && key[parts.target].first == UInt8(ascii: "/"))
        var again: [UInt8] = []
        let target = Array(key[parts.target])
        #expect(CacheKey.appendTarget(target.span, rules, to: &again) == 0..<target.count)
        #expect(again == target, "\(string(target))")
    }

    /// Stored lines are field lines, each of them one.
    private func checkLines(_ head: StoredHead) {
        let bytes = byteArray("HTTP/1.1 204 x\r\n") + head.bytes + byteArray("\r\n")
        let parsed = ResponseHead()
        var parser = ResponseParser()
        let result = parser.parse(bytes.span, requestMethod: .get, into: parsed)
        #expect(result == .complete(consumed: bytes.count), "\(head.lines)")
        #expect(parsed.fields.map(\.known) == head.fields.map(\.known) && parsed.seen == head.seen)
        #expect(head.fields.filter { $0.known == .date }.count == 1)
    }

    private func checkReuse(
        _ stored: StoredMetadata, _ fields: StoredHead, _ head: RequestHead,
        _ settings: CacheSettings
    ) {
        var keys: [[UInt8]] = [[], []]
        stored.vary.appendVariantKey(head, to: &keys[0])
        stored.vary.appendVariantKey(head, to: &keys[1])
        #expect(keys[0] == keys[1])
        let facts = CacheRequest.read(head, settings)
        for seconds in [0.0, 1, 60, 100_000] {
            for isPurged in [false, true] {
                let decision = Reuse.decide(
                    stored, facts, isSoftPurged: isPurged, now: after(seconds))
                checkDecision(decision, stored, facts, isPurged)
            }
        }
        _ = ClientConditions.evaluate(head, facts, stored, fields)
        let ranges = RangeRequest.evaluate(head, stored, fields, bodyCount: 10)
        if case .parts(let parts) = ranges {
            #expect(!parts.isEmpty && parts.allSatisfy { !$0.isEmpty && (0..<10).contains($0) })
        }
    }

    private func checkDecision(
        _ decision: ReuseDecision, _ stored: StoredMetadata, _ facts: CacheRequest, _ isPurged: Bool
    ) {
        switch decision {
        case .fresh(_, let ttl):
            #expect(ttl > 0 && !isPurged && !facts.noCache)
            #expect(!stored.flags.contains(.requiresValidation))
        case .stale(_, let ttl, let use):
            #expect(ttl <= 0)
            if stored.flags.contains(.forbidsStale) {
                #expect(
                    !use.mayServeWhileRevalidating && !use.mayServeOnError && !use.allowedByClient)
            }
        case .validate(let reason, _, _, let mayServeOnError):
            if reason == .responseNoCache || reason == .precondition || reason == .authorization {
                #expect(!mayServeOnError)
            }
        }
    }
}
