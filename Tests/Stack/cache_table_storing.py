"""What may be stored at all (RFC 9111 §3, §3.5, §5.2.2), by status, method, directive, cookie."""
from cache_cases import PAUSE, At, case, hit, miss, refetched, reused, unsafe, validated

HOUR = "max-age=3600"
TOKEN = ("Authorization", "Bearer abc")


def cc(value):
    """One Cache-Control line."""
    return ("Cache-Control", value)


STORE = "RFC 9111 §3"
for status in (200, 203, 204, 300, 301, 302, 303, 307, 308, 400, 403, 404, 405, 410, 414, 451):
    reused(f"explicit-{status}", STORE, cc(HOUR), ("Location", "/x"), status=status, later=True,
           choice="" if status < 400 else "§3: any final status may be stored")
# Within a second: a route may cap how long failures of the server are kept.
for status in (500, 501, 502, 503, 504, 599):
    reused(f"explicit-{status}", STORE, cc(HOUR), status=status,
           choice="§3: a failure that asks for it may be stored")
for status in (201, 299, 499):
    reused(f"explicit-{status}", STORE, cc(HOUR), status=status,
           choice="§3: an unknown status with explicit freshness may be stored")
for status in (200, 404):
    reused(f"must-understand-known-{status}", "RFC 9111 §5.2.2.3",
           cc("max-age=3600, no-store, must-understand"), status=status,
           choice="" if status == 200 else "§5.2.2.3 SHOULD")
for status in (299, 499, 599):
    refetched(f"must-understand-unknown-{status}", "RFC 9111 §5.2.2.3",
              cc("max-age=3600, must-understand"), status=status)
refetched("partial-content-unasked", "RFC 9111 §3.3", cc(HOUR), ("Content-Range", "bytes 0-4/10"),
          status=206)

for name, *fields in [
        ("no-store", cc("no-store")), ("no-store-mixed-case", cc("No-StOrE, max-age=3600")),
        ("no-store-last", cc("max-age=3600, no-store")),
        ("no-store-own-line", cc(HOUR), cc("no-store")),
        ("no-store-with-public", cc("public, no-store, max-age=3600")),
        ("no-store-with-argument", cc("no-store=1, max-age=3600")),
        ("no-store-with-expires", cc("no-store"), ("Expires", At(3600))),
        ("private", cc("private, max-age=3600")), ("private-mixed-case", cc("PRIVATE, max-age=9")),
        ("private-over-public", cc("public, private, max-age=3600")),
        ("private-over-s-maxage", cc("private, s-maxage=3600")),
        ("private-own-line", cc("s-maxage=3600"), cc("private")),
        ("vary-star", cc(HOUR), ("Vary", "*")),
]:
    refetched(f"not-stored-{name}", "RFC 9111 §5.2.2", *fields)
for name, value in [("private", 'private="X-A", max-age=3600'),
                    ("no-cache", 'no-cache="X-A", max-age=3600'),
                    ("no-cache-list", 'max-age=3600, no-cache="X-A, X-B"')]:
    kind = refetched if name == "private" else reused
    kind(f"qualified-{name}", "RFC 9111 §5.2.2.4", cc(value), ("X-A", "1"),
         choice="§5.2.2.7: private as if unqualified; §5.2.2.4: reused without the fields named")

NO_CACHE = "RFC 9111 §5.2.2.4"
refetched("no-cache", NO_CACHE, cc("no-cache"))
refetched("no-cache-mixed-case", NO_CACHE, cc("No-CaChE, max-age=3600"))
refetched("no-cache-over-s-maxage", NO_CACHE, cc("s-maxage=3600, no-cache"))
case("no-cache-is-validated", NO_CACHE, miss("no-cache, max-age=3600", ("ETag", '"a"')),
     validated(0, "no-cache, max-age=3600", sent={"If-None-Match": '"a"'}),
     validated(0, "no-cache, max-age=3600"),
     choice="§5.2.2.4: what is no-cache may be stored, and asked about each time")

COOKIE = ("Set-Cookie", "a=b")
EXPLICIT = "§7.3: a response with Set-Cookie is stored only when public or s-maxage says so"
refetched("set-cookie-with-max-age", "RFC 9111 §7.3", cc(HOUR), COOKIE, choice=EXPLICIT)
refetched("set-cookie-with-expires", "RFC 9111 §7.3", ("Expires", At(3600)), COOKIE,
          choice=EXPLICIT)
refetched("set-cookie-heuristic", "RFC 9111 §7.3", ("Last-Modified", At(-99999)), COOKIE,
          choice=EXPLICIT)
for name, value in [("public", "public, max-age=3600"), ("s-maxage", "s-maxage=3600")]:
    reused(f"set-cookie-with-{name}", "RFC 9111 §7.3", cc(value), COOKIE, choice=EXPLICIT,
           has={"Set-Cookie": "a=b"})
case("cookie-in-request", STORE, miss(HOUR), hit(req=[("Cookie", "a=b")]),
     hit(req=[("Cookie", "a=c")]))
case("cookie-in-first-request", STORE, miss(HOUR, req=[("Cookie", "a=b")]), hit())

AUTHORIZATION = "RFC 9111 §3.5"
for name, value in [("max-age", HOUR), ("no-cache", "no-cache"), ("private", "private"),
                    ("proxy-revalidate", "max-age=3600, proxy-revalidate")]:
    case(f"authorization-{name}", AUTHORIZATION, miss(value, req=[TOKEN], stored=False),
         miss("no-store", req=[TOKEN]), miss("no-store"))
case("authorization-expires", AUTHORIZATION, miss(None, ("Expires", At(3600)), req=[TOKEN]),
     miss("no-store", req=[TOKEN]))
case("authorization-heuristic", AUTHORIZATION, miss(None, ("Last-Modified", At(-9999)),
     req=[TOKEN]), miss("no-store", req=[TOKEN]))
for name, value in [("public", "public, max-age=3600"), ("s-maxage", "s-maxage=3600"),
                    ("must-revalidate", "max-age=3600, must-revalidate")]:
    case(f"authorization-{name}", AUTHORIZATION, miss(value, req=[TOKEN]), hit(req=[TOKEN]))
    case(f"authorization-{name}-for-others", AUTHORIZATION, miss(value, req=[TOKEN]), hit())
case("authorization-must-revalidate-stale", AUTHORIZATION,
     miss("max-age=1, must-revalidate", ("ETag", '"a"'), req=[TOKEN]), PAUSE,
     validated(0, "max-age=3600, must-revalidate", req=[TOKEN]))

METHOD = "RFC 9110 §9.2.3"
case("post-is-not-stored", METHOD, unsafe("POST"), miss("no-store"))
for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "M-SEARCH"):
    case(f"not-answered-{method.lower()}", METHOD, miss(HOUR),
         miss(HOUR, method=method, payload=b"x", cache=("method", "bypass")),
         choice="" if method != "POST" else "§4: an answer to POST may be stored; ours is not")
case("options-is-not-stored", METHOD, miss(HOUR, method="OPTIONS"), miss(HOUR, method="OPTIONS"),
     miss("no-store"))
case("post-with-max-age", METHOD, miss(HOUR, method="POST", payload=b"x"),
     miss("no-store", method="POST", payload=b"x"), miss("no-store"),
     choice="§4: an answer to POST may be stored; ours is not")
case("get-with-a-body", "RFC 9110 §9.3.1", miss(HOUR, payload=b"x"), miss(HOUR, payload=b"y"),
     choice="§9.3.1: a body has no meaning in GET; ours is passed on, and its answer not stored")

HEAD = "RFC 9111 §4.3.5"
case("head-from-get", HEAD, miss(HOUR, ("X-A", "1"), body=b"0123456789"),
     hit(method="HEAD", has={"Content-Length": "10", "X-A": "1"}))
case("head-does-not-store-a-body", HEAD, miss(HOUR, method="HEAD"), miss(HOUR),
     choice="a HEAD that misses goes on as HEAD, not as GET")
case("head-is-asked-for", HEAD, miss("no-store", method="HEAD"), miss("no-store", method="HEAD"))
case("head-freshens", HEAD, miss("max-age=1", ("ETag", '"a"'), body=b"01234"), PAUSE,
     miss(HOUR, ("ETag", '"a"'), ("X-New", "1"), body=b"01234", method="HEAD", unchanged=(
         ("Cache-Control", HOUR), ("ETag", '"a"'), ("X-New", "1"))),
     hit(text=b"01234", has={"X-New": "1"}),
     choice="§4.3.5: an answer to HEAD MAY freshen the stored GET")
for name, fields, body in [("etag", [("ETag", '"b"')], b"01234"),
                           ("length", [("ETag", '"a"')], b"0123456789")]:
    case(f"head-invalidates-by-{name}", HEAD, miss("max-age=1", ("ETag", '"a"'), body=b"01234"),
         PAUSE, miss(HOUR, *fields, body=body, method="HEAD"), miss("no-store", body=b"new"))

KEY = "RFC 9111 §2"
case("key-other-query", KEY, miss(HOUR, path="?a=1"), miss(HOUR, path="?a=2"), hit(path="?a=1"),
     hit(1, path="?a=2"))
case("key-order-of-query", KEY, miss(HOUR, path="?a=1&b=2"), miss(HOUR, path="?b=2&a=1"),
     choice="not sorted unless the route says so")
case("key-other-host", KEY, miss(HOUR), miss(HOUR, host="other.example"), hit(),
     hit(1, host="other.example"))
case("key-host-in-other-case", "RFC 9110 §4.2.3", miss(HOUR), hit(host="TEST.example"))
case("key-default-port", "RFC 9110 §4.2.3", miss(HOUR), hit(host="test.example:80"),
     choice="RFC 9110 §4.2.3: equivalent, which a cache need not see")
case("key-path-in-other-case", KEY, miss(HOUR, path="/a"), miss(HOUR, path="/A"))
for name, first, second in [("unreserved", "/%7Ea", "/~a"), ("case-of-hex", "/%e9", "/%E9"),
                            ("empty-query", "?", "")]:
    case(f"key-normal-{name}", "RFC 3986 §6.2.2", miss(HOUR, path=first), hit(path=second),
         choice="RFC 9110 §4.2.3: equivalent, which a cache need not see")
for name, first, second in [("reserved", "/a%2Fb", "/a/b"), ("plus", "?a=+", "?a=%20"),
                            ("slash", "/a/", "/a"), ("double-slash", "//a", "/a")]:
    case(f"key-kept-{name}", "RFC 3986 §2.2", miss(HOUR, path=first), miss(HOUR, path=second))
case("jsonp-is-not-stored", KEY, miss(HOUR, path="?callback=f"), miss(HOUR, path="?callback=f"),
     choice="callback= and access_token= bypass the cache")
case("access-token-is-not-stored", KEY, miss(HOUR, path="?access_token=t"),
     miss(HOUR, path="?access_token=t"), choice="callback= and access_token= bypass the cache")
