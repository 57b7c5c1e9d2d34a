"""Row 32: faults of the other rows at random, one after the other, for as long as one likes."""
import os
import random
import signal
import time

from purges import Purges
from rows_redis import NODES, SENTINELS, wait_master
from table import row

FAILED_PERCENT_MAX = 0.01
# Redis nodes come back after 12 s, and breakers close again after their ramp.
HEAL_SECONDS_MAX = 90


def _kill(system, name):
    os.kill(system.pid(name), signal.SIGKILL)


def _stop(system, name, seconds):
    with system.stopped(name):
        time.sleep(seconds)


def _upstream(system, **faults):
    system.demo.faults(**faults)
    time.sleep(3)
    system.demo.faults()


def _upstream_dies(system):
    system.demo.kill()
    time.sleep(2)
    system.demo.begin()


# {row whose fault it is: what is done, given the system and the source of chance}
FAULTS = {
    "1 kill -9 of the master": lambda s, _: _kill(s, wait_master(s)),
    "2 SIGSTOP of the master": lambda s, _: _stop(s, wait_master(s), 4),
    "4 SENTINEL FAILOVER": lambda s, _: s.sentinel(1, "FAILOVER", "meliproxy"),
    "5 kill -9 of a Sentinel": lambda s, chance: _kill(s, chance.choice(SENTINELS)),
    "1 kill -9 of any Redis node": lambda s, chance: _kill(s, chance.choice(NODES)),
    "10 FLUSHALL": lambda s, _: s.command(wait_master(s), "FLUSHALL"),
    "12 the upstream dies for 2 s": lambda s, _: _upstream_dies(s),
    "14 the upstream is slow": lambda s, _: _upstream(s, latency="200ms"),
    "16 half of the answers are errors": lambda s, _: _upstream(s, error_rate=0.5),
    "19 kill -9 of an instance": lambda s, chance: _kill(s, f"proxy-{chance.choice(s.numbers)}"),
    "20 SIGSTOP of an instance": lambda s, chance: _stop(s, f"proxy-{chance.choice(s.numbers)}", 3),
    "21 rolling restart": lambda s, _: s.order("restart", within=120),
    "22 reload of HAProxy": lambda s, _: s.order("reload"),
}


@row(32, "faults of rows 1 to 22 at random; hits can always be answered, misses while there is an upstream",
     allowed=frozenset({502, 503, 504}), failed_percent_max=FAILED_PERCENT_MAX)
def _soak(run):
    system, seconds = run.system, run.options.soak
    chance = random.Random(run.options.seed)
    done, stale, rss = [], [], {}
    with run.fault():
        while run.since() < seconds:
            name = chance.choice(sorted(FAULTS))
            with Purges(system, 10, every=0.3) as purges:
                FAULTS[name](system, chance)
                time.sleep(1)
            system.wait_well(HEAL_SECONDS_MAX)
            purges.check_all()
            done.append(name)
            stale += [f"{words}, during {name}" for words in purges.stale]
            if not rss:
                rss = _rss(system)
            time.sleep(1)
    drift = [f"{number}: {(now / rss[pid][1] - 1) * 100:+.1f} %"
             for pid, (number, now) in _rss(system).items() if pid in rss]
    run.remark(f"seed {run.options.seed}, {run.since():.0f} s, {len(done)} faults: "
               + ", ".join(f"{done.count(name)} x {name}" for name in sorted(set(done))))
    run.remark("RSS since the first fault, of instances that were not restarted: "
               + (", ".join(drift) or "none"))
    run.none("stale 2 s after an acknowledged purge", stale)
    run.later(lambda answers: run.remark("misses refused, or failed with their upstream: "
                                         f"{len(answers.of(True).failures())}"))


def _rss(system):
    return {system.pid(f"proxy-{n}"): (n, system.rss(f"proxy-{n}")) for n in system.numbers}
