"""Purging: by key, prefix, route, tag, all; hard and soft; now, and for what is under way."""
import json
import time

import pytest

import harness
import upstream as upstreams
from cache_support import (ADMIN, TOKEN, Crowd, FastOrigin, Gate, asked, cacheable, get_all,
                           numbered, purge, settings, wait_in_flight, word)


def tagged(request):
    """A body that counts, tagged with the parts of the path in all three ways."""
    tags = request.target.split("?")[0].strip("/").split("/")
    return cacheable(str(tagged.count(request.target)).encode(), fields=[
        ("Surrogate-Key", " ".join(tags)), ("Cache-Tag", ", ".join(f"ct-{tag}" for tag in tags)),
        ("Cache-Groups", ", ".join(f'"cg-{tag}"' for tag in tags)), ("ETag", '"a"')])


@pytest.fixture
def filled(start, upstream):
    """An instance with eight stored responses; bodies count the fetches of each target."""
    numbers = {}

    def count(target):
        numbers[target] = numbers.get(target, 0) + 1
        return numbers[target]

    tagged.count = count
    upstream.answer = tagged
    proxy = start(settings=settings(upstream), workers=2)
    for target in TARGETS:
        assert proxy.fetch("GET", target).body == b"1"
    assert {word(proxy.fetch("GET", target)) for target in TARGETS} == {"hit"}
    return proxy


TARGETS = ["/items/1", "/items/2", "/items/2?a=1", "/items/20", "/itemsx", "/users/1", "/users/2",
           "/items"]


def gone(proxy):
    """The targets whose next answer comes from the upstream anew."""
    return {target for target in TARGETS if proxy.fetch("GET", target).body != b"1"}


@pytest.mark.parametrize("parameters, expected", [
    ({"key": "/items/2"}, {"/items/2"}), ({"key": "/items/2?a=1"}, {"/items/2?a=1"}),
    ({"key": "/items/%32"}, {"/items/2"}), ({"key": "/items/3"}, set()),
    ({"prefix": "/items/"}, {"/items/1", "/items/2", "/items/2?a=1", "/items/20"}),
    ({"prefix": "/items/2"}, {"/items/2", "/items/2?a=1", "/items/20"}),
    ({"prefix": "/users"}, {"/users/1", "/users/2"}),
    ({"route": "all"}, set(TARGETS)), ({"all": "true"}, set(TARGETS)),
    ({"tag": "users"}, {"/users/1", "/users/2"}), ({"tag": "1"}, {"/items/1", "/users/1"}),
    ({"tag": "ct-users"}, {"/users/1", "/users/2"}), ({"tag": "cg-1"}, {"/items/1", "/users/1"}),
    ({"tag": "item"}, set()), ({"tag": "USERS"}, set())])
def test_hard(filled, parameters, expected):
    """Exactly what was named is fetched anew."""
    kind = next(iter(parameters))
    response = purge(filled, **parameters)
    assert response.status == 200, response
    json.loads(response.body)
    assert gone(filled) == expected
    filled.wait_metric("cache_purges_total", 1, kind=kind)


@pytest.mark.parametrize("parameters", [{"key": "/users/1"}, {"prefix": "/users"}, {"tag": "users"},
                                        {"route": "all"}, {"all": "true"}])
def test_soft(filled, upstream, parameters):
    """Soft: what is stored is stale, and validated before it is used."""
    upstream.answer = lambda request: (
        b"HTTP/1.1 304 Not Modified\r\nCache-Control: max-age=60\r\n\r\n"
        if request.all("If-None-Match") else cacheable(b"unconditional"))
    assert purge(filled, mode="soft", **parameters).status == 200
    response = filled.fetch("GET", "/users/1")
    assert (response.body, word(response)) == (b"1", "stale")
    assert asked(upstream, "/users/1") == 2
    assert word(filled.fetch("GET", "/users/1")) == "hit"


@pytest.mark.parametrize("mode, status", [("soft", 200), ("hard", 503)])
def test_an_error_after_a_purge(start, upstream, mode, status):
    """What was purged softly may still stand in for an error; hard is gone."""
    upstream.answer = lambda request: cacheable(b"old", "max-age=60, stale-if-error=60") \
        if len(upstream.requests) == 1 else upstreams.response(status="503 Unavailable")
    proxy = start(settings=settings(upstream))
    proxy.fetch("GET", "/k")
    assert purge(proxy, key="/k", mode=mode).status == 200
    assert proxy.fetch("GET", "/k").status == status


def test_key_means_all_variants(start, upstream):
    """A purge by key takes every variant, and only those of the host that was named."""
    upstream.answer = lambda request: cacheable(request.one("Foo").encode(),
                                                fields=[("Vary", "Foo")])
    proxy = start(settings=settings(upstream))

    def fill():
        return [word(proxy.fetch("GET", "/k", [("Foo", foo)], host=host))
                for foo in "12" for host in ("a.example", "b.example")]

    fill()
    assert fill() == ["hit"] * 4
    assert purge(proxy, key="/k", host="a.example").status == 200
    found = fill()
    assert "hit" not in (found[0], found[2]) and (found[1], found[3]) == ("hit", "hit")


@pytest.mark.parametrize("parameters", [{"tag": "t"}, {"key": "/k"}, {"prefix": "/"},
                                        {"route": "all"}, {"all": "true"}])
@pytest.mark.parametrize("mode", ["hard", "soft"])
def test_a_fetch_under_way(start, upstream, parameters, mode):
    """What was asked for before the purge is not fresh after it. (Who waited for it asks anew:
    test_cache_coherence.py.)"""
    upstream.answer = gate = Gate(numbered(fields=[("Surrogate-Key", "t")]))
    proxy = start(settings=settings(upstream))
    with Crowd(proxy, 1, "/k") as crowd:
        wait_in_flight(proxy, 1)
        assert purge(proxy, mode=mode, **parameters).status == 200
        gate.open()
        assert {response.status for response in crowd.responses()} == {200}
    before = len(upstream.requests)
    response = proxy.fetch("GET", "/k")
    assert word(response) != "hit" and len(upstream.requests) == before + 1
    assert word(proxy.fetch("GET", "/k")) == "hit"


@pytest.mark.parametrize("fields, status", [((), 401), ((("Authorization", "Bearer wrong"),), 401)])
def test_needs_the_token(filled, fields, status):
    """Without it nothing is purged."""
    assert purge(filled, fields, all="true").status == status
    assert gone(filled) == set()


@pytest.mark.parametrize("query", ["", "all=false", "mode=soft", "key=%2Fa&mode=medium", "what=x",
                                   "key=", "tag=", "route=unknown", "key=%2Fa&tag=b"])
def test_unclear_requests_purge_nothing(filled, query):
    """One kind, with a value; a problem document says what is wrong."""
    response = filled.admin("POST", f"/api/v1/purge?{query}", [ADMIN])
    assert response.status in (400, 404, 422), response
    assert response.one("Content-Type") == "application/problem+json"
    assert gone(filled) == set()


def test_get_does_not_purge(filled):
    """A link checker may follow any link."""
    assert filled.admin("GET", "/api/v1/purge?all=true", [ADMIN]).status == 405
    assert gone(filled) == set()


@pytest.mark.parametrize("arguments, expected", [
    (["--tag", "users"], {"/users/1", "/users/2"}), (["--key", "/items/1"], {"/items/1"}),
    (["--prefix", "/users"], {"/users/1", "/users/2"}), (["--all"], set(TARGETS)),
    (["--route", "all"], set(TARGETS))])
def test_command_line(filled, arguments, expected):
    """`meliproxy purge` says the same to the admin listener."""
    done = harness.run("purge", "--admin", f"127.0.0.1:{filled.admin_port}", "--token", TOKEN,
                       *arguments)
    assert done.returncode == 0, done.stderr
    assert gone(filled) == expected
    assert harness.run("purge", "--admin", f"127.0.0.1:{filled.admin_port}", "--token", "wrong-one",
                       *arguments).returncode != 0


def test_one_tag_among_100_000(start):
    """Its cost does not depend on how much is stored: below 50 ms, and complete at once."""
    def answer(target):
        number = int(target[1:])
        tag = "rare" if number % 1000 == 7 else f"t{number % 50}"
        return cacheable(b"x" * 100, fields=[("Surrogate-Key", f"all {tag}")])

    with FastOrigin(answer) as origin:
        proxy = start(settings=settings(origin, memory="1GiB"))
        get_all(proxy, (f"/{number}" for number in range(100_000)))
        proxy.wait_metric("cache_entries", 100_000)
        rare, others = range(7, 100_000, 1000), range(8, 100_000, 1000)
        begun = time.monotonic()
        assert purge(proxy, tag="rare").status == 200
        took = time.monotonic() - begun
        before = origin.count
        get_all(proxy, (f"/{number}" for number in others))
        assert origin.count == before, "something else was purged"
        get_all(proxy, (f"/{number}" for number in rare))
        assert origin.count == before + 100, "something purged was served"
        assert took < 0.05, f"{took * 1000:.1f} ms"
