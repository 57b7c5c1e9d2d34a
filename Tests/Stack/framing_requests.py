"""The table of requests and what must become of them (RFC 9112 from the server's side)."""
from dataclasses import dataclass, field

HEAD_BYTES_MAX = 8 << 10
FIELDS_MAX = 50
TARGET_BYTES_MAX = 2 << 10
BODY_BYTES_MAX = 64 << 10

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


@dataclass
class Forwarded:
    """The upstream gets this request, and the client its answer."""

    method: str = "GET"
    target: str = "/x"
    body: bytes = b""
    has: dict = field(default_factory=dict)
    lacks: tuple = ()
    order: tuple = ()
    trace: str = ""
    version: str = "1.1"
    closes: bool = False


@dataclass
class Rejected:
    """One of these answers, then the end of the connection; the upstream gets nothing.

    With `partial` the defect comes after the head, so that the upstream may see the beginning of
    the message, but never a whole one.
    """

    statuses: tuple
    partial: bool = False


@dataclass
class Answered:
    """One of these answers by the proxy itself; the upstream gets nothing."""

    statuses: tuple


@dataclass
class Case:
    """Bytes of a client, and what follows from them, in order."""

    name: str
    section: str
    raw: bytes
    expect: tuple


CASES = []
HOST = b"Host: test.example\r\n"


def case(name, section, raw, *expect):
    """Adds a case."""
    CASES.append(Case(name, section, raw, expect))


def reject(name, section, raw, *statuses, partial=False):
    """Adds a case that is refused."""
    case(name, section, raw, Rejected(statuses or (400,), partial))


def get(fields=b"", target=b"/x", version=b"HTTP/1.1", method=b"GET"):
    """A request head with a Host and these field lines."""
    return method + b" " + target + b" " + version + b"\r\n" + HOST + fields + b"\r\n"


def post(fields, body):
    """A POST with these field lines and these body bytes."""
    return get(fields, method=b"POST") + body


def chunked(body, fields=b""):
    """A POST with Transfer-Encoding: chunked and these raw chunks."""
    return post(b"Transfer-Encoding: chunked\r\n" + fields, body)


# ---- request line (RFC 9112 §3)
case("simple", "9112 §3", get(), Forwarded())
case("unknown-method", "9110 §9.1", get(method=b"BREW"), Forwarded("BREW"))
case("method-is-case-sensitive", "9110 §9.1", get(method=b"get"), Forwarded("get"))
case("method-of-odd-token-characters", "9110 §5.6.2", get(method=b"M-X!#$%&'*+.^_`|~9"),
     Forwarded("M-X!#$%&'*+.^_`|~9"))
for label, line in [
    ("parenthesis-in-method", b"GE(T /x HTTP/1.1"),
    ("empty-method", b" /x HTTP/1.1"),
    ("leading-space", b" GET /x HTTP/1.1"),
    ("two-spaces", b"GET  /x HTTP/1.1"),
    ("two-spaces-before-version", b"GET /x  HTTP/1.1"),
    ("tab-separated", b"GET\t/x\tHTTP/1.1"),
    ("trailing-space", b"GET /x HTTP/1.1 "),
    ("vertical-tab-separated", b"GET\x0b/x HTTP/1.1"),
    ("space-in-target", b"GET /x y HTTP/1.1"),
    ("space-in-version", b"GET /x HTTP/ 1.1"),
    ("bare-cr", b"GET /x\r HTTP/1.1"),
    ("bare-cr-at-end", b"GET /x HTTP/1.1\r"),
    ("nul-in-target", b"GET /x\0y HTTP/1.1"),
    ("control-in-target", b"GET /x\x01y HTTP/1.1"),
    ("del-in-target", b"GET /x\x7fy HTTP/1.1"),
    ("high-byte-in-target", b"GET /caf\xc3\xa9 HTTP/1.1"),
    ("fragment", b"GET /x#y HTTP/1.1"),
    ("target-without-slash", b"GET x HTTP/1.1"),
    ("empty-target", b"GET  HTTP/1.1"),
    ("asterisk-with-get", b"GET * HTTP/1.1"),
    ("asterisk-and-more", b"OPTIONS *x HTTP/1.1"),
    ("authority-form-with-get", b"GET test.example:80 HTTP/1.1"),
    ("absolute-form-of-ftp", b"GET ftp://test.example/x HTTP/1.1"),
    ("absolute-form-without-host", b"GET http:///x HTTP/1.1"),
    ("method-only", b"GET"),
    ("nothing-but-spaces", b"   "),
]:
    reject(label, "9112 §3", line + b"\r\n" + HOST + b"\r\n")
for label, version in [("12", b"HTTP/1.2"), ("20", b"HTTP/2.0"), ("09", b"HTTP/0.9"),
                       ("30", b"HTTP/3.0")]:
    reject(f"version-{label}", "9112 §2.3", get(version=version), 505)
for label, version in [("lower-case", b"http/1.1"), ("junk-after", b"HTTP/1.1x"),
                       ("leading-zero", b"HTTP/01.1"), ("two-digits", b"HTTP/1.10"),
                       ("other-protocol", b"RTSP/1.1"), ("no-minor", b"HTTP/1")]:
    reject(f"version-{label}", "9112 §2.3", get(version=version), 400, 505)
reject("no-version", "9112 §3", b"GET /x\r\n" + HOST + b"\r\n", 400, 505)
reject("http2-preface", "9113 §3.4", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, 505)
reject("tls-client-hello", "9112 §3", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xaa" * 60
       + b"\r\n\r\n")
reject("garbage", "9112 §3", bytes(range(256)))
reject("long-method", "9112 §3", b"A" * 9000 + b" /x HTTP/1.1\r\n" + HOST + b"\r\n",
       400, 414, 431, 501)
case("longest-target", "9112 §3", get(target=b"/" + b"t" * (TARGET_BYTES_MAX - 1)),
     Forwarded(target="/" + "t" * (TARGET_BYTES_MAX - 1)))
reject("target-too-long", "9112 §3", get(target=b"/" + b"t" * TARGET_BYTES_MAX), 414)
reject("target-without-end", "9112 §3", b"GET /" + b"t" * (3 * HEAD_BYTES_MAX), 414, 431)
case("empty-line-before", "9112 §2.2", b"\r\n" + get(), Forwarded())
reject("two-empty-lines-before", "9112 §2.2", b"\r\n\r\n" + get())
reject("bare-lf-before", "9112 §2.2", b"\n" + get())
reject("request-line-ends-in-lf", "9112 §2.2", b"GET /x HTTP/1.1\n" + HOST + b"\r\n")

# ---- target forms (RFC 9112 §3.2)
case("query", "9112 §3.2.1", get(target=b"/a/b?c=d&e=%20/?"), Forwarded(target="/a/b?c=d&e=%20/?"))
case("escapes-kept-as-sent", "9110 §4.2.3", get(target=b"/a%2db%2Fc%20%C3%A9"),
     Forwarded(target="/a%2db%2Fc%20%C3%A9"))
for label, target in [("dot-segment", b"/a/../b"), ("escaped-dot-segment", b"/a/%2e%2E/b"),
                      ("escaped-nul", b"/a%00"), ("escape-not-hexadecimal", b"/a%zz"),
                      ("escape-cut-short", b"/a%4")]:
    case(f"path-{label}", "3986 §3.3", get(target=target), Answered((400,)))
case("absolute-form", "9112 §3.2.2", get(target=b"http://other.example/x?y"),
     Forwarded(target="/x?y", has={"X-Forwarded-Host": "other.example"}))
case("absolute-form-with-port-and-no-path", "9112 §3.2.2",
     get(target=b"http://other.example:8080"),
     Forwarded(target="/", has={"X-Forwarded-Host": "other.example:8080"}))
case("absolute-form-with-query-and-no-path", "9112 §3.2.1", get(target=b"http://other.example?y=1"),
     Forwarded(target="/?y=1"))
case("absolute-form-scheme-in-capitals", "9110 §4.2.3", get(target=b"HTTP://test.example/x"),
     Forwarded())
reject("absolute-form-lacks-host", "9112 §3.2", b"GET http://test.example/x HTTP/1.1\r\n\r\n")
case("asterisk-form", "9112 §3.2.4", get(method=b"OPTIONS", target=b"*"), Forwarded("OPTIONS", "*"))
reject("connect", "9110 §9.3.6", get(method=b"CONNECT", target=b"test.example:443"), 501)
reject("connect-of-a-path", "9112 §3.2.3", get(method=b"CONNECT", target=b"/x"), 400, 501)

# ---- fields (RFC 9112 §5)
for label, line in [
    ("space-before-colon", b"X-A : b\r\n"),
    ("tab-before-colon", b"X-A\t: b\r\n"),
    ("empty-name", b": b\r\n"),
    ("no-colon", b"X-A\r\n"),
    ("space-in-name", b"X A: b\r\n"),
    ("parenthesis-in-name", b"X(A: b\r\n"),
    ("high-byte-in-name", b"X-\xe9: b\r\n"),
    ("control-in-name", b"X-\x01A: b\r\n"),
    ("obs-fold-space", b"X-A: b\r\n c\r\n"),
    ("obs-fold-tab", b"X-A: b\r\n\tc\r\n"),
    ("obs-fold-of-nothing", b"X-A: b\r\n \r\n"),
    ("nul-in-value", b"X-A: b\0c\r\n"),
    ("cr-in-value", b"X-A: b\rc\r\n"),
    ("control-in-value", b"X-A: b\x01c\r\n"),
    ("escape-in-value", b"X-A: \x1b[31m\r\n"),
    ("del-in-value", b"X-A: b\x7fc\r\n"),
    ("line-ends-in-lf", b"X-A: b\n"),
    ("line-ends-in-lf-cr", b"X-A: b\n\r"),
    ("line-ends-in-cr-cr-lf", b"X-A: b\r\r\n"),
]:
    reject(label, "9112 §5", get(line))
reject("first-line-is-folded", "9112 §2.2", b"GET /x HTTP/1.1\r\n " + HOST + b"\r\n")
reject("head-ends-in-lf", "9112 §2.2", b"GET /x HTTP/1.1\r\n" + HOST + b"\n")
case("tab-inside-a-value", "9110 §5.5", get(b"X-A: b\tc\r\n"), Forwarded(has={"X-A": "b\tc"}))
case("obs-text-kept", "9110 §5.5", get(b"X-A: \xe9\xff\x80z\r\n"),
     Forwarded(has={"X-A": "\xe9\xff\x80z"}))
case("empty-value", "9110 §5.5", get(b"X-A:\r\n"), Forwarded(has={"X-A": ""}))
case("whitespace-around-a-value", "9112 §5.1", get(b"X-A: \t b c \t \r\n"),
     Forwarded(has={"X-A": "b c"}))
case("no-whitespace-after-colon", "9112 §5.1", get(b"X-A:b\r\n"), Forwarded(has={"X-A": "b"}))
case("colon-in-value", "9110 §5.5", get(b"X-A: b: c\r\n"), Forwarded(has={"X-A": "b: c"}))
case("duplicates-in-order", "9110 §5.3", get(b"X-A: 1\r\nX-B: 2\r\nx-a: 3\r\nX-A: 1\r\n"),
     Forwarded(has={"X-A": ["1", "3", "1"]}))
case("order-and-case-of-names", "9110 §5.1",
     get(b"zEBRA: 1\r\nAccept: */*\r\nx-lower: 2\r\nX-UPPER: 3\r\nCookie: a=b\r\n"),
     Forwarded(order=("zEBRA", "Accept", "x-lower", "X-UPPER", "Cookie")))
case("most-fields", "6585 §5", get(b"".join(b"X-%d: v\r\n" % n for n in range(FIELDS_MAX - 1))),
     Forwarded(has={"X-48": "v"}))
reject("too-many-fields", "6585 §5", get(b"".join(b"X-%d: v\r\n" % n for n in range(FIELDS_MAX))),
       431)
reject("head-too-long", "6585 §5", get(b"X-A: " + b"v" * HEAD_BYTES_MAX + b"\r\n"), 431)
reject("head-too-long-in-sum", "6585 §5",
       get(b"".join(b"X-%d: %s\r\n" % (n, b"v" * 400) for n in range(30))), 431)
reject("field-without-end", "6585 §5", b"GET /x HTTP/1.1\r\nX-A: " + b"v" * (3 * HEAD_BYTES_MAX),
       431)

# ---- Host (RFC 9112 §3.2)
for label, lines in [
    ("missing", b""),
    ("two", b"Host: a.example\r\nHost: b.example\r\n"),
    ("twice-the-same", b"Host: a.example\r\nHost: a.example\r\n"),
    ("space", b"Host: a b\r\n"),
    ("slash", b"Host: a.example/x\r\n"),
    ("userinfo", b"Host: user@a.example\r\n"),
    ("port-not-a-number", b"Host: a.example:8x\r\n"),
    ("two-ports", b"Host: a.example:80:80\r\n"),
    ("bracket-not-closed", b"Host: [::1\r\n"),
    ("backslash", b"Host: a\\b\r\n"),
    ("high-byte", b"Host: caf\xe9.example\r\n"),
    ("question-mark", b"Host: a.example?x\r\n"),
    ("space-before-colon", b"Host : a.example\r\n"),
]:
    reject(f"host-{label}", "9112 §3.2", b"GET /x HTTP/1.1\r\n" + lines + b"\r\n")
case("host-ipv6", "9110 §7.2", b"GET /x HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n\r\n",
     Forwarded(has={"X-Forwarded-Host": "[2001:db8::1]:8080"}))
case("host-with-port", "9110 §7.2", b"GET /x HTTP/1.1\r\nhost: A.example:81\r\n\r\n",
     Forwarded(has={"X-Forwarded-Host": "A.example:81"}))
case("http10-without-host", "9112 §3.2", b"GET /x HTTP/1.0\r\n\r\n",
     Forwarded(version="1.0", closes=True))
reject("http10-two-hosts", "9112 §3.2",
       b"GET /x HTTP/1.0\r\nHost: a.example\r\nHost: b.example\r\n\r\n")

# ---- body framing (RFC 9112 §6)
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: test.example\r\n\r\n"
TE, CL = b"Transfer-Encoding: chunked\r\n", b"Content-Length: 6\r\n"
reject("cl-te", "9112 §6.1", post(CL + TE, b"0\r\n\r\nG" + SMUGGLED))
reject("te-cl", "9112 §6.1", post(TE + CL, b"0\r\n\r\n" + SMUGGLED))
reject("te-cl-of-zero", "9112 §6.1", post(TE + b"Content-Length: 0\r\n", b"0\r\n\r\n"))
for label, value, statuses in [
    ("gzip", b"gzip", (501,)),
    ("identity", b"identity", (400, 501)),
    ("gzip-chunked", b"gzip, chunked", (501,)),
    ("chunked-gzip", b"chunked, gzip", (400, 501)),
    ("chunked-identity", b"chunked, identity", (400, 501)),
    ("chunked-twice", b"chunked, chunked", (400,)),
    ("xchunked", b"xchunked", (400, 501)),
    ("quoted", b'"chunked"', (400, 501)),
    ("parameter", b"chunked;a=b", (400, 501)),
    ("empty", b"", (400, 501)),
    ("comma", b",", (400, 501)),
    ("two-words", b"chunked foo", (400, 501)),
    ("vertical-tab", b"\x0bchunked", (400,)),
    ("nul", b"chunked\0", (400,)),
    ("non-breaking-space", b"\xa0chunked", (400, 501)),
]:
    reject(f"te-{label}", "9112 §6.1",
           post(b"Transfer-Encoding: " + value + b"\r\n", b"0\r\n\r\n" + SMUGGLED), *statuses)
reject("te-twice", "9112 §6.1", post(TE + TE, b"0\r\n\r\n" + SMUGGLED))
reject("te-twice-other-case", "9112 §6.1",
       post(TE + b"transfer-encoding: identity\r\n", b"0\r\n\r\n" + SMUGGLED), 400, 501)
reject("te-space-before-colon", "9112 §5.1",
       post(b"Transfer-Encoding : chunked\r\n" + CL, b"0\r\n\r\nG" + SMUGGLED))
reject("te-folded", "9112 §5.2", post(b"Transfer-Encoding:\r\n chunked\r\n", b"0\r\n\r\n"))
reject("te-on-http10", "9112 §6.1",
       get(TE, method=b"POST", version=b"HTTP/1.0") + b"0\r\n\r\n" + SMUGGLED)
case("te-in-capitals", "9112 §7", post(b"TRANSFER-ENCODING: Chunked\r\n", b"3\r\nabc\r\n0\r\n\r\n"),
     Forwarded("POST", body=b"abc"))
for label, lines in [
    ("list-of-equals", b"Content-Length: 5, 5\r\n"),
    ("twice-equal", b"Content-Length: 5\r\nContent-Length: 5\r\n"),
    ("twice-different", b"Content-Length: 5\r\nContent-Length: 0\r\n"),
    ("plus", b"Content-Length: +5\r\n"),
    ("minus", b"Content-Length: -5\r\n"),
    ("hexadecimal", b"Content-Length: 0x5\r\n"),
    ("letter", b"Content-Length: 5a\r\n"),
    ("inner-space", b"Content-Length: 5 5\r\n"),
    ("empty", b"Content-Length: \r\n"),
    ("comma", b"Content-Length: 5,\r\n"),
    ("fraction", b"Content-Length: 5.0\r\n"),
    ("exponent", b"Content-Length: 5e0\r\n"),
    ("semicolon", b"Content-Length: 5;\r\n"),
    ("quoted", b'Content-Length: "5"\r\n'),
    ("folded", b"Content-Length:\r\n 5\r\n"),
    ("space-before-colon", b"Content-Length : 5\r\n"),
    ("arabic-digit", b"Content-Length: \xd9\xa5\r\n"),
]:
    reject(f"cl-{label}", "9112 §6.3", post(lines, b"hello" + SMUGGLED))
reject("cl-over-64-bits", "9112 §6.3", post(b"Content-Length: 99999999999999999999999\r\n", b""),
       413)
reject("cl-wraps-64-bits", "9112 §6.3", post(b"Content-Length: 18446744073709551621\r\n", b"hello"),
       413)
case("cl", "9112 §6.2", post(b"Content-Length: 5\r\n", b"hello"),
     Forwarded("POST", body=b"hello", has={"Content-Length": "5"}, lacks=("Transfer-Encoding",)))
case("cl-leading-zeros", "9112 §6.2", post(b"Content-Length: 005\r\n", b"hello"),
     Forwarded("POST", body=b"hello"))
case("cl-zero", "9112 §6.2", post(b"Content-Length: 0\r\n", b""), Forwarded("POST"))
case("post-without-body", "9112 §6.3", post(b"", b""), Forwarded("POST"))
case("body-with-get", "9110 §9.3.1", get(b"Content-Length: 2\r\n") + b"hi", Forwarded(body=b"hi"))
case("body-of-all-bytes", "9112 §6.2", post(b"Content-Length: 256\r\n", bytes(range(256))),
     Forwarded("POST", body=bytes(range(256))))
case("largest-body", "9110 §15.5.14",
     post(b"Content-Length: %d\r\n" % BODY_BYTES_MAX, b"b" * BODY_BYTES_MAX),
     Forwarded("POST", body=b"b" * BODY_BYTES_MAX))
reject("body-too-large", "9110 §15.5.14",
       post(b"Content-Length: %d\r\n" % (BODY_BYTES_MAX + 1), b"b" * 1000), 413)
reject("chunked-body-too-large", "9110 §15.5.14",
       chunked(b"8000\r\n" + b"b" * 0x8000 + b"\r\n8001\r\n" + b"b" * 0x8001 + b"\r\n0\r\n\r\n"),
       413, partial=True)
case("transfer_encoding-with-underscore-is-no-framing", "9112 §6.1",
     post(b"Transfer_Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n"),
     Forwarded("POST", body=b"0\r\n\r\n"))

# ---- chunked coding (RFC 9112 §7.1)
for label, raw, body in [
    ("empty", b"0\r\n\r\n", b""),
    ("one", b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
    ("many", b"1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n", b"abcdef"),
    ("hexadecimal", b"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", b"0123456789" * 2),
    ("leading-zeros", b"0005\r\nhello\r\n000\r\n\r\n", b"hello"),
    ("extension", b"5;a=b;c\r\nhello\r\n0;last\r\n\r\n", b"hello"),
    ("quoted-extension", b'5;a="b;\\"c"\r\nhello\r\n0\r\n\r\n', b"hello"),
    ("crlf-in-data", b"4\r\n\r\n\r\n\r\n0\r\n\r\n", b"\r\n\r\n"),
    ("data-like-a-chunk", b"5\r\n0\r\n\r\n\r\n0\r\n\r\n", b"0\r\n\r\n"),
]:
    case(f"chunks-{label}", "9112 §7.1", chunked(raw), Forwarded("POST", body=body))
for label, raw in [
    ("no-size", b"\r\nhello\r\n0\r\n\r\n"),
    ("size-not-hexadecimal", b"g\r\nhello\r\n0\r\n\r\n"),
    ("size-0x", b"0x5\r\nhello\r\n0\r\n\r\n"),
    ("size-plus", b"+5\r\nhello\r\n0\r\n\r\n"),
    ("size-minus", b"-5\r\nhello\r\n0\r\n\r\n"),
    ("size-leading-space", b" 5\r\nhello\r\n0\r\n\r\n"),
    ("size-underscore", b"0_5\r\nhello\r\n0\r\n\r\n"),
    ("size-line-ends-in-lf", b"5\nhello\r\n0\r\n\r\n"),
    ("size-line-ends-in-cr", b"5\rhello\r\n0\r\n\r\n"),
    ("lf-in-extension", b"5;a\nb\r\nhello\r\n0\r\n\r\n"),
    ("cr-in-extension", b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
    ("nul-in-extension", b"5;a\0b\r\nhello\r\n0\r\n\r\n"),
    ("data-too-long", b"4\r\nhello\r\n0\r\n\r\n"),
    ("data-ends-in-lf", b"5\r\nhello\n0\r\n\r\n"),
    ("data-ends-in-cr", b"5\r\nhello\r0\r\n\r\n"),
    ("data-has-no-end", b"5\r\nhello0\r\n\r\n"),
    ("last-chunk-ends-in-lf", b"0\n\n"),
    ("trailer-ends-in-lf", b"0\r\n\n"),
    ("trailer-space-before-colon", b"0\r\nX-A : b\r\n\r\n"),
    ("trailer-folded", b"0\r\nX-A: b\r\n c\r\n\r\n"),
    ("trailer-without-colon", b"0\r\nX-A\r\n\r\n"),
    ("trailer-is-a-request", b"0\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"),
]:
    reject(f"chunks-{label}", "9112 §7.1", chunked(raw), 400, partial=True)
reject("chunks-extension-too-long", "9112 §7.1.1",
       chunked(b"5;" + b"a" * 70000 + b"\r\nhello\r\n0\r\n\r\n"), 400, 413, 431, partial=True)
reject("chunks-size-wraps-64-bits", "9112 §7.1",
       chunked(b"10000000000000005\r\nhello\r\n0\r\n\r\n"), 400, 413, partial=True)
reject("chunks-size-over-64-bits", "9112 §7.1", chunked(b"f" * 17 + b"\r\nhello\r\n0\r\n\r\n"),
       400, 413, partial=True)
reject("chunks-size-is-the-largest", "9112 §7.1", chunked(b"f" * 16 + b"\r\nhello\r\n0\r\n\r\n"),
       400, 413, partial=True)
reject("chunks-trailer-too-long", "9112 §7.1.2",
       chunked(b"0\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"v" * 90) for n in range(900)) + b"\r\n"),
       400, 431, partial=True)
case("trailer-is-not-merged", "9110 §6.5", chunked(b"2\r\nhi\r\n0\r\nX-A: b\r\n\r\n"),
     Forwarded("POST", body=b"hi", lacks=("X-A",)))
case("trailer-cannot-smuggle-framing", "9110 §6.5.1",
     chunked(b"2\r\nhi\r\n0\r\nContent-Length: 9\r\nHost: evil.example\r\nVia: 1.1 evil\r\n\r\n"),
     Forwarded("POST", body=b"hi", lacks=("Content-Length", "trailer:Content-Length",
                                          "trailer:Host")))

# ---- persistence and pipelining (RFC 9112 §9)
case("pipelined-two", "9112 §9.3.2", get(target=b"/1") + get(target=b"/2"),
     Forwarded(target="/1"), Forwarded(target="/2"))
case("pipelined-with-bodies", "9112 §9.3.2",
     post(b"Content-Length: 3\r\n", b"abc") + chunked(b"2\r\nde\r\n0\r\n\r\n") + get(target=b"/3"),
     Forwarded("POST", body=b"abc"), Forwarded("POST", body=b"de"), Forwarded(target="/3"))
case("pipelined-empty-line-between", "9112 §2.2", get(target=b"/1") + b"\r\n" + get(target=b"/2"),
     Forwarded(target="/1"), Forwarded(target="/2"))
case("pipelined-head-and-options", "9112 §9.3.2",
     get(method=b"HEAD", target=b"/h") + get(method=b"OPTIONS", target=b"/o") + get(target=b"/g"),
     Forwarded("HEAD", "/h"), Forwarded("OPTIONS", "/o"), Forwarded(target="/g"))
case("good-then-bad", "9112 §9.3.2", get(target=b"/1") + b"GET /bad\r\n\r\n",
     Forwarded(target="/1"), Rejected((400, 505)))
reject("bad-then-good", "9112 §9.6", b"GET /x HTTP/1.1\r\nHost : a\r\n\r\n" + get(target=b"/2"))
case("close-ends-it", "9112 §9.6", get(b"Connection: close\r\n") + get(target=b"/never"),
     Forwarded(closes=True))
case("close-among-others", "9112 §9.6", get(b"Connection: x-a, CLOSE\r\nX-A: b\r\n"),
     Forwarded(closes=True, lacks=("X-A",)))
case("http10-closes", "9112 §9.3", get(version=b"HTTP/1.0"), Forwarded(version="1.0", closes=True))
case("http10-keep-alive", "9112 §9.3",
     get(b"Connection: keep-alive\r\n", version=b"HTTP/1.0", target=b"/1")
     + get(b"Connection: keep-alive\r\n", version=b"HTTP/1.0", target=b"/2"),
     Forwarded(target="/1", version="1.0"), Forwarded(target="/2", version="1.0"))
case("http10-post", "9112 §9.3",
     get(b"Content-Length: 2\r\n", version=b"HTTP/1.0", method=b"POST") + b"hi",
     Forwarded("POST", body=b"hi", version="1.0", closes=True))
case("head", "9110 §9.3.2", get(method=b"HEAD"), Forwarded("HEAD"))
case("delete-and-patch", "9110 §9.3.5",
     get(method=b"DELETE") + post(b"Content-Length: 1\r\n", b"p").replace(b"POST", b"PATCH"),
     Forwarded("DELETE"), Forwarded("PATCH", body=b"p"))

# ---- Expect, Max-Forwards (RFC 9110 §10.1.1, §7.6.2)
case("expect-with-the-body-at-once", "9110 §10.1.1",
     post(b"Expect: 100-continue\r\nContent-Length: 2\r\n", b"hi"), Forwarded("POST", body=b"hi"))
case("expect-without-body", "9110 §10.1.1", get(b"Expect: 100-continue\r\n"), Forwarded())
case("expect-on-http10-is-ignored", "9110 §10.1.1",
     get(b"Expect: 100-continue\r\nContent-Length: 2\r\n", method=b"POST", version=b"HTTP/1.0")
     + b"hi", Forwarded("POST", body=b"hi", version="1.0", closes=True))
case("expect-something-else", "9110 §10.1.1", get(b"Expect: 200-ok\r\n"), Answered((417,)))
case("max-forwards-of-options", "9110 §7.6.2", get(b"Max-Forwards: 5\r\n", method=b"OPTIONS"),
     Forwarded("OPTIONS", has={"Max-Forwards": "4"}))
case("max-forwards-of-options-ends", "9110 §7.6.2", get(b"Max-Forwards: 0\r\n", method=b"OPTIONS"),
     Answered((200, 204)))
case("max-forwards-of-trace", "9110 §7.6.2", get(b"Max-Forwards: 3\r\n", method=b"TRACE"),
     Forwarded("TRACE", has={"Max-Forwards": "2"}))
case("max-forwards-of-trace-ends", "9110 §7.6.2", get(b"Max-Forwards: 0\r\n", method=b"TRACE"),
     Answered((200, 405)))
case("max-forwards-of-get-is-ignored", "9110 §7.6.2", get(b"Max-Forwards: 0\r\n"),
     Forwarded(has={"Max-Forwards": "0"}))

# ---- hop-by-hop (RFC 9110 §7.6.1)
case("connection-nominates", "9110 §7.6.1",
     get(b"Connection: X-A, x-b\r\nX-A: 1\r\nX-B: 2\r\nX-C: 3\r\n"),
     Forwarded(has={"X-C": "3"}, lacks=("X-A", "X-B")))
case("connection-lines-add-up", "9110 §7.6.1",
     get(b"Connection: X-A\r\nX-A: 1\r\nConnection: X-B\r\nX-B: 2\r\n"),
     Forwarded(lacks=("X-A", "X-B")))
case("hop-by-hop-fields", "9110 §7.6.1",
     get(b"Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\n"
         b"Connection: TE\r\nTrailer: X-T\r\n"),
     Forwarded(lacks=("Keep-Alive", "Proxy-Connection", "TE", "Trailer")))
case("upgrade", "9110 §7.8",
     get(b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"),
     Forwarded(lacks=("Upgrade",)))
case("upgrade-h2c", "9110 §7.8",
     get(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"),
     Forwarded(lacks=("Upgrade", "HTTP2-Settings")))
case("connection-cannot-nominate-framing", "9110 §7.6.1",
     post(b"Connection: Content-Length\r\nContent-Length: 2\r\n", b"hi"),
     Forwarded("POST", body=b"hi"))
case("connection-cannot-nominate-host", "9110 §7.6.1", get(b"Connection: Host\r\n"), Forwarded())
case("connection-cannot-hide-the-client", "9110 §7.6.1",
     get(b"Connection: X-Forwarded-For, Via\r\n"), Forwarded(has={"X-Forwarded-For": "127.0.0.1"}))

# ---- Via, X-Forwarded-* (RFC 9110 §7.6.3, RFC 7239)
case("via-appended", "9110 §7.6.3", get(b"Via: 1.0 fred, 1.1 edge (meliproxy)\r\n"),
     Forwarded(has={"Via": "1.0 fred, 1.1 edge (meliproxy), 1.1 meliproxy"}))
case("via-of-another", "9110 §7.6.3", get(b"Via: 1.1 notmeliproxy\r\n"), Forwarded())
case("via-loop", "9110 §7.6.3", get(b"Via: 1.1 meliproxy\r\n"), Answered((508,)))
case("via-loop-in-a-list", "9110 §7.6.3",
     get(b"Via: 1.1 a\r\nVia: 1.0 b, HTTP/1.1 meliproxy (x), 1.1 c\r\n"), Answered((508,)))
case("forwarded-for-added", "7239 §5.2", get(),
     Forwarded(has={"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http",
                    "X-Forwarded-Host": "test.example"}))
case("forwarded-for-appended", "7239 §5.2", get(b"X-Forwarded-For: 192.0.2.1\r\n"),
     Forwarded(has={"X-Forwarded-For": "192.0.2.1, 127.0.0.1"}))

# ---- trace context (W3C Trace Context §3.2)
PARENT = f"traceparent: 00-{TRACE}-{SPAN}-01\r\n".encode()
case("trace-continued", "W3C §3.2", get(PARENT), Forwarded(trace="continued"))
case("trace-state-passed", "W3C §3.3", get(PARENT + b"tracestate: a=b,c=d\r\n"),
     Forwarded(trace="continued", has={"tracestate": "a=b,c=d"}))
case("trace-begun", "W3C §3.2", get(), Forwarded(trace="new"))
case("trace-state-alone-is-dropped", "W3C §3.3", get(b"tracestate: a=b\r\n"),
     Forwarded(trace="new", lacks=("tracestate",)))
case("trace-of-a-later-version", "W3C §3.2.1",
     get(f"traceparent: 01-{TRACE}-{SPAN}-01-more\r\n".encode()), Forwarded(trace="continued"))
for label, value in [
    ("version-ff", f"ff-{TRACE}-{SPAN}-01"),
    ("upper-case", f"00-{TRACE.upper()}-{SPAN}-01"),
    ("zero-trace", f"00-{'0' * 32}-{SPAN}-01"),
    ("zero-span", f"00-{TRACE}-{'0' * 16}-01"),
    ("short", f"00-{TRACE}-{SPAN}-1"),
    ("long", f"00-{TRACE}-{SPAN}-01-00"),
    ("later-version-without-dash", f"01-{TRACE}-{SPAN}-01x"),
    ("not-hexadecimal", f"00-{TRACE[:-1]}g-{SPAN}-01"),
    ("other-separator", f"00_{TRACE}_{SPAN}_01"),
    ("empty", ""),
]:
    case(f"trace-{label}", "W3C §3.2.2",
         get(f"traceparent: {value}\r\ntracestate: a=b\r\n".encode()),
         Forwarded(trace="new", lacks=("tracestate",)))
case("trace-twice", "W3C §3.2.2", get(PARENT + PARENT), Forwarded(trace="new"))
