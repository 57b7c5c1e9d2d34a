"""Everybody counts the same: clients, HAProxy, instances, access logs. Exact, with faults under way."""
import contextlib
import os
import pathlib
import signal
import tempfile

import pytest

import client
import harness
import identity_support as identities
from topology_support import Stack

SHIPPED = harness.REPOSITORY / "config/meliproxy.yaml"
RULE = 'limits:\n  - name: identity\n    when: {path: "/limited"}\n    rate: 5/1h\n'
CLIENTS = 4


@contextlib.contextmanager
def counted_stack():
    """A stack of two instances with a limit that is reached; nobody but the test asks it."""
    with tempfile.TemporaryDirectory() as directory:
        settings = pathlib.Path(directory) / "meliproxy.yaml"
        text = SHIPPED.read_text()
        assert "limits:\n" in text
        settings.write_text(text.replace("limits:\n", RULE, 1))
        stack = Stack("--bare", "--config", settings, instances=2)
        try:
            yield stack
        finally:
            stack.close()


@pytest.fixture(scope="module")
def stack():
    """The same stack for a crowd and then for a crowd and a kill."""
    with counted_stack() as running:
        yield running


def settled(stack, expected):
    """The instances' pages once they and their logs have counted all that HAProxy was answered."""
    found = {}

    def is_settled():
        found.update(identities.instances(stack))
        return all(page.sum("http_requests_in_flight") == 0
                   and page.sum("http_requests_total") == expected(name)
                   for name, page in found.items())

    def said():
        return {name: (page.sum("http_requests_total"), expected(name))
                for name, page in found.items()}
    harness.wait_until(is_settled, lambda: f"(counted, answered at HAProxy): {said()}", every=0.3)
    return found


def at_servers(stack):
    """{instance: answers} that HAProxy got from each."""
    page = client.fetch(stack.status_port, "GET", "/metrics?scope=server").body.decode()
    found = {}
    for sample in harness.Samples(page).samples:
        if sample.name == "haproxy_server_http_responses_total" \
                and sample.labels["proxy"] == "proxies":
            name = sample.labels["server"].replace("proxy", "proxy-")
            found[name] = found.get(name, 0) + int(sample.value)
    return found


def check_agreement(stack, crowd):
    """What holds while nobody dies: every pair of counts is equal, to the last request."""
    answered = at_servers(stack)
    pages = settled(stack, lambda name: answered[name])
    codes = sum((identities.by_code(page) for page in pages.values()), start=identities.by_code(
        harness.Samples("")))
    edge = identities.at_edge(stack)
    # An answer that broke off in its body has a status everywhere, but is none for the client.
    whole = identities.classes(crowd.codes)
    assert edge == identities.classes(codes)
    assert sum(whole.values()) + len(crowd.lost) == sum(edge.values()) == crowd.asked
    assert {kind: count for kind, count in (edge - whole).items()} == (
        {"2xx": len(crowd.lost)} if crowd.lost else {})
    assert all("_break" in target for target, _ in crowd.lost), crowd.lost
    for name, page in pages.items():
        lines = harness.wait_until(
            lambda n=name, p=page: len(found := stack.log(n)) >= p.sum("http_requests_total")
            and found, "the log is written")
        assert identities.internal(page, lines) == {}, name


def test_all_counts_agree(stack):
    crowd = identities.Crowd(stack.front, seed=1, count=1200, clients=CLIENTS).join()
    assert crowd.codes[429] > 0 and crowd.codes[500] > 0 and crowd.lost, crowd.codes
    check_agreement(stack, crowd)


def test_what_a_killed_instance_takes_along(stack):
    """Its counters, and the lines that its log had not written: no more than what came after the last
    look at it. All else goes on agreeing."""
    before = identities.at_edge(stack)
    crowd = identities.Crowd(stack.front, seed=2, count=2400, clients=CLIENTS)
    harness.wait_until(lambda: crowd.asked > 200, "load")
    early = at_servers(stack)["proxy-1"]
    harness.wait_until(lambda: len(stack.log("proxy-1")) >= early, "its log caught up")
    victim = stack.program("proxy-1")["pid"]
    os.kill(victim, signal.SIGKILL)
    harness.wait_until(lambda: not pathlib.Path(f"/proc/{victim}").exists(), "its end")
    logged = len(stack.log("proxy-1"))
    crowd.join()
    assert stack.program("proxy-1")["pid"] not in (None, victim)

    # Clients and HAProxy have lost nothing. What may not be asked twice, and had its instance die under it, HAProxy
    # breaks off, with or without an answer of its own.
    edge = sum(identities.at_edge(stack).values()) - sum(before.values())
    broken = [target for target, _ in crowd.lost if "_break" in target]
    at_clients = sum(crowd.codes.values()) + len(broken)
    assert at_clients <= edge <= at_clients + len(crowd.lost) - len(broken), crowd.lost
    # The survivor agrees with HAProxy about itself; so does the replacement, from its first request.
    answered = at_servers(stack)
    lines = stack.log("proxy-1")[logged:]
    pages = settled(stack, lambda name: len(stack.log("proxy-1")[logged:])
                    if name == "proxy-1" else answered[name])
    assert pages["proxy-2"].sum("http_requests_total") == answered["proxy-2"]
    # Counted by HAProxy, by no instance any more: what the dead one had answered in its life.
    taken = answered["proxy-1"] - int(pages["proxy-1"].sum("http_requests_total"))
    assert taken >= early
    # Of these the log lacks what ended since the last look at most; what it has more was not read.
    assert -CLIENTS <= taken - logged <= taken - early, (taken, logged, early)
    lines = stack.log("proxy-1")[logged:]
    assert identities.internal(pages["proxy-1"], lines) == {}
    assert identities.internal(pages["proxy-2"], stack.log("proxy-2")) == {}
    # Only what may not be asked twice can have failed with it, once for each client.
    others = [target for target, _ in crowd.lost if target not in broken]
    assert len(others) <= CLIENTS, crowd.lost


@pytest.mark.long
def test_all_counts_agree_after_many_requests():
    with counted_stack() as running:
        crowd = identities.Crowd(running.front, seed=3, count=40_000, clients=8).join()
        check_agreement(running, crowd)
