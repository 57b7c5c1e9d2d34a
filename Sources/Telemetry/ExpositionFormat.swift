/// The two formats of the metrics page.
public enum ExpositionFormat: Sendable, CaseIterable {
    /// The Prometheus text format, version 0.0.4.
    case text004
    /// OpenMetrics 1.0.0.
    case openMetrics100

    /// The value of `Content-Type`.
    public var contentType: String {
        switch self {
        case .text004: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics100: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }

    /// The format for a request whose `Accept` field value is `accept`, several lines joined by
    /// commas; `nil` if there is none. OpenMetrics is sent to who names it at least as gladly as
    /// text, text to everybody else; nothing acceptable gives text as well (RFC 9110 §12.4.1
    /// allows it, and a scraper that cannot read it will say so better than a 406 could).
    public static func negotiate(accept: [UInt8]?) -> ExpositionFormat {
        guard let accept else { return .text004 }
        let ranges = weightedItems(accept)
        let open = quality(of: ranges, type: "application/openmetrics-text", version: "1.0.0")
        let text = quality(of: ranges, type: "text/plain", version: "0.0.4")
        if open.thousandths == 0 { return .text004 }
        if open.thousandths > text.thousandths { return .openMetrics100 }
        let equal = open.thousandths == text.thousandths
        return equal && open.specificity >= 2 ? .openMetrics100 : .text004
    }

    /// `negotiate(accept:)` for a string.
    public static func negotiate(accept: String) -> ExpositionFormat {
        negotiate(accept: Array(accept.utf8))
    }

    /// The quality of the most specific range that covers this media type (RFC 9110 §12.5.1): 3
    /// with its version, 2 by its name, 1 by its main type, 0 by `*/*`.
    private static func quality(
        of ranges: [WeightedItem], type: String, version: String
    ) -> (thousandths: Int, specificity: Int) {
        var best = (thousandths: 0, specificity: -1)
        let mainType = type.prefix { $0 != "/" } + "/*"
        for range in ranges {
            let specificity: Int
            switch range.value {
            case type:
                let asked = range.parameters.first { $0.name == "version" }
                guard asked == nil || asked?.value == version else { continue }
                specificity = asked == nil ? 2 : 3
            case String(mainType): specificity = 1
            case "*/*": specificity = 0
            default: continue
            }
            if specificity > best.specificity
                || specificity == best.specificity && range.thousandths > best.thousandths
            {
                best = (range.thousandths, specificity)
            }
        }
        return best
    }
}

/// What an `Accept-Encoding` field value asks for.
public enum AcceptEncoding {
    /// Whether the answer should be compressed by gzip: it is acceptable and not liked less than
    /// no coding at all (RFC 9110 §12.5.3). No field, an empty one and `gzip;q=0` mean no.
    public static func wantsGzip(_ field: [UInt8]?) -> Bool {
        guard let field else { return false }
        let codings = weightedItems(field)
        func quality(_ names: String...) -> Int? {
            codings.filter { names.contains($0.value) }.map(\.thousandths).max()
        }
        let gzip = quality("gzip", "x-gzip") ?? quality("*") ?? 0
        return gzip > 0 && gzip >= quality("identity") ?? 0
    }
}
