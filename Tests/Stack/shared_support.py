"""What the suites of the tier in Redis share: a Redis, instances that use it, what they have stored."""
import pytest

import harness
from cache_status import parse
from cache_support import settings
from redis_server import Server

# A signal sent, a message passed: long on a busy machine, and far below the lifetime of what is stored.
SOON = 5


@pytest.fixture
def redis():
    """A Redis of the test's own."""
    with Server() as server:
        yield server


@pytest.fixture
def instances(start, upstream, redis):
    """Starts instances that share it, live before they are given back."""
    def begin(count, redis_settings=None, shared=None, **options):
        made = []
        for _ in range(count):
            options.setdefault("memory", "64MiB")
            memory = options["memory"]
            wanted = settings(upstream, **options)
            wanted["redis"] = {"address": f"127.0.0.1:{redis.port}", "command_timeout": "1s",
                               **(redis_settings or {})}
            wanted["cache"] = {"memory": memory, "redis": {"lease": "5s", **(shared or {})}}
            made.append(start(settings=wanted))
        for proxy in made:
            proxy.wait_metric("cache_coherence_live", 1)
        return made
    return begin


def fetched_by(proxy, target, fields=()):
    """Status word, body and Cache-Status detail of one GET."""
    answer = proxy.fetch("GET", target, fields)
    status = parse(answer)
    return status.word, answer.body, status.parameters.get("detail")


def stored(redis):
    """Names of the records that are there."""
    with redis.connect() as connection:
        return sorted(connection("KEYS", "r:*"))


def settled(proxy, count=1):
    """Waits until the instance has offered so many answers to the others."""
    proxy.wait_metric("cache_stores_total", lambda value: value >= count, tier="redis",
                      outcome="stored")


def copied(proxy, target):
    """Waits until the instance has a copy in its memory: word of the record's writing may come after
    the first one was taken."""
    harness.wait_until(lambda: fetched_by(proxy, target)[2] == "l1", "a copy in memory")
