"""What a request that may change something takes from the cache (RFC 9111 §4.4)."""
from cache_cases import PAUSE, case, hit, miss, unsafe

HOUR = "max-age=3600"
SECTION = "RFC 9111 §4.4"

for method in ("POST", "PUT", "DELETE", "PATCH", "M-SEARCH"):
    name = method.lower()
    case(f"invalidated-by-{name}", SECTION, miss(HOUR), unsafe(method), miss(HOUR), hit(2))
    for kind in ("Location", "Content-Location"):
        case(f"invalidated-{kind.lower()}-by-{name}", SECTION, miss(HOUR, path="/b"),
             unsafe(method, (kind, f"/invalidated-{kind.lower()}-by-{name}/b"), path="/a"),
             miss(HOUR, path="/b"),
             choice="§4.4: MAY; those of Location and Content-Location go as well")
    for status in (400, 404, 500, 503):
        case(f"not-invalidated-by-failed-{name}-{status}", SECTION, miss(HOUR),
             unsafe(method, status=status), hit())
for status in (201, 202, 204, 301, 303):
    case(f"invalidated-by-{status}", SECTION, miss(HOUR), unsafe("POST", ("Location", "/x"),
         status=status), miss("no-store"))
for method in ("GET", "HEAD", "OPTIONS"):
    case(f"not-invalidated-by-{method.lower()}", SECTION, miss(HOUR),
         miss("no-store", method=method, req=[("Cache-Control", "no-store, no-cache")],
              fetches=None), hit())
case("invalidated-with-all-variants", SECTION, miss(HOUR, ("Vary", "Foo"), req=[("Foo", "1")]),
     miss(HOUR, ("Vary", "Foo"), req=[("Foo", "2")]), unsafe("PUT"),
     miss("no-store", req=[("Foo", "1")]), miss("no-store", req=[("Foo", "2")]))
case("invalidated-only-that-query", SECTION, miss(HOUR, path="?a=1"), miss(HOUR, path="?a=2"),
     unsafe("PUT", path="?a=1"), miss(HOUR, path="?a=1"), hit(1, path="?a=2"))
case("invalidated-only-that-host", SECTION, miss(HOUR), miss(HOUR, host="other.example"),
     unsafe("PUT"), hit(1, host="other.example"), miss("no-store"))
case("invalidated-not-the-parent", SECTION, miss(HOUR), unsafe("PUT", path="/a"), hit())
case("invalidated-is-not-served-on-error", SECTION, miss("max-age=3600, stale-if-error=3600"),
     unsafe("PUT"), miss("no-store", status=503),
     choice="§4.4: invalid means validated before use; stale-if-error does not reach it")
case("invalidated-absolute-location", SECTION, miss(HOUR, path="/b"),
     unsafe("POST", ("Location", "http://test.example/invalidated-absolute-location/b"), path="/a"),
     miss("no-store", path="/b"), choice="§4.4: MAY")
case("invalidated-relative-location", SECTION, miss(HOUR, path="/c/b"),
     unsafe("POST", ("Content-Location", "b?"), path="/c/a"), miss("no-store", path="/c/b"),
     choice="§4.4: MAY")
case("not-invalidated-on-another-host", SECTION, miss(HOUR, host="other.example", path="/b"),
     unsafe("POST", ("Location", "http://other.example/not-invalidated-on-another-host/b"),
            path="/a"), hit(0, host="other.example", path="/b"))
case("invalidated-while-stale", SECTION, miss("max-age=1, stale-while-revalidate=60"), PAUSE,
     unsafe("PUT"), miss(HOUR), hit(2))
case("trace-is-safe", SECTION, miss(HOUR), miss("no-store", method="TRACE", fetches=None,
     seen=(200, 405, 501)), hit())
