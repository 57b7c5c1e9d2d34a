"""Variants of a response (RFC 9111 §4.1, RFC 9110 §12.5.5)."""
from cache_cases import PAUSE, case, hit, miss, validated

HOUR = "max-age=3600"
VARY = "RFC 9111 §4.1"
MISSES = ("vary-miss",)


def foo(value):
    """A request with this Foo."""
    return {"req": [("Foo", value)]}


FOO = ("Vary", "Foo")
case("vary-same", VARY, miss(HOUR, FOO, **foo("1")), hit(**foo("1")))
case("vary-other", VARY, miss(HOUR, FOO, **foo("1")), miss(HOUR, FOO, **foo("2"), cache=MISSES),
     hit(0, **foo("1")), hit(1, **foo("2")))
case("vary-absent-then-present", VARY, miss(HOUR, FOO), miss(HOUR, FOO, **foo("1"), cache=MISSES))
case("vary-present-then-absent", VARY, miss(HOUR, FOO, **foo("1")), miss(HOUR, FOO, cache=MISSES))
case("vary-absent-both", VARY, miss(HOUR, FOO), hit())
case("vary-absent-and-empty", VARY, miss(HOUR, FOO, **foo("")), miss(HOUR, FOO),
     choice="§4.1: a field that is absent matches only absence")
case("vary-name-in-other-case", VARY, miss(HOUR, ("Vary", "fOO"), **foo("1")), hit(**foo("1")),
     miss(HOUR, ("Vary", "fOO"), **foo("2")))
case("vary-value-in-other-case", VARY, miss(HOUR, FOO, **foo("a")), miss(HOUR, FOO, **foo("A")),
     choice="§4.1: Foo's case may matter")
case("vary-unrelated-field", VARY, miss(HOUR, FOO, **foo("1")),
     hit(req=[("Foo", "1"), ("Other", "2")]))
case("vary-two-fields", VARY, miss(HOUR, ("Vary", "Foo, Bar"), req=[("Foo", "1"), ("Bar", "2")]),
     hit(req=[("Bar", "2"), ("Foo", "1")]),
     miss(HOUR, ("Vary", "Foo, Bar"), req=[("Foo", "1"), ("Bar", "3")], cache=MISSES),
     miss(HOUR, ("Vary", "Foo, Bar"), **foo("1"), cache=MISSES))
case("vary-two-lines", VARY, miss(HOUR, ("Vary", "Foo"), ("Vary", "Bar"), req=[("Bar", "2")]),
     miss(HOUR, ("Vary", "Foo"), ("Vary", "Bar"), req=[("Bar", "3")], cache=MISSES))
case("vary-empty", VARY, miss(HOUR, ("Vary", ""), **foo("1")), hit(**foo("2")))
case("vary-empty-elements", VARY, miss(HOUR, ("Vary", ", Foo,,"), **foo("1")), hit(**foo("1")),
     miss("no-store", **foo("2")))
case("vary-three-variants", VARY, *(miss(HOUR, FOO, **foo(str(n))) for n in range(3)),
     *(hit(n, **foo(str(n))) for n in range(3)))
case("vary-at-most-32-variants", VARY, *(miss(HOUR, FOO, **foo(str(n))) for n in range(40)),
     *(hit(n, **foo(str(n))) for n in range(39, 30, -1)), miss("no-store", **foo("0")),
     choice="at most 32 variants of a key: the least recently used goes")
case("vary-appears-later", VARY, miss("max-age=1"), PAUSE, miss(HOUR, FOO, **foo("1")),
     miss(HOUR, FOO, **foo("2")), hit(1, **foo("1")))
case("vary-refresh-of-one-variant", VARY, miss("max-age=1", FOO, ("ETag", '"1"'), **foo("1")),
     miss("max-age=1", FOO, ("ETag", '"2"'), **foo("2")), PAUSE,
     validated(0, HOUR, FOO, ("ETag", '"1"'), **foo("1")), hit(0, **foo("1")),
     validated(1, HOUR, FOO, ("ETag", '"2"'), **foo("2")), hit(1, **foo("2")))

for name, *lines in [("star", "*"), ("star-star", "*, *"), ("star-lines", "*", "*"),
                     ("empty-then-star", ", *"), ("empty-line-then-star", "", "*"),
                     ("star-foo", "*, Foo"), ("foo-star", "Foo, *"), ("foo-line-star", "Foo", "*")]:
    case(f"vary-{name}", "RFC 9110 §12.5.5",
         miss(HOUR, *(("Vary", line) for line in lines), **foo("1"), stored=False),
         miss("no-store", **foo("1")))

NORMAL = "§4.1: whitespace and lines of a list may be normalised"
for name, first, second in [
        ("list-blanks", [("Foo", "1, 2")], [("Foo", "1,2")]),
        ("list-more-blanks", [("Foo", "1,2")], [("Foo", "1 ,\t2")]),
        ("two-lines", [("Foo", "1"), ("Foo", "2")], [("Foo", "1, 2")])]:
    case(f"vary-normal-{name}", VARY, miss(HOUR, FOO, req=first), hit(req=second), choice=NORMAL)
case("vary-order-of-a-list", VARY, miss(HOUR, FOO, **foo("1, 2")), miss(HOUR, FOO, **foo("2, 1")),
     choice="§4.1: the order may matter")
ACCEPT = ("Vary", "Accept-Encoding")
for name, first, second in [("blanks", "gzip,br", "gzip, br"), ("case", "gzip", "GZip"),
                            ("order", "gzip, br", "br, gzip")]:
    case(f"vary-accept-encoding-{name}", VARY, miss(HOUR, ACCEPT, req=[("Accept-Encoding", first)]),
         hit(req=[("Accept-Encoding", second)]), choice="normalised to the set of codings")
case("vary-accept-encoding-other", VARY, miss(HOUR, ACCEPT, req=[("Accept-Encoding", "gzip")]),
     miss(HOUR, ACCEPT, req=[("Accept-Encoding", "identity")], cache=MISSES))
case("vary-accept-encoding-refused", VARY, miss(HOUR, ACCEPT, req=[("Accept-Encoding", "gzip")]),
     miss(HOUR, ACCEPT, req=[("Accept-Encoding", "gzip;q=0")], cache=MISSES))
case("vary-accept-encoding-absent", VARY, miss(HOUR, ACCEPT, req=[("Accept-Encoding", "gzip")]),
     miss(HOUR, ACCEPT, cache=MISSES))
case("vary-quoted-blanks-count", VARY, miss(HOUR, FOO, **foo('"a, b"')),
     miss(HOUR, FOO, **foo('"a,b"')), choice="§4.1: within a quoted string a blank is content")
case("vary-cookie", VARY, miss(HOUR, ("Vary", "Cookie"), req=[("Cookie", "a=1")]),
     miss(HOUR, ("Vary", "Cookie"), req=[("Cookie", "a=2")], cache=MISSES),
     hit(req=[("Cookie", "a=1")]))
case("vary-on-a-hop-by-hop-field", VARY, miss(HOUR, ("Vary", "Connection, Foo"), **foo("1")),
     miss(HOUR, FOO, **foo("2")))
