"""A hit allocates nothing: counted in the release binary, with metrics and the access log on."""
import os
import struct
import subprocess
import time

import pytest

import harness
import redis_server

HITS = 10_000
END = b"the end of one answer"
BODY = b"x" * (1000 - len(END)) + END
REQUEST = b"GET /item HTTP/1.1\r\nHost: test.example\r\nAccept: */*\r\n\r\n"
# A round of the log's thread, twice: it exchanges two buffers with each worker.
LOG_ROUNDS_S = 0.15


class Counter:
    """The counts of Benchmarks/allocations/count.c in a process."""

    def __init__(self, directory):
        self.library, self.path = directory / "count.so", directory / "allocations"
        source = harness.REPOSITORY / "Benchmarks/allocations/count.c"
        subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC",
                        "-o", self.library, source], check=True)

    @property
    def environment(self):
        """What makes a process count."""
        return {**os.environ, "LD_PRELOAD": str(self.library),
                "MELIPROXY_ALLOCATIONS": str(self.path)}

    def of_threads(self, proxy):
        """{name: allocations so far} of the threads that run now. A row of the file is both."""
        counts = {}
        for thread, count in struct.iter_unpack("=QQ", self.path.read_bytes()):
            comm = f"/proc/{proxy.pid}/task/{thread}/comm"
            if thread and os.path.exists(comm):
                with open(comm, encoding="utf-8") as name:
                    counts[name.read().strip()] = count
        return counts

    def of_worker(self, proxy):
        """Allocations of the only worker's thread so far."""
        return self.of_threads(proxy)["worker-0"]


@pytest.fixture
def counter(tmp_path):
    """The library, built, and the file it counts into."""
    return Counter(tmp_path)


def ask(client, count, at_once):
    """Asks `count` times, `at_once` requests in one segment; the strict reader is too slow here."""
    for _ in range(count // at_once):
        client.send(REQUEST * at_once)
        answered, tail = 0, b""
        while answered < at_once:
            received = client.sock.recv(1 << 18)
            assert received, f"closed after {answered} of {at_once}"
            tail += received
            answered += tail.count(END)
            tail = tail[-(len(END) - 1):]


LIMITS = [
    {"name": "per-client", "rate": "1000000/1m; 10000000/1h", "candidate": "1/1s",
     "key": ["client_ip", "route", "path", "header:Accept", "token:User-Agent"]},
    {"name": "bucket", "rate": "100000/1s", "burst": 100000, "deduct_when": "5xx"},
    {"name": "window", "rate": "5/1h", "algorithm": "fixed_window", "shadow": True,
     "when": {"client": "127.0.0.0/8", "path": "/*", "host": "test.example", "methods": "GET"}},
    {"name": "misses", "rate": "100/1h", "on": "miss"},
]


@pytest.mark.parametrize("limits", [[], LIMITS], ids=["plain", "limited"])
def test_a_hit_does_not_allocate(start, upstream, counter, limits):
    """10,000 hits over one connection, each counted, timed and logged: no allocation on the worker. Nor
    with limits of every kind, whose fields stand in each answer.

    The log's thread is not looked at: it allocates about twice in each round of 50 ms.
    """
    upstream.answer = lambda _: (
        b"HTTP/1.1 200 OK\r\nCache-Control: max-age=3600\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % len(BODY)) + BODY
    proxy = start(upstream, settings={"limits": limits, "limit_fields": "both"},
                  arguments=["--cache-memory", "64MiB"], environment=counter.environment)
    with proxy.client() as client:
        assert client.get("/item").body == BODY
        # Faster than what is measured: buffers, the log's above all, have grown when it begins.
        for _ in range(6):
            ask(client, 3000, at_once=100)
            time.sleep(LOG_ROUNDS_S)
        before = counter.of_worker(proxy)
        ask(client, HITS, at_once=1)
        after = counter.of_worker(proxy)
        answer = client.get("/item")
    assert (answer.one("cache-status") or "").startswith("meliproxy; hit"), answer
    assert len(upstream.requests) == 1, "these were no hits"
    proxy.wait_metric("http_requests_total", lambda value: value >= HITS)
    proxy.wait_log(lambda line: line["path"] == "/item" and line["origin"] == "cache")
    assert bool(answer.all("ratelimit")) == bool(limits)
    assert after == before, f"{(after - before) / HITS:.4f} allocations a hit"


def test_a_hit_under_shared_limits_allocates_for_its_lease_alone(start, upstream, counter):
    """10,000 hits whose limits are leases from Redis: the worker allocates when it asks, and not for a hit."""
    upstream.answer = lambda _: (
        b"HTTP/1.1 200 OK\r\nCache-Control: max-age=3600\r\nContent-Length: %d\r\n\r\n" % len(BODY)) + BODY
    with redis_server.Server() as redis:
        proxy = start(upstream, environment=counter.environment, settings={
            "limits": [{"name": "r", "rate": "10000000/10m", "key": "client_ip"},
                       {"name": "b", "rate": "1000000/1s", "burst": 1000000, "deduct_when": "5xx"}],
            "redis": {"address": f"127.0.0.1:{redis.port}", "command_timeout": "2s"},
            "cache": {"memory": "64MiB", "redis": {"enabled": False}}})
        with proxy.client() as client:
            harness.wait_until(
                lambda: client.get("/item").body == BODY
                and proxy.metric("rate_limit_lease_total", outcome="granted") > 2, "leases", every=0.05)
            for _ in range(6):
                ask(client, 3000, at_once=100)
                time.sleep(LOG_ROUNDS_S)
            asked = proxy.metric("rate_limit_lease_total")
            before = counter.of_worker(proxy)
            ask(client, HITS, at_once=1)
            after = counter.of_worker(proxy)
        time.sleep(0.3)
        asked = proxy.metric("rate_limit_lease_total") - asked
        # The second rule returns each charge, to its lease as long as that is there.
        assert asked < HITS / 50
        assert after - before <= 150 * asked + HITS / 1000, f"{after - before} for {asked} questions"


def test_the_counter_counts(start, upstream, counter):
    """The proof that the zero above is not blindness: what is passed through does allocate."""
    proxy = start(upstream, environment=counter.environment)
    with proxy.client() as client:
        assert client.request("POST", "/item", body=b"1").status == 200
        before = counter.of_worker(proxy)
        for _ in range(100):
            assert client.request("POST", "/item", body=b"1").status == 200
        assert counter.of_worker(proxy) - before >= 100
