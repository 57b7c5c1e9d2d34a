"""How long a response is fresh (RFC 9111 §4.2, §5.1–5.3; RFC 9213), and how it is parsed."""
from cache_cases import PAUSE, At, case, hit, miss, refetched, reused, validated

OLD = At(-100_000)


def cc(value):
    """One Cache-Control line."""
    return ("Cache-Control", value)


LIFETIME = "RFC 9111 §4.2.1"
for name, *fields in [
        ("max-age", cc("max-age=3600")),
        ("s-maxage", cc("s-maxage=3600")),
        ("max-age-quoted", cc('max-age="3600"')),
        ("max-age-leading-zeros", cc("max-age=003600")),
        ("max-age-mixed-case", cc("MaX-aGe=3600")),
        ("s-maxage-mixed-case", cc("S-MaXaGe=3600")),
        ("max-age-empty-elements", cc(", ,max-age=3600,,")),
        ("max-age-tabs", cc("public\t,\tmax-age=3600")),
        ("max-age-extension-first", cc("foobar, max-age=3600")),
        ("max-age-extension-argument", cc("max-age=3600, foo=bar")),
        ("max-age-extension-quoted", cc('foo="bar, baz", max-age=3600')),
        ("max-age-no-store-in-quotes", cc('foo="a, no-store, b", max-age=3600')),
        ("max-age-quoted-pair", cc(r'foo="a\", no-store", max-age=3600')),
        ("max-age-twice-alike", cc("max-age=3600, max-age=3600")),
        ("max-age-empty-line", cc(""), cc("max-age=3600")),
        ("max-age-expires-past", cc("max-age=3600"), ("Expires", At(-10_000))),
        ("max-age-expires-invalid", cc("max-age=3600"), ("Expires", "0")),
        ("s-maxage-over-max-age", cc("max-age=1, s-maxage=3600")),
        ("s-maxage-over-max-age-lines", cc("s-maxage=3600"), cc("max-age=1")),
        ("s-maxage-over-expires", cc("s-maxage=3600"), ("Expires", At(-10_000))),
        ("expires", ("Expires", At(3600))),
        ("expires-unknown-directive", cc("foo"), ("Expires", At(3600))),
        ("pragma-in-response", cc("max-age=3600"), ("Pragma", "no-cache")),
        ("cdn-over-no-store", ("CDN-Cache-Control", "max-age=3600"), cc("no-store")),
        ("cdn-over-private", ("CDN-Cache-Control", "max-age=3600"), cc("private")),
        ("cdn-over-max-age", ("CDN-Cache-Control", "max-age=3600"), cc("max-age=1")),
        ("cdn-over-s-maxage", ("CDN-Cache-Control", "max-age=3600"), cc("s-maxage=1")),
        ("cdn-over-expires", ("CDN-Cache-Control", "max-age=3600"), ("Expires", At(-100))),
        ("cdn-unknown-directive", ("CDN-Cache-Control", "foo, max-age=3600"), cc("no-store")),
        ("cdn-last-of-a-key", ("CDN-Cache-Control", "max-age=1, max-age=3600")),
        ("cdn-invalid-is-ignored", ("CDN-Cache-Control", "max-age: 1"), cc("max-age=3600")),
        ("cdn-upper-case-is-invalid", ("CDN-Cache-Control", "No-Store"), cc("max-age=3600")),
        ("cdn-empty-is-ignored", ("CDN-Cache-Control", ""), cc("max-age=3600")),
]:
    section = "RFC 9213 §2.1" if name.startswith("cdn") else LIFETIME
    reused(f"fresh-{name}", section, *fields, later=True, ttl=(3590, 3600))

for name, *fields in [
        ("nothing",),
        ("max-age-0", cc("max-age=0")),
        ("s-maxage-0", cc("s-maxage=0, max-age=3600")),
        ("max-age-negative", cc("max-age=-3600")),
        ("max-age-0-expires-future", cc("max-age=0"), ("Expires", At(3600))),
        ("max-age-single-quotes", cc("max-age='3600'")),
        ("max-age-leading-letter", cc("max-age=a3600")),
        ("max-age-trailing-letter", cc("max-age=3600a")),
        ("max-age-semicolon", cc("max-age=3600; public")),
        ("max-age-plus", cc("max-age=+3600")),
        ("max-age-hexadecimal", cc("max-age=0xe10")),
        ("max-age-decimal", cc("max-age=3600.0")),
        ("max-age-half", cc("max-age=3600.5")),
        ("max-age-no-argument", cc("max-age")),
        ("max-age-empty-argument", cc("max-age=")),
        ("max-age-empty-quotes", cc('max-age=""')),
        ("max-age-in-quotes-before", cc('foo="max-age=3600", max-age=0')),
        ("max-age-in-quotes-after", cc('max-age=0, foo="max-age=3600"')),
        ("max-age-as-argument", cc("foo=max-age=3600")),
        ("max-age-other-name", cc("x-max-age=3600")),
        ("expires-past", ("Expires", At(-100))),
        ("expires-is-date", ("Expires", At())),
        ("expires-0", ("Expires", "0")),
        ("expires-negative", ("Expires", "-1")),
        ("expires-word", ("Expires", "never")),
        ("expires-empty", ("Expires", "")),
        ("expires-future-with-no-cache", cc("no-cache"), ("Expires", At(3600))),
        ("age-above-max-age", cc("max-age=3600"), ("Age", "7200")),
        ("age-is-max-age", cc("max-age=3600"), ("Age", "3600")),
        ("age-above-expires", ("Expires", At(3600)), ("Age", "7200")),
        ("age-overflows", cc("max-age=3600"), ("Age", "99999999999999999999")),
        ("cdn-no-store", ("CDN-Cache-Control", "no-store"), cc("max-age=3600")),
        ("cdn-private", ("CDN-Cache-Control", "private"), cc("max-age=3600")),
        ("cdn-no-cache", ("CDN-Cache-Control", "no-cache"), cc("max-age=3600")),
        ("cdn-max-age-0", ("CDN-Cache-Control", "max-age=0"), cc("max-age=3600")),
        ("cdn-age-above", ("CDN-Cache-Control", "max-age=60"), cc("max-age=3600"), ("Age", "99")),
]:
    refetched(f"stale-{name}", "RFC 9213 §2.1" if name.startswith("cdn") else LIFETIME, *fields)

refetched("stale-date-in-the-past", "RFC 9111 §4.2.3", cc("max-age=3600"),
          ("Date", At(-7200)), dated=False)
refetched("stale-expires-long-after-date", "RFC 9111 §4.2.3", ("Date", At(-7200)),
          ("Expires", At(-3600)), dated=False)
reused("fresh-date-in-the-future", "RFC 9111 §4.2.3", cc("max-age=3600"), ("Date", At(7200)),
       dated=False, age=(0, 1))
reused("fresh-without-date", "RFC 9110 §6.6.1", cc("max-age=3600"), dated=False, has={"Date": None})
reused("fresh-expires-without-date", "RFC 9111 §4.2.1", ("Expires", At(3600)), dated=False)

CONFLICT = "§4.2.1: of several the first or stale"
DATES = "§5.3: invalid is past; §4.2 would let a cache be lenient about dates"
for name, why, *fields in [
        ("max-age-two-lines", CONFLICT, cc("max-age=3600"), cc("max-age=1")),
        ("max-age-two-lines-reversed", CONFLICT, cc("max-age=1"), cc("max-age=3600")),
        ("max-age-two", CONFLICT, cc("max-age=3600, max-age=1")),
        ("max-age-two-reversed", CONFLICT, cc("max-age=1, max-age=3600")),
        ("expires-two-lines", CONFLICT, ("Expires", At(3600)), ("Expires", At(-3600))),
        ("s-maxage-invalid", "§4.2.1: an invalid lifetime is stale, not passed over",
         cc("s-maxage=x, max-age=3600")),
        ("max-age-space-before", "§5.2: not the grammar", cc("max-age =3600")),
        ("max-age-space-after", "§5.2: not the grammar", cc("max-age= 3600")),
        ("max-age-invalid-expires", "§4.2.1: an invalid max-age is stale, Expires is not looked at",
         cc("max-age=a"), ("Expires", At(3600))),
        ("expires-two-digit-year", DATES, ("Expires", "Thu, 18 Aug 50 02:01:18 GMT")),
        ("expires-no-zone", DATES, ("Expires", "Thu, 18 Aug 2050 02:01:18")),
        ("expires-other-zone", DATES, ("Expires", "Thu, 18 Aug 2050 02:01:18 AEST")),
        ("expires-numeric-zone", DATES, ("Expires", "Thu, 18 Aug 2050 02:01:18 +0000")),
        ("expires-one-digit-hour", DATES, ("Expires", "Thu, 18 Aug 2050 2:01:18 GMT")),
        ("expires-two-blanks", DATES, ("Expires", "Thu, 18  Aug  2050 02:01:18 GMT")),
        ("expires-dots", DATES, ("Expires", "Thu, 18 Aug 2050 02.01.18 GMT")),
        ("expires-dashes", DATES, ("Expires", "Thu, 18-Aug-2050 02:01:18 GMT")),
        ("expires-no-comma", DATES, ("Expires", "Thu 18 Aug 2050 02:01:18 GMT")),
        ("expires-hour-25", DATES, ("Expires", "Thu, 18 Aug 2050 25:01:18 GMT")),
        ("expires-day-31-of-june", DATES, ("Expires", "Fri, 31 Jun 2050 02:01:18 GMT")),
]:
    refetched(f"chosen-stale-{name}", LIFETIME, *fields, choice=why)

# RFC 9110 §5.6.7: both obsolete forms MUST be accepted.
reused("fresh-expires-asctime", "RFC 9110 §5.6.7", ("Expires", "Thu Aug 18 02:01:18 2050"))
reused("fresh-expires-rfc850", "RFC 9110 §5.6.7", ("Expires", "Thursday, 18-Aug-50 02:01:18 GMT"))
reused("fresh-expires-far", "RFC 9111 §5.3", ("Expires", "Mon, 31 Dec 2525 23:59:59 GMT"))

for name, value in [("2-to-31", "2147483648"), ("above-2-to-31", "99999999999"),
                    ("above-2-to-64", "99999999999999999999999999")]:
    reused(f"fresh-max-age-{name}", "RFC 9111 §1.2.2", cc(f"max-age={value}"), later=True,
           ttl=(2147483600, 2147483648))

for name, *fields in [("max-age", cc("max-age=1")), ("s-maxage", cc("s-maxage=1")),
                      ("s-maxage-over-max-age", cc("max-age=3600, s-maxage=1")),
                      ("s-maxage-first", cc("s-maxage=1, max-age=3600")),
                      ("s-maxage-lines", cc("max-age=3600"), cc("s-maxage=1")),
                      ("expires", ("Expires", At(1))),
                      ("cdn", ("CDN-Cache-Control", "max-age=1"), cc("max-age=3600")),
                      ("age-29", cc("max-age=30"), ("Age", "29"))]:
    refetched(f"expired-{name}", LIFETIME, *fields, later=True)

AGE = "RFC 9111 §5.1"
for name, value in [("word", "abc"), ("negative", "-7200"), ("empty", "")]:
    reused(f"age-{name}-is-ignored", AGE, cc("max-age=3600"), ("Age", value), age=(0, 1))
reused("age-decimal-is-ignored", AGE, cc("max-age=3600"), ("Age", "7200.0"), age=(0, 1),
       choice="§5.1: an invalid Age is ignored")
for name, verdict, *ages in [("first-0", reused, "0,7200"), ("first-0-lines", reused, "0", "7200"),
                             ("all-0", reused, "0, 0"), ("first-old", refetched, "7200,0"),
                             ("first-old-lines", refetched, "7200", "0"),
                             ("all-old", refetched, "7200, 7200")]:
    verdict(f"age-list-{name}", AGE, cc("max-age=3600"), *(("Age", age) for age in ages),
            choice="§5.1: of several members the first is taken")
reused("age-is-added", AGE, cc("max-age=3600"), ("Age", "30"), later=True, age=(32, 34),
       ttl=(3566, 3568))
reused("age-grows", AGE, ("Expires", At(30 * 86400)), later=True, age=(2, 4))
reused("age-counts-from-date", AGE, cc("max-age=3600"), ("Date", At(-100)), dated=False,
       age=(100, 102), ttl=(3498, 3500))
reused("age-the-larger-of-two", AGE, cc("max-age=3600"), ("Date", At(-50)), ("Age", "100"),
       dated=False, age=(100, 102))
case("age-of-the-origin-passes", AGE, miss("no-store", ("Age", "17"), has={"Age": "17"}))

HEURISTIC = "RFC 9111 §4.2.2"
for status in (200, 203, 204, 300, 301, 308, 404, 405, 410, 414):
    reused(f"heuristic-{status}", HEURISTIC, ("Last-Modified", OLD), status=status, later=True,
           ttl=(9900, 10_000))
reused("heuristic-501", HEURISTIC, ("Last-Modified", OLD), status=501)
for status in (201, 202, 302, 303, 307, 403, 429, 500, 502, 503, 504, 599):
    refetched(f"heuristic-not-{status}", HEURISTIC, ("Last-Modified", OLD), status=status,
              later=True)
for status in (201, 299, 302, 403, 499):
    reused(f"public-is-storable-{status}", "RFC 9111 §3", cc("public"), ("Last-Modified", OLD),
           status=status, choice="§4.2.2: public allows a heuristic lifetime for any status")
reused("heuristic-10-percent-capped", HEURISTIC, ("Last-Modified", At(-1000 * 86400)),
       ttl=(86_390, 86_400), choice="§4.2.2: 10 %, at most 24 h")
refetched("heuristic-young", HEURISTIC, ("Last-Modified", At(-10)), later=True)
refetched("heuristic-last-modified-in-the-future", HEURISTIC, ("Last-Modified", At(3600)))
refetched("heuristic-last-modified-invalid", HEURISTIC, ("Last-Modified", "yesterday"))
refetched("heuristic-not-over-max-age", HEURISTIC, cc("max-age=1"), ("Last-Modified", OLD),
          later=True)
refetched("heuristic-not-over-expires", HEURISTIC, ("Expires", At(-1)), ("Last-Modified", OLD))
case("heuristic-not-with-query", HEURISTIC, miss(None, ("Last-Modified", OLD), path="?a=1"),
     miss("no-store", path="?a=1"), choice="§4.2.2 leaves it open: off for targets with a query")
case("explicit-with-query", LIFETIME, miss("max-age=3600", path="?a=1"), hit(path="?a=1"))

case("hit-keeps-date", "RFC 9110 §6.6.1", miss("max-age=3600", ("Date", "Thu, 18 Aug 2050 02:01:18 "
     "GMT"), dated=False), PAUSE, hit(has={"Date": "Thu, 18 Aug 2050 02:01:18 GMT"}))
case("must-revalidate-fresh", "RFC 9111 §5.2.2.2", miss("max-age=3600, must-revalidate"), hit())
case("must-revalidate-stale", "RFC 9111 §5.2.2.2", miss("max-age=1, must-revalidate", ("ETag",
     '"a"')), PAUSE, validated())
case("immutable-fresh", "RFC 8246 §2", miss("max-age=3600, immutable"), hit())
case("immutable-stale", "RFC 8246 §2", miss("max-age=1, immutable"), PAUSE, miss("no-store"))
