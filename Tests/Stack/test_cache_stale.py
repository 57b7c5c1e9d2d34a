"""MercadoLibre's own header through its whole life: fresh, revalidating, on error, expired.

Ages are given by the origin's `Age`, so that nothing has to be waited for; that the borders are
crossed in real time as well is one test of three seconds.
"""
import time

import pytest

import cache_status
import upstream as upstreams
from cache_support import MELI, asked, cacheable, settings
from harness import wait_until
from upstream import RESET, Pause

TAG = ("ETag", '"1"')
OLD, NEW = b"old", b"new"
# max-age=3600: fresh up to there; 1800 more while revalidating, 7200 more if there is an error.
AGES = {"fresh": 100, "swr": 4000, "sie": 6000, "expired": 12_000}


def new():
    """A full answer that replaces what is stored."""
    return cacheable(NEW, MELI, fields=[("ETag", '"2"')])


UPSTREAMS = {"200": new(), "503": upstreams.response(status="503 Unavailable"), "reset": [RESET],
             "304": b"HTTP/1.1 304 Not Modified\r\nCache-Control: " + MELI.encode() + b"\r\n\r\n",
             "timeout": [Pause(1.2), new()]}


@pytest.fixture(scope="module")
def shared(shared_instance):
    """One instance; each target's first answer has the Age that its name asks for."""
    def proxy_settings(upstream):
        return settings(upstream, upstream_settings={"retries": {"max": 0}, "breaker": "off",
                                                     "first_byte_timeout": "300ms"})

    shared = shared_instance(proxy_settings)

    def answer(request):
        _, kind, age, *_ = request.target.split("/")
        if asked(shared.upstream, request.target) == 1:
            return cacheable(OLD, MELI, fields=[TAG, ("Age", age)])
        if kind == "304" and not request.all("If-None-Match"):
            return new()
        return UPSTREAMS[kind]

    shared.upstream.answer = answer
    return shared


def look(shared, target):
    """One request: its answer, its Cache-Status, and how often the origin was asked for it."""
    before = asked(shared.upstream, target)
    response = shared.ensure().fetch("GET", target)
    return response, cache_status.parse(response), asked(shared.upstream, target) - before


def fill(shared, kind, age):
    """Stores a response of that age and returns its target."""
    target = f"/{kind}/{age}/{time.monotonic_ns()}"
    response, status, count = look(shared, target)
    assert (response.status, response.body, status.word, count) == (200, OLD, "uri-miss", 1)
    return target


@pytest.mark.parametrize("kind", UPSTREAMS)
def test_fresh(shared, kind):
    """The upstream is not asked."""
    response, status, count = look(shared, fill(shared, kind, AGES["fresh"]))
    assert (response.status, response.body, count) == (200, OLD, 0)
    assert status.word == "hit" and 3490 <= status.ttl <= 3500
    assert 100 <= int(response.one("Age")) <= 110


@pytest.mark.parametrize("kind", UPSTREAMS)
def test_stale_while_revalidate(shared, kind):
    """The stale answer at once and one request in the background, whatever comes of that."""
    target = fill(shared, kind, AGES["swr"])
    begun = time.monotonic()
    response, status, _ = look(shared, target)
    assert time.monotonic() - begun < 0.25, "it waited for the upstream"
    assert (response.status, response.body) == (200, OLD)
    assert (status.word, status.detail) == ("hit", "swr") and -410 <= status.ttl <= -400
    assert 4000 <= int(response.one("Age")) <= 4010
    wait_until(lambda: asked(shared.upstream, target) == 2, "the refresh")
    assert shared.upstream.requests[-1].all("If-None-Match") == ['"1"']
    if kind in ("200", "304"):
        wait_until(lambda: look(shared, target)[1].ttl > 0, "the refreshed answer")
        response, status, _ = look(shared, target)
        assert response.body == {"200": NEW, "304": OLD}[kind]
        assert asked(shared.upstream, target) == 2, "one refresh was enough"
        assert int(response.one("Age")) <= 2
    else:
        response, status, _ = look(shared, target)
        assert (response.status, response.body, status.word) == (200, OLD, "hit")


@pytest.mark.parametrize("kind, fwd_status", [("503", 503), ("reset", None), ("timeout", None)])
def test_stale_if_error(shared, kind, fwd_status):
    """Past stale-while-revalidate the upstream is awaited, and its failure hidden."""
    target = fill(shared, kind, AGES["sie"])
    for _ in range(2):
        response, status, count = look(shared, target)
        assert (response.status, response.body, count) == (200, OLD, 1)
        assert (status.word, status.detail) == ("stale", "sie")
        assert status.parameters.get("fwd-status") == fwd_status
        assert 6000 <= int(response.one("Age")) <= 6010


@pytest.mark.parametrize("kind, body", [("200", NEW), ("304", OLD)])
@pytest.mark.parametrize("stage", ["sie", "expired"])
def test_asked_again(shared, stage, kind, body):
    """Past stale-while-revalidate a healthy upstream's answer is what counts."""
    target = fill(shared, kind, AGES[stage])
    response, status, count = look(shared, target)
    assert (response.status, response.body, count) == (200, body, 1)
    if stage == "sie":
        assert status.word == "stale" and status.parameters.get("fwd-status") == int(kind)
    response, status, count = look(shared, target)
    assert (response.body, status.word, count) == (body, "hit", 0)


@pytest.mark.parametrize("kind, code", [("503", 503), ("reset", 502), ("timeout", 504)])
def test_expired(shared, kind, code):
    """Past all windows a failure is shown."""
    response, status, count = look(shared, fill(shared, kind, AGES["expired"]))
    assert (response.status, count) == (code, 1) and OLD not in response.body
    assert status.word in ("stale", "uri-miss", "miss")


def test_borders_are_crossed_in_real_time(shared):
    """Two seconds before each border, and three seconds later."""
    fresh, swr, sie = (fill(shared, "503", border - 2) for border in (3600, 5400, 10_800))
    stage = {target: look(shared, target) for target in (fresh, swr, sie)}
    assert (stage[fresh][1].word, stage[fresh][1].detail) == ("hit", "l1")
    assert (stage[swr][1].word, stage[swr][1].detail) == ("hit", "swr")
    assert (stage[sie][1].word, stage[sie][1].detail) == ("stale", "sie")
    time.sleep(3)
    stage = {target: look(shared, target) for target in (fresh, swr, sie)}
    assert (stage[fresh][1].word, stage[fresh][1].detail) == ("hit", "swr")
    assert (stage[swr][1].word, stage[swr][1].detail) == ("stale", "sie")
    assert stage[sie][0].status == 503


def test_one_refresh_at_a_time(start, upstream):
    """A hundred clients in the window are one request in the background."""
    def answer(request):
        if len(upstream.requests) == 1:
            return cacheable(OLD, MELI, fields=[TAG, ("Age", "4000")])
        return [Pause(0.3), new()]

    upstream.answer = answer
    proxy = start(upstream, workers=2)
    bodies = {proxy.fetch("GET", "/k").body for _ in range(100)}
    assert bodies <= {OLD, NEW} and OLD in bodies
    wait_until(lambda: proxy.fetch("GET", "/k").body == NEW, "the refresh")
    assert len(upstream.requests) == 2


def test_the_refresh_outlives_the_client(start, upstream):
    """Who got the stale answer may leave at once."""
    upstream.answer = lambda request: cacheable(OLD, MELI, fields=[("Age", "4000")]) \
        if len(upstream.requests) == 1 else [Pause(0.2), new()]
    proxy = start(upstream)
    for _ in range(2):
        proxy.fetch("GET", "/k")
    wait_until(lambda: proxy.fetch("GET", "/k").body == NEW, "the refresh")
    assert len(upstream.requests) == 2


def test_an_upstream_that_is_gone(start, upstream):
    """Nobody listens any more: stale on error as well."""
    upstream.answer = lambda request: cacheable(OLD, MELI, fields=[("Age", "6000")])
    proxy = start(upstream)
    proxy.fetch("GET", "/k")
    upstream.close()
    response = proxy.fetch("GET", "/k")
    assert (response.status, response.body) == (200, OLD)
    assert proxy.fetch("GET", "/other").status == 502
