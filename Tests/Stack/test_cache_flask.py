"""What Flask-Caching offers, on the wire: docs/parity-flask-caching.md has the table."""
import pathlib
import re

import pytest

import harness
from cache_support import asked, cacheable, numbered, purge, settings, word

PARITY = harness.REPOSITORY / "docs/parity-flask-caching.md"


@pytest.fixture
def cached(start, upstream):
    """Makes an instance with these settings before an origin whose bodies count."""
    def make(cache=None, answer=None, **more):
        upstream.answer = answer or numbered(None)
        return start(settings=settings(upstream, cache, **more))
    return make


def bodies(proxy, *targets, **options):
    """The bodies of GETs made one after the other."""
    return [proxy.fetch("GET", target, **options).body.decode() for target in targets]


def test_default_timeout(cached):
    """CACHE_DEFAULT_TIMEOUT, @cached(timeout=…): a lifetime for answers that name none."""
    proxy = cached({"ttl": {"200": "1s"}})
    assert bodies(proxy, "/a", "/a") == ["1", "1"]
    harness.wait_until(lambda: bodies(proxy, "/a") == ["2"], "the timeout", within=2.5, every=0.1)


def test_timeout_per_route(start, upstream):
    """Each view has its own timeout: each route has its own lifetime."""
    upstream.answer = numbered(None)
    two = harness.settings_for(upstream)
    two["routes"] = [{"name": name, "match": {"path": f"/{name}/**"}, "upstream": "api",
                      "cache": {"ttl": {"200": ttl}}} for name, ttl in [("a", "60s"), ("b", "0s")]]
    proxy = start(settings=two)
    assert bodies(proxy, "/a/x", "/a/x", "/b/x", "/b/x") == ["1", "1", "1", "2"]


def test_timeout_per_response(cached):
    """The view's own cache_control.max_age comes before the route's default."""
    def answer(request):
        return cacheable(request.target.encode(), request.target.rpartition("?")[2])

    proxy = cached({"ttl": {"200": "60s"}}, answer)
    words = [word(proxy.fetch("GET", "/a?max-age=0")) for _ in range(2)]
    words += [word(proxy.fetch("GET", "/a?max-age=60")) for _ in range(2)]
    assert [w == "hit" for w in words] == [False, False, False, True]


def test_key_functions(cached):
    """make_cache_key, key_prefix: fields and cookies of the request in the key."""
    proxy = cached({"ttl": {"200": "60s"}}, key={"fields": ["X-Tenant"], "cookies": ["lang"]})

    def ask(tenant, language):
        return proxy.fetch("GET", "/a", [("X-Tenant", tenant),
                                         ("Cookie", f"lang={language}; id=7")]).body

    assert [ask("t", "es"), ask("u", "es"), ask("t", "pt"), ask("t", "es")] == [
        b"1", b"2", b"3", b"1"]


def test_query_string(cached):
    """query_string=True: the same parameters in another order are one key."""
    proxy = cached({"ttl": {"200": "60s"}}, key={"sort_query": True})
    assert bodies(proxy, "/a?x=1&y=2", "/a?y=2&x=1") == ["1", "1"]
    assert {word(proxy.fetch("GET", target)) for target in ("/a?x=1&y=2", "/a?y=2&x=1")} == {"hit"}
    assert word(proxy.fetch("GET", "/a?x=1&y=3")) != "hit"


def test_args_to_ignore(cached):
    """args_to_ignore, and a key function that drops arguments: ignored parameters."""
    proxy = cached({"ttl": {"200": "60s"}}, key={"ignore_query": ["session", "utm_*"]})
    assert bodies(proxy, "/a?x=1&session=1", "/a?x=1&session=2&utm_source=b") == ["1", "1"]


def test_unless(cached, upstream):
    """unless=…: requests that bypass the cache, neither stored nor answered from it."""
    proxy = cached({"ttl": {"200": "60s"}}, key={"bypass_query": ["preview"]})
    for _ in range(2):
        assert word(proxy.fetch("GET", "/a?preview=1")) == "bypass"
    assert asked(upstream, "/a?preview=1") == 2


def test_response_filter(cached):
    """response_filter: the answer decides, by status and by what it says of itself."""
    def answer(request):
        status = request.target[1:4]
        return cacheable(b"x", "no-store" if "no" in request.target else None, f"{status} Some")

    proxy = cached({"ttl": {"200": "60s"}, "negative_ttl": "0s", "error_ttl": "0s"}, answer)
    stored = [word(proxy.fetch("GET", target)) == "hit" for target in
              ("/200", "/200", "/404", "/404", "/500", "/500", "/200no", "/200no")]
    assert stored == [False, True] + [False] * 6


def test_forced_update(cached):
    """forced_update: `Cache-Control: no-cache` fetches anew and replaces what is stored."""
    proxy = cached({"ttl": {"200": "60s"}})
    assert bodies(proxy, "/a", "/a") == ["1", "1"]
    assert bodies(proxy, "/a", fields=[("Cache-Control", "no-cache")]) == ["2"]
    assert bodies(proxy, "/a") == ["2"]


@pytest.mark.parametrize("status, body", [("200 OK", b""), ("204 No Content", b""),
                                          ("200 OK", b"null")])
def test_cache_none(cached, upstream, status, body):
    """cache_none: an empty answer is an answer."""
    proxy = cached({}, lambda request: cacheable(body, status=status) if body or "204" not in status
                   else b"HTTP/1.1 204 No Content\r\nCache-Control: max-age=60\r\n\r\n")
    assert {proxy.fetch("GET", "/a").body for _ in range(3)} == {body}
    assert asked(upstream, "/a") == 1


def test_delete(cached):
    """cache.delete(key): one target, all its variants."""
    proxy = cached({"ttl": {"200": "60s"}})
    assert bodies(proxy, "/a", "/b") == ["1", "1"]
    assert purge(proxy, key="/a").status == 200
    assert bodies(proxy, "/a", "/b") == ["2", "1"]


def test_delete_many(cached):
    """delete_many, delete_memoized: by prefix, or by a tag that the answers carry."""
    proxy = cached({}, numbered(fields=[("Surrogate-Key", "view")]))
    assert bodies(proxy, "/a/1", "/a/2", "/b") == ["1"] * 3
    assert purge(proxy, prefix="/a/").status == 200
    assert bodies(proxy, "/a/1", "/a/2", "/b") == ["2", "2", "1"]
    assert purge(proxy, tag="view").status == 200
    assert bodies(proxy, "/a/1", "/a/2", "/b") == ["3", "3", "2"]


def test_clear(cached):
    """cache.clear()."""
    proxy = cached({"ttl": {"200": "60s"}})
    assert bodies(proxy, "/a", "/b") == ["1", "1"]
    assert purge(proxy, all="true").status == 200
    assert bodies(proxy, "/a", "/b") == ["2", "2"]


def test_hit_indication(cached):
    """response_hit_indication: Cache-Status (RFC 9211) in place of `hit_cache`."""
    proxy = cached({"ttl": {"200": "60s"}})
    assert [word(proxy.fetch("GET", "/a")) for _ in range(3)] == ["uri-miss", "hit", "hit"]


def test_null_cache(cached, upstream):
    """CACHE_TYPE = NullCache: `cache: off`."""
    proxy = cached("off")
    assert bodies(proxy, "/a", "/a") == ["1", "2"]


def test_threshold(cached):
    """CACHE_THRESHOLD counts items; `cache.memory` counts bytes, all of them."""
    proxy = cached({}, lambda request: cacheable(b"x" * 100_000), memory="16MiB")
    for number in range(400):
        proxy.fetch("GET", f"/{number}")
    assert 0 < proxy.metric("cache_size_bytes") <= 16 << 20
    assert proxy.metric("cache_entries") < 400


def test_path_parameters_are_in_the_key(cached):
    """memoize(): arguments are part of the key; here they are the path's."""
    proxy = cached({}, lambda request: cacheable(request.target.encode()))
    assert bodies(proxy, "/items/1", "/items/2", "/items/1") == ["/items/1", "/items/2", "/items/1"]


def test_the_table_names_tests_that_exist():
    """docs/parity-flask-caching.md: every test it names is here, and every one here is named."""
    text = PARITY.read_text()
    named = set(re.findall(r"`(test_\w+)`", text))
    source = pathlib.Path(__file__).read_text()
    here = set(re.findall(r"^def (test_\w+)", source, re.MULTILINE))
    assert named == here - {"test_the_table_names_tests_that_exist"}
