public import Time

/// Dates of HTTP fields (RFC 9110 §5.6.7): written in one form, read in three.
public enum HTTPDate {
    /// The length of an IMF-fixdate, in bytes.
    public static let length = 29

    /// Appends `time` as IMF-fixdate, 29 bytes such as "Sun, 06 Nov 1994 08:49:37 GMT"; parts of
    /// a second are dropped.
    public static func append(_ time: Timestamp, to writer: inout ByteWriter) {
        let seconds = time.seconds
        let days = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
        let second = Int(seconds - days * 86_400)
        let date = CivilDate(daysSinceEpoch: Int(days))
        // 1970-01-01 was a Thursday.
        let weekday = ((Int(days) + 4) % 7 + 7) % 7
        writer.append(weekdays[weekday])
        writer.append(", ")
        writer.append(twoDigits: date.day)
        writer.append(byte: Octet.space)
        writer.append(months[date.month - 1])
        writer.append(byte: Octet.space)
        writer.append(twoDigits: date.year / 100)
        writer.append(twoDigits: date.year % 100)
        writer.append(byte: Octet.space)
        writer.append(twoDigits: second / 3600)
        writer.append(byte: UInt8(ascii: ":"))
        writer.append(twoDigits: second / 60 % 60)
        writer.append(byte: UInt8(ascii: ":"))
        writer.append(twoDigits: second % 60)
        writer.append(" GMT")
    }

    /// Reads an IMF-fixdate, an RFC 850 date or an asctime date; nil for anything else. Case and
    /// spacing must be exact, and the day must exist; whether the weekday is the right one is not
    /// checked. `now` decides the century of a two-digit year.
    public static func parse(_ text: Span<UInt8>, now: Timestamp) -> Timestamp? {
        var reader = DateReader(end: text.count)
        guard let weekday = reader.weekday(text) else { return nil }
        switch weekday {
        case .short:
            if reader.take(text, ", ") { return reader.fixdate(text) }
            return reader.take(text, " ") ? reader.asctime(text) : nil
        case .long:
            return reader.take(text, ", ") ? reader.rfc850(text, now: now) : nil
        }
    }

    static let weekdays: [StaticString] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    static let weekdayEnds: [StaticString] = [
        "day", "day", "sday", "nesday", "rsday", "day", "urday",
    ]
    static let months: [StaticString] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
}

/// A day of the Gregorian calendar, extended to all years.
struct CivilDate: Equatable {
    var year: Int
    /// 1 to 12.
    var month: Int
    /// 1 to 31.
    var day: Int

    init(year: Int, month: Int, day: Int) {
        self.year = year
        self.month = month
        self.day = day
    }

    /// Days are counted in years that begin in March, so that the leap day is the last of its year,
    /// and in eras of 400 years of 146,097 days each.
    init(daysSinceEpoch days: Int) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
        month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    /// Days from 1970-01-01 to this day.
    var daysSinceEpoch: Int {
        let marchYear = month <= 2 ? year - 1 : year
        let era = (marchYear >= 0 ? marchYear : marchYear - 399) / 400
        let yearOfEra = marchYear - era * 400
        let marchMonth = month > 2 ? month - 3 : month + 9
        let dayOfYear = (153 * marchMonth + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    /// Whether the month has such a day: it survives the way to a number and back.
    var exists: Bool {
        (1...12).contains(month) && (1...31).contains(day)
            && CivilDate(daysSinceEpoch: daysSinceEpoch) == self
    }
}
