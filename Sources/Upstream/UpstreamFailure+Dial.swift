internal import CCurl
internal import Telemetry

extension UpstreamFailure {
    /// The client went away, or the instance stops.
    static let unwanted = UpstreamFailure(.canceled, "nobody waits for the answer")

    static let outOfMemory = UpstreamFailure(.connect, "libcurl is out of memory")

    /// libcurl's word for a failed dial in our vocabulary.
    static func dial(_ code: CURLcode) -> UpstreamFailure {
        let text = unsafe String(cString: curl_easy_strerror(code))
        switch code {
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY:
            return UpstreamFailure(.dns, text)
        case CURLE_OPERATION_TIMEDOUT:
            return UpstreamFailure(.timeout, text)
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM,
            CURLE_SSL_CIPHER, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR,
            CURLE_SSL_ENGINE_NOTFOUND, CURLE_SSL_SHUTDOWN_FAILED, CURLE_SSL_INVALIDCERTSTATUS,
            CURLE_USE_SSL_FAILED, CURLE_SSL_CLIENTCERT:
            return UpstreamFailure(.tls, text)
        default:
            return UpstreamFailure(.connect, text)
        }
    }
}
