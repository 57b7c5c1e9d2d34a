"""The master dies, hangs, comes back, is replaced by hand: clients notice nothing."""
import signal

import pytest

import harness
from cache_support import numbered, settings
from failover_support import FAILOVER_SECONDS, Load, mended, wait_shared
from redis_cluster import GROUP, Cluster, now


@pytest.fixture(scope="module")
def cluster():
    """One for all tests of the module; each leaves it whole."""
    with Cluster() as made:
        yield made


@pytest.fixture
def instances(start, upstream, cluster):
    """Two instances that share it."""
    upstream.answer = numbered("max-age=600")
    made = []
    for _ in range(2):
        wanted = settings(upstream, memory="64MiB")
        wanted["redis"] = {**cluster.settings, "command_timeout": "100ms"}
        made.append(start(settings=wanted))
    for proxy in made:
        proxy.wait_metric("cache_coherence_live", 1, within=20)
    return made


def test_the_master_hangs_and_comes_back(cluster, instances):
    """SIGSTOP for longer than Sentinel waits, then SIGCONT: nothing fails, and nothing is written to the rogue."""
    one, two = instances
    old = cluster.master()
    with Load(instances) as load:
        old.process.send_signal(signal.SIGSTOP)
        try:
            harness.wait_until(lambda: cluster.master() not in (None, old), "another master",
                               FAILOVER_SECONDS, 0.05)
            wait_shared(one, two, "stopped")
        finally:
            old.process.send_signal(signal.SIGCONT)
        harness.wait_until(lambda: cluster.writes(old) is not None, "the old one answers")
        before = cluster.writes(old)
        for _ in range(20):
            assert one.fetch("GET", f"/rogue/{now()}").status == 200
        assert cluster.writes(old) == before
        mended(cluster, old)
    assert not load.failures, load.failures[:5]
    assert load.count > 100
    one.wait_metric("redis_master_switches_total", lambda value: value >= 1)


@pytest.mark.parametrize("command", ["FAILOVER"])
def test_an_operator_moves_the_master(cluster, instances, command):
    """SENTINEL FAILOVER: followed as soon as the other one is the master."""
    one, two = instances
    old = cluster.master()
    with Load(instances) as load:
        harness.wait_until(lambda: cluster.sentinels[0].ask(command, GROUP) == b"OK", command, 20)
        harness.wait_until(lambda: cluster.master() not in (None, old), "another master",
                           FAILOVER_SECONDS, 0.05)
        wait_shared(one, two, "moved")
        mended(cluster, old)
    assert not load.failures, load.failures[:5]


def test_one_sentinel_dies(cluster, instances):
    """No effect."""
    one, two = instances
    cluster.sentinels[0].process.send_signal(signal.SIGSTOP)
    try:
        with Load(instances) as load:
            wait_shared(one, two, "sentinel")
            one.wait_metric("sentinel_up", 2, within=20)
        assert not load.failures, load.failures[:5]
        one.wait_metric("cache_coherence_live", 1)
    finally:
        cluster.sentinels[0].process.send_signal(signal.SIGCONT)
    one.wait_metric("sentinel_up", 3, within=20)


def test_the_master_dies(cluster, instances):
    """kill -9 under load: nothing fails, what is cached goes on answering, and sharing comes back."""
    one, two = instances
    old = cluster.master()
    with Load(instances) as load:
        harness.wait_until(lambda: load.count > 200, "load")
        old.process.kill()
        old.process.wait()
        took = wait_shared(one, two, "killed")
    assert not load.failures, load.failures[:5]
    print(f"shared again after {took:.2f} s, {load.count} requests")


def test_everything_dies(cluster, instances):
    """All Redis and Sentinels: nothing fails."""
    with Load(instances) as load:
        for part in cluster.sentinels + cluster.nodes:
            if part.process.poll() is None:
                part.process.kill()
                part.process.wait()
        for proxy in instances:
            proxy.wait_metric("redis_connected", 0, within=20)
        before = load.count
        harness.wait_until(lambda: load.count > before + 200, "requests without Redis")
    assert not load.failures, load.failures[:5]
