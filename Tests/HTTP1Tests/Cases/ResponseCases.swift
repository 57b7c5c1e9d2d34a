/// A response of that status line with those field lines.
private func response(_ line: String, _ lines: String...) -> String {
    line + "\r\n" + lines.map { $0 + "\r\n" }.joined() + "\r\n"
}

private func ok(_ lines: String...) -> String {
    "HTTP/1.1 200 OK\r\n" + lines.map { $0 + "\r\n" }.joined() + "\r\n"
}

/// Answers to GET.
let responseCases: [MessageCase] = [
    .init("4", ok(), "200|OK|close-delimited|close"),
    .init("4", response("HTTP/1.1 200 ", "Content-Length: 0"), "200||0|keep"),
    .init("4", response("HTTP/1.1 200", "Content-Length: 0"), "200||0|keep"),
    .init("4", response("HTTP/1.1 200  OK ", "Content-Length: 0"), "200| OK |0|keep"),
    .init(
        "4", response("HTTP/1.1 200 \u{e9}t\u{e9}", "Content-Length: 0"),
        "200|\u{e9}t\u{e9}|0|keep"),
    .init("4", response("HTTP/1.1 299 x\ty", "Content-Length: 0"), "299|x\ty|0|keep"),
    .init("4", response("HTTP/1.1 599 x", "Content-Length: 0"), "599|x|0|keep"),
    .init("4", response("HTTP/1.0 200 OK", "Content-Length: 0"), "200|OK|0|close|1.0"),
    .init("4", response("HTTP/1.1 600 x"), "invalid_status"),
    .init("4", response("HTTP/1.1 099 x"), "invalid_status"),
    .init("4", response("HTTP/1.1 000 x"), "invalid_status"),
    .init("4", response("HTTP/1.1 999 x"), "invalid_status"),
    .init("4", response("HTTP/1.1 20 x"), "invalid_status_line"),
    .init("4", response("HTTP/1.1 2000 x"), "invalid_status_line"),
    .init("4", response("HTTP/1.1  200 OK"), "invalid_status_line"),
    .init("4", response("HTTP/1.1 +20 OK"), "invalid_status_line"),
    .init("4", response("HTTP/1.1\t200 OK"), "invalid_status_line"),
    .init("4", response("HTTP/1.1 200\tOK"), "invalid_status_line"),
    .init("4", response("HTTP/1.1 200 O\u{0}K"), "invalid_status_line"),
    .init("4", response("HTTP/1.1"), "invalid_status_line"),
    .init("2.3", response("HTTP/2.0 200 OK"), "unsupported_version"),
    .init("2.3", response("HTTP/1.2 200 OK"), "unsupported_version"),
    .init("2.3", response("http/1.1 200 OK"), "invalid_version"),
    .init("2.3", response("ICY 200 OK"), "invalid_version"),
    .init("2.3", response(" HTTP/1.1 200 OK"), "invalid_version"),
    .init("2.2", "\r\nHTTP/1.1 200 OK\r\n\r\n", "invalid_version"),
    .init("2.2", "\nHTTP/1.1 200 OK\r\n\r\n", "bare_line_feed"),
    .init("2.2", "HTTP/1.1 200 OK\n\n", "bare_line_feed"),
    .init("2.2", "HTTP/1.1 200\n\n", "bare_line_feed"),
    .init("2.2", "HTTP/1.1 200 OK\r\nA: b\n\r\n", "bare_line_feed"),
    .init("2.2", "HTTP/1.1 200 OK\rA: b\r\n\r\n", "bare_carriage_return"),
    .init("2.2", "HTTP/1.1 200 OK\r\n A: b\r\n\r\n", "leading_whitespace"),

    // Fields.
    .init("5.1", ok("Content-Length : 5"), "200|OK|5|keep"),
    .init("5.1", ok("Content-Length \t : 5"), "200|OK|5|keep"),
    .init("5.1", ok("Content Length: 5"), "invalid_field_name"),
    .init("5.1", ok(" : 5"), "leading_whitespace"),
    .init("5", ok("A"), "invalid_field_name"),
    .init("5", ok("A "), "invalid_field_name"),
    .init("5", ok(": b"), "invalid_field_name"),
    .init("5", ok("A\u{e9}: b"), "invalid_field_name"),
    .init("9110 5.5", ok("A: b\u{0}"), "invalid_field_value"),
    .init("5.2", ok("A: b\r\n c"), "obsolete_fold"),

    // Framing.
    .init("6.3", ok("Content-Length: 5"), "200|OK|5|keep"),
    .init("6.3", ok("Transfer-Encoding: chunked"), "200|OK|chunked|keep"),
    .init("6.3", ok("Connection: close"), "200|OK|close-delimited|close"),
    .init("6.3", ok("Connection: keep-alive"), "200|OK|close-delimited|close"),
    .init("6.3", ok("Content-Length: 5", "Connection: close"), "200|OK|5|close"),
    .init(
        "6.3", response("HTTP/1.0 200 OK", "Content-Length: 5", "Connection: keep-alive"),
        "200|OK|5|keep|1.0"),
    .init("6.3", ok("Content-Length: 5", "Content-Length: 5"), "duplicate_content_length"),
    .init("6.3", ok("Content-Length: 5", "Content-Length: 6"), "duplicate_content_length"),
    .init("6.3", ok("Content-Length: 5, 5"), "invalid_content_length"),
    .init("6.3", ok("Content-Length: -5"), "invalid_content_length"),
    .init("6.3", ok("Content-Length:"), "invalid_content_length"),
    .init("6.3", ok("Content-Length: 18446744073709551616"), "body_too_large"),
    .init(
        "6.1", ok("Transfer-Encoding: chunked", "Content-Length: 5"),
        "transfer_encoding_with_content_length"),
    .init(
        "6.1", response("HTTP/1.0 200 OK", "Transfer-Encoding: chunked"),
        "transfer_encoding_on_http10"),
    .init("6.1", ok("Transfer-Encoding: gzip"), "unknown_transfer_coding"),
    .init("6.1", ok("Transfer-Encoding: gzip, chunked"), "unknown_transfer_coding"),
    .init("6.1", ok("Transfer-Encoding: identity"), "unknown_transfer_coding"),
    .init("6.1", ok("Transfer-Encoding: chunked, gzip"), "chunked_not_last"),
    .init("6.1", ok("Transfer-Encoding: chunked, chunked"), "chunked_not_last"),
    .init("7", ok("Transfer-Encoding: \u{b}chunked"), "invalid_field_value"),
    .init("6.3", response("HTTP/1.1 204 No Content"), "204|No Content|none|keep"),
    .init(
        "6.3", response("HTTP/1.1 204 No Content", "Content-Length: 5"),
        "204|No Content|none|keep|announced=5"),
    .init(
        "6.3", response("HTTP/1.1 204 No Content", "Transfer-Encoding: chunked"),
        "204|No Content|none|keep"),
    .init(
        "6.3", response("HTTP/1.1 304 Not Modified", "Content-Length: 99"),
        "304|Not Modified|none|keep|announced=99"),
    .init(
        "6.3", response("HTTP/1.1 304 Not Modified", "Connection: close"),
        "304|Not Modified|none|close"),
    .init(
        "6.3", response("HTTP/1.1 205 Reset Content", "Content-Length: 0"),
        "205|Reset Content|0|keep"),
    .init(
        "6.3", response("HTTP/1.1 205 Reset Content"),
        "205|Reset Content|close-delimited|close"),
    .init("9110 15.2", response("HTTP/1.1 100 Continue"), "100|Continue|none|keep"),
    .init(
        "9110 15.2", response("HTTP/1.1 103 Early Hints", "Link: </a>"),
        "103|Early Hints|none|keep"),
    .init(
        "9110 15.2", response("HTTP/1.1 101 Switching Protocols", "Upgrade: x"),
        "101|Switching Protocols|none|keep"),
    .init("4", "HTTP/1.1 200 OK\r\nA: b\r\n", "more"),
    .init("4", "HTT", "more"),
]

/// Answers to HEAD: never a body, yet sound framing.
let headResponseCases: [MessageCase] = [
    .init("6.3", ok("Content-Length: 5"), "200|OK|none|keep|announced=5"),
    .init("6.3", ok("Transfer-Encoding: chunked"), "200|OK|none|keep"),
    .init("6.3", ok(), "200|OK|none|keep"),
    .init("6.3", ok("Content-Length: 5", "Content-Length: 6"), "duplicate_content_length"),
]
