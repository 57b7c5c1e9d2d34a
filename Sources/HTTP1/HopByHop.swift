/// Which fields end at the next recipient (RFC 9110 §7.6.1).
public enum HopByHop {
    /// Whether the field concerns one connection only and is never forwarded.
    ///
    /// Proxy-Authenticate, Proxy-Authorization and Proxy-Authentication-Info are in the list: they
    /// address the first proxy that asks for credentials (RFC 9110 §11.7), and this one neither
    /// asks nor may hand a client's proxy credentials to an upstream. Transfer-Encoding is, because
    /// every message is framed anew.
    public static func isHopByHop(_ known: FieldName) -> Bool {
        switch known {
        case .connection, .keepAlive, .proxyConnection, .te, .trailer, .transferEncoding,
            .upgrade, .http2Settings, .proxyAuthenticate, .proxyAuthorization,
            .proxyAuthenticationInfo:
            true
        default:
            false
        }
    }

    /// Whether the field is forwarded even when Connection names it.
    ///
    /// RFC 9110 §7.6.1 forbids senders to nominate fields meant for all recipients, and names
    /// Cache-Control. Obeying such a nomination would let a client strip what frames, routes,
    /// authenticates, conditions or traces the message behind the proxy's back, so it is ignored for
    /// those. Refusing the message instead would break clients that nominate harmlessly.
    public static func isProtected(_ known: FieldName) -> Bool {
        switch known {
        case .other, .accept, .acceptLanguage, .userAgent, .server, .retryAfter, .allow, .warning,
            .pragma, .origin:
            false
        default:
            !isHopByHop(known)
        }
    }

    /// Whether the field may stand in a trailer section that is forwarded (RFC 9110 §6.5.1): not if
    /// it frames or routes the message, authenticates, modifies the request, controls caching or
    /// tells how to process the content.
    public static func isAllowedInTrailer(_ known: FieldName) -> Bool {
        switch known {
        case .other, .etag, .xRequestID, .server: true
        default: false
        }
    }
}
