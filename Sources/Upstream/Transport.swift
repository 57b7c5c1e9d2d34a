internal import CCurl

/// What lies between a connection's socket and the bytes of its messages.
enum Transport {
    /// Nothing: the bytes on the socket are the message's own.
    case plain
    /// OpenSSL alone, which can be asked whether it holds bytes.
    case tls
    /// Something that cannot be asked (an outbound proxy, another TLS library): only "again" says that
    /// no bytes are held.
    case opaque

    /// Whether libcurl speaks TLS with the OpenSSL that this program is linked with.
    static let sharesOpenSSL = ccurl_shares_openssl() != 0
}

extension Endpoint {
    /// How bytes travel to this endpoint. Behind an outbound proxy there may be TLS inside TLS.
    var transport: Transport {
        if proxy != nil { return .opaque }
        if !isTLS { return .plain }
        return Transport.sharesOpenSSL ? .tls : .opaque
    }
}
