"""What a request may demand (RFC 9111 §5.2.1, §5.4), and when stale is served (RFC 5861)."""
from cache_cases import PAUSE, case, hit, miss, unsafe, validated
from upstream import CLOSE, RESET

HOUR = "max-age=3600"
ETAG = ("ETag", '"a"')


def cc(value):
    """The request's Cache-Control."""
    return {"req": [("Cache-Control", value)]}


def sections(number):
    """A section of the request directives."""
    return f"RFC 9111 §5.2.1.{number}"


NO_CACHE = sections(4)
for name, value in [("no-cache", "no-cache"), ("no-cache-mixed-case", "No-Cache"),
                    ("no-cache-among-others", "foo, no-cache, max-age=3600"),
                    ("max-age-0", "max-age=0"), ("max-age-0-quoted", 'max-age="0"')]:
    case(f"request-{name}", NO_CACHE if "no-c" in name else sections(1), miss(HOUR),
         miss(HOUR, **cc(value), cache=("request", "stale")), hit(1))
case("request-no-cache-validates", NO_CACHE, miss(HOUR, ETAG),
     validated(**cc("no-cache"), cache=("request",), sent={"If-None-Match": '"a"'}), hit())
case("request-no-cache-when-nothing-is-stored", NO_CACHE, miss(HOUR, **cc("no-cache")), hit())
case("request-max-age-below-age", sections(1), miss(HOUR, ("Age", "30")),
     miss(HOUR, **cc("max-age=20")), hit(1))
case("request-max-age-above-age", sections(1), miss(HOUR, ("Age", "30")), hit(**cc("max-age=60")))
case("request-max-age-after-a-while", sections(1), miss(HOUR), PAUSE,
     miss(HOUR, **cc("max-age=1")))
case("request-max-age-does-not-extend", sections(1), miss("max-age=1"), PAUSE,
     miss("no-store", **cc("max-age=3600")))
case("request-max-age-invalid", sections(1), miss(HOUR), hit(**cc("max-age=a")),
     choice="§5.2.3: what is no valid directive is ignored; strangers do not drive the miss rate")
case("request-min-fresh-satisfied", sections(3), miss(HOUR), hit(**cc("min-fresh=10")))
case("request-min-fresh-not-satisfied", sections(3), miss("max-age=10"),
     miss(HOUR, **cc("min-fresh=60")))
case("request-min-fresh-with-age", sections(3), miss("max-age=1000", ("Age", "900")),
     miss(HOUR, **cc("min-fresh=200")))
case("request-max-stale-any", sections(2), miss("max-age=1"), PAUSE,
     hit(**cc("max-stale"), ttl=(-3, -1), age=(2, 4)),
     choice="§5.2.1.2: MAY; what a client accepts it gets")
case("request-max-stale-enough", sections(2), miss("max-age=1"), PAUSE,
     hit(**cc("max-stale=1000")), choice="§5.2.1.2: MAY; what a client accepts it gets")
case("request-max-stale-too-little", sections(2), miss("max-age=10", ("Age", "100")),
     miss("no-store", **cc("max-stale=20")))
for name, value in [("must-revalidate", "max-age=1, must-revalidate"),
                    ("proxy-revalidate", "max-age=1, proxy-revalidate"), ("s-maxage", "s-maxage=1"),
                    ("no-cache", "max-age=1, no-cache")]:
    case(f"request-max-stale-against-{name}", "RFC 9111 §4.2.4", miss(value), PAUSE,
         miss("no-store", **cc("max-stale")))
case("request-max-stale-with-max-age", sections(2), miss("max-age=1"), PAUSE,
     hit(**cc("max-stale=100, max-age=100")),
     choice="§5.2.1.2: MAY; what a client accepts it gets")
case("request-no-store", sections(5), miss(HOUR, **cc("no-store"), stored=False), miss(HOUR),
     hit(1))
case("request-no-store-mixed-case", sections(5), miss(HOUR, **cc("NO-STORE")), miss("no-store"))
case("request-no-store-leaves-what-is-stored", sections(5), miss(HOUR),
     miss("no-store", **cc("no-store, no-cache")), hit(),
     choice="§5.2.1.5: what is stored already may stay")
ONLY = sections(7)
case("only-if-cached-without", ONLY, hit(**cc("only-if-cached"), status=504, text=None, of=None,
     cache=None))
case("only-if-cached-with", ONLY, miss(HOUR), hit(**cc("only-if-cached")))
case("only-if-cached-stale", ONLY, miss("max-age=1"), PAUSE,
     hit(**cc("only-if-cached"), status=504, of=None, cache=None))
case("only-if-cached-stale-accepted", ONLY, miss("max-age=1"), PAUSE,
     hit(**cc("only-if-cached, max-stale")), choice="§5.2.1.2: MAY")
case("only-if-cached-other-variant", ONLY, miss(HOUR, ("Vary", "X-A"), req=[("X-A", "1")]),
     hit(req=[("X-A", "2"), ("Cache-Control", "only-if-cached")], status=504, of=None, cache=None))
case("only-if-cached-no-cache", ONLY, miss(HOUR),
     hit(**cc("only-if-cached, no-cache"), status=504, of=None, cache=None),
     choice="§5.2.1: both together cannot be satisfied: 504")
case("request-unknown-directive", "RFC 9111 §5.2.3", miss(HOUR), hit(**cc("foo=bar, baz")))
case("request-response-directives", "RFC 9111 §5.2.1", miss(HOUR),
     hit(**cc("private, must-revalidate, s-maxage=0")))
case("request-two-lines", "RFC 9110 §5.3", miss(HOUR),
     miss(HOUR, req=[("Cache-Control", "foo"), ("Cache-Control", "no-cache")]))

PRAGMA = "RFC 9111 §5.4"
case("pragma-no-cache", PRAGMA, miss(HOUR), miss(HOUR, req=[("Pragma", "no-cache")]), hit(1),
     choice="§5.4: deprecated; honoured while there is no Cache-Control")
case("pragma-with-cache-control", PRAGMA, miss(HOUR),
     hit(req=[("Pragma", "no-cache"), ("Cache-Control", "max-age=3600")]))
case("pragma-other", PRAGMA, miss(HOUR), hit(req=[("Pragma", "foo")]))

# Serving stale. A failure after the pause: the step's steps; what is kept is stale by then.
DEAD = {"close": [CLOSE], "reset": [RESET]}
ERRORS = {str(status): status for status in (500, 502, 503, 504)}
SIE, SWR, STALE = "RFC 5861 §4", "RFC 5861 §3", "RFC 9111 §4.2.4"


def failing(name, **more):
    """A step in which the origin fails and the cache is asked something."""
    if name in DEAD:
        # One attempt more may follow on a connection that was closed while idle.
        return miss(steps=DEAD[name], fetches=None, **more)
    return miss("no-store", status=ERRORS[name], **more)


def stale_instead(name, **more):
    """The same, answered with the body of the first step."""
    return failing(name, seen=200, of=0, age=(2, 5), **more)


for name in (*DEAD, *ERRORS):
    case(f"stale-if-error-{name}", SIE, miss("max-age=1, stale-if-error=60", ETAG), PAUSE,
         stale_instead(name))
    refused = (502, 504) if name in DEAD else ERRORS[name]
    case(f"no-stale-without-consent-{name}", STALE, miss("max-age=1", ETAG), PAUSE,
         failing(name, seen=refused), choice="§4.2.4 would allow stale; ours needs consent")
    for directive in ("must-revalidate", "proxy-revalidate", "s-maxage=1"):
        case(f"no-stale-with-{directive.split('=')[0]}-{name}", STALE,
             miss(f"max-age=1, stale-if-error=60, {directive}", ETAG), PAUSE,
             failing(name, seen=refused))
case("no-stale-with-no-cache-503", STALE, miss("no-cache, max-age=1, stale-if-error=60", ETAG),
     failing("503"))
case("stale-if-error-past-its-window", SIE, miss("max-age=1, stale-if-error=0"), PAUSE,
     failing("503"))
case("stale-if-error-invalid", SIE, miss("max-age=1, stale-if-error=x"), PAUSE, failing("503"))
for status in (400, 404, 410, 429, 501):
    case(f"stale-if-error-not-{status}", SIE, miss("max-age=1, stale-if-error=60"), PAUSE,
         miss("no-store", status=status))
case("stale-if-error-then-well", SIE, miss("max-age=1, stale-if-error=60", ETAG), PAUSE,
     stale_instead("503"), validated(), hit())
case("stale-while-revalidate", SWR, miss("max-age=1, stale-while-revalidate=60"), PAUSE,
     miss(HOUR, of=0, cache=("hit",), ttl=(-3, -1), age=(2, 4)),
     hit(1, eventually=True))
case("stale-while-revalidate-by-304", SWR, miss("max-age=1, stale-while-revalidate=60", ETAG),
     PAUSE, miss("no-store", unchanged=(("Cache-Control", HOUR),), of=0, cache=("hit",)),
     hit(0, age=(0, 1), eventually=True))
case("stale-while-revalidate-past-its-window", SWR, miss("max-age=1, stale-while-revalidate=0"),
     PAUSE, miss("no-store"))
case("stale-while-revalidate-after-request-no-cache", SWR,
     miss("max-age=1, stale-while-revalidate=60"), PAUSE, miss(HOUR, **cc("no-cache")), hit(1))
for directive in ("must-revalidate", "proxy-revalidate", "s-maxage=1", "no-cache"):
    case(f"no-stale-while-revalidate-with-{directive.split('=')[0]}", STALE,
         miss(f"max-age=1, stale-while-revalidate=60, {directive}"), PAUSE, miss("no-store"))
case("unsafe-is-never-stale", STALE, miss("max-age=1, stale-if-error=60"), PAUSE,
     unsafe("POST", status=503))
