"""What rules can do besides refusing: shadow, candidates, costs, penalties, misses, bounds."""
import re
import time

import pytest

import harness
from limit_support import admin, ask, decisions, settings, statuses, wait_decisions


def limited(start, upstream, *rules, **more):
    """An instance with these rules."""
    return start(settings=settings(upstream, list(rules), **more))


def test_shadow(start, upstream):
    """Nothing is refused and nothing told; what would have been is counted."""
    proxy = limited(start, upstream, {"name": "r", "rate": "5/1h", "shadow": True})
    assert statuses(proxy, "/x", 12) == [200] * 12
    assert proxy.fetch("GET", "/x").all("ratelimit") == []
    wait_decisions(proxy, "r", allow=5, shadow_deny=8)
    assert proxy.wait_log(lambda line: line["rl_decision"] == "shadow_deny")["rl_policy"] == "r"


def test_a_candidate_changes_no_byte(start, upstream):
    """Its counter says what enforcing it refuses: the same requests again, with it in force."""
    def run(rule):
        """The same 120 requests by five clients: the bytes of all answers, and how many refused."""
        proxy = limited(start, upstream, {"name": "r", "key": "client_ip", **rule})
        with proxy.client() as connection:
            found = [ask(connection, "/cached", f"10.0.0.{number % 5}").status for number in range(120)]
            return proxy, bytes(connection.reader.received), found.count(429)

    def timeless(answers):
        """Without what differs between any two runs: the time, and the request's number."""
        fields = re.sub(rb"(?mi)^(date|age|x-request-id|retry-after): [^\r]+", rb"\1:", answers)
        return re.sub(rb"(;t=|; ttl=|\"retry_after_s\":)[0-9]+", rb"\1", fields)

    proxy, tried, refused = run({"rate": "20/1h", "candidate": "7/1h; 6/30m"})
    _, plain, refused_plain = run({"rate": "20/1h"})
    enforcing, _, refused_by_candidate = run({"rate": "7/1h; 6/30m"})
    assert timeless(tried) == timeless(plain)
    assert tried.count(b"HTTP/1.1 ") == 120 and refused == refused_plain == 5 * 4
    assert refused_by_candidate == 120 - 5 * 6
    wait_decisions(proxy, "r", allow=100, deny=20, candidate_deny=refused_by_candidate)
    wait_decisions(enforcing, "r", allow=30, deny=refused_by_candidate)


def test_deduct_when(start, upstream):
    """Only answers of those statuses take something."""
    proxy = limited(start, upstream, {"name": "r", "rate": "3/1h", "deduct_when": ["404", "5xx"]})
    assert statuses(proxy, "/plain/status/200", 20, at_once=1) == [200] * 20
    assert statuses(proxy, "/plain/status/404", 2, at_once=1) == [404] * 2
    assert statuses(proxy, "/cached", 20, at_once=1) == [200] * 20
    assert statuses(proxy, "/plain/status/503", 1, at_once=1) == [503]
    assert statuses(proxy, "/plain/status/200", 5) == [429] * 5


def test_cost(start, upstream):
    """A rule's cost, and another one for some requests."""
    rule = {"name": "r", "rate": "20/1h", "cost": 2,
            "overrides": [{"when": {"path": "/search"}, "cost": 10}]}
    proxy = limited(start, upstream, rule)
    assert statuses(proxy, "/search", 1) == [200]
    assert statuses(proxy, "/x", 4) == [200] * 4
    assert statuses(proxy, "/search", 1) == [429]
    assert statuses(proxy, "/x", 2) == [200, 429]


def test_overrides_have_budgets_of_their_own(start, upstream):
    """Other rates for some clients."""
    rule = {"name": "r", "rate": "2/1h", "key": "client_ip",
            "overrides": [{"when": {"client": "10.0.0.9"}, "rate": "5/1h"}]}
    proxy = limited(start, upstream, rule)
    assert statuses(proxy, "/x", 6, "10.0.0.1") == [200] * 2 + [429] * 4
    assert statuses(proxy, "/x", 6, "10.0.0.9") == [200] * 5 + [429]


def test_defaults(start, upstream):
    """A default is for requests that no other rule is about."""
    proxy = limited(start, upstream, {"name": "default", "rate": "1/1h", "default": True},
                    {"name": "a", "when": {"path": "/a"}, "rate": "3/1h"})
    assert statuses(proxy, "/a", 4) == [200] * 3 + [429]
    assert statuses(proxy, "/b", 2) == [200, 429]
    wait_decisions(proxy, "default", allow=1, deny=1)


def test_exempt(start, upstream):
    """Some are not counted."""
    rule = {"name": "r", "rate": "1/1h",
            "exempt": [{"client": "10.0.0.0/8"}, {"header": {"X-Health": "*"}}]}
    proxy = limited(start, upstream, rule)
    assert statuses(proxy, "/x", 5, "10.1.2.3") == [200] * 5
    assert statuses(proxy, "/x", 5, fields=[("X-Health", "1")]) == [200] * 5
    assert statuses(proxy, "/x", 2) == [200, 429]
    wait_decisions(proxy, "r", allow=1, deny=1)


def test_a_penalty(start, upstream):
    """Who keeps being refused gets nothing for a while, although there would be room."""
    rule = {"name": "r", "rate": "2/100ms", "key": "client_ip",
            "penalty": {"after": "10/1h", "for": "1h"}}
    proxy = limited(start, upstream, rule)
    with proxy.client() as connection:
        while ask(connection, "/cached", "10.0.0.1").status == 200 or \
                decisions(proxy, "r").get("deny", 0) < 10:
            pass
        time.sleep(0.2)
        response = ask(connection, "/cached", "10.0.0.1")
        assert response.status == 429 and int(response.one("retry-after")) > 3500
        assert ask(connection, "/cached", "10.0.0.2").status == 200


def test_one_rule_for_several_routes_shares_its_budget(start, upstream):
    """Without the route in its key; with it, each has its own."""
    more = {"routes": [{"name": n, "match": {"path": f"/{n}"}, "upstream": "api"} for n in "abc"]}
    made = settings(upstream, [{"name": "shared", "when": {"route": ["a", "b"]}, "rate": "3/1h"},
                               {"name": "own", "rate": "5/1h", "key": "route"}])
    proxy = start(settings={**made, **more})
    assert statuses(proxy, "/a", 2) == [200] * 2
    assert statuses(proxy, "/b", 2) == [200, 429]
    assert statuses(proxy, "/c", 6) == [200] * 5 + [429]
    assert statuses(proxy, "/a", 1) == [429]


def test_misses_are_limited_apart_from_hits(start, upstream):
    """`on: miss` counts what the cache could not answer; and what it refuses costs nothing elsewhere."""
    proxy = limited(start, upstream, {"name": "misses", "rate": "3/1h", "on": "miss"},
                    {"name": "all", "rate": "50/1h"})
    with proxy.client() as connection:
        for number in range(3):
            assert ask(connection, f"/c{number}").status == 200
        assert ask(connection, "/c9").status == 429
        found = [ask(connection, f"/c{n % 3}") for n in range(40)]
        assert [a.status for a in found] == [200] * 40
        assert ask(connection, "/c9").status == 429
        left = [ask(connection, "/c0").status for _ in range(8)]
    # 3 misses and 40 hits: 7 of the 50 are left, the refused ones not among them.
    assert left == [200] * 7 + [429]
    assert len(upstream.requests) == 3
    wait_decisions(proxy, "misses", allow=3, deny=2)


def test_applications(start, upstream):
    """The application that a request says it comes from, in conditions and keys."""
    proxy = limited(
        start, upstream, {"name": "app", "rate": "2/1h", "key": "application",
                          "when": {"application": "*"}, "exempt": {"application": "internal-*"}},
        application_id=["header:X-App", "query:app"])
    for name in ["one", "two"]:
        assert statuses(proxy, "/x", 3, fields=[("X-App", name)]) == [200, 200, 429]
    assert statuses(proxy, "/x?app=one", 1) == [429]
    assert statuses(proxy, "/x?app=%6Fne", 1) == [429]
    assert statuses(proxy, "/x", 5) == [200] * 5
    assert statuses(proxy, "/x", 5, fields=[("X-App", "internal-1")]) == [200] * 5


def test_tokens_are_not_written_down(start, upstream):
    """A key of a token is its hash."""
    proxy = limited(start, upstream, {"name": "t", "rate": "2/1h", "key": "token:Authorization"})
    for secret in ["Bearer hush-one", "Bearer hush-two"]:
        found = statuses(proxy, "/x", 3, fields=[("Authorization", secret)])
        assert found == [200, 200, 429]
    shown = admin(proxy, "GET", "/api/v1/limits/t").body
    assert b"hush" not in shown and shown.count(b'"key"') == 2


def test_100_000_keys_take_bounded_memory(start, upstream):
    """More keys than are tracked: the old ones go, are counted, and memory stays."""
    rule = {"name": "r", "rate": "1000/1h", "key": "query:k", "tracked_keys_max": 10_000}
    proxy = limited(start, upstream, rule)
    statuses(proxy, "/cached", 1)
    with proxy.client() as connection:
        for first in range(0, 100_000, 250):
            requests = (f"GET /none?k={first + n} HTTP/1.1\r\nHost: h\r\n"
                        "Cache-Control: only-if-cached\r\n\r\n" for n in range(250))
            connection.send("".join(requests).encode())
            for _ in range(250):
                assert connection.response().status == 504
            if first == 20_000:
                before = proxy.rss()
    assert proxy.rss() - before < 8 << 20
    tracked = proxy.metric("rate_limit_tracked_keys", rule="r")
    assert 5_000 <= tracked <= 10_000
    proxy.wait_metric("rate_limit_decisions_total", lambda value: value >= 89_000,
                      rule="r", decision="fail_open")


def test_keys_that_say_nothing_are_swept(start, upstream):
    """States are forgotten once they are as good as new."""
    proxy = limited(start, upstream, {"name": "r", "rate": "5/500ms", "key": "query:k"})
    for number in range(200):
        statuses(proxy, f"/cached?k={number}", 1)
    proxy.wait_metric("rate_limit_tracked_keys", 0, rule="r", within=20)
    assert proxy.metric("rate_limit_decisions_total", rule="r", decision="fail_open") == 0


@pytest.mark.parametrize("rounds", [1])
def test_many_workers_share_a_budget(start, upstream, rounds):
    """One count for the instance, on whichever worker a connection lands."""
    made = settings(upstream, [{"name": "r", "rate": "100/1h"}])
    proxy = start(settings=made, workers=4)
    found = [s for _ in range(12) for s in statuses(proxy, "/cached", 10 * rounds)]
    assert found.count(200) == 100
