"""What the resilience suites share: upstreams that can fail, clients that press, settings."""
import itertools
import json
import threading
import time

import client as clients
import harness
import upstream as upstreams
import wire

OK = upstreams.response()
HIT = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=3600\r\nContent-Length: 3\r\n\r\nhit"
BUSY = upstreams.response(b"busy", "503 Busy")
# The breaker's times, so short that a test sees them pass; counts and shares are the defaults.
QUICK = {"open": "300ms", "open_max": "1s", "ramp": "300ms"}


def settings(upstream, **upstream_settings):
    """One upstream without retries, unless said otherwise."""
    upstream_settings.setdefault("retries", {"max": 0})
    return harness.settings_for(upstream, upstream_settings=upstream_settings)


class Switch:
    """An upstream's answers, changed while it runs; counts those that are under way."""

    def __init__(self, answer=OK):
        self.answer, self.delay = answer, 0
        self.active, self.peak = 0, 0
        self.lock = threading.Lock()

    def __call__(self, request):
        if request.target.startswith("/hit"):
            return HIT
        with self.lock:
            self.active += 1
            self.peak = max(self.peak, self.active)
        try:
            time.sleep(self.delay)
            return self.answer(request) if callable(self.answer) else self.answer
        finally:
            with self.lock:
                self.active -= 1

    def reset_peak(self):
        """Begins a new maximum."""
        with self.lock:
            self.peak = self.active


class Press:
    """Client threads that ask as fast as they are answered, until stopped.

    Each request for `/miss` has a target of its own, so that none waits for another's fetch.
    """

    def __init__(self, proxy, threads, target="/miss", pause=0.0):
        self.proxy, self.target, self.pause = proxy, target, pause
        self.answers, self.errors = [], []
        self.stopped = threading.Event()
        self.numbers = itertools.count()
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for thread in self.threads:
            thread.join(20)

    def _run(self):
        try:
            with self.proxy.client(timeout=20) as client:
                while not self.stopped.is_set():
                    begun = time.monotonic()
                    own = f"/{next(self.numbers)}" if self.target == "/miss" else ""
                    client.send(clients.head("GET", self.target + own))
                    response = client.response()
                    self.answers.append((begun, response.status, time.monotonic() - begun))
                    time.sleep(self.pause)
        except (OSError, wire.BrokenMessage) as error:
            self.errors.append(error)

    def statuses(self, since=0.0):
        """The statuses of requests made since then."""
        return [status for begun, status, _ in list(self.answers) if begun >= since]

    def longest(self, since=0.0):
        """The longest time to an answer in seconds."""
        return max((took for begun, _, took in list(self.answers) if begun >= since), default=0)


def state(proxy):
    """The breaker's state, as the metrics have it."""
    samples = [s for s in proxy.metrics().select("circuit_breaker_state") if s.value == 1]
    assert len(samples) == 1, samples
    return samples[0].labels["state"]


def health(proxy):
    """What the admin API shows of the only upstream."""
    answer = proxy.admin("GET", "/api/v1/upstreams")
    assert answer.status == 200
    return json.loads(answer.body)["upstreams"][0]


def breaker(proxy):
    """The breaker's state now; metrics may be 250 ms old."""
    return health(proxy)["breaker"]["state"]


def wait_breaker(proxy, word, within=10):
    """Waits until the breaker is in that state."""
    harness.wait_until(lambda: breaker(proxy) == word, lambda: f"{health(proxy)}", within)


def refused(response, reason):
    """Whether it is our 503 for that reason, complete with all that belongs to it."""
    assert response.status == 503, response
    assert int(response.one("Retry-After")) >= 1
    assert response.one("Content-Type") == "application/problem+json"
    assert json.loads(response.body)["detail"].startswith(f"{reason}: ")
    assert f"detail={reason}" in response.one("Cache-Status")
    return True


def open_breaker(proxy, upstream_down):
    """Asks until the breaker of an upstream that refuses connections is open."""
    # The fast path wants a second without a success.
    time.sleep(1.1)
    upstream_down()
    for _ in range(20):
        response = proxy.fetch("GET", "/miss")
        if response.status == 503:
            return response
        assert response.status == 502, response
    raise AssertionError(f"not open: {health(proxy)}")
