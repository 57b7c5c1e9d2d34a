import HTTP1
import Testing

@testable import ProxyCore

@Suite("RFC 9111 §4.3.2: conditions and ranges of clients")
struct ConditionTests {
    private let fresh = ["Cache-Control: max-age=60"]

    @Test("conditions", arguments: conditionCases)
    func conditions(_ row: ConditionCase) {
        guard let (metadata, head) = stored(fresh + row.stored, status: row.status) else { return }
        let client = request(row.method + " /a", row.request)
        let facts = CacheRequest.read(client, CacheSettings())
        let outcome = ClientConditions.evaluate(client, facts, metadata, head)
        #expect("\(outcome)" == row.expected)
    }

    private func outcome(_ row: ConditionCase, bodyCount: Int) -> String {
        guard let (metadata, head) = stored(fresh + row.stored, status: row.status) else {
            return ""
        }
        let client = request(row.method + " /a", row.request)
        switch RangeRequest.evaluate(client, metadata, head, bodyCount: bodyCount) {
        case .whole: return "whole"
        case .unsatisfiable: return "416"
        case .parts(let parts): return parts.map { "\($0)" }.joined(separator: " ")
        }
    }

    @Test("ranges", arguments: rangeCases)
    func ranges(_ row: ConditionCase) {
        #expect(outcome(row, bodyCount: 1000) == row.expected)
    }

    @Test("no part of an empty body can be named: it is sent whole", arguments: rangeCases)
    func emptyBody(_ row: ConditionCase) {
        #expect(outcome(row, bodyCount: 0) == "whole")
    }

    @Test("more than 16 parts are the whole")
    func manyParts() {
        func outcome(_ count: Int) -> String {
            let specs = (0..<count).map { "\($0 * 100)-\($0 * 100)" }.joined(separator: ",")
            return self.outcome(
                ConditionCase("9110 14.2", [], ["Range: bytes=" + specs], ""), bodyCount: 10_000)
        }
        #expect(outcome(16).split(separator: " ").count == 16)
        #expect(outcome(17) == "whole")
    }

    @Test("RFC 9110 §15.4.5 fields of a 304")
    func fields() {
        let kept: [FieldName] = [
            .etag, .date, .cacheControl, .cdnCacheControl, .expires, .vary, .contentLocation,
            .cacheStatus, .via,
        ]
        for name in FieldName.allCases {
            #expect(NotModified.keeps(name, hasETag: true) == kept.contains(name), "\(name)")
            let isKept = kept.contains(name) || name == .lastModified
            #expect(NotModified.keeps(name, hasETag: false) == isKept, "\(name)")
        }
    }
}
