internal import Responder
internal import Telemetry

/// A successful answer with what caches need to know about it.
struct Representation {
    static let contentType = "application/json; charset=utf-8"
    /// Shorter bodies are sent as they are, whatever the client accepts.
    private static let gzipBytesMin = 1024

    private let body: [UInt8]
    private let cacheControl: String

    init(_ json: JSONValue, _ lifetime: Lifetime) {
        body = Array(json.text.utf8)
        cacheControl = lifetime.cacheControl
    }

    /// The reply, compressed when that is wanted; 304 when the client holds it already.
    func reply(to inquiry: Inquiry) -> Reply {
        var fields = [("Cache-Control", cacheControl)]
        var body = body
        var tag = Representation.hash(body)
        if body.count >= Representation.gzipBytesMin {
            fields.append(("Vary", "Accept-Encoding"))
            let field = inquiry.field("accept-encoding").map { Array($0.utf8) }
            if AcceptEncoding.wantsGzip(field), let compressed = Gzip.compress(body) {
                fields.append(("Content-Encoding", "gzip"))
                body = compressed
                // RFC 9110 §8.8.3.3: a strong tag differs between codings of one resource.
                tag += "-gzip"
            }
        }
        let entityTag = "\"\(tag)\""
        fields.append(("ETag", entityTag))
        if let held = inquiry.field("if-none-match"), EntityTags.contain(held, entityTag) {
            // RFC 9110 §15.4.5: what describes the body stays away, what describes caching goes along.
            return Reply(304, fields: fields.filter { $0.0 != "Content-Encoding" })
        }
        return Reply(200, Representation.contentType, body, fields: fields)
    }

    /// FNV-1a, 64 bits, in hexadecimal digits.
    private static func hash(_ bytes: [UInt8]) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        return String(hash, radix: 16)
    }
}

/// How long an answer may be used (RFC 9111 §5.2.2, RFC 5861), in seconds.
enum Lifetime {
    /// Hardly ever changes.
    case sites
    /// Changes now and then.
    case category
    /// Prices and stock.
    case item

    var cacheControl: String {
        switch self {
        case .sites: "max-age=3600, stale-while-revalidate=600, stale-if-error=86400"
        case .category: "max-age=300, stale-while-revalidate=60, stale-if-error=3600"
        case .item: "max-age=30, stale-while-revalidate=15, stale-if-error=300"
        }
    }
}

/// The field value of If-None-Match (RFC 9110 §13.1.2). Our tags contain no comma.
enum EntityTags {
    /// Whether `list` is `*` or names `tag` by weak comparison (§8.8.3.2).
    static func contain(_ list: String, _ tag: String) -> Bool {
        list.split(separator: ",").contains { member in
            let blank: Set<Character> = [" ", "\t"]
            var text = member.drop { blank.contains($0) }
            while let last = text.last, blank.contains(last) { text.removeLast() }
            if text.hasPrefix("W/") { text = text.dropFirst(2) }
            return text == "*" || text == tag
        }
    }
}
