"""A wrong password for Redis: said once and clearly, counted, and no request is the worse for it."""
import re

import pytest

import harness
from cache_support import numbered, settings, words
from redis_server import Server

RIGHT, WRONG = "r1ght-of-this-test", "wr0ng-of-this-test"


@pytest.fixture
def redis():
    """A Redis that wants a password, after a first moment without."""
    with Server() as server:
        with server.connect() as connection:
            connection("CONFIG", "SET", "requirepass", RIGHT)
        yield server


def refusals(proxy):
    """Lines about being refused."""
    return [line for line in proxy.stderr().splitlines() if "refuses us" in line]


def attempts(redis):
    """Connections that were refused so far."""
    with redis.connect() as connection:
        connection("AUTH", RIGHT)
        statistics = connection("INFO", "commandstats").decode()
    found = re.search(r"^cmdstat_auth:.*failed_calls=(\d+)", statistics, re.MULTILINE)
    return int(found[1]) if found else 0


def test_a_wrong_password(start, upstream, redis):
    upstream.answer = numbered()
    wanted = settings(upstream, memory="64MiB")
    wanted["redis"] = {"address": f"127.0.0.1:{redis.port}", "password": WRONG}
    proxy = start(settings=wanted)

    # Refused again and again, and said once: who refuses and why, without the password.
    harness.wait_until(lambda: attempts(redis) >= 4, lambda: f"{attempts(redis)} attempts", 20, 0.1)
    assert len(refusals(proxy)) == 1, proxy.stderr()
    line = refusals(proxy)[0]
    assert f"127.0.0.1:{redis.port}" in line and "WRONGPASS" in line, line
    assert WRONG not in proxy.stderr() and RIGHT not in proxy.stderr()
    assert proxy.metric("redis_reconnects_total", reason="authentication") >= 3
    # What RedisUnreachable looks at.
    assert proxy.metric("redis_connected") == 0

    # It serves and caches by itself.
    assert words(proxy, "/c", "/c", "/c") == ["uri-miss", "hit", "hit"]
    assert proxy.is_ready()

    # The password becomes right: no restart, nothing to type here.
    with redis.connect() as connection:
        connection("AUTH", RIGHT)
        connection("CONFIG", "SET", "requirepass", WRONG)
    proxy.wait_metric("redis_connected", 1, within=20)
    proxy.wait_metric("cache_coherence_live", 1, within=20)
    harness.wait_until(lambda: "Redis master is" in proxy.stderr(), proxy.stderr)
    assert len(refusals(proxy)) == 1
