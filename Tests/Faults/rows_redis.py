"""Redis and its Sentinels: rows 1 to 6, 9 to 11."""
import itertools
import os
import signal
import subprocess
import time

import harness
from purges import Purges
from table import row

_targets = (f"/items/MLA{n}" for n in itertools.count(int(time.time()) * 1_000_000))
NODES, SENTINELS = ("redis-1", "redis-2", "redis-3"), ("sentinel-1", "sentinel-2", "sentinel-3")


def wait_shared(run, within=60):
    """Seconds from the fault on until instances get from Redis again what others have fetched."""
    harness.wait_until(lambda: run.system.shares(next(_targets)), "sharing", within, 0.02)
    return run.since()


def wait_master(system, but=None, within=60):
    """The node that is the master; another one than `but`."""
    return harness.wait_until(lambda: (name := system.master()) != but and name, "a master", within)


@row(1, "kill -9 of the Redis master", first_ms=25)
def _killed(run):
    pid = run.system.pid(wait_master(run.system))
    with run.fault():
        os.kill(pid, signal.SIGKILL)
        run.below("writes are shared again after", wait_shared(run), 1.9, " s", True, 2)


@row(2, "SIGSTOP of the Redis master for 4 s", first_ms=25, then_ms=2)
def _stopped(run):
    system = run.system
    old = wait_master(system)
    pid = system.pid(old)
    with Purges(system, 40) as purges:
        with run.fault():
            os.kill(pid, signal.SIGSTOP)
            try:
                run.remark(f"shared again after {wait_shared(run):.2f} s")
                time.sleep(max(0, 4 - run.since()))
            finally:
                os.kill(pid, signal.SIGCONT)
        harness.wait_until(lambda: system.role(old), "the old one answers", 10)
        before = system.writes(old)
        for _ in range(20):
            system.direct(1, next(_targets))
        if system.named() != old:
            run.below("writes to the old master after it came back", system.writes(old) - before, 0)
        else:
            run.remark("Sentinel kept the master")
    system.wait_well()
    purges.judge(run)


@row(3, "the old master restarts as a master 4 s after it was killed")
def _rogue(run):
    system = run.system
    old = wait_master(system)
    port, pid = system.node(old), system.pid(old)
    with run.fault():
        os.kill(pid, signal.SIGKILL)
        time.sleep(4)
        rogue = subprocess.Popen(["redis-server", system.run / old / "redis.conf"],
                                 stdout=subprocess.DEVNULL)
        try:
            harness.wait_until(lambda: system.role(old) == "master", "the rogue")
            until, landed = time.monotonic() + 5, []
            while time.monotonic() < until and system.role(old) == "master":
                landed.append(system.behind_haproxy())
                system.direct(1, next(_targets))
            run.below("writes to it", system.writes(old), 0)
            run.below("of HAProxy's connections that led to it", landed.count(port), 0)
            run.remark(f"{len(landed)} looks through HAProxy in "
                       f"{time.monotonic() - until + 5:.1f} s as a rogue")
        finally:
            rogue.kill()
            rogue.wait()


@row(4, "SENTINEL FAILOVER; FAILOVER TO a replica")
def _moved(run):
    system = run.system
    old = wait_master(system)
    with run.fault():
        answer = system.sentinel(1, "FAILOVER", "meliproxy")
        run.remark(f"SENTINEL FAILOVER: {answer or 'no answer'}")
        new = harness.wait_until(lambda: next((n for n in NODES if n != old
                                               and system.role(n) == "master"), None),
                                 "another master", 20, 0.02)
        promoted = time.monotonic()
        wait_switched(run, new)
        run.below("SENTINEL FAILOVER: followed", time.monotonic() - promoted, 0.5, " s", True, 2)
        system.wait_well()
        to = next(name for name in NODES if name != new)
        handed_over(system, new, to)
        promoted = time.monotonic()
        wait_switched(run, to)
        run.below("FAILOVER TO: followed", time.monotonic() - promoted, 0.5, " s", True, 2)
        # Sentinel would go on naming the former one.
        handed_over(system, to, new)
        wait_switched(run, new)


def handed_over(system, old, new):
    """`FAILOVER TO`, once the replica is online."""
    def begins():
        return system.command(old, "FAILOVER", "TO", "127.0.0.1", str(system.node(new))) == "OK"
    harness.wait_until(begins, "FAILOVER TO is accepted", 20, 0.1)
    harness.wait_until(lambda: system.role(new) == "master", "the named one is the master", 20, 0.01)


def wait_switched(run, name):
    """Until all instances have a record written at this node."""
    system = run.system
    for number in system.numbers:
        def writes(target):
            system.direct(number, target)
            return True
        before = system.writes(name)
        harness.wait_until(lambda: writes(next(_targets)) and system.writes(name) > before,
                           "writes at the new master", 20, 0.02)


@row(5, "SIGSTOP of one Sentinel for 4 s; then two are killed")
def _sentinels(run):
    system = run.system
    master = wait_master(system)
    with run.fault():
        with system.stopped("sentinel-1"):
            time.sleep(4)
            heard = [system.metrics(n).sum("sentinel_up") for n in system.numbers]
            run.holds("the metric shows 2 of 3", set(heard) == {2}, heard)
        pids = [system.pid("sentinel-2"), system.pid("sentinel-3")]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        run.holds("sharing goes on with two down", system.shares(next(_targets)))
        time.sleep(2)
    run.holds("the master stays", wait_master(system) == master)


@row(6, "kill -9 of all Redis nodes and Sentinels, for about 12 s")
def _everything(run):
    system = run.system
    pids = [system.pid(name) for name in NODES + SENTINELS]
    with run.fault():
        fetched = system.sum("upstream_requests_total")
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        time.sleep(8)
        seconds = run.since()
        misses = run.rate * 0.1 * seconds
        # Each of the 1,000 items may be renewed once by each instance, and nothing is asked for twice.
        bound = misses + 1000 * len(system.numbers) + 100
        run.below("requests to the upstream in 8 s", system.sum("upstream_requests_total") - fetched,
                  bound)
        run.remark(f"shared again after {wait_shared(run, 90):.0f} s (nodes restart after 12 s)")


@row(9, "purges during a failover (kill -9 of the master)")
def _purged(run):
    system = run.system
    pid = system.pid(wait_master(system))
    with Purges(system, 60, every=0.1) as purges:
        time.sleep(1)
        with run.fault():
            os.kill(pid, signal.SIGKILL)
            wait_shared(run)
            time.sleep(2)
    system.wait_well()
    purges.judge(run)


@row(10, "FLUSHALL, FUNCTION FLUSH, SCRIPT FLUSH")
def _flushed(run):
    system = run.system
    master = wait_master(system)
    with run.fault():
        for words in (("FLUSHALL",), ("FUNCTION", "FLUSH"), ("SCRIPT", "FLUSH")):
            assert system.command(master, *words) == "OK"
        flushed = time.monotonic()
        wait_shared(run)
        run.below("shared again after", (time.monotonic() - flushed) * 1e3, 50, " ms", True)


@row(11, "no memory in the Redis master: maxmemory 1, noeviction")
def _memory(run):
    system = run.system
    master = wait_master(system)
    before = {name: system.command(master, "CONFIG", "GET", name)[1]
              for name in ("maxmemory", "maxmemory-policy")}
    with run.fault():
        try:
            system.command(master, "CONFIG", "SET", "maxmemory-policy", "noeviction")
            system.command(master, "CONFIG", "SET", "maxmemory", "1")
            time.sleep(4)
            refused = system.sum("redis_errors_total", reason="out_of_memory")
            run.holds("Redis refused writes", refused > 0, "none")
        finally:
            for name, value in before.items():
                system.command(master, "CONFIG", "SET", name, value)
    run.remark(f"{refused:.0f} writes refused; shared again "
               f"{wait_shared(run) - (run.healed - run.begun):.2f} s after")
