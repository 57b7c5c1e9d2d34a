internal import CCurl
internal import EventLoop
internal import Glibc
internal import Telemetry

/// Makes one connection with libcurl: name resolution off the loop, Happy Eyeballs, proxies, TLS.
///
/// Each dialled connection has an easy handle and a multi handle of its own: on a shared multi libcurl
/// takes CONNECT_ONLY connections for idle ones and closes them at a later dial. The handles stay
/// together, untouched, until `close`.
@safe final class Dialer {
    private let context: DialContext
    private let easy: UnsafeMutableRawPointer
    private let multi: UnsafeMutableRawPointer
    private var connectTo: UnsafeMutablePointer<curl_slist>?
    /// Descriptors that libcurl wants watched while it dials; empty afterwards.
    private var polls: [Int32: Poll] = [:]
    private var timer: Timer?
    private var wantsActionNow = false
    private var isClosed = false
    private var result: CURLcode?
    private let finished: (CURLcode) -> Void
    /// Told that libcurl is about to close this descriptor: its poll must go first.
    var descriptorCloses: (Int32) -> Void = { _ in }

    /// Prepares a dial to `endpoint`; nothing happens before `start`. `finished` is called once, never from
    /// within `start`'s libcurl callbacks.
    init(
        _ context: DialContext, _ endpoint: Endpoint, finished: @escaping (CURLcode) -> Void
    ) throws(UpstreamFailure) {
        guard let easy = unsafe curl_easy_init() else { throw .outOfMemory }
        guard let multi = unsafe curl_multi_init() else {
            unsafe curl_easy_cleanup(easy)
            throw .outOfMemory
        }
        self.context = context
        unsafe self.easy = unsafe easy
        unsafe self.multi = unsafe UnsafeMutableRawPointer(multi)
        self.finished = finished
        configure(endpoint)
        watchSockets()
    }

    private func configure(_ endpoint: Endpoint) {
        unsafe ccurl_set_string(easy, CURLOPT_URL, endpoint.dialURL)
        unsafe ccurl_set_long(easy, CURLOPT_CONNECT_ONLY, 1)
        // No signals (threads), and no sigaction calls around each send and receive.
        unsafe ccurl_set_long(easy, CURLOPT_NOSIGNAL, 1)
        // A cancelled dial must not wait for a resolver thread that hangs.
        unsafe ccurl_set_long(easy, CURLOPT_QUICK_EXIT, 1)
        // The default would let the server choose h2 by ALPN.
        unsafe ccurl_set_long(easy, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        // Always set: NULL would make libcurl ask the environment.
        unsafe ccurl_set_string(easy, CURLOPT_PROXY, endpoint.proxy ?? "")
        unsafe ccurl_set_string(easy, CURLOPT_NOPROXY, "")
        unsafe ccurl_set_long(easy, CURLOPT_HTTPPROXYTUNNEL, 1)
        unsafe ccurl_set_long(
            easy, CURLOPT_CONNECTTIMEOUT_MS, endpoint.connectTimeoutMilliseconds)
        unsafe ccurl_set_long(easy, CURLOPT_DNS_CACHE_TIMEOUT, endpoint.dnsCacheSeconds)
        unsafe ccurl_set_long(easy, CURLOPT_TCP_KEEPALIVE, 1)
        unsafe ccurl_set_pointer(easy, CURLOPT_SHARE, context.share.handle)
        unsafe ccurl_set_long(easy, CURLOPT_SSL_VERIFYPEER, endpoint.verifies ? 1 : 0)
        unsafe ccurl_set_long(easy, CURLOPT_SSL_VERIFYHOST, endpoint.verifies ? 2 : 0)
        if let caFile = endpoint.caFile {
            unsafe ccurl_set_string(easy, CURLOPT_CAINFO, caFile)
            unsafe ccurl_set_string(easy, CURLOPT_CAPATH, nil)
        }
        if endpoint.transport == .tls { unsafe ccurl_set_tls_reading(easy) }
        if let entry = endpoint.connectTo {
            unsafe connectTo = unsafe curl_slist_append(nil, entry)
            unsafe ccurl_set_list(easy, CURLOPT_CONNECT_TO, connectTo)
        }
    }

    private func watchSockets() {
        // Unretained: `close` ends all callbacks, and the connection that owns the dialer calls it.
        let me = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe ccurl_set_close_socket(
            easy,
            { context, descriptor in
                if let dialer = unsafe Dialer.of(context) { dialer.forget(descriptor) }
                return Glibc.close(descriptor)
            }, me)
        unsafe ccurl_multi_set_socket(
            multi,
            { _, descriptor, what, context, _ in
                if let dialer = unsafe Dialer.of(context) { dialer.watch(descriptor, what) }
                return 0
            }, me)
        unsafe ccurl_multi_set_timer(
            multi,
            { _, milliseconds, context in
                if let dialer = unsafe Dialer.of(context) { dialer.schedule(milliseconds) }
                return 0
            }, me)
    }

    private static func of(_ context: UnsafeMutableRawPointer?) -> Dialer? {
        guard let context = unsafe context else { return nil }
        return unsafe Unmanaged<Dialer>.fromOpaque(context).takeUnretainedValue()
    }

    /// Starts dialling.
    func start() {
        timer = Timer(on: context.loop) { [unowned self] in act(CURL_SOCKET_TIMEOUT, 0) }
        unsafe curl_multi_add_handle(multi, easy)
        act(CURL_SOCKET_TIMEOUT, 0)
    }

    private func watch(_ descriptor: Int32, _ what: Int32) {
        guard !isClosed, result == nil, what != CURL_POLL_REMOVE else {
            return forget(descriptor)
        }
        var events: Poll.Events = []
        if what & CURL_POLL_IN != 0 { events.insert(.readable) }
        if what & CURL_POLL_OUT != 0 { events.insert(.writable) }
        if polls[descriptor] == nil {
            polls[descriptor] = try? Poll(on: context.loop, descriptor: descriptor) {
                [unowned self] ready in
                var mask: Int32 = 0
                if ready.contains(.readable) { mask |= CURL_CSELECT_IN }
                if ready.contains(.writable) { mask |= CURL_CSELECT_OUT }
                act(descriptor, mask)
            }
        }
        polls[descriptor]?.watch(events)
    }

    private func forget(_ descriptor: Int32) {
        polls.removeValue(forKey: descriptor)?.close()
        if result != nil { descriptorCloses(descriptor) }
    }

    /// libcurl asks to be called later; never from within its own callback, hence only noted when at once.
    private func schedule(_ milliseconds: Int) {
        if isClosed { return }
        wantsActionNow = milliseconds == 0
        if milliseconds > 0 {
            timer?.arm(afterNanoseconds: UInt64(milliseconds) * 1_000_000)
        } else {
            timer?.cancel()
        }
    }

    private func act(_ descriptor: Int32, _ events: Int32) {
        guard !isClosed, result == nil else { return }
        var running: Int32 = 0
        unsafe curl_multi_socket_action(multi, descriptor, events, &running)
        // Bounded: a dial is a handful of steps; should libcurl insist, the timer goes on.
        var rounds = 0
        while wantsActionNow, rounds < 16, result == nil {
            wantsActionNow = false
            rounds += 1
            unsafe curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running)
            takeResult()
        }
        if wantsActionNow { timer?.arm(afterNanoseconds: 1_000_000) }
        takeResult()
        if let result {
            timer?.cancel()
            for poll in polls.values { poll.close() }
            polls.removeAll()
            finished(result)
        }
    }

    private func takeResult() {
        var queued: Int32 = 0
        while let message = unsafe curl_multi_info_read(multi, &queued) {
            if unsafe message.pointee.msg == CURLMSG_DONE {
                result = unsafe ccurl_message_result(message)
            }
        }
    }

    /// The connected socket's descriptor, -1 when there is none (any more).
    var descriptor: Int32 {
        var descriptor: Int32 = -1
        unsafe ccurl_get_socket(easy, &descriptor)
        return descriptor
    }

    /// Reads what is there: the count (0 at the end of the stream), or why not.
    func receive(into buffer: UnsafeMutableRawBufferPointer) -> (code: CURLcode, count: Int) {
        var count = 0
        let code = unsafe curl_easy_recv(easy, buffer.baseAddress, buffer.count, &count)
        return (code, count)
    }

    /// Whether OpenSSL holds bytes that it has read from the socket, decrypted or not; nil when it cannot
    /// be asked, as before the first send or receive.
    var holdsBytes: Bool? {
        let answer = unsafe ccurl_tls_holds_bytes(easy)
        return answer < 0 ? nil : answer > 0
    }

    /// Writes what can be written now; after CURLE_AGAIN the same bytes are to be offered again.
    func send(_ bytes: UnsafeRawBufferPointer) -> (code: CURLcode, count: Int) {
        var count = 0
        let code = unsafe curl_easy_send(easy, bytes.baseAddress, bytes.count, &count)
        return (code, count)
    }

    /// Gives the handles back; the connection, if any, is closed by it.
    func close() {
        if isClosed { return }
        isClosed = true
        timer?.cancel()
        for poll in polls.values { poll.close() }
        polls.removeAll()
        unsafe curl_multi_remove_handle(multi, easy)
        unsafe curl_easy_cleanup(easy)
        unsafe curl_multi_cleanup(multi)
        unsafe curl_slist_free_all(connectTo)
    }
}
