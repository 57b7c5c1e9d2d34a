"""Rate limits of one instance: rules, answers, fields, whose address counts."""
import json
import time

import pytest

import client as clients
import harness
from limit_support import ask, items, settings, statuses, wait_decisions

ONE = "152.152.152.152"
THREE = [
    {"name": "address", "when": {"client": ONE}, "rate": "1000/1m"},
    {"name": "categories", "when": {"path": "/categories/*"}, "rate": "10000/1m"},
    {"name": "address-items", "when": {"client": ONE, "path": "/items/*"}, "rate": "10/1m"},
]


def limited(start, upstream, *rules, **more):
    """An instance with these rules."""
    workers = more.pop("workers", 1)
    return start(settings=settings(upstream, list(rules), **more), workers=workers)


def test_the_three_rules(start, upstream):
    """One address 1000 a minute; /categories/* 10000 a minute; that address on /items/* 10."""
    proxy = limited(start, upstream, *THREE, workers=2)
    # Ten on items, which count for the address as well.
    assert statuses(proxy, "/items/MLA1", 15, ONE) == [200] * 10 + [429] * 5
    # Others are not concerned.
    assert statuses(proxy, "/items/MLA1", 30, "152.152.152.153") == [200] * 30
    # The five refused took nothing of the thousand.
    found = statuses(proxy, "/cached", 1000, ONE)
    assert found == [200] * 990 + [429] * 10
    assert statuses(proxy, "/categories/MLA5672", 3, ONE) == [429] * 3
    # Nor did these of the ten thousand, which all clients share.
    found = statuses(proxy, "/categories/MLA5672", 10_005, "10.1.1.1")
    assert found == [200] * 10_000 + [429] * 5
    assert statuses(proxy, "/categories/MLA1055", 2, "10.1.1.2") == [429] * 2
    assert statuses(proxy, "/other", 3, "10.1.1.2") == [200] * 3
    wait_decisions(proxy, "address-items", allow=10, deny=5)
    wait_decisions(proxy, "address", allow=1005, deny=13)


def test_a_refusal(start, upstream):
    """429 as a problem that names the rule, with Retry-After; counted and logged in one word."""
    proxy = limited(start, upstream, {"name": "few", "rate": "2/1m"})
    statuses(proxy, "/x", 2)
    with proxy.client() as connection:
        response = connection.get("/x")
        assert response.status == 429
        assert response.one("content-type") == "application/problem+json"
        problem = json.loads(response.body)
        assert (problem["status"], problem["rule"], problem["decision"]) == (429, "few", "deny")
        assert "few" in problem["detail"]
        assert 1 <= int(response.one("retry-after")) <= 61
        assert int(response.one("retry-after")) == problem["retry_after_s"]
        # The connection stays.
        assert connection.get("/x").status == 429
        assert connection.request("HEAD", "/x").body == b""
    assert len(upstream.requests) == 2
    line = proxy.wait_log(lambda line: line["status"] == 429)
    assert (line["rl_policy"], line["rl_decision"], line["origin"]) == ("few", "deny", "proxy")
    allowed = proxy.wait_log(lambda line: line["status"] == 200)
    assert (allowed["rl_policy"], allowed["rl_decision"]) == ("few", "allow")
    wait_decisions(proxy, "few", allow=2, deny=3)
    assert proxy.metric("http_requests_total", code="429", origin="proxy") == 3


def test_fields_on_every_answer(start, upstream):
    """RateLimit and RateLimit-Policy as structured fields: on misses, hits, 304, 429, 404."""
    proxy = limited(
        start, upstream, {"name": "per-ip", "rate": "9/1m", "key": "client_ip"},
        {"name": "two", "rate": "8/2s; 100/1h"}, {"name": "dark", "rate": "1/1h", "shadow": True})
    with proxy.client() as connection:
        answers = [ask(connection, "/cached")]
        answers.append(ask(connection, "/cached"))
        answers.append(ask(connection, "/cached", fields=[("Range", "bytes=0-1")]))
        answers.append(ask(connection, "/plain/status/404"))
        answers.append(connection.request("HEAD", "/cached"))
        answers += [ask(connection, "/cached") for _ in range(4)]
    assert [a.status for a in answers] == [200, 200, 206, 404, 200, 200, 200, 200, 429]
    assert answers[1].one("cache-status").startswith("meliproxy; hit")
    for number, answer in enumerate(answers):
        assert items(answer, "ratelimit-policy") == {
            "per-ip": {"q": 9, "w": 60}, "two:8/2s": {"q": 8, "w": 2},
            "two:100/1h": {"q": 100, "w": 3600}}
        limits = items(answer, "ratelimit")
        assert set(limits) == {"per-ip", "two:8/2s"}
        left = max(0, 7 - number)
        assert limits["two:8/2s"]["r"] == left
        assert limits["per-ip"]["r"] == left + 1
        assert 0 < limits["two:8/2s"]["t"] <= 2 and 0 < limits["per-ip"]["t"] <= 60
    assert answers[0].all("x-ratelimit-limit") == []


@pytest.mark.parametrize("word,standard,legacy", [
    ("standard", True, False), ("legacy", False, True), ("both", True, True), ("off", False, False)])
def test_which_fields(start, upstream, word, standard, legacy):
    """`limit_fields` says which; a refusal has Retry-After in any case."""
    proxy = limited(start, upstream, {"name": "r", "rate": "1/1m"}, limit_fields=word)
    for response in [proxy.fetch("GET", "/x"), proxy.fetch("GET", "/x")]:
        assert bool(response.all("ratelimit")) == standard
        assert bool(response.all("ratelimit-policy")) == standard
        if legacy:
            assert response.one("x-ratelimit-limit") == "1"
            assert response.one("x-ratelimit-remaining") == "0"
            assert 0 <= int(response.one("x-ratelimit-reset")) - time.time() <= 62
        else:
            assert response.all("x-ratelimit-limit") == []
    assert response.status == 429 and response.one("retry-after")


def test_no_fields_where_no_rule_is_about_the_request(start, upstream):
    """Other paths, and instances without limits, answer as before."""
    proxy = limited(start, upstream, {"name": "r", "when": {"path": "/a"}, "rate": "1/1m"})
    assert proxy.fetch("GET", "/a").all("ratelimit")
    response = proxy.fetch("GET", "/b")
    assert response.all("ratelimit") == [] and response.all("ratelimit-policy") == []
    assert proxy.wait_log(lambda line: line["path"] == "/b")["rl_decision"] is None


def test_combined_rules_and_several_rates(start, upstream):
    """A refusal by one rule, or one rate, spends nothing of the others."""
    proxy = limited(
        start, upstream, {"name": "each", "rate": "3/1h", "key": "client_ip"},
        {"name": "all", "rate": "7/1h; 1000/1d"})
    assert statuses(proxy, "/x", 30, "10.0.0.1") == [200] * 3 + [429] * 27
    assert statuses(proxy, "/x", 30, "10.0.0.2") == [200] * 3 + [429] * 27
    assert statuses(proxy, "/x", 30, "10.0.0.3") == [200] * 1 + [429] * 29
    wait_decisions(proxy, "each", allow=7 + 29, deny=54)
    wait_decisions(proxy, "all", allow=7 + 54, deny=29)


@pytest.mark.parametrize("pace", [0, 0.021])
def test_never_more_than_the_count_in_any_period(start, upstream, pace):
    """20/500ms, asked as fast as possible and a little faster than allowed: never more, and nearly all."""
    count, period, rounds = 20, 0.5, 8
    proxy = limited(start, upstream, {"name": "r", "rate": "20/500ms"}, workers=2)
    allowed, begin = [], time.monotonic()
    with proxy.client() as connection:
        while (sent := time.monotonic()) < begin + rounds * period - 0.02:
            if connection.get("/cached").status == 200:
                allowed.append((sent, time.monotonic()))
            time.sleep(pace)
    for index, (sent, _) in enumerate(allowed):
        # Decided after `sent`, and before the answer came: these were within a period for certain.
        inside = sum(1 for _, received in allowed[index:] if received - sent < period)
        assert inside <= count
    if pace == 0:
        assert len(allowed) >= 0.99 * count * rounds
    else:
        assert len(allowed) >= 0.9 * count * rounds


@pytest.mark.parametrize("algorithm", [{"algorithm": "fixed_window"}, {"burst": 20}])
def test_other_algorithms(start, upstream, algorithm):
    """Fixed windows, and buckets, on the wire."""
    proxy = limited(start, upstream, {"name": "r", "rate": "20/1s", **algorithm})
    allowed, begin = 0, time.monotonic()
    with proxy.client() as connection:
        while time.monotonic() < begin + 2.5:
            allowed += connection.get("/cached").status == 200
    assert 20 + 30 <= allowed <= 20 + 20 * 2.6 + 20


def test_a_forged_forwarded_for_changes_nothing(start, upstream):
    """Only trusted peers say whose request it is."""
    rule = {"name": "r", "rate": "3/1h", "key": "client_ip"}
    proxy = limited(start, upstream, rule, trusted_proxies=["127.0.0.9/32"])
    for number in range(3):
        forged = [("X-Forwarded-For", f"10.0.0.{number}"), ("Forwarded", f"for=10.0.1.{number}")]
        assert proxy.fetch("GET", "/x", forged).status == 200
    for number in range(3, 9):
        assert proxy.fetch("GET", "/x", [("X-Forwarded-For", f"10.0.0.{number}")]).status == 429
    # The trusted one does.
    for number in range(3, 9):
        with clients.Client(proxy.port, source="127.0.0.9") as connection:
            assert ask(connection, "/x", f"10.0.0.{number}").status == 200
    # And what a client writes in front of what the trusted one adds does not.
    with clients.Client(proxy.port, source="127.0.0.9") as connection:
        found = [ask(connection, "/x", f"1.2.3.{n}, 10.9.9.9").status for n in range(5)]
    assert found == [200] * 3 + [429] * 2


def test_addresses_of_the_proxy_protocol(start, upstream):
    """The PROXY header's address counts; one of IPv6 by its /64."""
    rule = {"name": "r", "rate": "2/1h", "key": "client_ip"}

    def made(proxy):
        made = settings(upstream, [rule])
        made["listen"] = {"address": f"127.0.0.1:{proxy.port}", "proxy_protocol": True}
        return made

    proxy = start(settings=made)

    def status(address):
        with proxy.client() as connection:
            family = "TCP6" if ":" in address else "TCP4"
            target = "::1" if ":" in address else "127.0.0.1"
            connection.send(f"PROXY {family} {address} {target} 1234 80\r\n".encode())
            return connection.get("/x").status

    assert [status("192.0.2.1") for _ in range(3)] == [200, 200, 429]
    assert status("192.0.2.2") == 200
    assert [status(f"2001:db8:0:1::{n}") for n in range(1, 4)] == [200, 200, 429]
    assert status("2001:db8:0:2::1") == 200


def test_a_refused_body_ends_the_connection(start, upstream):
    """What was not read cannot be told from a next request."""
    proxy = limited(start, upstream, {"name": "r", "rate": "1/1h"})
    proxy.fetch("GET", "/x")
    with proxy.client() as connection:
        response = connection.request("POST", "/x", body=b"12345")
        assert response.status == 429
        assert response.one("connection") == "close"
        assert connection.wait_closed() in ("fin", "reset")


def test_wrong_settings(tmp_path, upstream):
    """All problems at once, with file and line."""
    text = f"""
upstreams: {{api: {{url: "{upstream.url}"}}}}
routes: [{{name: a, match: {{path: /a}}}}]
limits:
  - {{name: "a b", rate: 1/1s}}
  - {{name: x, rate: ten}}
  - {{name: x, rate: 1/1s, when: {{route: b}}}}
  - {{name: y, rate: 1/1s, key: ip, burst: 0}}
  - {{name: z, rate: 1/1s, algorithm: token_bucket}}
  - {{name: w, rate: 2/1s, cost: 3}}
  - {{name: v, rates: 2/1s}}
"""
    path = harness.write_settings(tmp_path, text)
    done = harness.run("check-config", path)
    assert done.returncode != 0
    report = done.stdout + done.stderr
    for line, words in [(5, "a name of letters"), (6, "a rate such as 1000/1m"), (7, "unknown route"),
                        (8, "client_ip, route"), (8, "a number from 1"), (9, "expected burst"),
                        (10, "a cost of at most 2"), (11, "did you mean `rate`")]:
        assert any(f":{line}:" in row and words in row for row in report.splitlines()), (line, report)
