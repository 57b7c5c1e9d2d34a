import HTTP1
import Testing
import Time

@testable import ProxyCore

@Suite("RFC 9111 §3: storing")
struct StorabilityTests {
    private func check(_ row: StorageCase) {
        let head = request(row.request[0], Array(row.request.dropFirst()))
        #expect(store(row.status, row.fields, to: head, row.settings).summary == row.expected)
    }

    @Test("what is stored", arguments: storabilityCases)
    func storability(_ row: StorageCase) { check(row) }

    @Test("§4.2.1 explicit lifetime", arguments: lifetimeCases)
    func lifetime(_ row: StorageCase) { check(row) }

    @Test("RFC 9213 targeted control", arguments: targetedCases)
    func targeted(_ row: StorageCase) { check(row) }

    @Test("§4.2.2 heuristic lifetime", arguments: heuristicCases)
    func heuristic(_ row: StorageCase) { check(row) }

    @Test("§4.2.3 age on arrival", arguments: ageCases)
    func age(_ row: StorageCase) { check(row) }

    @Test("settings of a route", arguments: settingCases)
    func routeSettings(_ row: StorageCase) { check(row) }

    @Test("every reason for not storing is reached")
    func reasons() {
        let expected = Set(storabilityCases.map(\.expected))
        for reason in NoStoreReason.allCases {
            #expect(expected.contains(reason.rawValue), "\(reason)")
        }
    }

    @Test("§4.2.3 the delay of the response counts", arguments: [(0.0, 0), (0.9, 0), (3.5, 3)])
    func delay(_ delay: Double, _ expected: UInt32) {
        guard case .store(let metadata, _) = store(200, ["Cache-Control: max-age=60"], delay: delay)
        else {
            Issue.record("not stored")
            return
        }
        #expect(metadata.initialAgeSeconds == expected)
    }

    @Test("§4.2.3 the delay adds to the Age, not to the apparent age")
    func delayAndAge() {
        func age(_ fields: [String]) -> UInt32? {
            let control = "Cache-Control: max-age=60"
            guard case .store(let metadata, _) = store(200, [control] + fields, delay: 4) else {
                return nil
            }
            return metadata.initialAgeSeconds
        }
        #expect(age(["Age: 5"]) == 9)
        #expect(age(["Date: " + date(-5)]) == 5)
        #expect(age(["Age: 5", "Date: " + date(-20)]) == 20)
    }

    @Test("§5.3 a date before the time of a clock that is wrong never traps")
    func extremes() {
        let head = request()
        for now in [Int64.min, -1, 0, 1, .max] {
            let time = Timestamp(nanoseconds: now)
            let far = Timestamp(nanoseconds: now == .max ? .min : .max)
            for (sent, received) in [(time, time), (time, far), (far, time)] {
                let fields = [
                    "Date: Wed, 01 Jan 9999 00:00:00 GMT", "Expires: Mon, 01 Jan 0001 00:00:00 GMT",
                    "Age: 99999999999999", "Last-Modified: Mon, 01 Jan 0001 00:00:00 GMT",
                ]
                let result = Storability.decide(
                    head, CacheRequest.read(head, CacheSettings()), response(200, fields),
                    CacheSettings(), requestTime: sent, responseTime: received)
                if case .store(let metadata, _) = result {
                    #expect(Freshness.currentAge(metadata, now: far) >= 0)
                    #expect(Freshness.currentAge(metadata, now: time) >= 0)
                }
            }
        }
    }
}
