internal import Yams

extension SettingsReader {
    private static let times = 1_000_000...(24 * 3600 * second)

    /// What stands on an upstream about sparing it and trying again.
    mutating func readResilience(_ section: Section, into upstream: inout UpstreamSettings) {
        if let value = section["breaker"] {
            readBreaker(value, into: &upstream.resilience.breaker)
        }
        if let value = section["concurrency"] {
            readConcurrency(value, into: &upstream.resilience.concurrency)
        }
        if let value = section["gate"],
            let fields = switchable(value, &upstream.resilience.gate.isOn)
        {
            read(
                "max", of: fields, into: &upstream.resilience.gate.nanosecondsMax,
                Parse.duration(Self.times))
        }
        if let value = section["pacing"] { readPacing(value, into: &upstream.resilience.pacing) }
        if let value = section["retries"] { readRetries(value, into: &upstream) }
        read("deadline_field", of: section, into: &upstream.resilience.deadlineField) {
            (text) throws(TextProblem) in try Parse.token(text)
        }
    }

    /// A map with `enabled`, or `on` or `off` in its place: then nil.
    private mutating func switchable(_ value: Value, _ isOn: inout Bool) -> Section? {
        if case .scalar(_) = value.node, !Self.isNull(value.node) {
            if let parsed = parse(value, Self.onOrOff) { isOn = parsed }
            return nil
        }
        guard let section = section(value) else { return nil }
        read("enabled", of: section, into: &isOn, Parse.boolean)
        return section
    }

    private mutating func readBreaker(_ value: Value, into breaker: inout BreakerSettings) {
        guard let section = switchable(value, &breaker.isOn) else { return }
        let time = Parse.duration(Self.times)
        read("window", of: section, into: &breaker.windowNanoseconds, time)
        read("calls_min", of: section, into: &breaker.callsMin, Parse.number(1...1_000_000))
        read(
            "failure_percent", of: section, into: &breaker.failurePercent, Parse.number(1...100))
        read("slow", of: section, into: &breaker.slowNanoseconds, time)
        read("slow_percent", of: section, into: &breaker.slowPercent, Parse.number(1...100))
        read(
            "connect_failures", of: section, into: &breaker.connectFailuresMax,
            Parse.number(1...1_000_000))
        read("open", of: section, into: &breaker.openNanoseconds, time)
        read("open_max", of: section, into: &breaker.openNanosecondsMax, time)
        read("probes", of: section, into: &breaker.probes, Parse.number(1...1000))
        read(
            "ramp", of: section, into: &breaker.rampNanoseconds,
            Parse.duration(0...(3600 * second)))
        if breaker.openNanosecondsMax < breaker.openNanoseconds {
            report(
                section["open_max"] ?? value,
                TextProblem("expected open_max to be at least open"))
        }
    }

    private mutating func readConcurrency(
        _ value: Value, into concurrency: inout ConcurrencySettings
    ) {
        guard let section = switchable(value, &concurrency.isOn) else { return }
        let places = 1...1_000_000
        read("min", of: section, into: &concurrency.least, Parse.number(places))
        read("start", of: section, into: &concurrency.start, Parse.number(places))
        read("max", of: section, into: &concurrency.most, Parse.number(places))
        read("wait_percent", of: section, into: &concurrency.waitPercent, Parse.number(0...100))
        if !(concurrency.least...max(concurrency.least, concurrency.most))
            .contains(concurrency.start) || concurrency.least > concurrency.most
        {
            report(value, TextProblem("expected min to be at most start, and start at most max"))
        }
    }

    private mutating func readPacing(_ value: Value, into pacing: inout PacingSettings?) {
        guard let section = section(value) else { return }
        var burst = 1
        read("burst", of: section, into: &burst, Parse.number(1...1_000_000))
        read("rate", of: section, into: &pacing) { (text) throws(TextProblem) in
            try Self.quota(text)
        }
        pacing?.burst = UInt64(burst)
    }

    /// A number of requests and a time, such as `1000/1m`.
    private static func quota(_ text: String) throws(TextProblem) -> PacingSettings? {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].allSatisfy({ $0.isASCII && $0.isNumber }),
            let requests = UInt64(parts[0]), (1...1_000_000_000).contains(requests)
        else { throw TextProblem(expected: "a rate such as 1000/1m", found: text) }
        let period = try Parse.duration(times)(String(parts[1]))
        return PacingSettings(requests: requests, periodNanoseconds: period)
    }

    private mutating func readRetries(_ value: Value, into upstream: inout UpstreamSettings) {
        guard let section = section(value) else { return }
        read("max", of: section, into: &upstream.retriesMax, Parse.number(0...10))
        var retry = upstream.resilience.retry
        if let conditions = section["on"] {
            retry.conditions = Set(
                list(conditions, countMax: 16).compactMap { parse($0, Parse.word) })
        }
        if let methods = section["methods"] {
            retry.methods = list(methods, countMax: 16).compactMap { parse($0, Self.method) }
                .reduce([]) { $0.union($1) }
        }
        read(
            "budget_percent", of: section, into: &retry.budget.percent, Parse.number(0...100))
        read(
            "budget_per_second", of: section, into: &retry.budget.perSecond,
            Parse.number(0...1_000_000))
        let pause = Parse.duration(0...(60 * second))
        read("pause_min", of: section, into: &retry.pause.nanosecondsMin, pause)
        read("pause_max", of: section, into: &retry.pause.nanosecondsMax, pause)
        if retry.pause.nanosecondsMax < retry.pause.nanosecondsMin {
            report(
                section["pause_max"] ?? value,
                TextProblem("expected pause_max to be at least pause_min"))
        }
        upstream.resilience.retry = retry
    }

    /// `routes[].fallback`.
    mutating func readFallback(_ value: Value, into fallback: inout FallbackSettings?) {
        guard let section = section(value) else { return }
        var settings = FallbackSettings()
        var status = Int(settings.status)
        read("status", of: section, into: &status, Parse.number(200...599))
        settings.status = UInt16(status)
        read("content_type", of: section, into: &settings.contentType, Self.mediaType)
        read("body", of: section, into: &settings.body) { (text) throws(TextProblem) in
            guard text.utf8.count <= 65_536 else {
                throw TextProblem("expected at most 65536 bytes, found \(text.utf8.count)")
            }
            return text
        }
        if [204, 205, 304].contains(settings.status), !settings.body.isEmpty {
            report(value, TextProblem("expected no body with status \(settings.status)"))
        }
        fallback = settings
    }

    private static func mediaType(_ text: String) throws(TextProblem) -> String {
        guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }), text.contains("/"),
            text.utf8.count <= 256
        else { throw TextProblem(expected: "a media type", found: text) }
        return text
    }
}
