import HTTP1
import Testing
import Time

@testable import ProxyCore

@Suite("RFC 9111 §4.3: validation")
struct ValidationTests {
    private let control = "Cache-Control: max-age=60"

    private func shown(_ lines: [String]) -> [String] { lines.filter { !$0.hasPrefix("Date:") } }

    /// `row.stored` updated by the 304 of `row`, which came after 100 seconds.
    private func merge(
        _ stored: [String], _ fields: [String], _ head: RequestHead = request(),
        _ settings: CacheSettings = CacheSettings()
    ) -> Freshened? {
        guard let (metadata, old) = ProxyCoreTests.stored(stored, to: head, settings) else {
            return nil
        }
        return Validation.merge(
            metadata, old, with: response(304, fields), request: head, settings: settings,
            requestTime: after(100), responseTime: after(100))
    }

    @Test("§4.3.4 a 304 freshens", arguments: notModifiedCases)
    func notModified(_ row: UpdateCase) {
        let merged = merge([control] + row.stored, row.fields, request(), row.settings)
        #expect(merged.map { shown($0.head.lines) } ?? ["not selected"] == row.expected)
        if let merged {
            #expect(merged.head == StoredHead(bytes: merged.head.bytes, fields: merged.head.fields))
        }
    }

    @Test("§4.3.5 an answer to HEAD freshens or invalidates", arguments: headUpdateCases)
    func head(_ row: UpdateCase) {
        guard let (metadata, old) = stored([control] + row.stored) else { return }
        let update = Validation.headUpdate(
            metadata, old, bodyCount: 5, with: response(row.status, row.fields, to: .head),
            request: request("HEAD /a"), settings: row.settings, requestTime: after(100),
            responseTime: after(100))
        switch update {
        case .ignore: #expect(["ignore"] == row.expected)
        case .invalidate: #expect(["invalidate"] == row.expected)
        case .freshen(let freshened):
            #expect(shown(freshened.head.lines) == row.expected)
            #expect(freshened.metadata.responseTime == after(100))
            #expect(freshened.isStorable)
        }
    }

    @Test("§4.3.5 a 200 to HEAD invalidates a stored 404")
    func headAfterNotFound() {
        guard let (metadata, old) = stored([control], status: 404) else { return }
        let update = Validation.headUpdate(
            metadata, old, bodyCount: 5, with: response(200, [], to: .head),
            request: request("HEAD /a"), settings: CacheSettings(), requestTime: after(1),
            responseTime: after(1))
        guard case .invalidate = update else {
            Issue.record("\(update)")
            return
        }
    }

    @Test("§3.1 fields that are stored", arguments: storedFieldCases)
    func fields(_ row: UpdateCase) {
        let settings = row.settings
        var statuses = settings
        statuses.statusTTLSeconds = [200: 60]
        // The age would make it useless; only the fields matter here.
        guard let (_, head) = stored(row.stored, statuses) else { return }
        #expect(shown(head.lines) == row.expected)
        #expect(head.value(of: .age) == nil && head.value(of: .contentLength) == nil)
    }

    private static let dateRows: [([String], String)] = [
        ([], date(0)),
        (["Date: " + date(-9)], date(-9)),
        (["Date: x"], date(0)),
        (["Date: " + date(-9), "Date: " + date(-5)], date(-9)),
        (["Date: Tuesday, 31-Dec-24 23:59:51 GMT"], date(-9)),
    ]

    @Test("RFC 9110 §6.6.1 exactly one Date is stored", arguments: dateRows)
    func dates(_ fields: [String], _ expected: String) {
        guard let (metadata, head) = stored([control] + fields) else { return }
        let dates = head.lines.filter { $0.lowercased().hasPrefix("date:") }
        #expect(dates == ["Date: " + expected])
        #expect(date(metadata.date.seconds - start.seconds) == expected)
    }

    @Test("§4.2.3 age and lifetime count from the 304")
    func freshness() {
        let tag = "ETag: \"a\""
        func decision(_ fields: [String], at seconds: Double) -> String {
            guard let merged = merge([control, tag, "Date: " + date(0)], fields)
            else { return "" }
            let facts = CacheRequest.read(request(), CacheSettings())
            return Reuse.decide(
                merged.metadata, facts, isSoftPurged: false, now: after(seconds)
            ).summary
        }
        #expect(decision([tag], at: 100) == "fresh 0/60")
        #expect(decision([tag], at: 159) == "fresh 59/1")
        #expect(decision([tag], at: 160) == "stale 60/0")
        #expect(decision([tag, "Date: " + date(90)], at: 100) == "fresh 10/50")
        #expect(decision([tag, "Age: 20"], at: 100) == "fresh 20/40")
        #expect(decision([tag, "Cache-Control: max-age=9"], at: 100) == "fresh 0/9")
        #expect(
            decision([tag, "Cache-Control: no-cache"], at: 100) == "validate response_no_cache")
        let dated = merge([control, tag], [tag, "Date: " + date(90)])
        #expect(dated?.head.lines.last == "Date: " + date(90))
        #expect(
            merge([control, tag], [tag])?.head.lines.last == "Date: " + date(100))
    }

    @Test(
        "§3 what would not have been stored does not stay",
        arguments: [
            ([], true), (["Cache-Control: no-store"], false), (["Cache-Control: private"], false),
            (["Vary: *"], false), (["Cache-Control: no-cache"], true),
            (["CDN-Cache-Control: no-store"], false), (["Vary: Foo"], true),
        ] as [([String], Bool)])
    func storable(_ fields: [String], _ expected: Bool) {
        #expect(merge([control, "ETag: \"a\""], fields)?.isStorable == expected)
    }

    @Test("§3.5 a 304 to a request with credentials must allow to share, too")
    func authorization() {
        let head = request("GET /a", ["Authorization: x"])
        let shared = ["Cache-Control: public, max-age=60", "ETag: \"a\""]
        #expect(merge(shared, [], head)?.isStorable == true)
        #expect(merge(shared, ["Cache-Control: max-age=9"], head)?.isStorable == false)
        #expect(merge(shared, ["Cache-Control: max-age=9"])?.isStorable == true)
    }

    @Test("§4.1 a 304 that names more fields in Vary narrows the variant")
    func vary() {
        let head = request("GET /a", ["Foo: 1", "Bar: 2"])
        let fields = [control, "ETag: \"a\"", "Vary: Foo"]
        let merged = merge(fields, ["Vary: Bar"], head)
        #expect(merged?.metadata.vary.matches(head) == true)
        #expect(merged?.metadata.vary.matches(request("GET /a", ["Foo: 1"])) == false)
        #expect(merged?.metadata.vary.matches(request("GET /a", ["Bar: 2"])) == false)
        let star = merge(fields, ["Vary: *"], head)
        #expect(star?.metadata.vary.matches(request("GET /a", ["Foo: 1"])) == true)
        guard let (metadata, _) = stored(fields, to: head) else { return }
        #expect(merge(fields, [], head)?.metadata.vary == metadata.vary)
    }

    private static let conditionRows: [([String], String)] = [
        (["ETag: \"a\""], "If-None-Match: \"a\"\r\n"),
        (["ETag: W/\"a\""], "If-None-Match: W/\"a\"\r\n"),
        (["ETag: a"], "If-None-Match: a\r\n"),
        (["Last-Modified: " + date(-9)], "If-Modified-Since: \(date(-9))\r\n"),
        (["Last-Modified: x"], ""),
        ([], ""),
        (["ETag:"], ""),
        (
            ["Last-Modified: " + date(-9), "ETag: \"a\""],
            "If-None-Match: \"a\"\r\nIf-Modified-Since: \(date(-9))\r\n"
        ),
    ]

    @Test("§4.3.1 conditions of a validation", arguments: conditionRows)
    func conditions(_ fields: [String], _ expected: String) {
        guard let (metadata, head) = stored([control] + fields) else { return }
        var writer = ByteWriter()
        #expect(Validation.appendConditions(for: metadata, head, to: &writer) == !expected.isEmpty)
        #expect(string(writer.bytes) == expected)
        #expect(metadata.hasValidator == !expected.isEmpty)
    }

    @Test("RFC 9110 §8.8.3 strong and weak tags")
    func strongTags() {
        func isStrong(_ tag: String) -> Bool? {
            stored([control, "ETag: " + tag])?.0.hasStrongETag
        }
        #expect(isStrong("\"a\"") == true && isStrong("\"\"") == true)
        #expect(isStrong("W/\"a\"") == false && isStrong("a") == false && isStrong("\"a") == false)
        #expect(stored([control])?.0.hasStrongETag == false)
    }

    @Test("how long an entry can be of use")
    func usable() {
        func usable(_ control: String) -> Int64? {
            stored(["Cache-Control: " + control, "ETag: \"a\""])?.0.usableSeconds
        }
        #expect(usable("max-age=60") == 60)
        #expect(usable("max-age=60, stale-if-error=9, stale-while-revalidate=5") == 69)
        #expect(usable("max-age=60, stale-while-revalidate=9") == 69)
        #expect(usable("max-age=60, no-cache") == 0)
    }
}
