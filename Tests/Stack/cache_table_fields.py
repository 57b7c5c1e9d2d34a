"""Which fields are stored and given back, and in which form the message is (RFC 9111 §3.1)."""
from cache_cases import PAUSE, case, hit, miss, reused, validated
from upstream import Bytewise

HOUR = "max-age=3600"
KEEP = ("Cache-Control", HOUR)
FIELDS = "RFC 9111 §3.1"

for name, value in [("X-Test", "a"), ("Content-Type", "text/plain"), ("X-Frame-Options", "deny"),
                    ("Clear-Site-Data", '"cookies"'), ("Content-Encoding", "foo"),
                    ("Content-Language", "es"), ("Content-Location", "/foo"), ("ETag", '"a"'),
                    ("Strict-Transport-Security", "max-age=1"), ("WWW-Authenticate", "Basic"),
                    ("Last-Modified", "Thu, 18 Aug 2011 02:01:18 GMT"), ("Server", "origin/1"),
                    ("Link", "</a>; rel=preload"), ("Expires", "Thu, 18 Aug 2050 02:01:18 GMT"),
                    ("Content-Disposition", "attachment"), ("X-Octets", "caf\xe9")]:
    reused(f"field-kept-{name.lower()}", FIELDS, KEEP, (name, value), has={name: value})
for name, value in [("Keep-Alive", "timeout=7"), ("Proxy-Authenticate", "Basic realm=x"),
                    ("Proxy-Authentication-Info", "a=1"), ("Proxy-Connection", "close"),
                    ("Upgrade", "foo/2"), ("TE", "trailers")]:
    reused(f"field-dropped-{name.lower()}", FIELDS, KEEP, (name, value), ("X-A", "1"),
           lacks=(name,), has={"X-A": "1"})
reused("field-nominated-by-connection", FIELDS, KEEP, ("Connection", "a, B"), ("A", "1"),
       ("b", "2"), ("c", "3"), lacks=("A", "B", "Keep-Alive"), has={"C": "3"})
reused("field-nominated-on-two-lines", FIELDS, KEEP, ("Connection", "x-a"), ("Connection", "x-b"),
       ("X-A", "1"), ("X-B", "2"), lacks=("X-A", "X-B"))
reused("fields-of-a-name-stay-apart", "RFC 9110 §5.3", KEEP, ("Link", "<a>"), ("X-A", "1"),
       ("Link", "<b>"), ("X-A", ""), has={"Link": ["<a>", "<b>"], "X-A": ["1", ""]})
reused("cache-control-lines-stay", "RFC 9110 §5.3", KEEP, ("Cache-Control", "foo"),
       has={"Cache-Control": [HOUR, "foo"]})
reused("cache-control-unknown-directive", "RFC 9111 §5.2.3", ("Cache-Control", f"{HOUR}, a=b"),
       has={"Cache-Control": f"{HOUR}, a=b"})
reused("field-64-values", FIELDS, KEEP, *((f"X-{n}", str(n)) for n in range(64)),
       has={f"X-{n}": str(n) for n in range(64)})
reused("field-of-8000-bytes", FIELDS, KEEP, ("X-Long", "y" * 8000), has={"X-Long": "y" * 8000})
reused("status-upstream-comes-first", "RFC 9211 §2", KEEP, ("Cache-Status", "origin; hit"))
reused("date-is-kept", "RFC 9110 §6.6.1", KEEP, later=True, has={"Date": None})
reused("one-age", "RFC 9111 §5.1", KEEP, ("Age", "3"), later=True, has={"Age": None})


def raw(*lines, body=b""):
    """The exact bytes of a response."""
    return [b"\r\n".join([b"HTTP/1.1 200 OK", b"Cache-Control: " + HOUR.encode(), *lines, b"",
                          body])]


CHUNKED = b"Transfer-Encoding: chunked"
BODY = b"0123456789"
case("chunked-is-stored", "RFC 9112 §7.1",
     miss(steps=raw(CHUNKED, body=b"3\r\n012\r\n7\r\n3456789\r\n0\r\n\r\n"), text=BODY),
     hit(text=BODY, has={"Content-Length": "10"}, lacks=("Transfer-Encoding",)),
     choice="RFC 9112 §6.2: what is stored has a length, and says so")
case("chunked-byte-by-byte", "RFC 9112 §7.1",
     miss(steps=[Bytewise(raw(CHUNKED, body=b"a;x=y\r\n0123456789\r\n0\r\n\r\n")[0])], text=BODY),
     hit(text=BODY))
case("trailers-do-not-become-fields", "RFC 9110 §6.5.1",
     miss(steps=raw(CHUNKED, b"Trailer: X-T", body=b"1\r\na\r\n0\r\nX-T: 1\r\n\r\n"), text=b"a"),
     hit(text=b"a", lacks=("X-T",)))
case("empty-body", "RFC 9110 §8.6", miss(HOUR, body=b""),
     hit(text=b"", has={"Content-Length": "0"}))
case("large-body", "RFC 9110 §8.6", miss(HOUR, body=b"x" * 1_000_000), hit())
case("close-delimited-is-not-stored", "RFC 9111 §3.3",
     miss(steps=raw(b"Connection: close", body=BODY) + ["close"], text=BODY, stored=False),
     miss("no-store"), choice="§3.3: its end cannot be told from a cut")
case("reason-phrase", "RFC 9112 §4", miss(HOUR, status=404), hit(status=404))

INTERIM = "RFC 9110 §15.2"
for status in (102, 103):
    case(f"interim-{status}", INTERIM,
         miss(steps=[b"HTTP/1.1 %d Wait\r\nLink: </a>\r\nCache-Control: no-store\r\n\r\n" % status]
              + raw(b"Content-Length: 10", body=BODY), text=BODY, interim=(status,)),
         hit(text=BODY, interim=(), lacks=("Link",)),
         choice="an interim response is passed on and not stored")
case("interim-in-revalidation", INTERIM, miss("max-age=1", ("ETag", '"a"'), body=BODY), PAUSE,
     miss(steps=[b"HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\n"
                 b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nCache-Control: max-age=3600\r\n\r\n'],
          text=BODY), hit(text=BODY))

UPDATE = "RFC 9111 §3.2"
for name, old, new in [("X-Test", "a", "b"), ("Content-Type", "text/plain", "text/html"),
                       ("Content-Location", "/foo", "/bar"), ("X-Frame-Options", "deny", "any"),
                       ("Content-Language", "es", "pt"), ("X-Content-Foo", "1", "2"),
                       ("Expires", "Thu, 18 Aug 2050 02:01:18 GMT",
                        "Fri, 18 Aug 2051 02:01:18 GMT"), ("Link", "<a>", "<b>"),
                       ("Last-Modified", "Thu, 18 Aug 2011 02:01:18 GMT",
                        "Sat, 18 Aug 2012 02:01:18 GMT")]:
    case(f"304-updates-{name.lower()}", UPDATE, miss("max-age=1", ("ETag", '"a"'), (name, old)),
         PAUSE, validated(0, HOUR, ("ETag", '"a"'), (name, new), has={name: new}),
         hit(has={name: new}))
for name, old, new in [("Content-Length", "10", "5"), ("Content-Encoding", "foo", "bar"),
                       ("Content-Range", None, "bytes 0-1/2")]:
    stored = () if name == "Content-Length" or old is None else ((name, old),)
    seen = {"has": {name: old}} if old else {"lacks": (name,)}
    case(f"304-leaves-{name.lower()}", UPDATE,
         miss("max-age=1", ("ETag", '"a"'), *stored, body=BODY), PAUSE,
         validated(0, HOUR, (name, new), **seen), hit(**seen))
