import HTTP1
import Testing
import Time

@testable import ProxyCore

@Suite("RFC 9111 §4: answering from what is stored")
struct ReuseTests {
    @Test("reuse", arguments: reuseCases)
    func reuse(_ row: ReuseCase) {
        let fields = ["Cache-Control: " + row.control, "ETag: \"a\""]
        guard let (metadata, _) = stored(fields, row.settings) else { return }
        let facts = CacheRequest.read(request("GET /a", row.fields), row.settings)
        let decision = Reuse.decide(
            metadata, facts, isSoftPurged: row.isSoftPurged, now: after(row.seconds))
        #expect(decision.summary == row.expected)
    }

    @Test("§5.2.1 what a request says", arguments: requestCases)
    func facts(_ row: RequestCase) {
        let head = request(row.request[0], Array(row.request.dropFirst()))
        #expect(CacheRequest.read(head, row.settings).summary == row.expected)
    }

    @Test("§5.2.1.7 only-if-cached is answered where nothing has to be asked")
    func usable() {
        let use = StaleUse(
            mayServeWhileRevalidating: false, mayServeOnError: true, allowedByClient: false)
        #expect(ReuseDecision.fresh(age: 0, ttl: 1).isUsable)
        #expect(!ReuseDecision.stale(age: 1, ttl: 0, use).isUsable)
        var client = use
        client.allowedByClient = true
        #expect(ReuseDecision.stale(age: 1, ttl: 0, client).isUsable)
        var window = use
        window.mayServeWhileRevalidating = true
        #expect(ReuseDecision.stale(age: 1, ttl: 0, window).isUsable)
        let validate = ReuseDecision.validate(
            .requestNoCache, age: 0, ttl: 1, mayServeOnError: true)
        #expect(!validate.isUsable)
    }

    @Test("§3.5 only the stored response of everybody else is left aside")
    func conditionsOfReasons() {
        for reason in ValidationReason.allCases {
            #expect(reason.sendsConditions == (reason != .authorization))
        }
    }

    /// api.mercadolibre.com, `/sites/MLA`.
    @Test(
        "a response of MercadoLibre, through time",
        arguments: [
            (0, "fresh 0/3600"), (3599, "fresh 3599/1"), (3600, "stale 3600/0 swr sie"),
            (5399, "stale 5399/-1799 swr sie"), (5400, "stale 5400/-1800 sie"),
            (10_799, "stale 10799/-7199 sie"), (10_800, "stale 10800/-7200"),
        ])
    func mercadoLibre(_ seconds: Double, _ expected: String) {
        let settings = settings { $0.varyIgnore = [Array("user-agent".utf8)] }
        let first = request(
            "GET /sites/MLA", ["Accept-Encoding: gzip, br", "User-Agent: one"])
        let fields = [
            "Cache-Control: max-age=3600,stale-while-revalidate=1800,stale-if-error=7200",
            "Vary: Accept-Encoding, User-Agent", "Content-Encoding: gzip", "Date: " + date(0),
        ]
        guard let (metadata, _) = stored(fields, to: first, settings) else { return }
        let second = request(
            "GET /sites/MLA", ["User-Agent: two", "Accept-Encoding: br;q=1, gzip;q=0.5"])
        #expect(metadata.vary.matches(second))
        #expect(!metadata.vary.matches(request("GET /sites/MLA")))
        let decision = Reuse.decide(
            metadata, CacheRequest.read(second, settings), isSoftPurged: false,
            now: after(seconds))
        #expect(decision.summary == expected)
        #expect(metadata.usableSeconds == 10_800)
    }
}
