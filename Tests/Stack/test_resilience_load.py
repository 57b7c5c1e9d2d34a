"""The adaptive limit and its queue, retries and their budget, pacing, deadlines."""
import threading
import time

import pytest

import client as clients
import harness
import upstream as upstreams
from harness import wait_until
from resilience_support import (BUSY, OK, Press, Switch, breaker, health, refused, settings)
from upstream import RESET, WaitClosed


# Its clients have to be more than the slow upstream can take: that wants a machine to itself.
@pytest.mark.long
def test_upstream_twenty_times_as_slow(start):
    """The limit falls, what is too much is refused, hits notice nothing."""
    switch = Switch()
    switch.delay = 0.01
    with upstreams.Upstream(switch) as upstream:
        proxy = start(settings=settings(upstream, total_timeout="2s"), workers=2)
        assert proxy.fetch("GET", "/hit").status == 200
        with Press(proxy, 48, pause=0.001) as misses:
            time.sleep(2)
            learnt = time.monotonic()
            assert 200 in misses.statuses()
            switch.delay = 0.2
            time.sleep(2)
            slow = time.monotonic()
            switch.reset_peak()
            with Press(proxy, 1, "/hit", 0.002) as hits:
                limits = []
                for _ in range(10):
                    time.sleep(0.1)
                    limits.append(health(proxy)["concurrency"]["limit"])
            peak = switch.peak
        assert not misses.errors and not hits.errors
        assert set(misses.statuses()) <= {200, 503}
        assert misses.statuses(slow).count(503) > 0, "nothing was shed"
        assert peak <= max(limits) + 1 and max(limits) < 40, f"{peak} at a time, limits {limits}"
        assert set(hits.statuses()) == {200} and hits.longest() < 0.25
        assert misses.longest(learnt) < 2 + 0.1, "answered after its deadline"
        assert proxy.metric("shed_total", reason="overloaded") > 0
        assert breaker(proxy) == "closed"


def test_a_burst_waits_instead_of_being_refused(start):
    """A hundred at once at an upstream that is well: all of them are answered."""
    switch = Switch()
    switch.delay = 0.05
    with upstreams.Upstream(switch) as upstream:
        proxy = start(settings=settings(upstream), workers=2)
        crowd = [proxy.client(timeout=20) for _ in range(100)]
        for number, client in enumerate(crowd):
            client.send(clients.head("GET", f"/{number}"))
        assert {client.response().status for client in crowd} == {200}
        assert switch.peak < 100, "nobody waited"
        for client in crowd:
            client.close()


def test_what_can_be_served_in_time_is_not_refused(start):
    """An upstream that takes one at a time: a hundred wait for a second, and all are answered."""
    alone = threading.Lock()

    def answer(request):
        with alone:
            time.sleep(0.01)
        return OK

    with upstreams.Upstream(Switch(answer)) as upstream:
        proxy = start(settings=settings(upstream), workers=2)
        for _ in range(3):
            crowd = [proxy.client(timeout=20) for _ in range(100)]
            for number, client in enumerate(crowd):
                client.send(clients.head("GET", f"/{number}"))
                time.sleep(0.002)
            assert {client.response().status for client in crowd} == {200}
            for client in crowd:
                client.close()


def test_place_of_a_client_that_leaves_the_queue(start):
    """It is dropped from the queue; those behind it get their turn."""
    switch = Switch()
    switch.delay = 0.3
    with upstreams.Upstream(switch) as upstream:
        proxy = start(settings=settings(upstream, concurrency={"min": 1, "start": 1, "max": 1}))
        first, second, third = (proxy.client() for _ in range(3))
        first.send(clients.head("GET", "/first"))
        wait_until(lambda: switch.active == 1, "the first is under way")
        second.send(clients.head("GET", "/second"))
        wait_until(lambda: health(proxy)["concurrency"]["queued"] == 1, "it waits")
        second.reset()
        wait_until(lambda: health(proxy)["concurrency"]["queued"] == 0, "it left")
        third.send(clients.head("GET", "/third"))
        assert (first.response().status, third.response().status) == (200, 200)
        assert [request.target for request in upstream.requests] == ["/first", "/third"]


def test_waiting_is_bounded(start):
    """A tenth of the time a request has, then 503."""
    switch = Switch()
    switch.delay = 3
    with upstreams.Upstream(switch) as upstream:
        proxy = start(settings=settings(
            upstream, concurrency={"min": 1, "start": 1, "max": 1}, total_timeout="5s"))
        with proxy.client() as busy:
            busy.send(clients.head("GET", "/busy"))
            wait_until(lambda: switch.active == 1, "the only place is taken")
            begun = time.monotonic()
            assert refused(proxy.fetch("GET", "/miss"), "overloaded")
            assert 0.4 < time.monotonic() - begun < 1
            assert busy.response().status == 200


def test_slow_uploads_take_no_place(start):
    """A client that sends its body slowly keeps nobody from the upstream."""
    with upstreams.Upstream(Switch()) as upstream:
        proxy = start(settings=settings(upstream, concurrency={"min": 1, "start": 1, "max": 1}))
        slow = [proxy.client() for _ in range(5)]
        for client in slow:
            client.send(clients.head("POST", "/slow", [("Content-Length", "100")]) + b"b")
        wait_until(lambda: len(upstream.connections) == 5, "they are under way")
        assert proxy.fetch("GET", "/miss").status == 200
        assert proxy.fetch("POST", "/whole", body=b"all of it").status == 200
        for client in slow:
            client.send(b"b" * 99)
            assert client.response("POST").status == 200
            client.close()


def test_large_answers_to_slow_clients_take_no_place(start):
    """The upstream has answered; that the client does not read is not its load."""
    body = upstreams.response(b"b" * (4 << 20))
    with upstreams.Upstream(lambda request: body if request.target == "/large" else OK) as upstream:
        proxy = start(settings=settings(upstream, concurrency={"min": 1, "start": 1, "max": 1}))
        slow = [proxy.client(receive_buffer=4096) for _ in range(3)]
        for client in slow:
            client.send(clients.head("GET", "/large"))
        wait_until(lambda: len(upstream.requests) == 3, "all three are served at once")
        assert proxy.fetch("GET", "/miss").status == 200
        for client in slow:
            client.reset()


# MARK: Retries

def failing_first(count, failure):
    """An upstream whose first `count` requests fail."""
    turns = iter(range(10**9))
    return lambda request: failure if next(turns) < count else OK


@pytest.mark.parametrize("failure, on", [([RESET], None), (BUSY, ["503"])])
def test_retry_brings_an_answer(start, failure, on):
    """Once more, on another connection, after a pause; in the log as two attempts."""
    with upstreams.Upstream(failing_first(1, failure)) as upstream:
        retries = {"retries": {"on": on}} if on else {"retries": {}}
        proxy = start(settings=settings(upstream, **retries))
        begun = time.monotonic()
        assert proxy.fetch("GET", "/miss").body == b"ok"
        assert time.monotonic() - begun >= 0.02
        assert len(upstream.requests) == 2 and len(upstream.connections) == 2
        proxy.wait_metric("upstream_retries_total", 1, outcome="success")
        line = proxy.wait_log(lambda line: line["path"] == "/miss")
        assert line["attempts"] == 2 and line["cb_state"] == "closed"


def test_retry_after_a_refused_connection(start):
    """An upstream that is gone: asked twice, 502."""
    with upstreams.Upstream() as upstream:
        url = upstream.url
    proxy = start(settings=settings(url, retries={}))
    assert proxy.fetch("GET", "/miss").status == 502
    assert proxy.metric("upstream_errors_total", reason="connect") == 2
    proxy.wait_metric("upstream_retries_total", 1, outcome="failure")


@pytest.mark.parametrize("why, method, failure, retries", [
    ("not idempotent", "POST", [RESET], {}),
    ("not a method of the settings", "PUT", [RESET], {}),
    ("not among the conditions", "GET", BUSY, {}),
    ("switched off", "GET", [RESET], {"on": []}),
    ("none allowed", "GET", [RESET], {"max": 0}),
    ("asks for a pause", "GET", upstreams.response(b"", "503 No", [("Retry-After", "9")]),
     {"on": ["503"]}),
    ("begun", "GET", [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "close"], {}),
    ("head begun", "GET", [b"HTTP/1.1 200", "close"], {})])
def test_no_retry(start, why, method, failure, retries):
    """What is sent once only."""
    with upstreams.Upstream(failing_first(1, failure)) as upstream:
        proxy = start(settings=settings(upstream, retries=retries))
        try:
            assert proxy.fetch(method, "/miss", body=b"x" if method != "GET" else b"").status >= 500
        except clients.wire.Truncated:
            pass
        assert len(upstream.requests) == 1, why
        assert proxy.metric("upstream_retries_total") == 0


def test_more_than_one_retry(start):
    """`max` counts retries of one request."""
    with upstreams.Upstream(failing_first(3, [RESET])) as upstream:
        proxy = start(settings=settings(upstream, retries={"max": 3}))
        assert proxy.fetch("GET", "/miss").status == 200
        assert len(upstream.requests) == 4


def test_budget_bounds_the_retries(start):
    """When everything fails: a tenth of the requests, and three a second of the window."""
    switch = Switch(BUSY)
    with upstreams.Upstream(switch) as upstream:
        proxy = start(settings=settings(upstream, breaker="off", retries={
            "on": ["503"], "pause_min": "0s", "pause_max": "1ms"}), workers=2)
        begun = time.monotonic()
        with Press(proxy, 8) as misses:
            wait_until(lambda: len(misses.answers) >= 400, "400 answers", 30)
        seconds = time.monotonic() - begun
        calls = len(misses.answers)
        assert set(misses.statuses()) == {503}, "the upstream's own answer is passed on"
        retries = len(upstream.requests) - calls
        assert 30 <= retries <= calls / 10 + 3 * (10 + seconds) + 1, f"{retries} of {calls}"
        page = proxy.metrics()
        assert page.sum("upstream_retries_total", outcome="failure") == retries
        assert page.sum("upstream_retries_total", outcome="budget_exhausted") == calls - retries


def test_half_of_the_answers_fail_and_retries_help(start):
    """Errors at half of the requests: most clients of the first seconds see none."""
    turns = iter(range(10**9))
    switch = Switch(lambda request: BUSY if next(turns) % 2 == 0 else OK)
    with upstreams.Upstream(switch) as upstream:
        proxy = start(settings=settings(upstream, breaker="off", retries={"on": ["503"]}))
        with proxy.client() as client:
            assert {client.get("/miss").status for _ in range(20)} == {200}
        assert len(upstream.requests) == 40


# MARK: Pacing and deadlines

def test_pacing(start):
    """A quota of ten a second: evenly spread, and what would wait too long is refused."""
    with upstreams.Upstream(Switch()) as upstream:
        proxy = start(settings=settings(
            upstream, pacing={"rate": "10/1s"}, total_timeout="5s"))
        begun = time.monotonic()
        assert {proxy.fetch("GET", "/miss").status for _ in range(6)} == {200}
        assert 0.45 < time.monotonic() - begun < 2
        crowd = [proxy.client() for _ in range(20)]
        for number, client in enumerate(crowd):
            client.send(clients.head("GET", f"/{number}"))
        answers = [client.response() for client in crowd]
        statuses = [answer.status for answer in answers]
        assert statuses.count(200) in range(3, 9), statuses
        assert all(refused(a, "paced") for a in answers if a.status != 200)
        for client in crowd:
            client.close()


FIELD = "X-Time-Left"


def test_time_left_is_passed_on(start, upstream):
    """The upstream is told how many milliseconds are left; the client may shorten them."""
    proxy = start(settings=settings(upstream, deadline_field=FIELD, total_timeout="5s"))
    assert proxy.fetch("GET", "/all").status == 200
    assert proxy.fetch("GET", "/some", [(FIELD.lower(), "700")]).status == 200
    assert proxy.fetch("GET", "/more", [(FIELD, "90000")]).status == 200
    assert proxy.fetch("GET", "/junk", [(FIELD, "-1")]).status == 200
    left = [int(request.one(FIELD)) for request in upstream.requests]
    assert 4000 < left[0] <= 5000 and 400 < left[1] <= 700
    assert 4000 < left[2] <= 5000 and 4000 < left[3] <= 5000


def test_impatient_clients_do_not_speak_against_the_upstream(start):
    """504 at the client's own deadline, and no failure of the upstream's."""
    switch = Switch([WaitClosed(5)])
    with upstreams.Upstream(switch) as upstream:
        proxy = start(settings=settings(upstream, deadline_field=FIELD, breaker={"calls_min": 3}))
        begun = time.monotonic()
        for _ in range(6):
            assert proxy.fetch("GET", "/miss", [(FIELD, "100")]).status == 504
        assert 0.5 < time.monotonic() - begun < 3
        assert breaker(proxy) == "closed"
        assert proxy.fetch("GET", "/miss", [(FIELD, "0")]).status == 504
        assert len(upstream.requests) == 6


def test_time_left_shrinks_with_each_attempt(start):
    """A retry has what the first attempt left."""
    with upstreams.Upstream(failing_first(1, [upstreams.Pause(0.3), RESET])) as upstream:
        proxy = start(settings=settings(
            upstream, deadline_field=FIELD, total_timeout="5s", retries={}))
        assert proxy.fetch("GET", "/miss").status == 200
        first, second = (int(request.one(FIELD)) for request in upstream.requests)
        assert second <= first - 300


def test_settings_are_checked(tmp_path):
    """All problems at once, each with its place."""
    path = harness.write_settings(tmp_path, """
upstreams:
  api:
    url: http://127.0.0.1:1
    breaker: {failure_percent: 0, open: 5s, open_max: 1s}
    concurrency: {min: 5, start: 4}
    gate: maybe
    pacing: {rate: 10}
    retries: {on: [nothing], pause_min: 2s, pause_max: 1s}
routes:
  - fallback: {status: 99, content_type: nonsense}
""")
    ended = harness.run("check-config", path)
    assert ended.returncode != 0
    text = ended.stdout + ended.stderr
    for line, words in [(5, "failure_percent"), (5, "open_max"), (6, "concurrency"), (7, "gate"),
                        (8, "rate"), (9, "retries.on"), (9, "pause_max"), (11, "fallback.status"),
                        (11, "content_type")]:
        assert any(f":{line}:" in row and words in row for row in text.splitlines()), (words, text)
