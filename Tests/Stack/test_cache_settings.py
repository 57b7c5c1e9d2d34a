"""What a route can say about its cache (docs/configuration.md), each key with its effect."""
import time

import pytest

import cache_status
import harness
import upstream as upstreams
from cache_support import asked, cacheable, numbered, settings, word, words


def served(start, upstream, cache, answer, *targets, fields=()):
    """The bodies of requests made one after the other on a route with these settings."""
    upstream.answer = answer
    proxy = start(settings=settings(upstream, cache))
    return [proxy.fetch("GET", target, fields).body.decode() for target in targets or ("/k", "/k")]


KEPT, ANEW = ["1", "1"], ["1", "2"]
PAST = [("Expires", "0")]
OLD = [("Last-Modified", "Thu, 18 Aug 2011 02:01:18 GMT")]
COOKIE = [("Set-Cookie", "a=b")]


@pytest.mark.parametrize("cache, answer, expected", [
    ({"ttl": {"200": "60s"}}, numbered(None), KEPT),
    ({"ttl": {"200": "60s"}}, numbered("max-age=0"), ANEW),
    ({"ttl": {"200": "60s"}}, numbered(None, PAST), ANEW),
    ({"ttl": {"200": "60s"}}, numbered("no-store"), ANEW),
    ({"ttl": {"200": "60s"}}, numbered("private"), ANEW),
    ({"ttl": {"200": "60s"}}, numbered(None, COOKIE), ANEW),
    ({"ttl": {"200": "60s"}}, numbered(None, status="403 Forbidden"), ANEW),
    ({"ttl": {"403": "60s"}}, numbered(None, status="403 Forbidden"), KEPT),
    ({"negative_ttl": "10s"}, numbered(None, status="404 Not Found"), KEPT),
    ({"negative_ttl": "10s"}, numbered(None, status="410 Gone"), KEPT),
    ({"negative_ttl": "0s"}, numbered(None, status="404 Not Found"), ANEW),
    ({"negative_ttl": "10s"}, numbered("no-store", status="404 Not Found"), ANEW),
    ({"negative_ttl": "10s"}, numbered(None), ANEW),
    ({}, numbered(None, status="404 Not Found"), KEPT),
    ({"error_ttl": "1s"}, numbered(None, status="503 Unavailable"), KEPT),
    ({"error_ttl": "0s"}, numbered(None, status="503 Unavailable"), ANEW),
    ({"ttl_min": "60s"}, numbered("max-age=0"), ANEW), ({"ttl_min": "60s"}, numbered(), KEPT),
    ({"ttl_min": "60s"}, numbered("no-store"), ANEW),
    ({"ttl_max": "0s"}, numbered(), ANEW),
    ({"heuristic_with_query": True}, numbered(None, OLD), KEPT),
    ({"heuristic_with_query": False}, numbered(None, OLD), ANEW),
    ({"set_cookie": "explicit"}, numbered("max-age=60", COOKIE), ANEW),
    ({"set_cookie": "explicit"}, numbered("public, max-age=60", COOKIE), KEPT),
    ({"set_cookie": "never"}, numbered("public, max-age=60", COOKIE), ANEW),
    ({"set_cookie": "drop"}, numbered("max-age=60", COOKIE), KEPT),
    ({"enabled": False}, numbered(), ANEW), ({"enabled": True}, numbered(), KEPT),
    ("off", numbered(), ANEW), ("on", numbered(), KEPT)])
def test_reuse(start, upstream, cache, answer, expected):
    """Whether the second of two requests is answered from the first."""
    assert served(start, upstream, cache, answer, "/k?a=1", "/k?a=1") == expected


@pytest.mark.parametrize("cache, cc, low, high", [
    ({"ttl_max": "60s"}, "max-age=3600", 58, 60), ({"ttl_min": "60s"}, "max-age=10", 58, 60),
    ({"ttl": {"200": "60s"}}, None, 58, 60), ({"ttl_min": "60s", "ttl_max": "90s"}, "max-age=75",
                                              73, 75)])
def test_lifetime(start, upstream, cache, cc, low, high):
    """The lifetime that Cache-Status tells."""
    upstream.answer = numbered(cc)
    proxy = start(settings=settings(upstream, cache))
    proxy.fetch("GET", "/k")
    assert low <= cache_status.parse(proxy.fetch("GET", "/k")).ttl <= high


def test_an_error_is_kept_for_a_second_at_most(start, upstream):
    """`error_ttl` shields an upstream that is down, and not for long."""
    upstream.answer = numbered(None, status="503 Unavailable")
    proxy = start(settings=settings(upstream, {"error_ttl": "1s"}))
    assert [proxy.fetch("GET", "/k").body for _ in range(5)] == [b"1"] * 5
    harness.wait_until(lambda: proxy.fetch("GET", "/k").body == b"2", "a new attempt", within=2.5)


def test_an_error_does_not_replace_what_may_be_served(start, upstream):
    """A kept error never comes before a stale response that can stand in."""
    upstream.answer = lambda request: cacheable(
        b"old", "max-age=10, stale-if-error=600", fields=[("Age", "60")]) \
        if len(upstream.requests) == 1 else upstreams.response(status="503 Unavailable")
    proxy = start(settings=settings(upstream, {"error_ttl": "1s"}))
    assert [proxy.fetch("GET", "/k").body for _ in range(4)] == [b"old"] * 4


@pytest.mark.parametrize("field", [("Cache-Control", "no-cache"), ("Cache-Control", "max-age=0"),
                                   ("Cache-Control", "no-store"), ("Pragma", "no-cache"),
                                   ("Cache-Control", "min-fresh=99999")])
@pytest.mark.parametrize("mode", ["honour", "ignore"])
def test_request_directives(start, upstream, mode, field):
    """A public API need not let strangers drive its miss rate."""
    upstream.answer = numbered()
    proxy = start(settings=settings(upstream, {"request_directives": mode}))
    proxy.fetch("GET", "/k")
    again = proxy.fetch("GET", "/k", [field])
    if mode == "ignore":
        assert (again.body, word(again)) == (b"1", "hit")
    elif field[1] != "no-store":
        assert (again.body, word(again)) == (b"2", "request")


def test_only_if_cached_ignored(start, upstream):
    """Where directives are ignored, so is this one: the upstream is asked."""
    upstream.answer = numbered()
    proxy = start(settings=settings(upstream, {"request_directives": "ignore"}))
    assert proxy.fetch("GET", "/k", [("Cache-Control", "only-if-cached")]).body == b"1"


STALE = [("Age", "60")]


@pytest.mark.parametrize("cache, cc, hit", [
    ({"stale_while_revalidate": "600s"}, "max-age=10", True),
    ({"stale_while_revalidate": "600s"}, "max-age=10, stale-while-revalidate=0", True),
    ({"stale_while_revalidate": "600s"}, "max-age=10, must-revalidate", False),
    ({"stale_while_revalidate": "600s"}, "s-maxage=10", False),
    ({"stale_while_revalidate_max": "0s"}, "max-age=10, stale-while-revalidate=600", False),
    ({"stale_while_revalidate_max": "600s"}, "max-age=10, stale-while-revalidate=9999", True),
    ({}, "max-age=10, stale-while-revalidate=600", True), ({}, "max-age=10", False)])
def test_stale_while_revalidate(start, upstream, cache, cc, hit):
    """The route's window comes before the upstream's, the cap after; a prohibition before both."""
    upstream.answer = numbered(cc, STALE)
    proxy = start(settings=settings(upstream, cache))
    assert (words(proxy, "/k", "/k")[1] == "hit") == hit


@pytest.mark.parametrize("cache, cc, status", [
    ({"stale_if_error": "600s"}, "max-age=10", 200),
    ({"stale_if_error": "600s"}, "max-age=10, must-revalidate", 503),
    ({"stale_if_error": "600s"}, "s-maxage=10", 503),
    ({"stale_if_error_max": "0s"}, "max-age=10, stale-if-error=600", 503),
    ({"stale_if_error_max": "30s"}, "max-age=10, stale-if-error=600", 503),
    ({}, "max-age=10, stale-if-error=600", 200), ({}, "max-age=10", 503)])
def test_stale_if_error(start, upstream, cache, cc, status):
    """The same for the window of errors."""
    upstream.answer = lambda request: cacheable(b"old", cc, fields=STALE) \
        if len(upstream.requests) == 1 else upstreams.response(status="503 Unavailable")
    proxy = start(settings=settings(upstream, cache))
    assert [proxy.fetch("GET", "/k").status for _ in range(2)] == [200, status]


def test_dropped_fields(start, upstream):
    """`drop_fields` are not stored, in any case of letters; `drop` loses the cookie as well."""
    upstream.answer = numbered(fields=[("X-Trace", "1"), ("X-Keep", "2"), ("Set-Cookie", "a=b")])
    proxy = start(settings=settings(upstream, {"drop_fields": ["x-trace"], "set_cookie": "drop"}))
    proxy.fetch("GET", "/k")
    kept = proxy.fetch("GET", "/k")
    assert word(kept) == "hit"
    assert (kept.all("X-Trace"), kept.all("X-Keep"), kept.all("Set-Cookie")) == ([], ["2"], [])


def test_vary_ignore(start, upstream):
    """Only the fields named are ignored."""
    upstream.answer = numbered(fields=[("Vary", "User-Agent, Foo")])
    proxy = start(settings=settings(upstream, {"vary_ignore": ["user-agent"]}))
    bodies = [proxy.fetch("GET", "/k", [("User-Agent", agent), ("Foo", foo)]).body.decode()
              for agent, foo in [("a", "1"), ("b", "1"), ("a", "2"), ("c", "2")]]
    assert bodies == ["1", "1", "2", "2"]


def test_vary_star_is_not_ignored_away(start, upstream):
    """`Vary: *` is never stored, whatever else is ignored."""
    upstream.answer = numbered(fields=[("Vary", "User-Agent, *")])
    proxy = start(settings=settings(upstream, {"vary_ignore": ["User-Agent"]}))
    assert "hit" not in words(proxy, "/k", "/k")


def test_ttl_jitter(start, upstream):
    """What was stored together does not expire together, and never later than it may."""
    upstream.answer = numbered("max-age=10000")
    proxy = start(settings=settings(upstream, {"ttl_jitter": 50}))
    targets = [f"/{number}" for number in range(40)]
    words(proxy, *targets)
    lifetimes = [cache_status.parse(proxy.fetch("GET", target)).ttl for target in targets]
    assert len(set(lifetimes)) > 10 and 4990 <= min(lifetimes) and max(lifetimes) <= 10_000


def test_refresh_ahead(start, upstream):
    """Shortly before its end an entry is refreshed while it is still served fresh."""
    counted = numbered("max-age=60")
    upstream.answer = lambda request: counted(request).replace(
        b"\r\n\r\n1", b"\r\nAge: 40\r\n\r\n1")
    proxy = start(settings=settings(upstream, {"refresh_ahead": "30s"}))
    proxy.fetch("GET", "/k")
    response = proxy.fetch("GET", "/k")
    assert (response.body, word(response)) == (b"1", "hit")
    harness.wait_until(lambda: proxy.fetch("GET", "/k").body == b"2", "the refresh")
    time.sleep(0.1)  # time for a refresh too many
    assert asked(upstream, "/k") == 2


def test_cache_settings_are_checked(tmp_path, upstream):
    """Every mistake is reported at once, with its key."""
    wrong = {"request_directives": "sometimes", "ttl": {"abc": "1s"}, "error_ttl": "5s",
             "set_cookie": "yes", "ttl_jitter": 200, "nonsense": 1, "key": {"sort_query": "no"}}
    done = harness.run("check-config", harness.write_settings(tmp_path, settings(upstream, wrong)))
    assert done.returncode != 0
    for key in ("request_directives", "ttl", "error_ttl", "set_cookie", "ttl_jitter", "nonsense",
                "sort_query"):
        assert key in done.stderr + done.stdout, key
