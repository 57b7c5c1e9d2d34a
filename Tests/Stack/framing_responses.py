"""The table of upstream responses and what must become of them (RFC 9112, the client's side)."""
from dataclasses import dataclass, field

from upstream import CLOSE, RESET, Bytewise, Pause, WaitClosed

HEAD_BYTES_MAX = 8 << 10
INTERIM_MAX = 4


@dataclass
class Delivered:
    """The client gets this, whole and exact."""

    status: int = 200
    body: bytes = b""
    framing: str = ""
    has: dict = field(default_factory=dict)
    lacks: tuple = ()
    interim: tuple = ()
    order: tuple = ()


@dataclass
class Refused:
    """The client gets one of these from the proxy, and nothing of the upstream's."""

    statuses: tuple = (502,)


@dataclass
class Aborted:
    """The client's connection ends inside the body; 502 if no head had left yet."""


@dataclass
class Case:
    """What the upstream does after the request, and what the client must see."""

    name: str
    section: str
    steps: list
    expect: tuple
    method: str = "GET"
    version: str = "HTTP/1.1"
    poisons: bool = False


CASES = []


def case(name, section, steps, *expect, **more):
    """Adds a case; any one of `expect` will do."""
    CASES.append(Case(name, section, steps if isinstance(steps, list) else [steps], expect, **more))


def head(*lines, status=b"200 OK", version=b"HTTP/1.1"):
    """A response head that no cache keeps."""
    return b"\r\n".join([version + b" " + status, b"Cache-Control: no-store", *lines, b"", b""])


def ok(fields, body):
    """A 200 with these field lines and these bytes."""
    return head(*fields) + body


CL5, CHUNKED = b"Content-Length: 5", b"Transfer-Encoding: chunked"

# ---- framing conflicts (RFC 9112 §6.3)
for label, fields, body in [
    ("chunked-and-length", [CHUNKED, CL5], b"5\r\nhello\r\n0\r\n\r\n"),
    ("length-and-chunked", [CL5, CHUNKED], b"5\r\nhello\r\n0\r\n\r\n"),
    ("two-lengths", [CL5, b"Content-Length: 6"], b"hello!"),
    ("list-of-lengths", [b"Content-Length: 5, 6"], b"hello!"),
    ("length-of-letters", [b"Content-Length: abc"], b"hello"),
    ("length-negative", [b"Content-Length: -5"], b"hello"),
    ("length-plus", [b"Content-Length: +5"], b"hello"),
    ("length-hexadecimal", [b"Content-Length: 0x5"], b"hello"),
    ("length-empty", [b"Content-Length: "], b"hello"),
    ("length-over-64-bits", [b"Content-Length: 99999999999999999999999"], b"hello"),
    ("chunked-twice", [b"Transfer-Encoding: chunked, chunked"], b"0\r\n\r\n"),
    ("two-chunked-lines", [CHUNKED, CHUNKED], b"0\r\n\r\n"),
    ("gzip-chunked", [b"Transfer-Encoding: gzip, chunked"], b"0\r\n\r\n"),
    ("chunked-gzip", [b"Transfer-Encoding: chunked, gzip"], b"0\r\n\r\n"),
    ("coding-unknown", [b"Transfer-Encoding: xchunked"], b"0\r\n\r\n"),
    ("coding-with-vertical-tab", [b"Transfer-Encoding: \x0bchunked"], b"0\r\n\r\n"),
]:
    case(label, "9112 §6.3", ok(fields, body), Refused())
case("chunked-on-http10", "9112 §6.1", head(CHUNKED, version=b"HTTP/1.0") + b"0\r\n\r\n", Refused())
case("equal-lengths", "9112 §6.3", ok([b"Content-Length: 5, 5"], b"hello"), Refused(),
     Delivered(body=b"hello", has={"Content-Length": "5"}))

# ---- status line (RFC 9112 §4)
for label, line in [
    ("http2", b"HTTP/2.0 200 OK"),
    ("shoutcast", b"ICY 200 OK"),
    ("lower-case", b"http/1.1 200 OK"),
    ("two-digits", b"HTTP/1.1 20 OK"),
    ("four-digits", b"HTTP/1.1 2000 OK"),
    ("below-100", b"HTTP/1.1 099 OK"),
    ("letters", b"HTTP/1.1 2OO OK"),
    ("two-spaces", b"HTTP/1.1  200 OK"),
    ("no-status", b"HTTP/1.1"),
    ("control-in-reason", b"HTTP/1.1 200 O\x01K"),
    ("nul-in-reason", b"HTTP/1.1 200 O\0K"),
    ("cr-in-reason", b"HTTP/1.1 200 O\rK"),
    ("ends-in-lf", b"HTTP/1.1 200 OK\nX: y"),
    ("leading-space", b" HTTP/1.1 200 OK"),
]:
    case(f"status-{label}", "9112 §4", line + b"\r\nContent-Length: 0\r\n\r\n", Refused())
case("status-empty-reason", "9112 §4", head(CL5, status=b"200 ") + b"hello",
     Delivered(body=b"hello"))
case("status-no-reason-no-space", "9112 §4", head(CL5, status=b"200") + b"hello", Refused(),
     Delivered(body=b"hello"))
case("status-unusual", "9110 §15", head(CL5, status=b"299 Fine") + b"hello",
     Delivered(299, b"hello"))
case("status-error-relayed", "9110 §15.6", head(CL5, status=b"503 Busy") + b"sorry",
     Delivered(503, b"sorry"))
case("http10", "9112 §2.3", head(CL5, version=b"HTTP/1.0") + b"hello",
     Delivered(body=b"hello", framing="length"))
case("http10-without-length", "9112 §6.3", [head(version=b"HTTP/1.0") + b"hello", CLOSE],
     Delivered(body=b"hello", framing="chunked"))
case("redirect-relayed", "9110 §15.4",
     head(b"Location: http://elsewhere.example/", b"Content-Length: 0", status=b"302 Found"),
     Delivered(302, has={"Location": "http://elsewhere.example/"}))

# ---- fields (RFC 9112 §5)
for label, line in [
    ("nul-in-value", b"X-A: b\0c"),
    ("cr-in-value", b"X-A: b\rc"),
    ("control-in-value", b"X-A: b\x02c"),
    ("bare-lf", b"X-A: b\nX-B: c"),
    ("obs-fold", b"X-A: b\r\n c"),
    ("no-colon", b"X-A"),
    ("empty-name", b": b"),
    ("space-in-name", b"X A: b"),
    ("control-in-name", b"X\x02A: b"),
]:
    case(f"field-{label}", "9112 §5", ok([line, CL5], b"hello"), Refused())
case("field-space-before-colon-removed", "9112 §5.1", ok([b"X-A \t: b", CL5], b"hello"),
     Delivered(body=b"hello", has={"X-A": "b"}))
case("head-too-long", "9112 §5", ok([b"X-A: " + b"v" * HEAD_BYTES_MAX, CL5], b"hello"), Refused())
case("head-without-end", "9112 §5", [b"HTTP/1.1 200 OK\r\nX-A: " + b"v" * (4 * HEAD_BYTES_MAX),
                                     WaitClosed()], Refused())
case("obs-text-kept", "9110 §5.5", ok([b"X-A: \xe9\xff\x80z", CL5], b"hello"),
     Delivered(body=b"hello", has={"X-A": "\xe9\xff\x80z"}))
case("fields-in-order", "9110 §5.3",
     ok([b"zZ: 1", b"Set-Cookie: a=1", b"x-lower: 2", b"Set-Cookie: b=2", CL5], b"hello"),
     Delivered(body=b"hello", has={"Set-Cookie": ["a=1", "b=2"]},
               order=("zZ", "Set-Cookie", "x-lower", "Set-Cookie")))
case("date-added", "9110 §6.6.1", ok([CL5], b"hello"), Delivered(body=b"hello", has={"Date": None}))
case("date-kept", "9110 §6.6.1", ok([b"Date: Sun, 06 Nov 1994 08:49:37 GMT", CL5], b"hello"),
     Delivered(body=b"hello", has={"Date": "Sun, 06 Nov 1994 08:49:37 GMT"}))
case("connection-nominates", "9110 §7.6.1",
     ok([b"Connection: X-A, keep-alive", b"X-A: 1", b"Keep-Alive: timeout=5", b"X-B: 2", CL5],
        b"hello"),
     Delivered(body=b"hello", has={"X-B": "2"}, lacks=("X-A", "Keep-Alive")))
case("hop-by-hop-fields", "9110 §7.6.1",
     ok([b"Upgrade: h2c", b"Proxy-Connection: close", b"Trailer: X-T", CL5], b"hello"),
     Delivered(body=b"hello", lacks=("Upgrade", "Proxy-Connection", "Trailer")))
case("connection-cannot-nominate-framing", "9110 §7.6.1",
     ok([b"Connection: Content-Length", CL5], b"hello"), Delivered(body=b"hello"))
case("close-is-not-the-client's", "9112 §9.6", [ok([b"Connection: close", CL5], b"hello"), CLOSE],
     Delivered(body=b"hello", framing="length"))

# ---- body delivery (RFC 9112 §6, §7)
case("length", "9112 §6.2", ok([CL5], b"hello"), Delivered(body=b"hello", framing="length"))
case("length-zero", "9112 §6.2", ok([b"Content-Length: 0"], b""), Delivered(framing="length"))
case("length-large", "9112 §6.2", ok([b"Content-Length: 1048576"], b"\0\xff" * 524288),
     Delivered(body=b"\0\xff" * 524288, framing="length"))
case("chunked", "9112 §7.1", ok([CHUNKED], b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"),
     Delivered(body=b"hello world", framing="chunked"))
case("chunked-in-capitals", "9112 §7", ok([b"transfer-encoding: CHUNKED"], b"1\r\nx\r\n0\r\n\r\n"),
     Delivered(body=b"x", framing="chunked"))
case("chunk-extensions-dropped", "9112 §7.1.1",
     ok([CHUNKED], b'5;a=b;c="d;e"\r\nhello\r\n0;z\r\n\r\n'), Delivered(body=b"hello"))
case("chunked-trailer-not-merged", "9110 §6.5",
     ok([CHUNKED], b"5\r\nhello\r\n0\r\nX-T: late\r\nContent-Length: 9\r\n\r\n"),
     Delivered(body=b"hello", framing="chunked", lacks=("X-T", "Content-Length")))
case("chunked-large", "9112 §7.1",
     ok([CHUNKED], b"40000\r\n" + b"c" * 0x40000 + b"\r\n" + b"1\r\nd\r\n" * 2000 + b"0\r\n\r\n"),
     Delivered(body=b"c" * 0x40000 + b"d" * 2000, framing="chunked"))
case("delimited-by-close", "9112 §6.3", [ok([], b"hello"), CLOSE],
     Delivered(body=b"hello", framing="chunked"))
case("delimited-by-close-empty", "9112 §6.3", [ok([], b""), CLOSE], Delivered(framing="chunked"))
case("delimited-by-close-in-pieces", "9112 §6.3",
     [ok([], b"he"), Pause(0.05), b"ll", Pause(0.05), b"o", CLOSE],
     Delivered(body=b"hello", framing="chunked"))
case("delimited-by-close-for-http10", "9112 §6.3", [ok([], b"hello"), CLOSE],
     Delivered(body=b"hello", framing="close"), version="HTTP/1.0")
case("chunked-for-http10", "9112 §7.1", ok([CHUNKED], b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"),
     Delivered(body=b"hello!", framing="close"), version="HTTP/1.0")
case("length-for-http10", "9112 §6.2", ok([CL5], b"hello"),
     Delivered(body=b"hello", framing="length"), version="HTTP/1.0")
case("length-byte-by-byte", "9112 §6", [Bytewise(ok([b"X-A: b", CL5], b"hello"))],
     Delivered(body=b"hello", has={"X-A": "b"}))
case("chunked-byte-by-byte", "9112 §7.1",
     [Bytewise(ok([CHUNKED], b"5;x=y\r\nhello\r\nA\r\n0123456789\r\n0\r\nX-T: u\r\n\r\n"))],
     Delivered(body=b"hello0123456789"))
case("interim-byte-by-byte", "9110 §15.2",
     [Bytewise(b"HTTP/1.1 100 Continue\r\n\r\n" + ok([CL5], b"hello"))],
     Delivered(body=b"hello", interim=(100,)))

# ---- no body whatever the fields say (RFC 9112 §6.3)
case("head-with-length", "9110 §9.3.2", head(b"Content-Length: 1000"),
     Delivered(has={"Content-Length": "1000"}), method="HEAD")
case("head-with-chunked", "9110 §9.3.2", head(CHUNKED), Delivered(), method="HEAD")
case("head-with-body", "9112 §6.3", ok([CL5], b"hello"), Delivered(), method="HEAD", poisons=True)
case("204", "9110 §15.3.5", head(status=b"204 No Content"), Delivered(204))
case("204-with-length", "9110 §8.6", head(CL5, status=b"204 No Content"),
     Delivered(204, lacks=("Content-Length",)), Refused())
case("204-with-body", "9112 §6.3", head(status=b"204 No Content") + b"hello", Delivered(204),
     poisons=True)
case("304-with-length", "9110 §15.4.5", head(CL5, b'ETag: "a"', status=b"304 Not Modified"),
     Delivered(304, has={"ETag": '"a"'}))
case("304-with-body", "9112 §6.3", head(CL5, status=b"304 Not Modified") + b"hello", Delivered(304),
     poisons=True)

# ---- interim responses (RFC 9110 §15.2)
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
case("interim-relayed", "9110 §15.2", [HINTS, CONTINUE + ok([CL5], b"hello")],
     Delivered(body=b"hello", interim=(103, 100)))
case("interim-paused", "9110 §15.2", [HINTS, Pause(0.1), HINTS, Pause(0.1), ok([CL5], b"hello")],
     Delivered(body=b"hello", interim=(103, 103)))
case("interim-not-for-http10", "9110 §15.2", [HINTS + CONTINUE + ok([CL5], b"hello")],
     Delivered(body=b"hello"), version="HTTP/1.0")
case("interim-unknown", "9110 §15.2", b"HTTP/1.1 199 Odd\r\n\r\n" + ok([CL5], b"hello"),
     Delivered(body=b"hello", interim=(199,)))
case("interim-with-length-has-no-body", "9112 §6.3",
     b"HTTP/1.1 103 Early Hints\r\nContent-Length: 7\r\n\r\n" + ok([CL5], b"hello"),
     Delivered(body=b"hello", interim=(103,)), Refused())
case("interim-at-the-limit", "9110 §15.2", HINTS * INTERIM_MAX + ok([CL5], b"hello"),
     Delivered(body=b"hello", interim=(103,) * INTERIM_MAX))
case("interim-too-many", "9110 §15.2", HINTS * (INTERIM_MAX + 1) + ok([CL5], b"hello"), Refused())
case("interim-without-end", "9110 §15.2", [CONTINUE * 1000, CLOSE], Refused())
case("interim-then-close", "9110 §15.2", [CONTINUE, CLOSE], Refused())
case("switching-protocols", "9110 §15.2.2",
     [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
      WaitClosed()], Refused())

# ---- broken off (RFC 9112 §8)
case("body-short-then-close", "9112 §8", [ok([CL5], b"hel"), CLOSE], Aborted())
case("body-short-then-reset", "9112 §8", [ok([CL5], b"hel"), RESET], Aborted())
case("body-short-after-a-pause", "9112 §8",
     [ok([b"Content-Length: 200000"], b"b" * 99999), Pause(0.1), CLOSE], Aborted())
case("body-missing", "9112 §8", [ok([CL5], b""), CLOSE], Aborted())
case("chunks-without-last", "9112 §8", [ok([CHUNKED], b"5\r\nhello\r\n"), CLOSE], Aborted())
case("chunk-cut", "9112 §8", [ok([CHUNKED], b"5\r\nhel"), CLOSE], Aborted())
case("chunk-cut-by-reset", "9112 §8", [ok([CHUNKED], b"5\r\nhel"), Pause(0.05), RESET], Aborted())
case("last-chunk-without-end", "9112 §8", [ok([CHUNKED], b"5\r\nhello\r\n0\r\n"), CLOSE], Aborted())
case("trailer-cut", "9112 §8", [ok([CHUNKED], b"5\r\nhello\r\n0\r\nX-A: b\r\n"), CLOSE], Aborted())
for label, chunks in [
    ("size-of-letters", b"5\r\nhello\r\nxyz\r\n"),
    ("size-missing", b"5\r\nhello\r\n\r\n"),
    ("size-negative", b"5\r\nhello\r\n-1\r\n"),
    ("size-too-large", b"5\r\nhello\r\nfffffffffffffffff\r\n"),
    ("size-line-ends-in-lf", b"5\r\nhello\r\n3\nabc\r\n0\r\n\r\n"),
    ("data-too-long", b"5\r\nhello!\r\n0\r\n\r\n"),
    ("data-ends-in-lf", b"5\r\nhello\n0\r\n\r\n"),
    ("trailer-malformed", b"5\r\nhello\r\n0\r\nno colon\r\n\r\n"),
]:
    case(f"chunk-{label}", "9112 §7.1", [ok([CHUNKED], chunks), WaitClosed()], Aborted())
    case(f"chunk-{label}-late", "9112 §7.1",
         [ok([CHUNKED], b"1\r\na\r\n"), Pause(0.05), chunks, WaitClosed()], Aborted())
case("reset-of-a-body-delimited-by-close", "9112 §8", [ok([], b"hello"), Pause(0.1), RESET],
     Aborted())
case("reset-of-a-body-delimited-by-close-for-http10", "9112 §8",
     [ok([], b"hello"), Pause(0.1), RESET], Aborted(), version="HTTP/1.0")
case("chunk-cut-for-http10", "9112 §8", [ok([CHUNKED], b"5\r\nhello\r\n5\r\n"), Pause(0.05), CLOSE],
     Aborted(), version="HTTP/1.0")
case("body-stalls", "9112 §8", [ok([CL5], b"hel"), WaitClosed(20)], Aborted())
case("no-head-close", "9112 §8", [CLOSE], Refused())
case("no-head-reset", "9112 §8", [RESET], Refused())
case("head-cut", "9112 §8", [b"HTTP/1.1 200 OK\r\nContent-Le", CLOSE], Refused())
case("head-cut-by-reset", "9112 §8", [b"HTTP/1.1 200 OK\r\n", RESET], Refused())
case("head-stalls", "9110 §15.6.5", [b"HTTP/1.1 200 OK\r\nX", WaitClosed(20)], Refused((502, 504)))
case("nothing-comes", "9110 §15.6.5", [WaitClosed(20)], Refused((504,)))
case("garbage", "9112 §4", [bytes(range(128, 256)) * 10 + b"\r\n\r\n", WaitClosed()], Refused())
case("ssh-banner", "9112 §4", [b"SSH-2.0-OpenSSH_9.2\r\n", WaitClosed()], Refused())
case("http09", "9112 §4", [b"<html>hello</html>", CLOSE], Refused())
case("empty-line-first", "9112 §4", [b"\r\n" + ok([CL5], b"hello")], Refused(),
     Delivered(body=b"hello"))

# ---- bytes after the end (RFC 9112 §9.2: no response without a request)
case("bytes-after-the-end", "9112 §9.2", ok([CL5], b"hello" + b"EXTRA"), Delivered(body=b"hello"),
     poisons=True)
case("response-after-the-end", "9112 §9.2", ok([CL5], b"hello") + ok([CL5], b"WRONG"),
     Delivered(body=b"hello"), poisons=True)
case("response-after-the-last-chunk", "9112 §9.2",
     ok([CHUNKED], b"5\r\nhello\r\n0\r\n\r\n") + ok([CL5], b"WRONG"), Delivered(body=b"hello"),
     poisons=True)
case("response-a-little-later", "9112 §9.2",
     [ok([CL5], b"hello"), Pause(0.05), ok([CL5], b"WRONG")], Delivered(body=b"hello"),
     poisons=True)
