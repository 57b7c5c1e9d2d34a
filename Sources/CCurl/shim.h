#include <curl/curl.h>
#include <openssl/ssl.h>
#include <string.h>

// curl_easy_setopt, curl_easy_getinfo and curl_multi_setopt are variadic C functions, which Swift
// cannot call. One wrapper per argument type; the option still chooses what is set.

static inline CURLcode ccurl_set_long(CURL *easy, CURLoption option, long value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode ccurl_set_string(CURL *easy, CURLoption option, const char *value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode ccurl_set_pointer(CURL *easy, CURLoption option, void *value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode ccurl_set_list(CURL *easy, CURLoption option, struct curl_slist *value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode ccurl_set_close_socket(
    CURL *easy, curl_closesocket_callback callback, void *context) {
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, context);
    return curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, callback);
}
static inline CURLcode ccurl_get_socket(CURL *easy, curl_socket_t *socket) {
    return curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, socket);
}
static inline CURLMcode ccurl_multi_set_socket(
    CURLM *multi, curl_socket_callback callback, void *context) {
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, context);
    return curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, callback);
}
static inline CURLMcode ccurl_multi_set_timer(
    CURLM *multi, curl_multi_timer_callback callback, void *context) {
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, context);
    return curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, callback);
}
static inline CURLSHcode ccurl_share(CURLSH *share, curl_lock_data what) {
    return curl_share_setopt(share, CURLSHOPT_SHARE, what);
}
// The result of a CURLMSG_DONE message lies in a union.
static inline CURLcode ccurl_message_result(const CURLMsg *message) {
    return message->data.result;
}
// curl_global_init takes a macro that Swift cannot see as a constant.
static inline CURLcode ccurl_global_init(void) { return curl_global_init(CURL_GLOBAL_ALL); }
static inline const char *ccurl_version(void) { return curl_version_info(CURLVERSION_NOW)->version; }
static inline CURLcode ccurl_set_write(CURL *easy, curl_write_callback callback, void *context) {
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, context);
    return curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, callback);
}
static inline CURLcode ccurl_get_status(CURL *easy, long *status) {
    return curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, status);
}

// TLS: libcurl owns context and session. The context is set up once, from within libcurl's callback;
// the session is asked one question. Both only if libcurl uses the very OpenSSL that we are linked with.

// Room for three records of the largest size (RFC 8446 5.2, RFC 5246 6.2.3), so that they end with it.
#define CCURL_TLS_READ_BYTES (3 * (SSL3_RT_MAX_PLAIN_LENGTH + 32))

static inline int ccurl_shares_openssl(void) {
    const char *theirs = curl_version_info(CURLVERSION_NOW)->ssl_version;
    const char *ours = OpenSSL_version(OPENSSL_VERSION_STRING);
    const char name[] = "OpenSSL/";
    return theirs && !strncmp(theirs, name, sizeof name - 1) &&
        !strcmp(theirs + sizeof name - 1, ours);
}
static inline CURLcode ccurl_tune_tls(CURL *easy, void *context, void *unused) {
    (void)easy, (void)unused;
    // Without read-ahead each record takes two system calls: its header, then the rest.
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_default_read_buffer_len(context, CCURL_TLS_READ_BYTES);
    // Those buffers are given back whenever they are empty: an idle connection owns none.
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    return CURLE_OK;
}
static inline CURLcode ccurl_set_tls_reading(CURL *easy) {
    return curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, ccurl_tune_tls);
}
// Whether the TLS session holds bytes that were read from the socket; -1 if it cannot be asked (yet).
static inline int ccurl_tls_holds_bytes(CURL *easy) {
    struct curl_tlssessioninfo *info = NULL;
    if (curl_easy_getinfo(easy, CURLINFO_TLS_SSL_PTR, &info) != CURLE_OK) return -1;
    if (!info || info->backend != CURLSSLBACKEND_OPENSSL || !info->internals) return -1;
    return SSL_has_pending(info->internals);
}
