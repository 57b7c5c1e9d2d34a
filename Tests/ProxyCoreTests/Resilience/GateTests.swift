import ProxyCore
import Testing
import Time

private let second: UInt64 = 1_000_000_000
private let zero = Instant(nanoseconds: 100 * second)

private func after(_ seconds: Double) -> Instant {
    zero.advanced(byNanoseconds: UInt64(seconds * 1e9))
}

@Suite("The gate of an upstream that asked for a pause")
struct GateTests {
    @Test("open until asked")
    func open() {
        var gate = UpstreamGate()
        for _ in 0..<10 { #expect(gate.admit(at: zero, deadline: .never) == .open) }
        #expect(!gate.isClosed)
    }

    @Test("closed until the time is over, then one request at a time")
    func trial() {
        var gate = UpstreamGate()
        #expect(gate.close(forNanoseconds: 5 * second, at: zero) == true)
        #expect(gate.closedUntil == after(5))
        #expect(gate.admit(at: after(4.999), deadline: after(60)) == .closed(until: after(5)))
        #expect(gate.admit(at: after(5), deadline: after(60)) == .trial)
        #expect(gate.admit(at: after(5), deadline: after(60)) == .closed(until: after(6)))
        #expect(gate.isClosed)
        gate.finishTrial(isAnswered: true, at: after(5.1))
        #expect(gate.admit(at: after(5.1), deadline: after(60)) == .open)
        #expect(!gate.isClosed)
    }

    @Test(
        "a pause is capped, whatever was asked for",
        arguments: [61, 156 * 3600, UInt64.max / second] as [UInt64])
    func cap(seconds: UInt64) {
        var gate = UpstreamGate()
        #expect(gate.close(forNanoseconds: seconds * second, at: zero) == true)
        #expect(gate.closedUntil == after(60))
        #expect(gate.admit(at: after(60), deadline: after(90)) == .trial)
        // Asked again: another pause, and still not for ever.
        #expect(gate.close(forNanoseconds: seconds * second, at: after(60.1)) == true)
        #expect(gate.closedUntil == after(120.1))
    }

    @Test("a trial that never ends gives its place up at its deadline")
    func lostTrial() {
        var gate = UpstreamGate()
        _ = gate.close(forNanoseconds: second, at: zero)
        #expect(gate.admit(at: after(1), deadline: after(3)) == .trial)
        #expect(gate.admit(at: after(2.5), deadline: after(60)) == .closed(until: after(3)))
        #expect(gate.admit(at: after(3), deadline: .never) == .trial)
        #expect(gate.admit(at: after(62), deadline: .never) != .trial)
        #expect(gate.admit(at: after(63), deadline: .never) == .trial)
    }

    @Test("a trial without an answer makes the next one the trial")
    func failedTrial() {
        var gate = UpstreamGate()
        _ = gate.close(forNanoseconds: second, at: zero)
        #expect(gate.admit(at: after(1), deadline: after(60)) == .trial)
        gate.finishTrial(isAnswered: false, at: after(1.5))
        #expect(gate.admit(at: after(1.5), deadline: after(60)) == .trial)
    }

    @Test("a shorter pause does not shorten, a longer one lengthens")
    func longest() {
        var gate = UpstreamGate()
        _ = gate.close(forNanoseconds: 10 * second, at: zero)
        #expect(gate.close(forNanoseconds: second, at: after(1)) == true)
        #expect(gate.closedUntil == after(10))
        _ = gate.close(forNanoseconds: 20 * second, at: after(1))
        #expect(gate.closedUntil == after(21))
    }

    @Test("no pause, no gate")
    func none() {
        var gate = UpstreamGate()
        #expect(gate.close(forNanoseconds: 0, at: zero) == false)
        var off = GateSettings()
        off.isOn = false
        gate.settings = off
        #expect(gate.close(forNanoseconds: second, at: zero) == false)
        #expect(gate.admit(at: zero, deadline: .never) == .open)
    }

    /// Retry-After, and seconds from 1994-11-06 08:49:37 GMT.
    static let retryAfterTable: [Row<String, Double?>] = [
        Row("5", 5), Row("0", 0), Row("561600", 561_600), Row("007", 7),
        Row("Sun, 06 Nov 1994 08:49:47 GMT", 10),
        Row("Sunday, 06-Nov-94 08:49:47 GMT", 10),
        Row("Sun Nov  6 08:49:47 1994", 10),
        Row("Sun, 06 Nov 1994 08:49:27 GMT", 0),
        Row("", nil), Row("-1", nil), Row("+5", nil), Row("5 ", nil), Row("1.5", nil),
        Row("soon", nil), Row("5s", nil), Row("5, 6", nil),
    ]

    @Test("RFC 9110 §10.2.3 Retry-After", arguments: retryAfterTable)
    func retryAfter(_ row: Row<String, Double?>) {
        let bytes = Array(row.input.utf8)
        let now = Timestamp(seconds: 784_111_777)
        let found = RetryAfter.nanoseconds(bytes.span, now: now)
        #expect(found == row.output.map { UInt64($0 * 1e9) })
    }

    @Test("numbers that fit into nothing are as long as it gets")
    func huge() {
        for digits in ["99999999999", "18446744073709551616", String(repeating: "9", count: 300)] {
            let bytes = Array(digits.utf8)
            let found = RetryAfter.nanoseconds(bytes.span, now: Timestamp(seconds: 0))
            #expect(found == .max, "\(digits)")
        }
    }
}
