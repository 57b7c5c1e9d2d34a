internal import HTTP1
internal import Locking
internal import ProxyCore
internal import Responder

// GET /api/v1/top: who asks most, and for what.

extension AdminService {
    /// The most frequent clients and paths since the start, or of the last hours: see `TrafficTop`.
    func top(_ inquiry: Inquiry) -> Reply {
        var count = 20
        if let text = inquiry.parameter("count") {
            guard let given = Int(text), (1...TrafficTop.countersMax).contains(given) else {
                return .problem(400, "expected count from 1 to \(TrafficTop.countersMax)")
            }
            count = given
        }
        let tops = control.instance.tops.withLock { $0 }.map { $0.snapshot() }
        let requests = tops.reduce(0) { $0 + $1.clients.events }
        func list(_ sketches: [HeavyHitters]) -> ExplainValue {
            .list(
                HeavyHitters.merged(sketches, count: count).map { item in
                    .object([
                        ("key", .text(String(decoding: item.key, as: UTF8.self))),
                        ("requests", .number(Int64(clamping: item.count))),
                        ("error", .number(Int64(clamping: item.error))),
                    ])
                })
        }
        let value = ExplainValue.object([
            ("requests", .number(Int64(clamping: requests))),
            ("clients", list(tops.map(\.clients))), ("paths", list(tops.map(\.paths))),
        ])
        return .json(value.json + "\n")
    }
}
