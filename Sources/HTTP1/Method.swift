/// A request method (RFC 9110 §9). Tokens are case-sensitive: "get" is `.other`.
public enum Method: UInt8, CaseIterable, Sendable {
    /// GET, §9.3.1.
    case get
    /// HEAD, §9.3.2: the response has no body whatever its fields say.
    case head
    /// POST, §9.3.3.
    case post
    /// PUT, §9.3.4.
    case put
    /// DELETE, §9.3.5.
    case delete
    /// CONNECT, §9.3.6: always refused, this is not a tunnel.
    case connect
    /// OPTIONS, §9.3.7.
    case options
    /// TRACE, §9.3.8.
    case trace
    /// PATCH, RFC 5789.
    case patch
    /// Any other token; its bytes are in `RequestHead.methodRange`.
    case other

    /// The token itself, "OTHER" for one that is not known here.
    public var name: StaticString {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .delete: "DELETE"
        case .connect: "CONNECT"
        case .options: "OPTIONS"
        case .trace: "TRACE"
        case .patch: "PATCH"
        case .other: "OTHER"
        }
    }

    /// RFC 9110 §9.2.1: asks for no change of state.
    @inlinable
    public var isSafe: Bool {
        switch self {
        case .get, .head, .options, .trace: true
        default: false
        }
    }

    /// RFC 9110 §9.2.2: sent twice it means the same as once, so a retry is harmless.
    @inlinable
    public var isIdempotent: Bool { isSafe || self == .put || self == .delete }

    /// The method that the bytes of `range` name.
    init(_ bytes: Span<UInt8>, _ range: ByteRange) {
        let candidates: (Method, Method)
        switch range.count {
        case 3: candidates = (.get, .put)
        case 4: candidates = (.post, .head)
        case 5: candidates = (.patch, .trace)
        case 6: candidates = (.delete, .delete)
        case 7: candidates = (.options, .connect)
        default:
            self = .other
            return
        }
        if bytes.equals(range, candidates.0.name) {
            self = candidates.0
        } else if bytes.equals(range, candidates.1.name) {
            self = candidates.1
        } else {
            self = .other
        }
    }
}
