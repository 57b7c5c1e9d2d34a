"""Failovers again and again, a long time without Redis, and the way through HAProxy: figures, and no answer
that fails."""
import os
import signal
import statistics
import time

import pytest

import harness
from cache_support import numbered, settings
from failover_support import FAILOVER_SECONDS, Load, mended, wait_shared
from redis_cluster import Cluster, now
from topology_support import Stack

pytestmark = pytest.mark.long

ROUNDS = int(os.environ.get("MELIPROXY_FAILOVERS", "20"))
DEAD_SECONDS = float(os.environ.get("MELIPROXY_DEAD_SECONDS", "60"))
# What clients of the load ask for, all together, a second.
RATE = 2000


@pytest.fixture
def cluster():
    """A cluster of the test's own."""
    with Cluster() as made:
        yield made


@pytest.fixture
def instances(start, upstream):
    """Starts two instances with these settings of Redis; records last seconds, so that all fit."""
    def begin(redis):
        upstream.answer = numbered("max-age=20")
        made = []
        for _ in range(2):
            wanted = settings(upstream, memory="64MiB")
            wanted["redis"] = redis
            made.append(start(settings=wanted))
        for proxy in made:
            proxy.wait_metric("cache_coherence_live", 1, within=20)
        return made
    return begin


def killed(process):
    """Ends a process as a crash would."""
    process.kill()
    process.wait()


def test_failovers_under_load(cluster, instances):
    """kill -9 of the master, again and again: no answer fails, and each time they share again."""
    one, two = instances({**cluster.settings, "command_timeout": "100ms"})
    times = []
    with Load([one, two], RATE) as load:
        began = now()
        for number in range(ROUNDS):
            old = harness.wait_until(cluster.master, "a master", FAILOVER_SECONDS)
            killed(old.process)
            times.append(wait_shared(one, two, f"round-{number}"))
            harness.wait_until(lambda: cluster.master() not in (None, old), "another master",
                               FAILOVER_SECONDS, 0.05)
            cluster.replace(old)
            mended(cluster, old)
        rate = load.count / (now() - began)
    assert not load.failures, f"{len(load.failures)} of {load.count}: {load.failures[:5]}"
    median = statistics.median(times)
    print(f"{ROUNDS} failovers, {load.count} requests ({rate:.0f}/s), none failed; shared again after "
          f"{median:.2f} s (median; {min(times):.2f} to {max(times):.2f} s)")
    assert median < FAILOVER_SECONDS / 2


def test_a_long_time_without_redis(cluster, instances):
    """All Redis nodes and Sentinels are dead for a while: no answer fails, and it mends by itself."""
    one, two = instances({**cluster.settings, "command_timeout": "100ms"})
    master = cluster.master()
    with Load([one, two], RATE) as load:
        for part in cluster.sentinels + cluster.nodes:
            killed(part.process)
        for proxy in (one, two):
            proxy.wait_metric("redis_connected", 0, within=20)
        before = load.count
        time.sleep(DEAD_SECONDS)
        during = load.count - before
        master.begin()
        for node in cluster.nodes:
            if node is not master:
                node.begin("--replicaof", "127.0.0.1", master.port)
        for sentinel in cluster.sentinels:
            sentinel.begin()
        took = wait_shared(one, two, "dead")
        for proxy in (one, two):
            proxy.wait_metric("cache_coherence_live", 1, within=20)
    assert not load.failures, f"{len(load.failures)} of {load.count}: {load.failures[:5]}"
    assert during > DEAD_SECONDS * 10
    print(f"{during} requests in {DEAD_SECONDS:.0f} s without Redis, none failed; shared again "
          f"{took:.2f} s after its return")


@pytest.fixture
def stack():
    """The shipped topology, for its Redis nodes, Sentinels and HAProxy."""
    made = Stack("--bare", instances=1)
    yield made
    made.close()


@pytest.mark.parametrize("with_sentinels", [True, False], ids=["checked", "alone"])
def test_the_master_dies_behind_haproxy(stack, instances, with_sentinels):
    """`via: haproxy` and the shipped vote: kill -9 of the master costs no answer, and sharing comes back."""
    password = stack.secrets("meliproxy")["MELIPROXY_REDIS_PASSWORD"]
    redis = {"via": "haproxy", "address": f"127.0.0.1:{stack.ports['redis']}", "user": "meliproxy",
             "password": password, "key_prefix": "meliproxy:", "command_timeout": "100ms"}
    if with_sentinels:
        redis |= {"sentinels": [f"127.0.0.1:{stack.ports[f'sentinel_{n}']}" for n in (1, 2, 3)],
                  "group": "meliproxy", "sentinel_user": "meliproxy",
                  "sentinel_password": password}
    one, two = instances(redis)
    wait_shared(one, two, "begin")
    with Load([one, two]) as load:
        harness.wait_until(lambda: load.count > 200, "load")
        port = harness.wait_until(stack.port_behind_haproxy, "a master", FAILOVER_SECONDS)
        number = next(n for n in (1, 2, 3) if stack.ports[f"redis_{n}"] == port)
        os.kill(stack.program(f"redis-{number}")["pid"], signal.SIGKILL)
        # Sentinels whose first election comes to nothing try again after 20 s.
        harness.wait_until(lambda: stack.port_behind_haproxy() not in (None, port), "another master", 60)
        took = wait_shared(one, two, "haproxy")
    assert not load.failures, f"{len(load.failures)} of {load.count}: {load.failures[:5]}"
    for proxy in (one, two):
        proxy.wait_metric("cache_coherence_live", 1, within=20)
    print(f"shared again {took:.2f} s after HAProxy had another master, {load.count} requests")
