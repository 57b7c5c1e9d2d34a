"""Leases on fetches across instances: kept while a fetch goes on, and answers that are stale meanwhile."""
import time

import pytest

import client as clients
import harness
import upstream as upstreams
from cache_support import Crowd, Gate, asked, cacheable, purge
from shared_support import SOON, fetched_by, instances, redis, settled, stored
from upstream import RESET, Pause

# All answers here have max-age=60.
STALE, SOON_STALE = "120", "59"
SWR = "max-age=60, stale-while-revalidate=600"
SIE = "max-age=60, stale-if-error=600"


def test_a_fetch_slower_than_its_lease(instances, upstream, redis):
    """The lease is renewed while the upstream takes its time: one request for all, and stored for all."""
    upstream.answer = lambda _: [Pause(2.5), cacheable(b"slow")]
    one, two = instances(2, shared={"lease": "1s"})
    with Crowd(one, 5, "/slow") as first, Crowd(two, 5, "/slow") as second:
        for crowd in (first, second):
            assert {(r.status, r.body) for r in crowd.responses()} == {(200, b"slow")}
    assert len(upstream.requests) == 1
    harness.wait_until(lambda: len(stored(redis)) == 1, "the record", SOON)
    renewals = [p.metric("cache_lease_total", outcome="renewed") for p in (one, two)]
    assert sum(renewals) >= 2 and 0 in renewals, "by whoever fetches, at half its time"
    for proxy in (one, two):
        assert proxy.metric("cache_lease_total", outcome="expired") == 0
        assert proxy.metric("cache_lease_total", outcome="lost") == 0


def test_a_purged_lease_is_not_renewed(instances, upstream, redis):
    """A purge takes it away from a slow fetch; the other instance does not wait for that one any more."""
    gate = Gate(lambda _: cacheable())
    upstream.answer = lambda request: (
        upstreams.response(b"changed") if request.method == "POST" else gate(request))
    one, two = instances(2, shared={"lease": "1s"})
    with Crowd(one, 1, "/k") as first:
        harness.wait_until(lambda: len(upstream.requests) == 1, "the fetch")
        one.wait_metric("cache_lease_total", lambda value: value >= 1, outcome="renewed")
        assert two.fetch("POST", "/k", body=b"x").body == b"changed"
        with Crowd(two, 1, "/k") as second:
            harness.wait_until(lambda: len(upstream.requests) == 3, "another fetch", SOON)
            gate.open()
            assert second.responses()[0].status == 200
        assert first.responses()[0].status == 200
    settled(two)
    one.wait_metric("cache_lease_total", 1, outcome="lost")
    assert len(stored(redis)) == 1


def test_a_client_that_does_not_read_gets_no_more_time(instances, upstream):
    """What holds the fetch up is its own client: the others do not wait for that."""
    body = b"x" * (8 << 20)
    upstream.answer = lambda _: cacheable(body)
    one, two = instances(2, shared={"lease": "1s"}, cache={"body_bytes_max": "9MiB"}, memory="512MiB")
    with one.client(receive_buffer=4096, timeout=30) as slow:
        slow.send(clients.head("GET", "/large"))
        assert slow.reader.fill()
        assert two.fetch("GET", "/large", timeout=30).body == body
        assert slow.response().body == body
    assert len(upstream.requests) == 2
    assert one.metric("cache_lease_total", outcome="renewed") <= 1, "before it was seen to be slow"


class Old:
    """An origin whose first answer is stale, or is within two seconds, and whose later ones wait at a gate."""

    def __init__(self, upstream, control, later, age):
        self.gate = Gate(lambda _: later)
        self.first = lambda: cacheable(b"old", control, fields=[("Age", age), ("ETag", '"1"')])
        self.upstream = upstream

    def __call__(self, request):
        return self.first() if asked(self.upstream, request.target) == 1 else self.gate(request)


@pytest.fixture
def pair(instances, upstream):
    """One instance that has stored what is stale, and one that has not seen it."""
    def begin(control, later, age=STALE):
        upstream.answer = old = Old(upstream, control, later, age)
        one, two = instances(2)
        assert one.fetch("GET", "/k").body == b"old"
        settled(one)
        if age == SOON_STALE:
            time.sleep(2.1)  # its age is what matters, in whole seconds
        return old.gate, one, two
    return begin


def test_stale_from_redis_while_revalidating(pair, upstream):
    """RFC 5861 §3 with a record that this instance sees for the first time: served at once, renewed behind
    it, by one instance."""
    gate, one, two = pair(SWR, cacheable(b"new"))
    with Crowd(two, 20, "/k") as crowd:
        assert {r.body for r in crowd.responses()} == {b"old"}
    assert fetched_by(two, "/k") == ("hit", b"old", "swr")
    assert fetched_by(one, "/k") == ("hit", b"old", "swr")
    harness.wait_until(lambda: asked(upstream, "/k") == 2, "the refresh", SOON)
    refresh = upstream.requests[1]
    assert refresh.one("if-none-match") == '"1"'
    gate.open()
    for proxy in (one, two):
        harness.wait_until(lambda: fetched_by(proxy, "/k")[1] == b"new", "the new one", SOON)
    assert asked(upstream, "/k") == 2


def test_stale_from_redis_is_marked_as_such(pair):
    """The very first answer says what it is."""
    gate, _, two = pair(SWR, cacheable(b"new"))
    assert fetched_by(two, "/k") == ("hit", b"old", "swr")
    two.wait_metric("cache_stale_served_total", 1, reason="revalidate")
    two.wait_metric("cache_requests_total", 1, tier="redis", result="stale-served")
    gate.open()


def test_another_instances_refresh_is_not_waited_for(pair, upstream):
    """While one renews it, the other one serves what there is, and asks nobody."""
    gate, one, two = pair(SWR, cacheable(b"new"))
    assert fetched_by(one, "/k")[1:] == (b"old", "swr")
    harness.wait_until(lambda: asked(upstream, "/k") == 2, "its refresh", SOON)
    for _ in range(5):
        assert fetched_by(two, "/k")[1:] == (b"old", "swr")
    gate.open()
    harness.wait_until(lambda: fetched_by(two, "/k")[1] == b"new", "what the other one got", SOON)
    assert asked(upstream, "/k") == 2


@pytest.mark.parametrize("fields, status", [([("Range", "bytes=0-1")], 206),
                                            ([("If-None-Match", '"1"')], 304)])
def test_stale_from_redis_for_who_asks_for_itself(pair, upstream, fields, status):
    """Parts and conditions are answered from it too; what is fetched behind them is the whole."""
    gate, _, two = pair(SWR, cacheable(b"new"))
    assert two.fetch("GET", "/k", fields).status == status
    gate.open()
    harness.wait_until(lambda: fetched_by(two, "/k")[1] == b"new", "the new one", SOON)
    assert upstream.requests[1].one("range") is None


def test_softly_purged_in_redis_is_not_served_while_revalidating(pair, upstream):
    """A soft purge asks for a validation first."""
    gate, one, two = pair(SWR, cacheable(b"new"))
    assert purge(one, key="/k", mode="soft").status == 200
    gate.open()
    assert two.fetch("GET", "/k").body == b"new"


@pytest.mark.parametrize("failure", [upstreams.response(b"down", "503 No"), [RESET]],
                         ids=["503", "reset"])
def test_stale_from_redis_on_error(pair, upstream, failure):
    """RFC 5861 §4 with a record that this instance sees for the first time."""
    gate, _, two = pair(SIE, failure, SOON_STALE)
    gate.open()
    assert fetched_by(two, "/k") == ("stale", b"old", "sie")
    assert asked(upstream, "/k") == 2, "the upstream was asked first"


def test_too_stale_in_redis(pair, upstream):
    """Past both windows it is no answer, though it is kept to be validated."""
    gate, _, two = pair("max-age=60, stale-while-revalidate=0, stale-if-error=0",
                        upstreams.response(b"down", "503 No"), SOON_STALE)
    gate.open()
    assert two.fetch("GET", "/k").body == b"down"
    assert upstream.requests[1].one("if-none-match") == '"1"'


def test_stale_from_its_birth(instances, upstream):
    """What is stale from its birth is the others' answer too, if it may be used while it is renewed."""
    upstream.answer = lambda _: [Pause(0.5), cacheable(b"old", SWR, fields=[("Age", STALE)])]
    one, two = instances(2)
    with Crowd(one, 1, "/k") as first:
        harness.wait_until(lambda: upstream.requests, "the fetch")
        assert fetched_by(two, "/k")[1:] == (b"old", "swr")
        assert first.responses()[0].body == b"old"
