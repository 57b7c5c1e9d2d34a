"""Limits under load on the real topology, with many instances, and while Redis dies and comes back: figures, and
never more than what is said."""
import itertools
import os
import signal
import subprocess
import time

import pytest

import client as clients
import harness
from limit_load import Flow, Flows, Load, instances, most_within, p99, redis_calls
from shared_support import redis
from topology_support import Stack

pytestmark = pytest.mark.long

ONE, OTHER = "152.152.152.152", "127.0.0.77"
MINUTE = 60


def figure(name, text):
    """One line for the report."""
    print(f"\nfigure: {name}: {text}", flush=True)


# MARK: The three rules behind HAProxy

@pytest.fixture
def address():
    """152.152.152.152 is an address of this machine, from which clients can come."""
    if os.geteuid() != 0:
        pytest.skip("only root may give the machine another address")
    subprocess.run(["ip", "addr", "add", f"{ONE}/32", "dev", "lo"], check=True)
    yield ONE
    subprocess.run(["ip", "addr", "del", f"{ONE}/32", "dev", "lo"], check=True)


@pytest.fixture
def stack(tmp_path):
    """Three instances behind HAProxy with the shipped settings, all of their rules enforced."""
    text = (harness.REPOSITORY / "config/meliproxy.yaml").read_text()
    assert text.count("    shadow: true\n") == 1
    # A machine that has other things to do for a moment is no Redis that is down.
    text = text.replace("    shadow: true\n", "").replace(
        '  key_prefix: "meliproxy:"\n', '  key_prefix: "meliproxy:"\n  command_timeout: 250ms\n')
    assert "command_timeout: 250ms" in text
    (tmp_path / "settings.yaml").write_text(text)
    made = Stack("--bare", "--config", tmp_path / "settings.yaml", instances=3)
    yield made
    made.close()


def each_instance(stack, name, **labels):
    """A metric of each instance."""
    pages = [clients.fetch(stack.ports[f"admin_{n}"], "GET", "/metrics").body for n in (1, 2, 3)]
    return [harness.Samples(page.decode()).sum(name, **labels) for page in pages]


def have_leases(stack):
    """Whether each instance has been given tokens by Redis."""
    clients.fetch(stack.front, "GET", "/categories/MLA1000")
    return all(each_instance(stack, "rate_limit_lease_total", outcome="granted"))


def flow(stack, who, target, per_minute, forged):
    """Requests from an address that say that they come from another one."""
    fields = [("X-Forwarded-For", forged), ("Forwarded", f"for={forged}")]
    return Flow(stack.front, target, per_minute / MINUTE, fields, source=who)


def offered(stack, address, items_alone):
    """Four times each limit; with `items_alone` nothing but items from the address that is limited."""
    made = {"items": flow(stack, address, "/items/MLA1000", 40, OTHER),
            "categories": flow(stack, OTHER, "/categories/MLA1000", 39_500, address),
            "other items": flow(stack, OTHER, "/items/MLA1000", 120, address)}
    if not items_alone:
        made |= {"sites": flow(stack, address, "/sites", 3_460, OTHER),
                 "its categories": flow(stack, address, "/categories/MLA1000", 500, OTHER)}
    return made


@pytest.mark.parametrize("items_alone", [False, True], ids=["together", "items alone"])
def test_the_three_rules_behind_haproxy(stack, address, items_alone):
    """1000 and 10 a minute by one address, 10000 by all, four times offered for three minutes: never more in any
    minute, whatever X-Forwarded-For says, and all of it used."""
    harness.wait_until(lambda: have_leases(stack), "leases", within=20, every=0.1)
    flows = offered(stack, address, items_alone)
    Flows(list(flows.values()), 3 * MINUTE - 0.5).join()
    by_address = [flows[n] for n in ("items", "sites", "its categories") if n in flows]
    rules = {"address": (1000, by_address),
             "categories": (10_000, [flows[n] for n in ("categories", "its categories") if n in flows]),
             "address on items": (10, [flows["items"]])}
    for rule, (count, about) in rules.items():
        events = sorted(itertools.chain.from_iterable(flow.allowed() for flow in about))
        asked = sum(len(flow.answers) for flow in about)
        most = most_within(events, MINUTE)
        figure(f"behind HAProxy, {rule}, {count}/1m", f"{asked} asked in 3 minutes, {len(events)} let through "
               f"({100 * len(events) / count / 3:.2f} % of the limit), at most {most} within a minute")
        assert most <= count
        # Where the address has used up its own, items are refused for that.
        if (rule == "address on items") == items_alone or rule == "categories":
            assert len(events) >= 0.99 * 3 * count
    assert {answer[2] for answer in flows["other items"].answers} == {200}, "only others are limited"
    found = {answer[2] for flow in flows.values() for answer in flow.answers}
    assert found == {200, 429}
    shares = each_instance(stack, "http_requests_total")
    assert min(shares) > 0.2 * sum(shares), shares
    assert sum(each_instance(stack, "rate_limit_lease_total", outcome="failed")) == 0


# MARK: Five instances

def within_windows(events, period):
    """The most that were let through in one of the windows that the wall clock begins."""
    offset = time.time() - time.monotonic()
    inside = [int((sent + offset) // period) for sent, got in events
              if (sent + offset) // period == (got + offset) // period]
    return max(inside.count(window) for window in set(inside))


@pytest.mark.parametrize("times", [4, 20])
@pytest.mark.parametrize("rule,count,period,rounds", [
    ({"rate": "1000/1m"}, 1000, 60, 3),
    ({"rate": "600/2s"}, 600, 2, 6),
    ({"rate": "600/2s", "algorithm": "fixed_window"}, 600, 2, 6),
    ({"rate": "300/1s", "burst": 300}, 300, 1, 12)], ids=["minute", "sliding", "fixed", "bucket"])
def test_five_instances(instances, redis, rule, count, period, rounds, times):
    """Four and twenty times the limit: never more than said in any window, nearly all of it, few calls."""
    proxies = instances({"name": "r", "when": {"path": "/c/**"}, **rule}, count=5)
    # The pace of the warm-up is over, its tokens are back, and each has heard of all.
    time.sleep(2.5)
    if "algorithm" in rule:
        # So that the load is in as many windows as it lasts.
        time.sleep(period - time.time() % period)
    before = redis_calls(redis)
    load = Load(proxies, "/c/one", times * count / period, rounds * period - 0.05).join()
    calls, total, events = redis_calls(redis) - before, len(load.answers), load.allowed()
    seconds = max(got for _, got in events) - min(sent for sent, _ in events)
    most = most_within(events, period)
    allowed = rounds * count + ("burst" in rule) * count
    figure(f"five instances, {' '.join(map(str, rule.values()))}, {total / rounds / count:.1f} times",
           f"{len(events)} of {total} let through in {seconds:.1f} s ({100 * len(events) / allowed:.2f} % of the "
           f"limit), at most {most} within a period, {calls} calls ({100 * calls / total:.2f} %)")
    assert load.count(200) + load.count(429) == total
    if "burst" in rule:
        # Burst and rate, and a lease of the rate.
        assert len(events) <= count + count / period * (seconds + 0.1)
        assert most <= 2 * count + 0.1 * count / period
    elif "algorithm" in rule:
        assert within_windows(events, period) <= count and most <= 2 * count
    else:
        assert most <= count
    assert len(events) >= 0.99 * allowed
    assert calls <= 0.10 * total


# MARK: Redis dies and comes back

COUNT, PERIOD = 600, 2
QUIET, OUTAGE, AFTER = 6, 5, 8


def leases(proxies):
    """How many each instance has been given."""
    return [proxy.metric("rate_limit_lease_total", outcome="granted") for proxy in proxies]


def dies_and_returns(redis, proxies, number, begin):
    """Stops or kills Redis after the quiet seconds, and brings it back: when it was gone, there again, and found by
    all."""
    time.sleep(max(0, begin + QUIET - time.monotonic()))
    redis.process.send_signal(number)
    gone = time.monotonic()
    time.sleep(OUTAGE)
    if number == signal.SIGSTOP:
        redis.process.send_signal(signal.SIGCONT)
    else:
        redis.process.wait()
        redis.begin()
    back, before = time.monotonic(), leases(proxies)
    harness.wait_until(lambda: all(now > then for now, then in zip(leases(proxies), before)),
                       "leases again", within=20, every=0.05)
    return gone, back, time.monotonic()


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL], ids=["stopped", "killed"])
@pytest.mark.parametrize("word", ["local", "allow", "deny"])
def test_redis_dies_under_load(instances, redis, word, number):
    """`on_store_failure`: no errors, hardly any waiting, and never more than said, also when Redis is back."""
    proxies = instances({"name": "r", "when": {"path": "/c/**"}, "rate": f"{COUNT}/{PERIOD}s",
                         "on_store_failure": word}, timeout="15ms", breaker={"failures": 5})
    time.sleep(2.5)
    load = Load(proxies, "/c/x", 4 * COUNT / PERIOD, QUIET + OUTAGE + AFTER, connections=4)
    gone, back, found = dies_and_returns(redis, proxies, number, load.begin)
    answers = load.join().answers

    def during(begin, end):
        return [answer for answer in answers if begin <= answer[0] < end]

    quiet = p99(during(load.begin + 1, gone - 0.1))
    first = p99(during(gone - 0.02, gone + 1)) - quiet
    later, returned = p99(during(gone + 1, back)) - quiet, p99(during(back, back + 1)) - quiet
    report(word, number, load, gone, back, found, (quiet, first, later, returned))
    assert {answer[2] for answer in answers} <= {200, 429}
    # Twenty-five and two milliseconds, where the machine has nothing else to do.
    assert first <= 5 * 25 and later <= 5 * 2 and returned <= 5 * 25
    events = load.allowed()
    before = [event for event in events if event[1] < gone]
    after = [event for event in events if event[0] > found]
    assert max(most_within(before, PERIOD), most_within(after, PERIOD)) <= 1.05 * COUNT
    missing = [status for sent, _, status in during(gone + 0.1, back - 0.1)]
    if word == "allow":
        assert set(missing) == {200}
    elif word == "deny":
        assert set(missing) == {429}
        assert most_within(events, PERIOD) <= COUNT
    else:
        assert most_within(events, PERIOD) <= 2 * COUNT
        inside = [event for event in events if event[0] > gone + 0.1]
        # Calls that a busy machine delays beyond 15 ms are absences, too: then a few more.
        assert most_within(inside, PERIOD) <= 1.05 * COUNT, "no burst when Redis is back"
        rounds = (max(got for _, got in events) - load.begin) / PERIOD
        assert len(events) <= (rounds + 1 + 1) * COUNT


def report(word, number, load, gone, back, found, times):
    """One line: what was let through, and what it took."""
    events, (quiet, first, later, returned) = load.allowed(), times
    around = [event for event in events if back - PERIOD <= event[0] and event[1] <= back + PERIOD]
    inside = [event for event in events if gone < event[0] < back]
    figure(f"Redis {number.name}, {word}",
           f"p99 {quiet:.2f} ms, then {first:+.2f} ms in the first second, {later:+.2f} ms, {returned:+.2f} ms in "
           f"the first second after; found again after {found - back:.1f} s; within {PERIOD} s at most {most_within(events, PERIOD)}, without Redis "
           f"{most_within(inside, PERIOD)}, around its return {most_within(around, PERIOD)} (limit {COUNT}); "
           f"{len(events)} of {len(load.answers)} in all")
