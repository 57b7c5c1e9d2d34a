import Foundation
import HTTP1
import ProxyCore
import Testing
import Time

/// How many random events the model tests run; `make test-long` sets the variable.
let limitEvents: Int =
    ProcessInfo.processInfo.environment["MELIPROXY_LIMIT_EVENTS"].flatMap { Int($0) } ?? 60_000

let millisecond: UInt64 = 1_000_000
let oneSecond: UInt64 = 1_000_000_000
/// Where test clocks begin: no multiple of anything.
let epoch: UInt64 = 1_234_567_890_123_456_789

func instant(_ nanoseconds: UInt64) -> Instant { Instant(nanoseconds: nanoseconds) }

/// One key's state under one meter, with the two steps in one.
struct Metered {
    let meter: RateMeter
    var words: [UInt32]

    init(_ rate: Rate, _ algorithm: LimitAlgorithm, isUneven: Bool = false) {
        meter = RateMeter(rate, algorithm, isUneven: isUneven)
        // Foreign words around it, to see that they stay as they are.
        words = [7, 7] + [UInt32](repeating: 0, count: meter.wordCount) + [9]
    }

    mutating func check(_ cost: UInt32 = 1, at now: UInt64) -> Quota {
        meter.check(&words, at: 2, cost: cost, now: instant(now))
    }

    mutating func take(_ cost: UInt32 = 1, at now: UInt64) -> Quota {
        let quota = check(cost, at: now)
        if quota.isAllowed { meter.spend(&words, at: 2, cost: cost, now: instant(now)) }
        return quota
    }

    mutating func refund(_ cost: UInt32 = 1, of time: UInt64) {
        meter.refund(&words, at: 2, cost: cost, chargedAt: instant(time))
    }

    func isFresh(at now: UInt64) -> Bool { meter.isFresh(words, at: 2, now: instant(now)) }

    var isIntact: Bool { words[0] == 7 && words[1] == 7 && words.last == 9 }
}

/// The head of a request.
func limitHead(_ target: String, method: String = "GET", fields: [String] = []) -> RequestHead {
    let lines = ["\(method) \(target) HTTP/1.1", "Host: api.example.com"] + fields
    let bytes = Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
    let head = RequestHead()
    var parser = RequestParser(limits: HeadLimits())
    guard case .complete = parser.parse(bytes.span, into: head) else {
        preconditionFailure("not a request: \(target)")
    }
    return head
}
