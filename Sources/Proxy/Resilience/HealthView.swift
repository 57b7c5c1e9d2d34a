internal import ProxyCore
internal import Telemetry

/// An upstream's health at one moment, for metrics and the admin API.
struct HealthView: Sendable {
    let state: BreakerState
    /// How long the breaker stays open, in nanoseconds; nil if it is not.
    let openNanoseconds: UInt64?
    /// How often each state was entered.
    let transitions: [UInt64]
    /// Requests not sent, by reason.
    let shed: [UInt64]
    let isGateClosed: Bool
    /// How long the gate stays closed, in nanoseconds; nil if it is not, or tries.
    let gateNanoseconds: UInt64?
    let limit: Int
    let inFlight: Int
    let queued: Int
    let retriesLeft: Int

    /// Adds the upstream's samples to a metrics page.
    func collect(_ upstream: String, into sink: inout SampleSink) {
        for word in BreakerState.allCases {
            sink.set(
                Catalogue.breakerState, [upstream, word.rawValue], to: word == state ? 1 : 0)
            sink.set(
                Catalogue.breakerTransitions, [upstream, word.rawValue],
                to: Double(transitions[word.index]))
        }
        sink.set(
            Catalogue.breakerRejected, [upstream],
            to: Double(shed[ShedReason.breakerOpen.index]))
        for reason in ShedReason.allCases {
            sink.set(
                Catalogue.shed, [upstream, reason.rawValue], to: Double(shed[reason.index]))
        }
        sink.set(Catalogue.gateClosed, [upstream], to: isGateClosed ? 1 : 0)
        sink.set(Catalogue.concurrencyLimit, [upstream], to: Double(limit))
        sink.set(Catalogue.concurrencyInFlight, [upstream], to: Double(inFlight))
        sink.set(Catalogue.concurrencyQueued, [upstream], to: Double(queued))
    }

    /// Members of the upstream's object in the admin API.
    var json: String {
        func seconds(_ nanoseconds: UInt64?) -> String {
            nanoseconds.map { String(Double($0 / 1_000_000) / 1000) } ?? "null"
        }
        let reasons = ShedReason.allCases.map { "\"\($0.rawValue)\":\(shed[$0.index])" }
        return "\"breaker\":{\"state\":\"\(state.rawValue)\","
            + "\"open_s\":\(seconds(openNanoseconds)),"
            + "\"opened_total\":\(transitions[BreakerState.open.index])},"
            + "\"gate\":{\"closed\":\(isGateClosed),\"closed_s\":\(seconds(gateNanoseconds))},"
            + "\"concurrency\":{\"limit\":\(limit),\"in_flight\":\(inFlight),"
            + "\"queued\":\(queued)},\"retries_left\":\(retriesLeft),"
            + "\"shed\":{\(reasons.joined(separator: ","))}"
    }
}
