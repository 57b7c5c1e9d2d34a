"""Limits that hold for all instances together, by leases from one Redis."""
import signal
import time

import pytest

import harness
from limit_load import Load, instances, most_within, redis_calls
from limit_support import admin, decisions, statuses
from shared_support import redis

ONE = "152.152.152.152"


def use_up(proxies, target, count, who=None):
    """Asks all in turn until `count` were let through, which no more are. What one holds, others get in the end."""
    allowed = 0

    def is_used_up():
        nonlocal allowed
        for proxy in proxies:
            allowed += statuses(proxy, target, 400, who).count(200)
        return allowed >= count

    harness.wait_until(is_used_up, lambda: f"{allowed} of {count}", within=20, every=0.1)
    for proxy in proxies:
        allowed += statuses(proxy, target, 20, who).count(200)
    assert allowed == count


@pytest.mark.parametrize("rule,count,period", [
    ({"rate": "600/2s"}, 600, 2),
    ({"rate": "600/2s", "algorithm": "fixed_window"}, 600, 2),
    ({"rate": "300/1s", "burst": 300}, 300, 1)], ids=["sliding", "fixed", "bucket"])
def test_three_instances_share_one_limit(instances, redis, rule, count, period):
    """Four times the limit: never more than allowed, nearly all of it, and few calls to Redis."""
    proxies = instances({"name": "r", "when": {"path": "/c/**"}, **rule}, count=3)
    # The pace of the warm-up is over, and its tokens are back.
    time.sleep(period + 0.5)
    before = redis_calls(redis)
    rounds = 3 if period == 2 else 5
    load = Load(proxies, "/c/one", 4 * count / period, rounds * period - 0.05).join()
    calls = redis_calls(redis) - before
    events, total = load.allowed(), len(load.answers)
    assert load.count(200) + load.count(429) == total
    spread = max(got for _, got in events) - min(sent for sent, _ in events)
    if "burst" in rule:
        # Burst and rate, and a lease of the rate.
        assert len(events) <= count + count / period * (spread + 0.1)
        assert len(events) >= 0.99 * (count + count / period * (rounds * period - 0.1))
    elif "algorithm" in rule:
        assert most_within(events, period) <= 2 * count
        assert (rounds - 0.1) * count <= len(events) <= (rounds + 1) * count
    else:
        assert most_within(events, period) <= count
        assert len(events) >= 0.99 * rounds * count
    assert calls <= 0.10 * total, f"{calls} calls for {total} requests"
    assert sum(decisions(proxy, "r").get("allow", 0) for proxy in proxies) == len(events) + 3


def test_the_three_rules_hold_for_all_instances(instances):
    """One address 1000 a minute; /categories/* 10000 a minute; that address on /items/* 10: wherever they come."""
    proxies = instances(
        {"name": "address", "when": {"client": ONE}, "rate": "1000/1m"},
        {"name": "categories", "when": {"path": "/categories/*"}, "rate": "10000/1m"},
        {"name": "address-items", "when": {"client": ONE, "path": "/items/*"}, "rate": "10/1m"})
    found = [status for proxy in proxies for status in statuses(proxy, "/items/MLA1", 8, ONE, 1)]
    assert found.count(200) == 10 and found.count(429) == 14
    # Others are not concerned, and who only says that he is that one is not that one.
    assert statuses(proxies[0], "/items/MLA1", 30, "152.152.152.153") == [200] * 30
    assert statuses(proxies[1], "/items/MLA1", 30, f"{ONE}, 10.1.1.1") == [200] * 30
    # Ten of the thousand are gone, and no more: refusals took nothing.
    use_up(proxies, "/cached", 990, ONE)
    assert [statuses(proxy, "/categories/MLA1", 2, ONE) for proxy in proxies] == [[429] * 2] * 3
    use_up(proxies, "/categories/MLA5672", 10_000, "10.1.1.1")


@pytest.mark.long
def test_three_minutes_of_the_real_numbers(instances, redis):
    """1000 a minute by one address, offered four times over three instances, for three minutes."""
    proxies = instances({"name": "address", "when": {"client": ONE}, "rate": "1000/1m"})
    before = redis_calls(redis)
    load = Load(proxies, "/cached", 4000 / 60, 179.5, ONE).join()
    calls = redis_calls(redis) - before
    assert most_within(load.allowed(), 60) <= 1000
    assert load.count(200) >= 0.99 * 3000
    assert load.count(200) + load.count(429) == len(load.answers)
    assert calls <= 0.10 * len(load.answers), f"{calls} calls for {len(load.answers)} requests"


def test_unspent_tokens_go_back(instances, redis):
    """At the end of a lease, and of an instance: what one took and did not use, others get."""
    first, second, third = instances({"name": "r", "when": {"path": "/c/**"}, "rate": "300/1h"})
    assert statuses(first, "/c/1", 60) + statuses(second, "/c/1", 60) == [200] * 120
    second.signal(signal.SIGTERM)
    second.may_end = True
    second.wait_exit()
    use_up([third], "/c/1", 300 - 3 - 120)


def test_answers_that_do_not_count_go_back(instances, upstream):
    """`deduct_when` over instances: only failures are charged, whoever saw them."""
    rule = {"name": "r", "when": {"path": "/plain/**"}, "rate": "10/1h", "deduct_when": "4xx"}
    proxies = instances(rule)
    for proxy in proxies:
        assert statuses(proxy, "/plain/status/200", 30, at_once=1) == [200] * 30
    found = [status for proxy in proxies
             for status in statuses(proxy, "/plain/status/404", 6, at_once=1)]
    assert found.count(404) == 10 and found.count(429) == 8


def test_a_refusal_spends_nothing_of_the_others(instances):
    """Rules decided together, over instances."""
    proxies = instances(
        {"name": "each", "when": {"path": "/c/**"}, "rate": "3/1h", "key": "client_ip"},
        {"name": "all", "when": {"path": "/c/**"}, "rate": "10/1h", "exempt": {"client": "127.0.0.1"}})
    found = [status for client in ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]
             for proxy in proxies for status in statuses(proxy, "/c/x", 5, client, at_once=1)]
    assert found.count(200) == 3 + 3 + 3 + 1


def test_a_local_rule_counts_for_each_instance(instances):
    """`scope: local`, and rules that only count."""
    proxies = instances(
        {"name": "r", "when": {"path": "/c/**"}, "rate": "10/1h", "scope": "local"},
        {"name": "dark", "when": {"path": "/c/**"}, "rate": "1/1h", "shadow": True})
    for proxy in proxies:
        assert statuses(proxy, "/c/x", 15) == [200] * 9 + [429] * 6


def test_workers_of_one_instance_share_too(instances):
    """Each worker has leases of its own."""
    proxy, = instances({"name": "r", "when": {"path": "/c/**"}, "rate": "100/1h"}, count=1, workers=2)
    found = []
    for _ in range(20):
        found += statuses(proxy, "/c/x", 10)
    assert found.count(200) == 99


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL], ids=["stopped", "killed"])
@pytest.mark.parametrize("word", ["local", "allow", "deny"])
def test_without_redis(instances, redis, word, number):
    """`on_store_failure`: no errors, the word's decision, and no waiting to speak of."""
    proxies = instances({"name": "r", "when": {"path": "/c/**"}, "rate": "30/1h",
                         "on_store_failure": word}, timeout="15ms", breaker={"failures": 5})
    harness.wait_until(lambda: instances_seen(redis) == 3, "three instances")
    # Each has heard of all.
    time.sleep(1.2)
    redis.process.send_signal(number)
    try:
        found, slow = [], 0
        for proxy in proxies:
            with proxy.client() as connection:
                for _ in range(50):
                    sent = time.monotonic()
                    found.append(connection.get("/c/x").status)
                    slow += time.monotonic() - sent > 0.025
        assert set(found) <= {200, 429}
        if word == "local":
            # A third for each, at most what is left of a lease more.
            assert 27 <= found.count(200) <= 33
        else:
            assert found.count(200) == (150 if word == "allow" else 0)
            expected = "fail_open" if word == "allow" else "fail_closed"
            for proxy in proxies:
                proxy.wait_metric("rate_limit_decisions_total", 50, rule="r", decision=expected)
        # The first of each instance waits for its deadline; a busy machine gets a few more.
        assert slow <= 15
        assert sum(proxy.metric("http_requests_total", code="500") for proxy in proxies) == 0
    finally:
        if number == signal.SIGSTOP:
            redis.process.send_signal(signal.SIGCONT)
    if number == signal.SIGSTOP:
        # And back again.
        for proxy in proxies:
            before = proxy.metric("rate_limit_lease_total", outcome="granted")
            harness.wait_until(
                lambda p=proxy, b=before: statuses(p, "/warm", 1) and
                p.metric("rate_limit_lease_total", outcome="granted") > b, "a lease again", every=0.1)


def test_redis_comes_back_to_no_second_burst(instances, redis):
    """What instances let through without Redis goes on counting for a while, although Redis knows nothing of it."""
    proxies = instances({"name": "r", "when": {"path": "/c/**"}, "rate": "30/10m"}, timeout="15ms")
    harness.wait_until(lambda: instances_seen(redis) == 3, "three instances")
    time.sleep(1.2)
    before = [proxy.metric("rate_limit_lease_total", outcome="granted") for proxy in proxies]
    redis.process.send_signal(signal.SIGSTOP)
    try:
        without = [statuses(proxy, "/c/x", 50).count(200) for proxy in proxies]
        # That counts as long as it was away: longer than the next steps take.
        time.sleep(2)
    finally:
        redis.process.send_signal(signal.SIGCONT)
    assert 27 <= sum(without) <= 33, without
    for proxy, granted in zip(proxies, before):
        harness.wait_until(
            lambda p=proxy, g=granted: statuses(p, "/warm", 1) and
            p.metric("rate_limit_lease_total", outcome="granted") > g, "a lease again", every=0.05)
    assert [statuses(proxy, "/c/x", 50).count(200) for proxy in proxies] == [0, 0, 0]
    # Later there is what Redis has: no lasting penalty for having been without.
    allowed = 0

    def is_forgotten():
        nonlocal allowed
        allowed += sum(statuses(proxy, "/c/x", 50).count(200) for proxy in proxies)
        return allowed >= 10

    harness.wait_until(is_forgotten, lambda: f"{allowed} let through", within=30, every=0.2)


def instances_seen(redis):
    """Instances that have told of themselves."""
    with redis.connect() as connection:
        return connection("ZCARD", "rl:{instances}")


@pytest.mark.parametrize("target", ["r/10.0.0.1", "r", ""])
def test_keys_are_forgotten_in_all_instances(instances, redis, target):
    """DELETE at one instance: a key, a rule, all rules. The others follow within two seconds."""
    proxies = instances({"name": "r", "when": {"path": "/c/**"}, "rate": "5/1h", "key": "client_ip"})
    use_up(proxies, "/c/x", 5, "10.0.0.1")
    use_up(proxies, "/c/x", 5, "10.0.0.2")
    answer = admin(proxies[0], "DELETE", f"/api/v1/limits/{target}".rstrip("/"))
    assert answer.status == 200
    use_up(proxies, "/c/x", 5, "10.0.0.1")
    with redis.connect() as connection:
        left = connection("KEYS", "rl:{r:0:10.0.0.2}*")
    assert len(left) == (1 if "/" in target else 0)


def test_keys_and_user(instances, redis):
    """Keys are below `rl:` behind the prefix, and go by themselves. The instances' user may do what is needed."""
    lines = (harness.REPOSITORY / "redis/users.acl.in").read_text().splitlines()
    user = next(line for line in lines if line.startswith("user meliproxy "))
    with redis.connect() as connection:
        connection("ACL", "SETUSER", *user.replace("#@MELIPROXY@", ">secret").split()[1:])
    proxy, = instances({"name": "r", "when": {"path": "/c/**"}, "rate": "10/1s", "key": "client_ip"},
                       count=1, key_prefix="app:", user="meliproxy", password="secret")
    assert statuses(proxy, "/c/x", 3, "10.0.0.1") == [200] * 3
    with redis.connect() as connection:
        assert b"app:rl:{r:0:10.0.0.1}:s10/1s" in connection("KEYS", "*")
        assert all(key.startswith(b"app:") for key in connection("KEYS", "*"))
        assert proxy.metric("redis_errors_total") == 0
        for target in ["r/10.0.0.1", "r"]:
            admin(proxy, "DELETE", f"/api/v1/limits/{target}")
        harness.wait_until(
            lambda: connection("KEYS", "*r:0*") == [], "the key expires", within=5)
        # Nothing was refused, the forgetting included.
        harness.wait_until(lambda: b"cmdstat_unlink" in connection("INFO", "commandstats"), "UNLINK")
        assert connection("ACL", "LOG") == []
