"""One fetch for many: RFC 9111 §4, and what must not be collapsed."""
import threading
import time

import pytest

import cache_status
import upstream as upstreams
import wire
from cache_support import Crowd, Gate, cacheable, settings, wait_in_flight, word
from upstream import RESET, Pause


def statuses(responses):
    """How often each status occurs."""
    found = {}
    for response in responses:
        found[response.status] = found.get(response.status, 0) + 1
    return found


@pytest.mark.parametrize("workers", [1, 2])
def test_500_clients_one_request(start, upstream, workers):
    """A cold key of an upstream that takes 200 ms: it is asked once, and all get its answer."""
    upstream.answer = lambda request: [Pause(0.2), cacheable(b"x" * 1000)]
    proxy = start(upstream, workers=workers)
    with Crowd(proxy, 500, "/cold") as crowd:
        responses = crowd.responses()
    assert {(r.status, r.body) for r in responses} == {(200, b"x" * 1000)}
    assert len(upstream.requests) == 1
    found = [cache_status.parse(response) for response in responses]
    collapsed = sum(status.collapsed for status in found)
    hits = sum(status.word == "hit" for status in found)
    assert collapsed + hits == 499 and collapsed > 0, (collapsed, hits)
    proxy.wait_metric("cache_flights_total", 1, role="leader")
    proxy.wait_metric("cache_flights_total", collapsed, role="follower")
    proxy.wait_metric("cache_requests_total", collapsed, result="collapsed")


@pytest.mark.parametrize("how", ["close", "reset"])
def test_the_leader_leaves(start, upstream, how):
    """The fetch goes on for those who wait."""
    upstream.answer = gate = Gate(lambda request: cacheable(b"for all"))
    proxy = start(upstream)
    with Crowd(proxy, 1, "/k") as leader:
        wait_in_flight(proxy, 1)
        with Crowd(proxy, 50, "/k") as crowd:
            wait_in_flight(proxy, 51)
            getattr(leader.clients[0], how)()
            time.sleep(0.1)  # a slow origin: time for the proxy to see that the leader has gone
            gate.open()
            assert {(r.status, r.body) for r in crowd.responses()} == {(200, b"for all")}
    assert len(upstream.requests) == 1


def test_the_leader_leaves_in_mid_body(start, upstream):
    """What can be stored is fetched to its end although nobody waits any more."""
    ready = threading.Event()
    whole = cacheable(b"a" * 100_000)

    def handle(connection):
        while connection.request() is not None:
            connection.send(whole[:50_000])
            ready.wait(10)
            connection.send(whole[50_000:])

    upstream.handle = handle
    proxy = start(upstream)
    with proxy.client() as client:
        client.send(b"GET /k HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.reader.fill()
        client.reset()
    time.sleep(0.1)  # as above
    ready.set()
    proxy.wait_metric("cache_stores_total", 1, outcome="stored")
    response = proxy.fetch("GET", "/k", host="a")
    assert (word(response), len(response.body), len(upstream.requests)) == ("hit", 100_000, 1)


def test_followers_may_leave(start, upstream):
    """A follower that goes away takes nothing with it."""
    upstream.answer = gate = Gate(lambda request: cacheable(b"for all"))
    proxy = start(upstream)
    with Crowd(proxy, 20, "/k") as crowd:
        wait_in_flight(proxy, 20)
        for client in crowd.clients[10:]:
            client.reset()
        wait_in_flight(proxy, 10)
        gate.open()
        assert {client.response().body for client in crowd.clients[:10]} == {b"for all"}
    assert len(upstream.requests) == 1


class Busy:
    """An origin that takes 200 ms and remembers how many it served at once."""

    def __init__(self, answer):
        self.inner, self.lock, self.now, self.most = answer, threading.Lock(), 0, 0

    def __call__(self, request):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.2)
        with self.lock:
            self.now -= 1
        return self.inner(request)


def unlimited(upstream):
    """What is counted here is what the cache lets through, not what the upstream is spared."""
    return settings(upstream, upstream_settings={"concurrency": "off"})


def test_what_cannot_be_stored_does_not_serialise(start, upstream):
    """The followers of an answer that is not for them go on together, later ones at once."""
    upstream.answer = busy = Busy(lambda request: upstreams.response())
    proxy = start(settings=unlimited(upstream))
    with Crowd(proxy, 30, "/k") as crowd:
        begun = time.monotonic()
        assert statuses(crowd.responses()) == {200: 30}
    assert time.monotonic() - begun < 2, "one after the other"
    assert len(upstream.requests) == 30 and busy.most >= 20
    busy.most = 0
    with Crowd(proxy, 30, "/k") as crowd:
        begun = time.monotonic()
        responses = crowd.responses()
    assert time.monotonic() - begun < 1 and busy.most == 30, "somebody waited for a leader"
    assert {cache_status.parse(response).detail for response in responses} == {"hit-for-miss"}
    proxy.wait_metric("cache_flights_total", lambda n: n >= 30, role="hit_for_miss")


def test_a_mark_ends_when_the_answer_can_be_stored(start, upstream):
    """An answer that may be stored is, although the one before it could not be."""
    answers = [upstreams.response(), cacheable(b"kept")]
    upstream.answer = lambda request: answers.pop(0)
    proxy = start(upstream)
    assert [proxy.fetch("GET", "/k").body for _ in range(4)] == [b"ok"] + [b"kept"] * 3


FAILURES = {"reset": [RESET], "503": upstreams.response(status="503 Unavailable")}


@pytest.mark.parametrize("failure", FAILURES)
def test_the_leader_fails_once(start, upstream, failure):
    """Exactly one new attempt, whose answer is for all that waited."""
    gate = Gate(lambda request: FAILURES[failure] if len(upstream.requests) == 1
                else [Pause(0.2), cacheable(b"x" * 100)])
    upstream.answer = gate
    proxy = start(settings=settings(upstream))
    with Crowd(proxy, 1, "/k") as leader:
        wait_in_flight(proxy, 1)
        with Crowd(proxy, 100, "/k") as crowd:
            wait_in_flight(proxy, 101)
            gate.open()
            assert leader.responses()[0].status in (502, 503, 200)
            assert {(r.status, r.body) for r in crowd.responses()} == {(200, b"x" * 100)}
    assert len(upstream.requests) == 2


def test_the_leader_is_cut_short(start, upstream):
    """Who was fed as it came is broken off too; nobody takes a part for the whole."""
    upstream.answer = gate = Gate(
        lambda request: [cacheable(b"x" * 100)[:-50], Pause(0.1), RESET]
        if len(upstream.requests) == 1 else cacheable(b"x" * 100))
    proxy = start(settings=settings(upstream))
    with Crowd(proxy, 50, "/k") as crowd:
        wait_in_flight(proxy, 50)
        gate.open()
        for client in crowd.clients:
            try:
                response = client.response()
            except wire.Truncated:
                continue
            assert response.status == 502 or response.body == b"x" * 100
    assert proxy.fetch("GET", "/k").body == b"x" * 100
    assert len(upstream.requests) == 2


@pytest.mark.parametrize("failure", FAILURES)
def test_the_upstream_fails_always(start, upstream, failure):
    """100 waiting clients are not 100 attempts at an upstream that is down."""
    upstream.answer = gate = Gate(lambda request: FAILURES[failure])
    proxy = start(settings=settings(upstream))
    with Crowd(proxy, 100, "/k") as crowd:
        wait_in_flight(proxy, 100)
        gate.open()
        assert set(statuses(crowd.responses())) <= {502, 503, 504}
    assert len(upstream.requests) == 2


def test_other_keys_do_not_wait(start, upstream):
    """50 keys at once are 50 requests at once."""
    upstream.answer = busy = Busy(lambda request: cacheable(request.target.encode()))
    proxy = start(settings=unlimited(upstream))
    clients = [proxy.client() for _ in range(50)]
    for number, client in enumerate(clients):
        client.send(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number)
    assert [client.response().body for client in clients] == [b"/%d" % n for n in range(50)]
    assert busy.most >= 40
    for client in clients:
        client.close()


def test_variants_do_not_mix(start, upstream):
    """Followers whose fields differ where the answer varies get their own variant."""
    upstream.answer = lambda request: [Pause(0.2), cacheable(
        request.one("Foo").encode(), fields=[("Vary", "Foo")])]
    proxy = start(upstream)
    with Crowd(proxy, 60, "/k", lambda number: [("Foo", str(number % 3))]) as crowd:
        bodies = [response.body for response in crowd.responses()]
    assert bodies == [str(number % 3).encode() for number in range(60)]
    assert len(upstream.requests) <= 5, "at most one fetch a variant, and the first ones' again"


@pytest.mark.parametrize("cc", ["max-age=3600", "private", "no-store"])
def test_credentials_are_not_shared(start, upstream, cc):
    """Simultaneous requests with different tokens each get their own answer."""
    upstream.answer = lambda request: [Pause(0.2), cacheable(
        (request.one("Authorization") or "nobody").encode(), cc)]
    proxy = start(upstream)
    with Crowd(proxy, 40, "/k", lambda number: [("Authorization", f"Bearer {number}")]) as crowd:
        bodies = [response.body for response in crowd.responses()]
    assert bodies == [f"Bearer {number}".encode() for number in range(40)]


def test_unsafe_requests_are_not_collapsed(start, upstream):
    """Two POSTs are two requests, whatever their answers say."""
    upstream.answer = lambda request: [Pause(0.1), cacheable(b"done")]
    proxy = start(upstream)
    clients = [proxy.client() for _ in range(10)]
    for client in clients:
        client.send(b"POST /k HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
    assert {client.response().body for client in clients} == {b"done"}
    assert len(upstream.requests) == 10
    for client in clients:
        client.close()


def test_a_stale_key_is_fetched_once(start, upstream):
    """As for a cold key: 100 clients on what has expired are one validation."""
    def answer(request):
        if request.all("If-None-Match"):
            return [Pause(0.2), b'HTTP/1.1 304 Not Modified\r\nCache-Control: max-age=60\r\n\r\n']
        return cacheable(b"kept", "max-age=10", fields=[("Age", "60"), ("ETag", '"a"')])

    upstream.answer = answer
    proxy = start(upstream)
    assert proxy.fetch("GET", "/k").body == b"kept"
    with Crowd(proxy, 100, "/k") as crowd:
        assert {(r.status, r.body) for r in crowd.responses()} == {(200, b"kept")}
    assert len(upstream.requests) == 2
