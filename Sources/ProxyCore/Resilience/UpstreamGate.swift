internal import HTTP1
public import Time

/// How an upstream's wish for a pause is met. Durations in nanoseconds.
public struct GateSettings: Sendable, Equatable {
    /// Whether 429 and 503 with Retry-After stop requests at all.
    public var isOn = true
    /// The longest pause, however long the upstream asked for.
    public var nanosecondsMax: UInt64 = 60 * second

    /// The defaults.
    public init() {}
}

/// Closes when an upstream answers 429 or 503 and says in Retry-After when to come back (RFC 9110
/// §10.2.3). Then nothing is sent until that time, and one request finds out whether it is over.
public struct UpstreamGate: Sendable {
    private enum State {
        case open
        case closed(until: Instant)
        /// One request is under way; its place is free again at `end`.
        case trying(end: Instant)
    }

    /// May be changed at any time.
    public var settings: GateSettings
    private var state = State.open

    /// An open gate.
    public init(_ settings: GateSettings = GateSettings()) { self.settings = settings }

    /// Whether requests are kept back at `now`, or all but one.
    public var isClosed: Bool { if case .open = state { false } else { true } }

    /// The end of the pause; nil if there is none.
    public var closedUntil: Instant? {
        if case .closed(let until) = state { until } else { nil }
    }

    /// Decides about a request that would end by `deadline`.
    public mutating func admit(at now: Instant, deadline: Instant) -> GateVerdict {
        guard settings.isOn else { return .open }
        switch state {
        case .open: return .open
        case .closed(let until) where until > now: return .closed(until: until)
        case .trying(let end) where end > now:
            return .closed(until: min(end, now.advanced(byNanoseconds: second)))
        case .closed, .trying:
            let latest = now.advanced(byNanoseconds: UpstreamGate.trialNanosecondsMax)
            state = .trying(end: min(deadline, latest))
            return .trial
        }
    }

    private static let trialNanosecondsMax = 60 * second

    /// The upstream asked for a pause of `nanoseconds`; false if it gets none. A shorter one does not shorten
    /// one that has begun.
    public mutating func close(forNanoseconds nanoseconds: UInt64, at now: Instant) -> Bool {
        guard settings.isOn, nanoseconds > 0 else { return false }
        let end = now.advanced(byNanoseconds: min(nanoseconds, settings.nanosecondsMax))
        if case .closed(let until) = state, until >= end { return true }
        state = .closed(until: end)
        return true
    }

    /// The trial ended. `isAnswered`: with an answer that asks for no pause; without one, the next request is
    /// the trial.
    public mutating func finishTrial(isAnswered: Bool, at now: Instant) {
        guard case .trying = state else { return }
        state = isAnswered ? .open : .trying(end: now)
    }
}

/// Whether a request may pass a gate.
public enum GateVerdict: Sendable, Hashable {
    /// It may.
    case open
    /// It may, and finds out whether the pause is over: `finishTrial` must follow.
    case trial
    /// It may not, until then at least.
    case closed(until: Instant)
}

/// Retry-After in its two forms (RFC 9110 §10.2.3).
public enum RetryAfter {
    /// Nanoseconds from `now`; 0 for a date that has passed; nil for what is neither a number of seconds nor a
    /// date.
    public static func nanoseconds(_ value: Span<UInt8>, now: Timestamp) -> UInt64? {
        if let seconds = seconds(value) {
            let (product, overflow) = seconds.multipliedReportingOverflow(by: second)
            return overflow ? .max : product
        }
        guard let date = HTTPDate.parse(value, now: now) else { return nil }
        let (difference, overflow) = date.nanoseconds.subtractingReportingOverflow(now.nanoseconds)
        return overflow ? .max : UInt64(max(0, difference))
    }

    /// Digits only; as large as it gets for more of them than fit.
    private static func seconds(_ value: Span<UInt8>) -> UInt64? {
        if value.isEmpty { return nil }
        var number: UInt64 = 0
        for index in value.indices {
            guard (0x30...0x39).contains(value[index]) else { return nil }
            let (shifted, tooLarge) = number.multipliedReportingOverflow(by: 10)
            let (sum, overflow) = shifted.addingReportingOverflow(UInt64(value[index] - 0x30))
            number = tooLarge || overflow ? .max : sum
        }
        return number
    }
}
