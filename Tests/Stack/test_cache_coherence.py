"""What changes while it is being fetched, waited for or renewed: nothing outdated is handed out."""
import threading
import time

import pytest

import cache_status
import client as clients
import harness
import upstream as upstreams
from cache_support import (Crowd, Gate, asked, cacheable, purge, settings, wait_in_flight,
                           word)

STALE = [("Age", "120")]  # older than max-age=60, which all answers here have
SWR = "max-age=60, stale-while-revalidate=600"
SIE = "max-age=60, stale-if-error=600"


class Versions:
    """An origin whose answer to GET changes with each PUT; `gates` holds GETs of a version back."""

    def __init__(self):
        self.version, self.gates = 1, {}

    def __call__(self, request):
        if request.method == "PUT":
            self.version += 1
            return upstreams.response(b"changed")
        body = b"version %d" % self.version
        if self.version in self.gates:
            self.gates[self.version].wait(15)
        return cacheable(body, "max-age=60")


@pytest.mark.parametrize("how", ["put", "purge hard", "purge soft"])
def test_who_comes_after_a_change_sees_it(start, upstream, how):
    """RFC 9111 §4.4: one that joins a fetch which began before the change does not get its answer."""
    upstream.answer = origin = Versions()
    origin.gates[1] = threading.Event()
    proxy = start(settings=settings(upstream))
    with Crowd(proxy, 1, "/k") as leader:
        harness.wait_until(lambda: asked(upstream, "/k") == 1, "the fetch")
        if how == "put":
            assert proxy.fetch("PUT", "/k", body=b"x").body == b"changed"
        else:
            origin.version = 2
            assert purge(proxy, key="/k", mode=how.split()[1]).status == 200
        with Crowd(proxy, 20, "/k") as crowd:
            wait_in_flight(proxy, 21)
            origin.gates[1].set()
            assert {r.body for r in crowd.responses()} == {b"version 2"}
            assert leader.responses()[0].body == b"version 1"
    assert sum(r.method == "GET" for r in upstream.requests) <= 3
    assert proxy.fetch("GET", "/k").body == b"version 2"


@pytest.mark.parametrize("cc", ["no-store", "private", "max-age=60\r\nSet-Cookie: a=b"])
@pytest.mark.parametrize("old", [SWR, SIE])
def test_what_may_not_be_stored_replaces_all_the_same(start, upstream, cc, old):
    """RFC 9111 §4.3.3: a full answer to a validation takes the place of what was stored."""
    answers = [cacheable(b"old", old, fields=STALE), cacheable(b"new", cc),
               upstreams.response(b"down", "503 Service Unavailable")]
    upstream.answer = lambda request: answers[min(len(upstream.requests) - 1, 2)]
    proxy = start(settings=settings(upstream))
    proxy.fetch("GET", "/k")
    proxy.fetch("GET", "/k")
    harness.wait_until(lambda: len(upstream.requests) == 2, "the second answer")
    proxy.wait_metric("cache_stores_total", 1, outcome="uncacheable")
    assert proxy.fetch("GET", "/k").body == b"down"


@pytest.mark.parametrize("method, fields", [
    ("GET", [("Range", "bytes=0-0")]), ("GET", [("If-None-Match", '"x"')]),
    ("GET", [("If-Modified-Since", "Thu, 18 Aug 2011 00:00:00 GMT")]),
    ("GET", [("Cache-Control", "no-store")]), ("HEAD", [])])
def test_a_refresh_asks_for_all_of_it(start, upstream, method, fields):
    """What a client wants for itself has no place in a request of the cache's own."""
    upstream.answer = lambda request: cacheable(
        b"old" if len(upstream.requests) == 1 else b"new", SWR,
        fields=STALE if len(upstream.requests) == 1 else ())
    proxy = start(settings=settings(upstream))
    assert proxy.fetch("GET", "/k").body == b"old"
    proxy.fetch(method, "/k", fields)
    refresh = harness.wait_until(lambda: len(upstream.requests) == 2 and upstream.requests[1],
                                 "the refresh")
    assert refresh.method == "GET"
    own = {"range", "if-none-match", "if-modified-since", "cache-control", "pragma"}
    assert not own & {name.lower() for name, _ in refresh.fields}, refresh.fields
    harness.wait_until(lambda: proxy.fetch("GET", "/k").body == b"new", "the new answer", every=0.05)
    assert len(upstream.requests) == 2


def test_an_uncached_route_invalidates_too(start, upstream):
    """RFC 9111 §4.4 is about the target, not about the route that took the unsafe request."""
    upstream.answer = Versions()
    both = {"upstreams": {"api": {"url": upstream.url}}, "routes": [
        {"name": "read", "match": {"path": "/**", "methods": ["GET"]}, "upstream": "api"},
        {"name": "write", "match": {"path": "/**", "methods": ["PUT"]}, "upstream": "api",
         "cache": "off"}]}
    proxy = start(settings=both)
    assert [proxy.fetch("GET", "/k").body for _ in range(2)] == [b"version 1"] * 2
    proxy.fetch("PUT", "/k", body=b"x")
    assert proxy.fetch("GET", "/k").body == b"version 2"


def test_a_follower_without_a_stale_answer_still_gets_its_try(start, upstream):
    """A leader that has a stale variant to fall back on fails; who has none fetches."""
    gate = threading.Event()

    def answer(request):
        variant = request.one("foo")
        count = sum(r.one("foo") == variant for r in upstream.requests)
        if variant == "a" and count == 1:
            return cacheable(b"a, old", SIE, fields=[*STALE, ("Vary", "Foo")])
        if variant == "a":
            gate.wait(15)
            return upstreams.response(b"down", "503 Service Unavailable")
        return cacheable(b"b", fields=[("Vary", "Foo")])

    upstream.answer = answer
    proxy = start(settings=settings(upstream))
    proxy.fetch("GET", "/k", [("Foo", "a")])
    with Crowd(proxy, 1, "/k", [("Foo", "a")]) as leader:
        wait_in_flight(proxy, 1)
        with Crowd(proxy, 3, "/k", [("Foo", "b")]) as crowd:
            wait_in_flight(proxy, 4)
            gate.set()
            assert [r.body for r in crowd.responses()] == [b"b"] * 3
            assert leader.responses()[0].body == b"a, old"


def test_stale_on_error_does_not_wait_for_the_errors_body(start, upstream):
    """The head says that the upstream failed: the stale answer goes out."""
    gate = threading.Event()

    def handle(connection):
        while connection.request() is not None:
            if len(upstream.requests) == 1:
                connection.send(cacheable(b"old", SIE, fields=STALE))
            else:
                connection.send(b"HTTP/1.1 503 No\r\nContent-Length: 100000\r\n\r\nfirst bytes")
                gate.wait(15)

    upstream.handle = handle
    proxy = start(settings=settings(upstream))
    proxy.fetch("GET", "/k")
    with proxy.client(timeout=5) as client:
        assert client.get("/k").body == b"old"
    gate.set()


def test_failing_refreshes_pause(start, upstream):
    """An upstream that fails fast is not asked with each hit."""
    upstream.answer = lambda request: (
        cacheable(b"old", SWR, fields=STALE) if len(upstream.requests) == 1
        else upstreams.response(b"", "503 No"))
    proxy = start(settings=settings(upstream))
    began = time.monotonic()
    with proxy.client() as client:
        assert {client.get("/k").body for _ in range(200)} == {b"old"}
    harness.wait_until(lambda: len(upstream.requests) > 1, "a refresh")
    assert len(upstream.requests) <= 2 + (time.monotonic() - began)


def test_refresh_ahead_leaves_most_of_a_lifetime_alone(start, upstream):
    """More than a lifetime ahead would be a fetch with each hit."""
    upstream.answer = lambda request: cacheable(b"ok", "max-age=20")
    proxy = start(settings=settings(upstream, {"refresh_ahead": "60s"}))
    with proxy.client() as client:
        for _ in range(50):
            client.get("/k")
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("answer", [b"HTTP/1.1 304 Not Modified\r\n\r\n",
                                    upstreams.response(b"down", "503 No")])
def test_a_purge_reaches_who_holds_a_candidate(start, upstream, answer):
    """What was purged hard while its validation was under way neither comes back nor stands in."""
    gate = Gate(lambda request: answer)

    def play(request):
        if len(upstream.requests) == 1:
            return cacheable(b"purged", SIE, fields=[*STALE, ("ETag", '"a"')])
        if len(upstream.requests) == 2:
            return gate(request)
        return cacheable(b"new", "max-age=60")

    upstream.answer = play
    proxy = start(settings=settings(upstream))
    proxy.fetch("GET", "/k")
    with Crowd(proxy, 1, "/k") as asking:
        wait_in_flight(proxy, 1)
        harness.wait_until(lambda: len(upstream.requests) == 2, "the validation")
        assert purge(proxy, key="/k").status == 200
        gate.open()
        first = asking.responses()[0]
        # A 304 was the origin's word on what it was asked; it is not kept. Nothing stands in for a 503.
        assert first.body == (b"purged" if b"304" in answer[:20] else b"down")
    assert proxy.fetch("GET", "/k").body == b"new"


def test_an_answer_to_head_leaves_the_other_variants(start, upstream):
    """RFC 9111 §4.3.5: the stored answer that HEAD tells about is stale, not gone; others stay."""
    def answer(request):
        variant = request.one("foo").encode()
        if request.method == "HEAD":
            return (b"HTTP/1.1 200 OK\r\nETag: \"other\"\r\nVary: Foo\r\nCache-Control: max-age=60\r\n"
                    b"Content-Length: 9\r\n\r\n")
        return cacheable(b"of " + variant, "max-age=60, stale-if-error=600",
                         fields=[("ETag", f'"{variant.decode()}"'), ("Vary", "Foo")])

    upstream.answer = answer
    proxy = start(settings=settings(upstream))
    for variant in "ab":
        proxy.fetch("GET", "/k", [("Foo", variant)])
    proxy.fetch("HEAD", "/k", [("Foo", "a"), ("Cache-Control", "no-cache")])
    assert word(proxy.fetch("GET", "/k", [("Foo", "b")])) == "hit"
    upstream.answer = lambda request: upstreams.response(b"down", "503 No")
    stale = proxy.fetch("GET", "/k", [("Foo", "a")])
    assert (stale.body, cache_status.parse(stale).detail) == (b"of a", "sie")


def test_endless_interim_responses_end_a_refresh(start, upstream):
    """The limit on them holds without a client too."""
    def handle(connection):
        while connection.request() is not None:
            if len(upstream.requests) == 1:
                connection.send(cacheable(b"old", SWR, fields=STALE))
                continue
            try:
                for _ in range(1000):
                    connection.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
                    time.sleep(0.01)
            except OSError:
                return

    upstream.handle = handle
    proxy = start(settings=settings(upstream))
    proxy.fetch("GET", "/k")
    proxy.fetch("GET", "/k")
    proxy.wait_metric("upstream_errors_total", 1, reason="protocol", within=3)


@pytest.mark.parametrize("fields", [[("Cache-Control", "no-cache")], [("If-Match", '"a"')]])
def test_who_must_ask_for_itself_waits_for_nobody(start, upstream, fields):
    """Requests that no other one's answer can satisfy go upstream at once, and lead nobody."""
    gate = Gate(lambda request: cacheable(b"ok"))
    upstream.answer = lambda request: (
        cacheable(b"old", "max-age=60", fields=[*STALE, ("ETag", '"a"')])
        if len(upstream.requests) == 1 else gate(request))
    proxy = start(settings=settings(upstream))
    proxy.fetch("GET", "/k")
    with Crowd(proxy, 5, "/k", fields) as crowd:
        harness.wait_until(lambda: len(upstream.requests) == 6, "five requests upstream")
        gate.open()
        assert {r.status for r in crowd.responses()} == {200}


def test_answers_that_are_stale_at_once_do_not_serialise(start, upstream):
    """max-age=0 with a validator: stored, but each request has to ask, so all ask at once."""
    gate = Gate(lambda request: cacheable(b"ok", "max-age=0", fields=[("ETag", '"a"')]))
    upstream.answer = gate
    proxy = start(settings=settings(upstream))
    gate.open()
    proxy.fetch("GET", "/k")
    gate.opened.clear()
    with Crowd(proxy, 10, "/k") as crowd:
        harness.wait_until(lambda: len(upstream.requests) == 11, "ten requests upstream at once")
        gate.open()
        assert {r.status for r in crowd.responses()} == {200}


def test_a_slow_leader_holds_no_copy(start, upstream):
    """Followers let a fetch go on past a leader that does not read: what it has yet to get is not copied."""
    body = b"x" * (8 << 20)
    upstream.answer = lambda request: cacheable(body)
    proxy = start(settings=settings(upstream, {"body_bytes_max": "9MiB"}, memory="512MiB"))
    slow = [proxy.client(receive_buffer=4096, timeout=30) for _ in range(8)]
    for number, client in enumerate(slow):
        client.send(clients.head("GET", f"/{number}"))
        assert client.reader.fill()
    for number in range(8):
        assert proxy.fetch("GET", f"/{number}", timeout=30).body == body
    stored = proxy.metric("cache_size_bytes")
    assert proxy.rss() < stored + (40 << 20), "the leaders' answers are held twice"
    for client in slow:
        assert client.response().body == body
        client.close()
