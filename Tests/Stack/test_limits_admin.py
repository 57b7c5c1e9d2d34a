"""The admin API of rate limits, reload, explain, and the most frequent clients."""
import json
import pathlib
import re
import urllib.parse

import pytest

import harness
from limit_support import admin, ask, decisions, settings, statuses

RULES = [{"name": "per-ip", "rate": "3/1h", "key": "client_ip"},
         {"name": "bucket", "rate": "100/1s", "burst": 50, "when": {"path": "/b"}}]


@pytest.fixture
def proxy(start, upstream):
    """An instance with two rules."""
    return start(settings=settings(upstream, RULES), workers=2)


def shown(response):
    """The JSON of a 200."""
    assert response.status == 200, response
    return json.loads(response.body)


def test_rules_and_keys_are_listed(proxy):
    """GET of all, of one, of a key."""
    statuses(proxy, "/x", 2, "10.0.0.1")
    statuses(proxy, "/x", 1, "10.0.0.2")
    rules = shown(proxy.admin("GET", "/api/v1/limits"))["limits"]
    assert [(r["name"], r["rate"], r["burst"], r["algorithm"]) for r in rules] == [
        ("per-ip", "3/1h", None, "sliding_window"), ("bucket", "100/1s", 50, "token_bucket")]
    assert rules[0]["tracked_keys"] == 2 and rules[0]["tracked_keys_max"] == 100_000
    rule = shown(proxy.admin("GET", "/api/v1/limits/per-ip"))
    assert [(k["key"], k["remaining"]) for k in rule["keys"]] == [("10.0.0.1", 1), ("10.0.0.2", 2)]
    key = shown(proxy.admin("GET", "/api/v1/limits/per-ip/10.0.0.1"))["keys"][0]
    assert key["remaining"] == 1 and 3000 < key["reset_s"] <= 3601
    # Looking takes nothing.
    assert statuses(proxy, "/x", 2, "10.0.0.1") == [200, 429]
    for target in ["/api/v1/limits/none", "/api/v1/limits/per-ip/10.9.9.9"]:
        assert proxy.admin("GET", target).status == 404


def test_keys_are_forgotten_on_demand(proxy):
    """DELETE of a key, of a rule, of all; with the token only."""
    for who in ["10.0.0.1", "10.0.0.2"]:
        assert statuses(proxy, "/x", 4, who)[-1] == 429
    target = "/api/v1/limits/per-ip/10.0.0.1"
    assert proxy.admin("DELETE", target).status == 401
    assert statuses(proxy, "/x", 1, "10.0.0.1") == [429]
    assert shown(admin(proxy, "DELETE", target)) == {"forgotten": 1}
    assert admin(proxy, "DELETE", target).status == 404
    assert statuses(proxy, "/x", 1, "10.0.0.1") == [200]
    assert statuses(proxy, "/x", 1, "10.0.0.2") == [429]
    assert shown(admin(proxy, "DELETE", "/api/v1/limits/per-ip"))["forgotten"] == 2
    assert statuses(proxy, "/x", 1, "10.0.0.2") == [200]
    assert shown(admin(proxy, "DELETE", "/api/v1/limits"))["forgotten"] == 1
    assert admin(proxy, "POST", "/api/v1/limits/per-ip").status == 405
    assert admin(proxy, "PUT", target + "?rate=1/1s").status == 405


def test_keys_with_reserved_characters(start, upstream):
    """A key is text; in a target it is percent-encoded."""
    proxy = start(settings=settings(upstream, [
        {"name": "r", "rate": "1/1h", "key": ["path", "header:X-Key"]}]))
    fields = [("X-Key", "a b|%c/d")]
    assert statuses(proxy, "/p/q", 2, fields=fields) == [200, 429]
    key = shown(proxy.admin("GET", "/api/v1/limits/r"))["keys"][0]["key"]
    assert key == "/p/q|a%20b%7C%25c/d"
    target = "/api/v1/limits/r/" + urllib.parse.quote(key, safe="")
    assert shown(proxy.admin("GET", target))["keys"][0]["remaining"] == 0
    assert shown(admin(proxy, "DELETE", target)) == {"forgotten": 1}
    assert statuses(proxy, "/p/q", 1, fields=fields) == [200]


def test_a_rate_changes_at_run_time(proxy):
    """PUT, until the next reload; wrong ones change nothing."""
    assert statuses(proxy, "/x", 4, "10.0.0.1") == [200] * 3 + [429]
    assert proxy.admin("PUT", "/api/v1/limits/per-ip?rate=5/1h").status == 401
    for query in ["", "?rate=x", "?rate=5/1h&burst=3", "?burst=2"]:
        assert admin(proxy, "PUT", "/api/v1/limits/per-ip" + query).status == 400
    changed = shown(admin(proxy, "PUT", "/api/v1/limits/per-ip?rate=5/1h"))
    assert changed == {"name": "per-ip", "rate": "5/1h"}
    assert statuses(proxy, "/x", 6, "10.0.0.1") == [200] * 5 + [429]
    assert shown(proxy.admin("GET", "/api/v1/limits"))["limits"][0]["rate"] == "5/1h"
    assert shown(admin(proxy, "PUT", "/api/v1/limits/bucket?burst=7"))["rate"] == "100/1s"
    assert shown(proxy.admin("GET", "/api/v1/limits"))["limits"][1]["burst"] == 7
    assert admin(proxy, "POST", "/-/reload").status == 200
    assert shown(proxy.admin("GET", "/api/v1/limits"))["limits"][0]["rate"] == "3/1h"


def test_state_survives_a_reload(start, upstream):
    """Rules that keep name and rate go on counting; others begin anew."""
    made = settings(upstream, [{"name": "kept", "rate": "5/1h", "when": {"path": "/k"}},
                               {"name": "changed", "rate": "5/1h", "when": {"path": "/c"}}])
    proxy = start(settings=made)
    assert statuses(proxy, "/k", 4) == statuses(proxy, "/c", 4) == [200] * 4
    made["limits"] = [{"name": "new", "rate": "1000/1h"}, made["limits"][1], made["limits"][0]]
    made["limits"][1]["rate"] = "6/1h"
    proxy.settings_path.write_text(json.dumps(made))
    assert admin(proxy, "POST", "/-/reload").status == 200
    assert statuses(proxy, "/k", 2) == [200, 429]
    assert statuses(proxy, "/c", 7) == [200] * 6 + [429]
    made["limits"] = []
    proxy.settings_path.write_text(json.dumps(made))
    assert admin(proxy, "POST", "/-/reload").status == 200
    assert statuses(proxy, "/k", 5) == [200] * 5
    assert shown(proxy.admin("GET", "/api/v1/limits")) == {"limits": []}


def test_explain_shows_rules_and_spends_nothing(proxy):
    """The rules about a request, their keys, and what they would say."""
    statuses(proxy, "/b", 3, "10.0.0.1")
    before = decisions(proxy, "per-ip")
    for _ in range(5):
        told = shown(proxy.admin("GET", "/api/v1/explain?target=/b&client=10.0.0.1"))["limits"]
        assert [(r["rule"], r["key"], r["decision"], r["remaining"]) for r in told][0] == (
            "per-ip", "10.0.0.1", "deny", 0)
        assert told[0]["retry_after_s"] > 3000
        assert (told[1]["rule"], told[1]["decision"]) == ("bucket", "allow")
        other = shown(proxy.admin("GET", "/api/v1/explain?target=/x&client=10.0.0.2"))["limits"]
        assert [(r["rule"], r["decision"], r["remaining"]) for r in other] == [("per-ip", "allow", 2)]
    assert decisions(proxy, "per-ip") == before
    assert statuses(proxy, "/x", 3, "10.0.0.2") == [200] * 3


def test_the_most_frequent_clients_and_paths(start, upstream):
    """GET /api/v1/top: bounded, the frequent ones among many rare ones."""
    proxy = start(settings=settings(upstream, []))
    for number in range(400):
        statuses(proxy, f"/rare/{number}", 1, f"10.1.{number // 250}.{number % 250}")
    statuses(proxy, "/hot", 300, "10.0.0.1")
    statuses(proxy, "/cached", 200, "10.0.0.2")

    def top():
        return shown(proxy.admin("GET", "/api/v1/top?count=2"))

    harness.wait_until(lambda: top()["requests"] == 900, "all are counted")
    found = top()
    assert [c["key"] for c in found["clients"]] == ["10.0.0.1", "10.0.0.2"]
    assert [c["key"] for c in found["paths"]] == ["/hot", "/cached"]
    assert 300 <= found["clients"][0]["requests"] <= 300 + found["clients"][0]["error"]
    assert len(shown(proxy.admin("GET", "/api/v1/top?count=128"))["clients"]) == 128
    assert proxy.admin("GET", "/api/v1/top?count=x").status == 400


def test_the_parity_table_names_tests_that_exist():
    """docs/parity-flask-limiter.md: each of its lines has a test."""
    text = (harness.REPOSITORY / "docs/parity-flask-limiter.md").read_text()
    rows = [row for row in text.partition("## Not here")[0].splitlines()
            if row.startswith("|") and not row.startswith(("|---", "| Flask", "| meliproxy"))]
    named = [re.findall(r"`(test_\w+)`", row.rpartition("| ")[2]) for row in rows]
    assert all(named), [row for row, names in zip(rows, named) if not names]
    sources = "".join(path.read_text() for path in pathlib.Path(__file__).parent.glob("test_*.py"))
    there = set(re.findall(r"^def (test_\w+)", sources, re.MULTILINE))
    assert {name for names in named for name in names} <= there
