"""Ranges from a stored complete response, and past the cache (RFC 9110 §14, RFC 9111 §3.3–3.4)."""
from cache_cases import PAUSE, case, hit, miss

HOUR = "max-age=3600"
BODY = b"0123456789A"
TAG = ("ETag", '"a"')
MODIFIED = ("Last-Modified", "Thu, 18 Aug 2011 02:01:18 GMT")
RANGE = "RFC 9110 §14.2"


def asks(value, *more):
    """A request's Range and other fields."""
    return {"req": [("Range", value), *more]}


def part(first, last):
    """What a 206 of one range has."""
    return {"status": 206, "text": BODY[first:last + 1], "lacks": ("Transfer-Encoding",),
            "has": {"Content-Range": f"bytes {first}-{last}/11",
                    "Content-Length": str(last + 1 - first), "Age": None}}


for name, value, first, last in [
        ("from-to", "bytes=0-1", 0, 1), ("middle", "bytes=3-7", 3, 7),
        ("one", "bytes=10-10", 10, 10), ("from", "bytes=1-", 1, 10), ("suffix", "bytes=-1", 10, 10),
        ("long-suffix", "bytes=-99", 0, 10),
        ("past-the-end", "bytes=5-99", 5, 10), ("all", "bytes=0-", 0, 10),
        ("unit-in-other-case", "BYTES=0-1", 0, 1), ("huge-end", f"bytes=9-{10**30}", 9, 10),
        ("one-of-two-satisfiable", "bytes=50-60, 2-3", 2, 3), ("blanks", "bytes=2-3 , ", 2, 3)]:
    case(f"range-{name}", RANGE, miss(HOUR, body=BODY), hit(**asks(value), **part(first, last)),
         hit(text=BODY), choice="§14.2: a server MAY ignore Range; the cache does not")
for name, value in [("past-the-end", "bytes=11-"), ("two-past-the-end", "bytes=11-12, 20-"),
                    ("no-suffix", "bytes=-0")]:
    case(f"range-unsatisfiable-{name}", "RFC 9110 §15.5.17", miss(HOUR, body=BODY),
         hit(None, **asks(value), status=416, has={"Content-Range": "bytes */11"}),
         hit(text=BODY), choice="§15.5.17: 416, and not the whole")
for name, value in [("other-unit", "lines=1-2"), ("reversed", "bytes=5-2"), ("no-dash", "bytes=5"),
                    ("letters", "bytes=a-b"), ("no-unit", "0-1"), ("empty", ""),
                    ("signs", "bytes=+1-2"),
                    ("only-dash", "bytes=-"), ("one-of-two-invalid", "bytes=0-1,a-b")]:
    case(f"range-ignored-{name}", RANGE, miss(HOUR, body=BODY), hit(text=BODY, **asks(value)),
         choice="" if name == "other-unit" else "§14.2: ignored, where it MAY be refused")
case("range-of-empty-body", "RFC 9110 §14.1.2", miss(HOUR, body=b""),
     hit(None, **asks("bytes=0-"), status=(200, 416)))
case("range-head", RANGE, miss(HOUR, body=BODY),
     hit(method="HEAD", **asks("bytes=0-1"), has={"Content-Length": "11"}))
case("range-of-404", RANGE, miss(HOUR, body=BODY, status=404),
     hit(text=BODY, status=404, **asks("bytes=0-1")))
case("range-twice-on-two-lines", RANGE, miss(HOUR, body=BODY),
     hit(None, req=[("Range", "bytes=0-1"), ("Range", "bytes=2-3")], status=(200, 206, 400)))
for count in (100, 1000):
    case(f"range-{count}-overlapping", "RFC 9110 §17.15", miss(HOUR, body=BODY * 100),
         hit(None, **asks("bytes=" + ",".join(["0-"] * count)), status=(200, 206, 416),
             size_max=2500))
case("range-kept-fields", "RFC 9110 §15.3.7", miss(HOUR, TAG, ("X-A", "1"), ("Vary", "X-B"),
     body=BODY), hit(**asks("bytes=0-0"), status=206, text=b"0",
                     has={"ETag": '"a"', "Vary": "X-B", "Cache-Control": HOUR, "Date": None}))

IF_RANGE = "RFC 9110 §13.1.5"
for name, stored, value, whole in [
        ("strong", TAG, '"a"', False), ("other", TAG, '"b"', True),
        ("weak-asked", TAG, 'W/"a"', True), ("weak-stored", ("ETag", 'W/"a"'), 'W/"a"', True),
        ("nothing-stored", ("X-A", "1"), '"a"', True), ("unquoted", TAG, "a", True),
        ("date", MODIFIED, MODIFIED[1], False),
        ("other-date", MODIFIED, "Fri, 19 Aug 2011 02:01:18 GMT", True)]:
    seen = {"text": BODY} if whole else part(2, 3)
    case(f"if-range-{name}", IF_RANGE, miss(HOUR, stored, body=BODY),
         hit(**asks("bytes=2-3", ("If-Range", value)), **seen))
case("if-range-without-range", IF_RANGE, miss(HOUR, TAG, body=BODY),
     hit(text=BODY, req=[("If-Range", '"a"')]))
case("range-after-if-none-match", "RFC 9110 §13.2.2", miss(HOUR, TAG, body=BODY),
     hit(None, **asks("bytes=0-1", ("If-None-Match", '"a"')), status=304),
     hit(**asks("bytes=0-1", ("If-None-Match", '"b"')), **part(0, 1)))

PARTIAL = "RFC 9111 §3.3"
SUFFIX = [b"HTTP/1.1 206 Partial\r\nCache-Control: max-age=3600\r\nContent-Range: bytes 6-10/11\r\n"
          b"Content-Length: 5\r\n\r\n6789A"]
case("range-miss-goes-on-unchanged", PARTIAL,
     miss(steps=SUFFIX, **asks("bytes=-5"), status=206, text=b"6789A", stored=False,
          sent={"Range": "bytes=-5"}, cache=("uri-miss", "partial", "miss", "bypass")),
     choice="§3.4: parts may be stored and combined; ours are not")
case("range-206-is-not-stored", PARTIAL, miss(steps=SUFFIX, **asks("bytes=-5"), status=206),
     miss(steps=SUFFIX, **asks("bytes=-5"), status=206, text=b"6789A"), miss(HOUR, body=BODY),
     hit(**asks("bytes=-5"), **part(6, 10)),
     choice="§3.4: parts may be stored and combined; ours are not")
case("range-miss-answered-in-full", RANGE,
     miss(HOUR, body=BODY, **asks("bytes=0-1"), text=BODY), miss(HOUR, body=BODY, fetches=None))
case("range-miss-416", RANGE, miss("no-store", **asks("bytes=99-"), status=416), miss(HOUR), hit(1))
case("range-miss-if-range-goes-on", IF_RANGE,
     miss(steps=SUFFIX, **asks("bytes=-5", ("If-Range", '"a"')), status=206,
          sent={"If-Range": '"a"', "Range": "bytes=-5"}))
case("range-of-a-stale-response", PARTIAL, miss("max-age=1", TAG, body=BODY), PAUSE,
     miss(steps=None, unchanged=(("Cache-Control", HOUR), TAG), body=BODY, **asks("bytes=2-3"),
          seen=(200, 206)), hit(text=BODY))
