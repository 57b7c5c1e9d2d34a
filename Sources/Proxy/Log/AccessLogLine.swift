internal import HTTP1
internal import ProxyCore
internal import Telemetry
internal import Time

// One line a request, written into the worker's scratch. The words are those of the metric labels.

extension Worker {
    /// The schema is fixed: the same keys in the same order in every line, null where something does not
    /// apply (docs/access-log.md).
    func appendJSON(_ request: ClientRequest, _ nanoseconds: UInt64) {
        line.append("{\"ts\":\"")
        line.append(timestamp: request.startedWall)
        line.append(request.status >= 500 ? "\",\"level\":\"error\"" : "\",\"level\":\"info\"")
        line.append(",\"msg\":\"request\",\"trace_id\":\"")
        request.trace.appendTraceID(to: &line)
        line.append("\",\"span_id\":\"")
        request.trace.appendSpanID(to: &line)
        line.append("\",\"instance\":\"")
        line.append(instance.nameBytes)
        line.append("\",\"client_ip\":\"")
        line.append(request.clientText)
        line.append("\",\"method\":\"")
        appendMethod(of: request)
        line.append("\",\"route\":\"")
        appendRoute(of: request)
        line.append("\",\"path\":\"")
        appendPath(of: request)
        line.append("\",\"status\":")
        line.append(decimal: UInt64(request.status))
        line.append(",\"origin\":\"")
        line.append(request.origin.word)
        line.append("\",\"cache\":\"")
        line.append(request.caching.result?.word ?? "none")
        line.append(
            request.caching.tier == .local
                ? "\",\"cache_tier\":\"local\"" : "\",\"cache_tier\":null")
        line.append(",\"age_s\":")
        if let age = request.caching.ageSeconds {
            line.append(decimal: UInt64(clamping: age))
        } else {
            line.append("null")
        }
        line.append(",\"upstream\":")
        appendUpstream(of: request)
        line.append(",\"attempts\":")
        line.append(decimal: UInt64(request.attempts))
        line.append(",\"dur_us\":")
        line.append(decimal: nanoseconds / 1000)
        line.append(",\"upstream_us\":")
        line.append(decimal: request.upstreamNanoseconds / 1000)
        line.append(",\"redis_us\":null,\"bytes_in\":")
        line.append(decimal: UInt64(request.head.bytes.count) + request.upload.received)
        line.append(",\"bytes_out\":")
        line.append(decimal: request.bytesOut)
        appendLimitsJSON(of: request)
        line.append(",\"cb_state\":")
        appendBreakerState(of: request)
        line.append(",\"err\":")
        appendError(of: request)
        line.append(",\"sample_rate\":")
        line.append(decimal: UInt64(snapshot.settings.log.access.sampleRate))
        line.append("}\n")
    }

    /// For people: time, client, request, status, duration, and what went wrong.
    func appendText(_ request: ClientRequest, _ nanoseconds: UInt64) {
        line.append(timestamp: request.startedWall)
        line.append(" ")
        line.append(request.clientText)
        line.append(" ")
        appendMethod(of: request)
        line.append(" ")
        appendPath(of: request)
        line.append(" ")
        line.append(decimal: UInt64(request.status))
        line.append(" ")
        line.append(decimal: nanoseconds / 1_000_000)
        line.append(".")
        let hundredths = nanoseconds / 10_000 % 100
        line.append(byte: UInt8(ascii: "0") + UInt8(hundredths / 10))
        line.append(byte: UInt8(ascii: "0") + UInt8(hundredths % 10))
        line.append("ms route=")
        appendRoute(of: request)
        line.append(" origin=")
        line.append(request.origin.word)
        line.append(" cache=")
        line.append(request.caching.result?.word ?? "none")
        line.append(" out=")
        line.append(decimal: request.bytesOut)
        if request.hasError {
            line.append(" err=")
            line.append(request.error)
            if let detail = request.detail {
                line.append(":")
                line.append(escapingText: detail)
            }
        }
        line.append("\n")
    }

    private func appendRoute(of request: ClientRequest) {
        let name = request.route.nameBytes
        line.append(escaping: name.span)
    }

    private func appendMethod(of request: ClientRequest) {
        let method = request.loggedMethod
        line.append(method == .other ? "_other" : method.name)
    }

    /// The path without its query, cut and escaped; empty when the request line was not understood.
    private func appendPath(of request: ClientRequest) {
        let head = request.head
        let path = ByteRange(
            start: head.path.start, count: min(head.path.count, Worker.loggedPathBytesMax))
        guard path.upperBound <= head.bytes.count else { return }
        line.append(escaping: head.bytes.span.extracting(path.indices))
    }

    private static let loggedPathBytesMax: Int32 = 512

    private func appendUpstream(of request: ClientRequest) {
        guard request.attempts > 0 else { return line.append("null") }
        line.append("\"")
        line.append(escapingText: request.route.upstreamName)
        line.append("\"")
    }

    private func appendBreakerState(of request: ClientRequest) {
        guard let state = request.admission.breakerState else { return line.append("null") }
        line.append("\"")
        line.append(state.word)
        line.append("\"")
    }

    private func appendError(of request: ClientRequest) {
        guard request.hasError else { return line.append("null") }
        line.append("\"")
        line.append(request.error)
        if let detail = request.detail {
            line.append(": ")
            line.append(escapingText: detail)
        }
        line.append("\"")
    }
}

extension Origin {
    /// The raw value as a literal.
    var word: StaticString {
        switch self {
        case .cache: "cache"
        case .upstream: "upstream"
        case .proxy: "proxy"
        }
    }
}

extension ByteWriter {
    /// Appends `bytes` as the inside of a JSON string: quotes, backslashes and control characters are
    /// escaped, and every byte above 0x7E as the character of that number, so that a line is always
    /// valid, whatever a client sends.
    mutating func append(escaping bytes: Span<UInt8>) {
        for index in bytes.indices {
            let byte = bytes[index]
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                append(byte: UInt8(ascii: "\\"))
                append(byte: byte)
            case 0x20..<0x7f:
                append(byte: byte)
            default:
                append("\\u00")
                append(byte: ByteWriter.digits[Int(byte >> 4)])
                append(byte: ByteWriter.digits[Int(byte & 15)])
            }
        }
    }

    /// The same for text of our own.
    mutating func append(escapingText text: String) {
        let bytes = Array(text.utf8)
        append(escaping: bytes.span)
    }

    private static let digits = Array("0123456789abcdef".utf8)

    /// Appends an RFC 3339 time in UTC with microseconds.
    mutating func append(timestamp: Timestamp) {
        let second = timestamp.seconds
        let date = CivilDate(
            daysSinceEpoch: second >= 0 ? second / 86_400 : (second - 86_399) / 86_400)
        let time = second - date.days * 86_400
        append(padded: date.year, digits: 4)
        append("-")
        append(padded: date.month, digits: 2)
        append("-")
        append(padded: date.day, digits: 2)
        append("T")
        append(padded: time / 3600, digits: 2)
        append(":")
        append(padded: time / 60 % 60, digits: 2)
        append(":")
        append(padded: time % 60, digits: 2)
        append(".")
        append(padded: (timestamp.nanoseconds - second * 1_000_000_000) / 1000, digits: 6)
        append("Z")
    }

    private mutating func append(padded value: Int64, digits: Int) {
        var divisor: Int64 = 1
        for _ in 1..<digits { divisor *= 10 }
        while divisor > 0 {
            append(byte: UInt8(ascii: "0") + UInt8(value / divisor % 10))
            divisor /= 10
        }
    }
}

/// A day of the proleptic Gregorian calendar (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
struct CivilDate {
    let days: Int64
    let year: Int64
    let month: Int64
    let day: Int64

    init(daysSinceEpoch days: Int64) {
        self.days = days
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }
}
