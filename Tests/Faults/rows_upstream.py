"""The upstream: rows 12 to 14 and 16. Misses may be refused then; hits may not."""
import time

import harness
from table import row

SHED = frozenset({502, 503, 504})
OPEN_SECONDS = 5


def breakers(system):
    """The state of each instance's breaker."""
    return [system.upstream(number)["breaker"]["state"] for number in system.numbers]


def wait_open(run, within=20):
    """Until no breaker is closed; seconds from the fault on."""
    harness.wait_until(lambda: "closed" not in breakers(run.system), "open breakers", within, 0.02)
    return run.since()


@row(12, "the upstream refuses connections for 6 s", first_ms=25, then_ms=2, allowed=SHED)
def _refused(run):
    system = run.system
    with run.fault():
        system.demo.kill()
        # Missed by moments: failed connects open it once nothing has succeeded for a second
        # (`breaker.connect_failures`), and that begins with the last answer, not with the fault.
        run.below("all breakers are open after", wait_open(run), 1, " s", True, 2)
        begun, tried = time.monotonic(), tries(system)
        opened = system.sum("circuit_breaker_transitions_total", state="half_open")
        time.sleep(OPEN_SECONDS)
        tried = tries(system) - tried
        windows = system.sum("circuit_breaker_transitions_total", state="half_open") - opened
        ended = time.monotonic()
        system.demo.begin()
    run.below(f"connects tried in {windows:.0f} windows of probes", tried,
              3 * (windows + len(system.numbers)))
    run.later(lambda answers: run.below(
        "p99 of refused misses once open", p99_of(answers, begun + 0.2, ended, 503), 5, " ms", True, 1))


@row(13, "connecting to the upstream hangs for 8 s (full queue)", first_ms=25, then_ms=2,
     allowed=SHED)
def _hangs(run):
    system = run.system
    before, most = descriptors(system), 0
    with run.fault():
        with system.demo.black_hole():
            run.remark(f"all breakers are open after {wait_open(run):.2f} s "
                       "(connect_timeout is 2.5 s)")
            while run.since() < 8:
                most = max(most, descriptors(system))
                time.sleep(0.1)
    # What waits is bounded by the limit of concurrent requests.
    run.remark(f"at most {most - before} more descriptors in an instance, beside those of clients")
    run.later(lambda answers: run.below(
        "p99 of misses", answers.between(run.begun, run.healed).of(True).p99(), 5.02, " s", True, 2))
    # Kept connections to the upstream: `pool.idle_max`.
    run.below("more than before, in the end", descriptors(system) - before, 128)


@row(14, "the upstream takes 200 ms in place of 10 ms", first_ms=25, then_ms=1, allowed=SHED)
def _slow(run):
    system = run.system
    system.demo.faults(latency="10ms")
    time.sleep(2)
    over = []
    with run.fault():
        system.demo.faults(latency="200ms")
        while run.since() < 6:
            for number in system.numbers:
                now = system.upstream(number)["concurrency"]
                if now["in_flight"] > now["limit"] + 1:
                    over.append(now)
            time.sleep(0.1)
        system.demo.faults()
    run.none("looks that saw more in flight than the limit", over)
    run.later(lambda answers: run.remark(
        f"misses: {answers.between(run.begun, run.healed).of(True).failures().words() or 'none refused'}"))


@row(16, "half of the answers are errors for 6 s; then all of them for 2 s in every 4, for 16 s",
     then_ms=2, allowed=SHED)
def _errors(run):
    system = run.system
    names = ("upstream_retries_total", "upstream_requests_total")
    with run.fault():
        before = [system.sum(name) for name in names]
        system.demo.faults(error_rate=0.5)
        time.sleep(6)
        retries, requests = (system.sum(name) - old for name, old in zip(names, before))
        system.demo.faults()
        harness.wait_until(lambda: set(breakers(system)) == {"closed"}, "closed again", 60, 0.1)
        opened = system.sum("circuit_breaker_transitions_total", state="open")
        for turn in range(8):
            system.demo.faults(**({"error_rate": 1} if turn % 2 == 0 else {}))
            time.sleep(2)
        system.demo.faults()
        opened = system.sum("circuit_breaker_transitions_total", state="open") - opened
    run.below("retries", retries, requests / 10 + 3 * 6 * len(system.numbers))
    # It opens for 1 s, 2 s, 4 s, 8 s, give or take a fifth: five times fit into 16 s at the very most.
    run.below("times each breaker opened in 16 s", opened / len(system.numbers), 5, digits=1)


def descriptors(system):
    """The most that an instance has open beside its clients' connections."""
    return max(system.open_files(f"proxy-{n}") - int(system.metrics(n).sum("connections_active"))
               for n in system.numbers)


def tries(system):
    """Connects that failed."""
    return system.sum("upstream_errors_total", reason="connect")


def p99_of(answers, begin, end, status):
    """In milliseconds, of the misses with that status."""
    taken = type(answers)(one for one in answers.between(begin, end).of(True) if one.status == status)
    return taken.p99() * 1e3
