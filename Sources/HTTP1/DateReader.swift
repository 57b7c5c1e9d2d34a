import Time

/// Reads the parts of a date from left to right; each function leaves the position behind its part.
struct DateReader {
    enum Weekday { case short, long }

    private var position = 0
    private let end: Int

    init(end: Int) { self.end = end }

    /// "Sun" to "Sat", or "Sunday" to "Saturday".
    mutating func weekday(_ text: Span<UInt8>) -> Weekday? {
        for index in HTTPDate.weekdays.indices where take(text, HTTPDate.weekdays[index]) {
            return take(text, HTTPDate.weekdayEnds[index]) ? .long : .short
        }
        return nil
    }

    /// `06 Nov 1994 08:49:37 GMT`
    mutating func fixdate(_ text: Span<UInt8>) -> Timestamp? {
        guard let day = number(text, digits: 2), take(text, " "), let month = month(text),
            take(text, " "), let year = number(text, digits: 4), take(text, " "),
            let second = timeOfDay(text), take(text, " GMT"), position == end
        else { return nil }
        return timestamp(CivilDate(year: year, month: month, day: day), second)
    }

    /// `06-Nov-94 08:49:37 GMT`
    mutating func rfc850(_ text: Span<UInt8>, now: Timestamp) -> Timestamp? {
        guard let day = number(text, digits: 2), take(text, "-"), let month = month(text),
            take(text, "-"), let short = number(text, digits: 2), take(text, " "),
            let second = timeOfDay(text), take(text, " GMT"), position == end
        else { return nil }
        // RFC 9110 §5.6.7: what seems more than 50 years ahead is the most recent year in the past
        // with those two digits.
        let today = CivilDate(daysSinceEpoch: Int(now.seconds / 86_400))
        var year = today.year / 100 * 100 + short
        if year < today.year - 49 { year += 100 }
        let limit = CivilDate(year: today.year + 50, month: today.month, day: today.day)
        while let time = timestamp(CivilDate(year: year, month: month, day: day), second),
            time.seconds > Int64(limit.daysSinceEpoch) * 86_400 + now.seconds % 86_400
        {
            year -= 100
        }
        return timestamp(CivilDate(year: year, month: month, day: day), second)
    }

    /// `Nov  6 08:49:37 1994`
    mutating func asctime(_ text: Span<UInt8>) -> Timestamp? {
        guard let month = month(text), take(text, " ") else { return nil }
        guard let day = take(text, " ") ? number(text, digits: 1) : number(text, digits: 2),
            take(text, " "), let second = timeOfDay(text), take(text, " "),
            let year = number(text, digits: 4), position == end
        else { return nil }
        return timestamp(CivilDate(year: year, month: month, day: day), second)
    }

    /// Moves past `literal` if that is what stands here.
    mutating func take(_ text: Span<UInt8>, _ literal: StaticString) -> Bool {
        let after = position + literal.utf8CodeUnitCount
        guard text.equals(ByteRange(position, after), literal) else { return false }
        position = after
        return true
    }

    private mutating func month(_ text: Span<UInt8>) -> Int? {
        for index in HTTPDate.months.indices where take(text, HTTPDate.months[index]) {
            return index + 1
        }
        return nil
    }

    /// Seconds since midnight of `08:49:37`; 60 is a leap second and counts as the next minute.
    private mutating func timeOfDay(_ text: Span<UInt8>) -> Int? {
        guard let hour = number(text, digits: 2), take(text, ":"),
            let minute = number(text, digits: 2), take(text, ":"),
            let second = number(text, digits: 2), hour < 24, minute < 60, second <= 60
        else { return nil }
        return hour * 3600 + minute * 60 + second
    }

    private mutating func number(_ text: Span<UInt8>, digits: Int) -> Int? {
        guard position + digits <= end else { return nil }
        var value = 0
        for index in position..<(position + digits) {
            guard Octet.isDigit(text[index]) else { return nil }
            value = value * 10 + Int(text[index] - 0x30)
        }
        position += digits
        return value
    }

    private func timestamp(_ date: CivilDate, _ second: Int) -> Timestamp? {
        guard date.exists else { return nil }
        return Timestamp(seconds: Int64(date.daysSinceEpoch * 86_400 + second))
    }
}
