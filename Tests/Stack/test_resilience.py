"""Breaker and gate of an upstream that fails: what clients see, what the upstream sees, recovery."""
import email.utils
import threading
import time

import pytest

import client as clients
import harness
import upstream as upstreams
from cache_support import Crowd, cacheable
from harness import wait_until
from resilience_support import (BUSY, OK, QUICK, Press, Switch, breaker, health, open_breaker, refused,
                                settings, state, wait_breaker)
from upstream import RESET, Pause, WaitClosed

DEAD = {"connect_timeout": "300ms"}


def test_everything_is_zero_at_the_start(start, upstream):
    """Every series of the catalogue is there before its first event."""
    proxy = start(settings=settings(upstream))
    page = proxy.metrics()
    states = {s.labels["state"]: s.value for s in page.select("circuit_breaker_state")}
    assert states == {"closed": 1, "open": 0, "half_open": 0, "ramp": 0}
    for name, children in [("circuit_breaker_transitions_total", 4), ("shed_total", 4),
                           ("circuit_breaker_rejected_total", 1), ("upstream_gate_closed", 1),
                           ("upstream_retries_total", 3)]:
        samples = page.select(name, upstream="api")
        assert len(samples) == children and all(s.value == 0 for s in samples), (name, samples)
    assert page.sum("concurrency_limit", upstream="api") == 20
    shown = health(proxy)
    assert shown["breaker"] == {"state": "closed", "open_s": None, "opened_total": 0}
    assert shown["gate"] == {"closed": False, "closed_s": None}
    assert shown["concurrency"] == {"limit": 20, "in_flight": 0, "queued": 0}
    assert shown["retries_left"] == 30


def test_refused_connections(start):
    """Five failed connects open it; misses are refused at once, hits go on, probes are few."""
    with upstreams.Upstream(Switch()) as upstream:
        proxy = start(settings=settings(upstream, breaker={"open_max": "2s"}))
        assert proxy.fetch("GET", "/hit").status == 200
        first = open_breaker(proxy, upstream.close)
        assert refused(first, "breaker_open")
        assert proxy.metric("upstream_errors_total", reason="connect") == 5
        begun = time.monotonic()
        with Press(proxy, 4, pause=0.002) as misses, Press(proxy, 1, "/hit", 0.002) as hits:
            time.sleep(4)
        assert not misses.errors and not hits.errors
        assert set(hits.statuses()) == {200} and len(hits.answers) > 200
        assert set(misses.statuses()) <= {502, 503}
        took = sorted(took for _, status, took in misses.answers if status == 503)
        assert took[len(took) // 2] < 0.005, f"{took[len(took) // 2]:.4f} s for a refusal"
        # Opened for 1, 2, 2 … seconds, a fifth less at the least; three probes each time at most.
        errors = proxy.metric("upstream_errors_total", reason="connect") - 5
        seconds = time.monotonic() - begun
        assert 1 <= errors <= 3 * (1 + seconds / 1.6), f"{errors} probes in {seconds:.1f} s"
        page = proxy.metrics()
        assert page.sum("shed_total", reason="breaker_open") == len(took) + 1
        assert page.sum("circuit_breaker_rejected_total") == len(took) + 1
        line = proxy.wait_log(lambda line: line["status"] == 503)
        assert line["cb_state"] == "open" and line["attempts"] == 0 and line["upstream"] is None
        assert line["err"] == "breaker_open"


def test_blackholed_connections(start):
    """Connects that hang: answered within their timeout, then at once; no descriptor is left."""
    with upstreams.FullQueue() as upstream:
        proxy = start(settings=settings(upstream, breaker=QUICK, **DEAD))
        before = proxy.fds()
        begun = time.monotonic()
        with Press(proxy, 8, pause=0.002) as misses:
            time.sleep(3)
        assert not misses.errors
        assert set(misses.statuses()) == {503, 504}
        assert misses.longest() < 0.3 + 0.2, f"{misses.longest():.3f} s"
        assert len(misses.statuses()) > 500, "a refusal waits for the upstream"
        # Eight at first, and those that came again before the fifth had failed; then three at a time.
        opened = proxy.metric("circuit_breaker_transitions_total", state="open")
        attempts = proxy.metric("upstream_errors_total")
        assert attempts <= 8 + 4 + 3 * opened and opened <= 1 + (time.monotonic() - begun) / 0.24
        wait_until(lambda: proxy.fds() <= before + 3, lambda: f"{proxy.fds()} fds, {before}")


def test_half_of_the_answers_are_errors(start):
    """A rate of failures opens it, which no number of failures in a row would."""
    switch = Switch()
    turns = iter(range(10**9))
    switch.answer = lambda request: BUSY if next(turns) % 2 else OK
    with upstreams.Upstream(switch) as upstream:
        proxy = start(settings=settings(upstream))
        statuses = []
        with proxy.client() as client:
            while 503 not in statuses[-1:] or len(statuses) < 20:
                statuses.append(client.get("/miss").status)
                if breaker(proxy) == "open":
                    break
        assert len(statuses) == 20
        assert refused(proxy.fetch("GET", "/miss"), "breaker_open")
        assert len(upstream.requests) == 20


@pytest.mark.parametrize("status", ["404 Not Found", "429 Too Many", "501 Not Implemented",
                                    "505 Version"])
def test_answers_that_are_no_failures(start, status):
    """4xx, 501 and 505 say nothing against the upstream."""
    with upstreams.Upstream(Switch(upstreams.response(status=status))) as upstream:
        proxy = start(settings=settings(upstream))
        with proxy.client() as client:
            assert {client.get("/miss").status for _ in range(40)} == {int(status[:3])}
        assert breaker(proxy) == "closed" and len(upstream.requests) == 40


@pytest.mark.parametrize("name, answer, seen", [
    ("cut", [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "close"], None),
    ("reset", [RESET], 502), ("garbage", [b"HTTP/2 nonsense\r\n\r\n", "close"], 502),
    ("500", upstreams.response(status="500 Error"), 500)])
def test_what_counts_as_a_failure(start, name, answer, seen):
    """A truncated body, a reset, an answer that is not HTTP and a 5xx: twenty open it."""
    with upstreams.Upstream(Switch(answer)) as upstream:
        proxy = start(settings=settings(upstream))
        for _ in range(20):
            assert breaker(proxy) == "closed"
            try:
                assert proxy.fetch("GET", "/miss").status == seen
            except clients.wire.Truncated:
                assert seen is None, name
        assert refused(proxy.fetch("GET", "/miss"), "breaker_open")


def test_slow_answers(start):
    """Eighty per cent of slow answers open it, though each of them is good."""
    switch = Switch()
    switch.delay = 0.06
    with upstreams.Upstream(switch) as upstream:
        proxy = start(settings=settings(
            upstream, breaker={"slow": "50ms", "calls_min": 10}, concurrency="off"))
        with Press(proxy, 5) as misses:
            wait_breaker(proxy, "open")
        assert not misses.errors and set(misses.statuses()) == {200, 503}


def test_our_own_refusals_are_no_failures(start):
    """Neither 503s of ours nor clients that leave speak against an upstream."""
    switch = Switch()
    switch.delay = 0.3
    with upstreams.Upstream(switch) as upstream:
        proxy = start(settings=settings(
            upstream, concurrency={"min": 1, "start": 1, "max": 1, "wait_percent": 0}))
        with Press(proxy, 8) as misses:
            wait_until(lambda: misses.statuses().count(503) > 100, "refusals")
        assert set(misses.statuses()) == {200, 503}
        for _ in range(30):
            with proxy.client() as client:
                client.send(clients.head("GET", "/miss"))
        assert proxy.metric("shed_total", reason="overloaded") > 100
        assert breaker(proxy) == "closed"
        wait_until(lambda: health(proxy)["concurrency"]["in_flight"] == 0, lambda: health(proxy))
        assert proxy.fetch("GET", "/miss").status == 200


def test_recovery_without_a_stampede(start):
    """Three at a time try, then more every moment: the upstream never gets all at once."""
    switch = Switch(BUSY)
    switch.delay = 0.05
    with upstreams.Upstream(switch) as upstream:
        proxy = start(workers=2, settings=settings(
            upstream, breaker={"open": "500ms", "open_max": "500ms", "ramp": "2s"}))
        with Press(proxy, 40, pause=0.005) as misses:
            wait_breaker(proxy, "open")
            wait_until(lambda: switch.active == 0, "what was under way ends")
            switch.reset_peak()
            switch.answer, switch.delay = OK, 0.6
            wait_breaker(proxy, "half_open")
            wait_until(lambda: switch.active == 3, "three probes")
            time.sleep(0.2)
            assert breaker(proxy) == "half_open"
            peaks = [switch.peak]
            switch.delay = 0.05
            wait_breaker(proxy, "ramp")
            time.sleep(0.1)
            peaks.append(switch.peak)
            wait_breaker(proxy, "closed")
            healthy = time.monotonic()
            time.sleep(0.5)
        assert peaks[0] == 3, f"{peaks[0]} at a time while half-open"
        assert peaks[1] < 20, f"{peaks[1]} at a time when the ramp began"
        assert not misses.errors and set(misses.statuses(healthy)) == {200}
        assert proxy.metric("circuit_breaker_transitions_total", state="closed") == 1


def test_flapping_upstream(start):
    """Up and down every second: it opens no more often than its back-off allows."""
    switch = Switch()
    with upstreams.Upstream(switch) as upstream:
        proxy = start(settings=settings(upstream))
        with Press(proxy, 8, pause=0.005) as misses:
            for turn in range(8):
                switch.answer = OK if turn % 2 else BUSY
                time.sleep(1)
            switch.answer = OK
            opened = proxy.metric("circuit_breaker_transitions_total", state="open")
            wait_breaker(proxy, "ramp", within=20)
        # 1, 2, 4 … seconds within eight, less a fifth.
        assert 1 <= opened <= 4
        assert not misses.errors


def test_probes_whose_clients_leave_give_their_places_back(start):
    """Half-open, with probes that never come to an end: the next clients get their places."""
    switch = Switch(BUSY)
    with upstreams.Upstream(switch) as upstream:
        proxy = start(settings=settings(upstream, breaker={"open": "200ms", "calls_min": 5}))
        with proxy.client() as client:
            assert [client.get("/miss").status for _ in range(5)] == [503] * 5
        switch.answer = [WaitClosed(20)]
        time.sleep(0.3)
        probes = [proxy.client() for _ in range(3)]
        known = len(upstream.requests)
        for number, probe in enumerate(probes):
            probe.send(clients.head("GET", f"/{number}"))
        wait_until(lambda: len(upstream.requests) == known + 3, "three probes")
        assert refused(proxy.fetch("GET", "/miss"), "breaker_open")
        assert breaker(proxy) == "half_open"
        for probe in probes:
            probe.reset()
        switch.answer = OK
        wait_until(lambda: proxy.fetch("GET", "/miss").status == 200, "a place")
        assert [proxy.fetch("GET", "/miss").status for _ in range(2)] == [200, 200]
        assert breaker(proxy) == "ramp"


def test_unsafe_requests_are_refused_too(start):
    """POST: nothing of it is sent, and the connection ends, for its body is not read."""
    with upstreams.Upstream(Switch()) as upstream:
        proxy = start(settings=settings(upstream))
        open_breaker(proxy, upstream.close)
        known = proxy.metric("upstream_errors_total")
        assert refused(proxy.fetch("POST", "/act", body=b"b" * 1000), "breaker_open")
        assert proxy.metric("upstream_errors_total") == known


def test_followers_share_the_refusal(start):
    """Everybody who waits for a fetch that is refused is told so, and nobody asks again."""
    switch = Switch()
    switch.delay = 0.5
    with upstreams.Upstream(switch) as upstream:
        proxy = start(settings=settings(
            upstream, concurrency={"min": 1, "start": 1, "max": 1, "wait_percent": 0}))
        with proxy.client() as busy:
            busy.send(clients.head("GET", "/miss"))
            wait_until(lambda: switch.active == 1, "the only place is taken")
            with Crowd(proxy, 20, "/same") as crowd:
                assert all(refused(response, "overloaded") for response in crowd.responses())
            assert busy.response().status == 200
        assert [request.target for request in upstream.requests] == ["/miss"]
        assert proxy.metric("shed_total", reason="overloaded") == 20


def test_stale_answers_while_it_is_open(start):
    """What may be served on errors is, without asking, and Cache-Status says why."""
    switch = Switch(cacheable(b"old", "max-age=1, stale-if-error=600"))
    with upstreams.Upstream(switch) as upstream:
        proxy = start(settings=settings(upstream))
        assert proxy.fetch("GET", "/stale").body == b"old"
        time.sleep(2.1)
        open_breaker(proxy, upstream.close)
        answer = proxy.fetch("GET", "/stale")
        assert answer.status == 200 and answer.body == b"old"
        status = answer.one("Cache-Status")
        assert "; hit; ttl=-" in status and "detail=breaker_open" in status
        assert refused(proxy.fetch("GET", "/other"), "breaker_open")
        assert proxy.metric("cache_stale_served_total", reason="error") == 1


def test_stale_while_revalidate_goes_on(start):
    """Background refreshes are refused as well, and nobody notices."""
    switch = Switch(cacheable(b"old", "max-age=1, stale-while-revalidate=600"))
    with upstreams.Upstream(switch) as upstream:
        proxy = start(settings=settings(upstream))
        assert proxy.fetch("GET", "/stale").body == b"old"
        time.sleep(2.1)
        open_breaker(proxy, upstream.close)
        known = proxy.metric("shed_total")
        for _ in range(5):
            assert proxy.fetch("GET", "/stale").status == 200
        proxy.wait_metric("shed_total", known + 1)


def test_fallback(start):
    """A route's own answer in place of 502, 503 and 504."""
    with upstreams.Upstream(Switch()) as upstream:
        fallback = {"status": 200, "content_type": "text/plain", "body": "later"}
        proxy = start(settings=harness.settings_for(
            upstream, route={"fallback": fallback}, upstream_settings={"retries": {"max": 0}}))
        assert proxy.fetch("GET", "/miss").body == b"ok"
        time.sleep(1.1)
        upstream.close()
        for _ in range(10):
            answer = proxy.fetch("GET", "/miss")
            assert (answer.status, answer.body) == (200, b"later")
            assert answer.one("Content-Type") == "text/plain"
            assert answer.one("Cache-Control") == "no-store"
        assert breaker(proxy) == "open"
        assert "detail=breaker_open" in answer.one("Cache-Status")
        assert proxy.metric("http_requests_total", origin="proxy", code="200") == 10


# MARK: The gate

def paused(retry_after, status="429 Too Many Requests"):
    """An answer that asks for a pause."""
    return upstreams.response(b"wait", status, [("Retry-After", retry_after)])


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Busy"])
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_pause_that_the_upstream_asks_for(start, status, form):
    """Nothing is sent until it is over; then one request, and after it all."""
    switch = Switch()
    with upstreams.Upstream(switch) as upstream:
        proxy = start(settings=settings(upstream))
        assert proxy.fetch("GET", "/hit").status == 200
        asked = time.time()
        switch.answer = paused(
            "3" if form == "seconds" else email.utils.formatdate(asked + 4, usegmt=True), status)
        assert proxy.fetch("GET", "/miss").status == int(status[:3])
        ends = time.monotonic() + 3
        switch.answer, switch.delay = OK, 0.2
        known = len(upstream.requests)
        with Press(proxy, 4, pause=0.01) as misses:
            while time.monotonic() < ends - 0.3:
                assert len(upstream.requests) == known, "asked during the pause"
                time.sleep(0.05)
            switch.reset_peak()
            assert proxy.fetch("GET", "/hit").status == 200
            first = wait_until(lambda: switch.peak, "a trial")
            wait_until(lambda: 200 in misses.statuses(), "the trial's answer")
            assert first == 1 and switch.peak <= 5
        assert set(misses.statuses()) == {200, 503}
        assert refused_of(misses) == proxy.metric("shed_total", reason="gate_closed")
        assert proxy.metric("upstream_gate_closed") == 0
        assert breaker(proxy) == "closed", "a pause is no failure"


def refused_of(press):
    """How many of its requests were refused."""
    return press.statuses().count(503)


def test_refusal_at_the_gate(start):
    """503 with the time that is left; one with a stale answer gets that."""
    switch = Switch(cacheable(b"old", "max-age=1, stale-if-error=600"))
    with upstreams.Upstream(switch) as upstream:
        proxy = start(settings=settings(upstream))
        assert proxy.fetch("GET", "/stale").body == b"old"
        time.sleep(2.1)
        switch.answer = paused("5")
        assert proxy.fetch("GET", "/miss").status == 429
        answer = proxy.fetch("GET", "/miss")
        assert refused(answer, "gate_closed") and 4 <= int(answer.one("Retry-After")) <= 6
        stale = proxy.fetch("GET", "/stale")
        assert stale.body == b"old" and "detail=gate_closed" in stale.one("Cache-Status")
        proxy.wait_metric("upstream_gate_closed", 1)
        assert [r.target for r in upstream.requests] == ["/stale", "/miss"]
        assert 3 < health(proxy)["gate"]["closed_s"] <= 5


@pytest.mark.parametrize("value", ["561600", "9" * 40, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_pause_of_a_week(start, value):
    """156 hours and more: capped, tried then, and capped again."""
    switch = Switch(paused(value))
    with upstreams.Upstream(switch) as upstream:
        proxy = start(settings=settings(upstream, gate={"max": "1s"}))
        with Press(proxy, 2, pause=0.01) as misses:
            wait_until(lambda: 429 in misses.statuses(), "the first")
            time.sleep(3.3)
            switch.answer = OK
            wait_until(lambda: 200 in misses.statuses(), "the pause ends")
        # Two may have been under way when the first answer came; then one each second.
        assert 3 <= misses.statuses().count(429) <= 2 + 4
        assert not misses.errors


def test_default_cap(start):
    """Without settings a pause ends after a minute."""
    with upstreams.Upstream(Switch(paused("561600"))) as upstream:
        proxy = start(settings=settings(upstream))
        assert proxy.fetch("GET", "/miss").status == 429
        assert 58 < health(proxy)["gate"]["closed_s"] <= 60
        assert int(proxy.fetch("GET", "/miss").one("Retry-After")) <= 60


@pytest.mark.parametrize("value", ["0", "soon", "-5", "Sun, 06 Nov 1994 08:49:37 GMT"])
def test_no_pause(start, value):
    """What asks for none, or is no time at all, closes nothing."""
    with upstreams.Upstream(Switch(paused(value))) as upstream:
        proxy = start(settings=settings(upstream))
        assert [proxy.fetch("GET", "/miss").status for _ in range(3)] == [429] * 3
        assert len(upstream.requests) == 3 and state(proxy) == "closed"


def test_gate_and_breaker_off(start):
    """Switched off, everything goes through."""
    switch = Switch(paused("60"))
    with upstreams.Upstream(switch) as upstream:
        proxy = start(settings=settings(upstream, gate="off", breaker="off", concurrency="off"))
        assert [proxy.fetch("GET", "/miss").status for _ in range(3)] == [429] * 3
        upstream.close()
        assert {proxy.fetch("GET", "/miss").status for _ in range(30)} == {502}


def test_reload_keeps_what_is_known(start):
    """New settings, the same state and counters."""
    with upstreams.Upstream(Switch()) as upstream:
        proxy = start(settings=settings(upstream, breaker={"open": "20s"}))
        open_breaker(proxy, upstream.close)
        harness.write_settings(proxy.settings_path.parent, {
            **settings(upstream, breaker={"open": "19s"}), "listen": f"127.0.0.1:{proxy.port}"})
        proxy.signal(1)
        proxy.wait_metric("config_last_reload_successful", 1)
        time.sleep(0.5)
        assert refused(proxy.fetch("GET", "/miss"), "breaker_open")
        assert proxy.metric("circuit_breaker_transitions_total", state="open") == 1


def test_shared_by_the_workers(start):
    """What one worker learns, all know."""
    with upstreams.Upstream(Switch()) as upstream:
        proxy = start(settings=settings(upstream, breaker={"open": "20s"}), workers=4)
        open_breaker(proxy, upstream.close)
        connections = [proxy.client() for _ in range(40)]
        statuses = [client.get("/miss").status for client in connections]
        assert statuses == [503] * 40
        for client in connections:
            client.close()


def test_nothing_wedges(start):
    """All faults one after the other, under load; then everything works as if nothing had been."""
    switch = Switch()
    with upstreams.Upstream(switch) as upstream:
        proxy = start(workers=2, settings=settings(
            upstream, breaker=QUICK, gate={"max": "300ms"}, first_byte_timeout="300ms"))
        faults = [BUSY, [RESET], paused("9"), [Pause(0.6), OK],
                  [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "close"]]
        leaving = threading.Event()

        def leave():
            while not leaving.wait(0.01):
                with proxy.client() as client:
                    client.send(clients.head("GET", "/left"))
        thread = threading.Thread(target=leave)
        thread.start()
        with Press(proxy, 12, pause=0.002):
            for fault in faults * 2:
                switch.answer = fault
                time.sleep(0.5)
            switch.answer = OK
        leaving.set()
        thread.join()
        wait_until(lambda: proxy.fetch("GET", "/miss").status == 200, "it works again")
        wait_until(lambda: proxy.fetch("GET", "/miss").status and breaker(proxy) == "closed",
                   lambda: health(proxy))
        shown = health(proxy)
        assert shown["concurrency"]["in_flight"] == 0 and shown["concurrency"]["queued"] == 0, shown
        assert not shown["gate"]["closed"]
        assert {proxy.fetch("GET", "/miss").status for _ in range(50)} == {200}
