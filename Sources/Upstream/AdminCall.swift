internal import CCurl
internal import Glibc

/// One blocking request to an instance's admin API, for the command line. Not for a loop's thread.
public enum AdminCall {
    /// What came back.
    public struct Answer: Sendable {
        /// The status.
        public let status: Int
        /// The body, at most 16 MiB of it.
        public let body: [UInt8]
    }

    private static let bodyBytesMax = 16 << 20
    private static let timeoutMilliseconds = 10_000

    /// Sends `method` (GET, or POST without a body) to `url`, with `token` if given. Nil, and libcurl's
    /// words, if there was no answer.
    public static func send(
        _ method: String, _ url: String, token: String?
    ) -> (answer: Answer?, problem: String) {
        guard let easy = unsafe curl_easy_init() else { return (nil, "libcurl is out of memory") }
        defer { unsafe curl_easy_cleanup(easy) }
        unsafe ccurl_set_string(easy, CURLOPT_URL, url)
        unsafe ccurl_set_string(easy, CURLOPT_CUSTOMREQUEST, method)
        // The admin listener is near; what the environment says about proxies is not meant for it.
        unsafe ccurl_set_string(easy, CURLOPT_PROXY, "")
        unsafe ccurl_set_long(easy, CURLOPT_TIMEOUT_MS, timeoutMilliseconds)
        unsafe ccurl_set_long(easy, CURLOPT_NOSIGNAL, 1)
        var fields = unsafe curl_slist_append(nil, "Accept: application/json")
        if let token {
            unsafe fields = unsafe curl_slist_append(fields, "Authorization: Bearer \(token)")
        }
        defer { unsafe curl_slist_free_all(fields) }
        unsafe ccurl_set_list(easy, CURLOPT_HTTPHEADER, fields)
        let body = BodyBox()
        // Unretained: the box outlives `perform`, which makes all calls.
        let context = unsafe Unmanaged.passUnretained(body).toOpaque()
        unsafe ccurl_set_write(easy, collect, context)
        let code = unsafe curl_easy_perform(easy)
        guard code == CURLE_OK else {
            return (nil, unsafe String(cString: curl_easy_strerror(code)))
        }
        var status = 0
        unsafe ccurl_get_status(easy, &status)
        return (Answer(status: status, body: body.bytes), "")
    }

    private final class BodyBox { var bytes: [UInt8] = [] }

    private static let collect: curl_write_callback = { data, size, count, context in
        guard let context = unsafe context, let data = unsafe data else { return 0 }
        let box = unsafe Unmanaged<BodyBox>.fromOpaque(context).takeUnretainedValue()
        let length = size * count
        guard box.bytes.count + length <= bodyBytesMax else { return 0 }
        let piece = unsafe UnsafeRawBufferPointer(start: data, count: length)
        unsafe box.bytes.append(contentsOf: piece)
        return length
    }
}
