internal import HTTP1
public import Time

/// How long a response is fresh, and how old it is (RFC 9111 §4.2).
public enum Freshness {
    /// The longest heuristic lifetime.
    static let heuristicSecondsMax: Int64 = 86_400

    /// RFC 9111 §4.2.3: `current_age`, in whole seconds. A clock that went back adds nothing.
    public static func currentAge(_ stored: StoredMetadata, now: Timestamp) -> Int64 {
        Int64(stored.initialAgeSeconds) &+ elapsedSeconds(from: stored.responseTime, to: now)
    }

    /// RFC 9111 §4.2.3: `corrected_initial_age`, from the Age that was received, if any, the delay of
    /// the response, and the clock of the origin. Whole seconds, as Date and Age are.
    static func correctedInitialAge(
        age: UInt32?, date: Timestamp, requestTime: Timestamp, responseTime: Timestamp
    ) -> UInt32 {
        let apparentAge = max(0, responseTime.seconds &- date.seconds)
        let delay = elapsedSeconds(from: requestTime, to: responseTime)
        let correctedAge = Int64(age ?? 0) &+ delay
        return clamped(max(apparentAge, correctedAge))
    }

    /// RFC 9111 §5.1: the Age received. Of several, in one line or in more, the first counts; one that
    /// is no number is ignored.
    static func receivedAge(_ lines: FieldLines) -> UInt32? {
        let text = lines.combined(.age)
        var members = ListIterator(ByteRange(0, text.count))
        guard let first = members.next(in: text.span) else { return nil }
        guard case .value(let seconds) = DeltaSeconds(text.span, first) else { return nil }
        return seconds
    }

    /// RFC 9111 §4.2.2: a tenth of the time since the last modification, at most a day.
    static func heuristic(date: Timestamp, lastModified: Timestamp) -> UInt32 {
        let unchanged = date.seconds &- lastModified.seconds
        return clamped(min(unchanged / 10, heuristicSecondsMax))
    }

    /// RFC 9111 §5.3: the lifetime that Expires gives. What is no date has expired (`0` above all), and
    /// so has a response with two that differ (§4.2.1).
    static func expires(_ lines: FieldLines, date: Timestamp, now: Timestamp) -> UInt32? {
        let values = lines.values(of: .expires)
        guard let first = values.first else { return nil }
        let span = lines.bytes.span
        for value in values.dropFirst() where !span.equals(value, first, of: span) { return 0 }
        guard let time = HTTPDate.parse(span.extracting(first.indices), now: now) else { return 0 }
        return clamped(time.seconds &- date.seconds)
    }

    /// Whole seconds between two times; 0 if they are in the wrong order.
    static func elapsedSeconds(from start: Timestamp, to end: Timestamp) -> Int64 {
        let (nanoseconds, overflow) = end.nanoseconds.subtractingReportingOverflow(
            start.nanoseconds)
        if overflow { return start < end ? Int64(DeltaSeconds.max) : 0 }
        return max(0, nanoseconds / 1_000_000_000)
    }

    private static func clamped(_ seconds: Int64) -> UInt32 {
        UInt32(min(max(0, seconds), Int64(DeltaSeconds.max)))
    }
}
