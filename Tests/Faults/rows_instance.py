"""One instance's surroundings: rows 7, 25 and 27."""
import contextlib
import os
import time

import client
import harness
from machine import busy_seconds
from openload import OpenLoad
from relay import Relay
from table import row

TOKEN = "a-token-of-this-table"


@contextlib.contextmanager
def instance(run, redis_port=None, **options):
    """An instance of its own in front of the same upstream, perhaps with the same Redis through a port."""
    system = run.system
    settings = harness.settings_for(f"http://127.0.0.1:{system.demo.port}", admin={"token": TOKEN},
                                    cache={"memory": "64MiB"})
    if redis_port:
        secret = system.secrets("meliproxy")["MELIPROXY_REDIS_PASSWORD"]
        settings["redis"] = {"via": "haproxy", "address": f"127.0.0.1:{redis_port}",
                             "user": "meliproxy", "password": secret, "key_prefix": "meliproxy:"}
    proxy = harness.Proxy(settings=settings, **options)
    try:
        if redis_port:
            proxy.wait_metric("cache_coherence_live", 1, within=20)
        yield proxy
    finally:
        proxy.stop()


@row(7, "an instance is cut off from Redis for 5 s; purges come meanwhile")
def _partition(run):
    system = run.system
    targets = [f"/categories/MLA{int(time.time())}{number:03}" for number in range(30)]
    with Relay(system.ports["redis"], word=b"") as relay, instance(run, relay.port) as far, \
            instance(run, system.ports["redis"]) as near:
        for proxy in (far, near):
            assert {proxy.fetch("GET", target).status for target in targets} == {200}
        time.sleep(3)
        with run.fault():
            relay.is_cut = True
            answers = [near.admin("POST", f"/api/v1/purge?key={target}",
                                  [("Authorization", f"Bearer {TOKEN}")]) for target in targets]
            purged = time.monotonic()
            run.holds("all purges are acknowledged",
                      all(b'"shared":"done"' in answer.body for answer in answers))
            failed, longest = [], 0.0
            while run.since() < 5:
                for target in targets:
                    begun = time.monotonic()
                    if (answer := far.fetch("GET", target)).status != 200:
                        failed.append(answer.status)
                    longest = max(longest, time.monotonic() - begun)
            run.none("failed while it was cut off", failed)
            run.remark(f"longest answer of it {longest * 1e3:.0f} ms")
            relay.is_cut = False
            healed = time.monotonic()
            far.wait_metric("cache_coherence_live", 1, within=30)
            run.remark(f"hears again {time.monotonic() - healed:.2f} s after it was healed")
        stale = []
        for target in targets:
            age = int(far.fetch("GET", target).one("age") or 0)
            if age > time.monotonic() - purged + 1.5:
                stale.append((target, age))
        run.none("purged copies that it serves when it is back", stale)


@row(25, "an instance may open 10 more descriptors, and 200 clients come, for 4 s")
def _descriptors(run):
    system = run.system
    pid = system.pid("proxy-1")
    refused = system.metrics(1).sum("connections_rejected_total", reason="fd")
    with contextlib.ExitStack() as held, run.fault():
        with system.descriptors("proxy-1", 10):
            busy, statuses = busy_seconds(pid), []
            for _ in range(200):
                one = held.enter_context(client.Client(system.front, timeout=25))
                statuses.append(one.get("/sites").status)
            time.sleep(max(0, 4 - run.since()))
            share = (busy_seconds(pid) - busy) / run.since()
            run.below("its share of a processor", share * 100, 60, " %")
            run.none("failed of 200 new clients", [s for s in statuses if s != 200])
        freed = time.monotonic()
        harness.wait_until(lambda: system.direct(1, "/sites").status == 200, "it answers", 10)
        run.below("answers a new client again after", time.monotonic() - freed, 1, " s", digits=2)
    run.holds("it is still the same process", system.pid("proxy-1") == pid)
    run.remark(f"{system.metrics(1).sum('connections_rejected_total', reason='fd') - refused:.0f} "
               "connections refused for want of descriptors")


@row(27, "the disk of the log is full; nobody reads the pipe of the log")
def _logs(run):
    with run.fault():
        usual, _ = logged(run, "a file")
        for words, path in (("a full disk", "/dev/full"), ("a pipe", fifo(run))):
            late, dropped = logged(run, words, path)
            run.below(f"{words}: added p99 of hits", (late - usual) * 1e3, 1, " ms", True, 1)
            run.holds(f"{words}: what was dropped is counted", dropped > 0, dropped)


def fifo(run):
    """A pipe that nobody reads, kept open so that writing to it waits."""
    path = run.program.with_name(f"log-{time.monotonic_ns()}")
    os.mkfifo(path)
    run.pipe = os.open(path, os.O_RDWR)
    return path


def logged(run, words, path=None):
    """(p99 of hits in seconds, dropped lines) of an instance that logs there, under 500 requests/s."""
    with instance(run, access_log=path) as proxy:
        with OpenLoad(run.program, proxy.port, 500, keys=50) as load:
            time.sleep(5)
            answers = load.stop()
        run.none(f"{words}: failed", answers.failures())
        proxy.assert_alive()
        return answers.between(answers[0].due + 2).of(False).p99(), proxy.metric("log_dropped_total")
