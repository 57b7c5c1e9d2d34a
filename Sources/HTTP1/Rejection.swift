/// Why a message is refused. Closed: the raw values are words of logs and metrics.
///
/// The same words serve both directions; what an upstream sent wrongly is answered with
/// `Rejection.upstreamStatus` whatever `status` says.
public enum Rejection: String, Error, CaseIterable, Sendable {
    /// The method is empty or holds a byte that no token has (RFC 9112 §3.1).
    case invalidMethod = "invalid_method"
    /// The method is longer than any that could be meant (RFC 9112 §3).
    case methodTooLong = "method_too_long"
    /// CONNECT asks for a tunnel, which is not offered (RFC 9110 §9.3.6).
    case connectRefused = "connect_refused"
    /// The request line is not three parts with one SP between them (RFC 9112 §3).
    case invalidRequestLine = "invalid_request_line"
    /// The target has no accepted form, or holds a fragment, a control or a byte above 0x7E (§3.2).
    case invalidTarget = "invalid_target"
    /// The target is longer than `targetBytesMax`.
    case targetTooLong = "target_too_long"
    /// An absolute-form target has a scheme other than http and https.
    case unsupportedScheme = "unsupported_scheme"
    /// What stands for the protocol version is not one (RFC 9112 §2.3).
    case invalidVersion = "invalid_version"
    /// A well-formed protocol version other than 1.0 and 1.1, such as the one of the HTTP/2 preface.
    case unsupportedVersion = "unsupported_version"
    /// The status line of a response is malformed (RFC 9112 §4).
    case invalidStatusLine = "invalid_status_line"
    /// The status of a response is not within 100 to 599.
    case invalidStatus = "invalid_status"

    /// A line ends in LF without CR: recipients differ in whether it ends there (RFC 9112 §2.2).
    case bareLineFeed = "bare_line_feed"
    /// A CR that no LF follows: recipients differ in whether a line ends there (RFC 9112 §2.2).
    case bareCarriageReturn = "bare_carriage_return"
    /// White space stands before the first field (RFC 9112 §2.2).
    case leadingWhitespace = "leading_whitespace"
    /// A field value goes on in the next line (RFC 9112 §5.2).
    case obsoleteFold = "obsolete_fold"
    /// White space between a field name and its colon, in a request (RFC 9112 §5.1).
    case spaceBeforeColon = "space_before_colon"
    /// A field name is empty, holds a byte that no token has, or has no colon (RFC 9112 §5).
    case invalidFieldName = "invalid_field_name"
    /// A field value holds NUL or another control character (RFC 9110 §5.5).
    case invalidFieldValue = "invalid_field_value"
    /// More field lines than `fieldsMax`, or than `trailerFieldsMax` in a trailer section.
    case tooManyFields = "too_many_fields"
    /// More bytes of head than `headBytesMax`.
    case headTooLarge = "head_too_large"

    /// A request of HTTP/1.1 without Host (RFC 9112 §3.2).
    case missingHost = "missing_host"
    /// A request with more than one Host (RFC 9112 §3.2).
    case duplicateHost = "duplicate_host"
    /// Host, or the authority of the target, is empty, has user information or is malformed.
    case invalidHost = "invalid_host"

    /// Transfer-Encoding and Content-Length together (RFC 9112 §6.1).
    case transferEncodingWithContentLength = "transfer_encoding_with_content_length"
    /// Transfer-Encoding in a message of HTTP/1.0 (RFC 9112 §6.1).
    case transferEncodingOnHTTP10 = "transfer_encoding_on_http10"
    /// "chunked" stands more than once or before another coding (RFC 9112 §6.1).
    case chunkedNotLast = "chunked_not_last"
    /// Transfer-Encoding is not a list of codings, or gives "chunked" parameters (RFC 9112 §7).
    case invalidTransferEncoding = "invalid_transfer_encoding"
    /// A transfer coding other than "chunked" (RFC 9112 §6.1).
    case unknownTransferCoding = "unknown_transfer_coding"
    /// More than one Content-Length, equal ones too (RFC 9112 §6.3).
    case duplicateContentLength = "duplicate_content_length"
    /// Content-Length is not 1*DIGIT; a list such as "5, 5" is not either (RFC 9110 §8.6).
    case invalidContentLength = "invalid_content_length"
    /// The body is, or is announced as, longer than `bodyBytesMax` or than 64 bits count.
    case bodyTooLarge = "body_too_large"

    /// An expectation other than "100-continue" (RFC 9110 §10.1.1).
    case unsupportedExpectation = "unsupported_expectation"
    /// Max-Forwards of OPTIONS or TRACE is not one number (RFC 9110 §7.6.2).
    case invalidMaxForwards = "invalid_max_forwards"

    /// A chunk size is empty, not hexadecimal or not followed by ";" or CRLF (RFC 9112 §7.1).
    case invalidChunkSize = "invalid_chunk_size"
    /// A chunk extension does not follow its grammar (RFC 9112 §7.1.1).
    case invalidChunkExtension = "invalid_chunk_extension"
    /// The extensions of all chunks together exceed `chunkExtensionBytesMax`.
    case chunkExtensionsTooLarge = "chunk_extensions_too_large"
    /// The data of a chunk is not followed by CRLF (RFC 9112 §7.1).
    case invalidChunkEnd = "invalid_chunk_end"
    /// The trailer section has more bytes than `trailerBytesMax`.
    case trailersTooLarge = "trailers_too_large"

    /// The status with which a broken response of an upstream is answered.
    public static let upstreamStatus: UInt16 = 502

    /// The status for the client whose request is refused; 502 for what only responses can do.
    public var status: UInt16 {
        switch self {
        case .methodTooLong, .connectRefused, .unknownTransferCoding: 501
        case .targetTooLong: 414
        case .unsupportedVersion: 505
        case .tooManyFields, .headTooLarge, .trailersTooLarge, .chunkExtensionsTooLarge: 431
        case .bodyTooLarge: 413
        case .unsupportedExpectation: 417
        case .invalidStatusLine, .invalidStatus: Self.upstreamStatus
        default: 400
        }
    }

    /// The coarse class for metrics.
    public var reason: RejectionReason {
        switch self {
        case .methodTooLong, .connectRefused, .unknownTransferCoding: .notImplemented
        case .unsupportedVersion: .version
        case .targetTooLong, .tooManyFields, .headTooLarge, .trailersTooLarge,
            .chunkExtensionsTooLarge:
            .headerTooLarge
        case .bodyTooLarge: .bodyTooLarge
        // Wherever two recipients may disagree about where something ends or which of two wins.
        case .bareLineFeed, .bareCarriageReturn, .leadingWhitespace, .obsoleteFold,
            .spaceBeforeColon, .duplicateHost, .transferEncodingWithContentLength,
            .transferEncodingOnHTTP10, .chunkedNotLast, .invalidTransferEncoding,
            .duplicateContentLength, .invalidContentLength, .invalidChunkSize,
            .invalidChunkExtension, .invalidChunkEnd:
            .smuggling
        default: .badRequest
        }
    }
}

/// The coarse class of a rejection: the value of a metric label.
public enum RejectionReason: String, CaseIterable, Sendable {
    /// Malformed, without doubt about where it ends.
    case badRequest = "bad_request"
    /// Target, fields, trailers or chunk extensions beyond their bounds.
    case headerTooLarge = "header_too_large"
    /// The body beyond its bound.
    case bodyTooLarge = "body_too_large"
    /// Two recipients could disagree about the extent or the destination of the message.
    case smuggling
    /// Understood, and not offered here.
    case notImplemented = "not_implemented"
    /// Another protocol version.
    case version
}
