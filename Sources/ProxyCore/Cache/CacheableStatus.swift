/// What a status means to a cache (RFC 9110 §15).
enum CacheableStatus {
    /// §15.1: storable without a word about freshness. 206 is one too, but is not stored here.
    static func isHeuristic(_ status: UInt16) -> Bool {
        switch status {
        case 200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501: true
        default: false
        }
    }

    /// Statuses that are never stored, whatever the response says.
    ///
    /// 304 tells about a stored response and is none (§15.4.5). 407 is about the client's connection to
    /// a proxy. 412, 416 and 417 answer request fields that are no part of the key. RFC 6585 forbids
    /// to store 428, 429, 431 and 511.
    static func isNeverStored(_ status: UInt16) -> Bool {
        switch status {
        case 0..<200, 304, 407, 412, 416, 417, 428, 429, 431, 511: true
        default: false
        }
    }

    /// Statuses whose caching requirements are understood and met here, for must-understand
    /// (RFC 9111 §5.2.2.3): the final ones that RFC 9110 defines, besides those above.
    static func isUnderstood(_ status: UInt16) -> Bool {
        switch status {
        case 200...205, 300...303, 307, 308, 400...406, 408...411, 413...415, 421, 422, 426,
            500...505:
            true
        default: false
        }
    }

    /// Answers to keep only for a short time unless they say otherwise.
    static func isNegative(_ status: UInt16) -> Bool {
        status == 404 || status == 410 || status >= 500
    }
}
