"""The topology around the instances: HAProxy, Redis with Sentinels, Prometheus, the local stack."""
import contextlib
import json
import os
import pathlib
import pty
import re
import signal
import subprocess
import time
import types
import urllib.request

import pytest

import client
import harness
from stack.layout import StackError
from stack.supervisor import Supervisor
from topology_support import STACK, Load, Stack

REPOSITORY = harness.REPOSITORY
HAPROXY = REPOSITORY / "haproxy/haproxy.cfg"
PROXY = REPOSITORY / "config/meliproxy.yaml"
IN_COMPOSE = {"PROXIES_DNS": "meliproxy:8080", "FRONT_BIND": ":8080", "REDIS_2_HOST": "10.9.8.7",
              "HAPROXY_CONTROL": "127.0.0.1:9999"}


@pytest.fixture(scope="module")
def stack():
    """One stack for the module; the tests leave it with two instances and all of them ready."""
    running = Stack(instances=2)
    yield running
    running.close()


@pytest.mark.parametrize("world", [{}, IN_COMPOSE], ids=["local", "compose"])
def test_haproxy_accepts_its_configuration(world, tmp_path):
    state = tmp_path / "state"
    state.write_text("1\n")
    environment = {**os.environ, "HAPROXY_STATE": str(state), **world}
    done = subprocess.run(["haproxy", "-c", "-V", "-f", HAPROXY], env=environment, text=True,
                          capture_output=True)
    assert done.returncode == 0 and "valid" in done.stdout, done.stderr
    # A machine without a network does not reach the name server of its resolv.conf.
    warnings = [line for line in done.stderr.splitlines()
                if "WARNING" in line and "can't connect socket for nameserver" not in line]
    assert not warnings


def test_haproxy_offers_tls_where_there_is_a_certificate(tmp_path):
    key, certificate, both = (tmp_path / name for name in ("key", "certificate", "both"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=api.example",
                    "-days", "2", "-keyout", key, "-out", certificate],
                   check=True, capture_output=True)
    both.write_bytes(certificate.read_bytes() + key.read_bytes())
    for path, is_valid in ((both, True), (key, False)):
        done = subprocess.run(["haproxy", "-c", "-f", HAPROXY], capture_output=True,
                              env={**os.environ, "FRONT_CERTIFICATE": str(path)})
        assert (done.returncode == 0) == is_valid, done.stderr.decode()


def test_the_shipped_configuration_is_valid():
    environment = {**os.environ, "MELIPROXY_ADMIN_TOKEN": "a-token-of-this-test",
                   "MELIPROXY_REDIS_PASSWORD": "a-password-of-this-test"}
    done = harness.run("check-config", PROXY, environment=environment)
    assert done.returncode == 0, done.stderr


def test_the_shipped_configuration_has_no_token_of_its_own():
    environment = {key: value for key, value in os.environ.items()
                   if not key.startswith("MELIPROXY_")}
    done = harness.run("check-config", PROXY, environment=environment)
    assert done.returncode == 2 and "MELIPROXY_ADMIN_TOKEN" in done.stderr, done


def test_secrets_are_private_made_once_and_only_hashed_for_redis(tmp_path):
    directory = tmp_path / "secrets"
    for _ in range(2):
        subprocess.run([REPOSITORY / "scripts/secrets", directory], check=True)
        files = {path.name: path.read_text() for path in directory.iterdir()}
    assert directory.stat().st_mode & 0o777 == 0o700
    before = dict(files)
    subprocess.run([REPOSITORY / "scripts/secrets", directory], check=True)
    assert before == {path.name: path.read_text() for path in directory.iterdir()}
    passwords = {line.split("=")[1] for name, text in files.items() if name.endswith(".env")
                 for line in text.splitlines() if "PASSWORD" in line or "AUTH" in line}
    assert len(passwords) >= 6 and all(len(password) == 48 for password in passwords)
    for name in ("users.acl", "sentinel-users.acl"):
        assert "@MELIPROXY@" not in files[name]
        assert not any(password in files[name] for password in passwords)


def test_an_instance_sees_the_clients_address(stack):
    for last in (77, 78):
        with client.Client(stack.front, source=f"127.0.0.{last}") as connection:
            fields = [("X-Forwarded-For", "203.0.113.9")]
            response = connection.request("GET", f"/sites?from={last}", fields)
        assert response.status == 200

        def is_logged():
            lines = stack.log("proxy-1") + stack.log("proxy-2")
            return any(line["client_ip"] == f"127.0.0.{last}" for line in lines)
        harness.wait_until(is_logged, "a line with the client's address")


def test_both_instances_are_used(stack):
    with client.Client(stack.front) as connection:
        for _ in range(4):
            assert connection.get("/sites").status == 200
    harness.wait_until(lambda: stack.log("proxy-1") and stack.log("proxy-2"), "requests to both")


@pytest.mark.parametrize("path", ["/metrics", "/metrics/", "//metrics", "/%6detrics", "/m%65trics",
                                  "/%2d/ready", "/-/ready", "/-/reload", "/%2D/healthy"])
def test_the_front_keeps_operators_pages_to_itself(stack, path):
    for method in ("GET", "POST"):
        response = client.fetch(stack.front, method, path)
        assert response.status == 404
        assert response.body == b"not found\n"


@pytest.mark.parametrize("path", ["/metricsx", "/sites/metrics", "/sites?x=/metrics"])
def test_the_front_takes_only_those(stack, path):
    assert client.fetch(stack.front, "GET", path).body != b"not found\n"


def test_the_front_refuses_long_heads(stack):
    assert client.fetch(stack.front, "GET", "/sites", [("X-Long", "x" * 20_000)]).status == 400
    assert client.fetch(stack.front, "GET", "/sites", [("X-Long", "x" * 8_000)]).status == 200


def test_haproxy_reports(stack):
    assert client.fetch(stack.status_port, "GET", "/ready").status == 200
    page = client.fetch(stack.status_port, "GET", "/metrics").body.decode()
    for server in ("proxy1", "proxy2"):
        line = f'haproxy_server_status{{proxy="proxies",server="{server}",state="UP"}} 1'
        assert line in page, page
    # One master, and none of the others takes itself for one.
    up = [line for line in page.splitlines() if line.endswith(" 1")
          and line.startswith('haproxy_server_status{proxy="redis_master",') and '"UP"' in line]
    assert len(up) == 1, up


def test_prometheus_reaches_everything(stack):
    url = f"http://127.0.0.1:{stack.ports['prometheus']}/api/v1/targets?state=active"
    expected = {"meliproxy": 2, "haproxy": 1, "redis": 3, "sentinel": 3, "prometheus": 1,
                "alertmanager": 1}

    def up():
        with urllib.request.urlopen(url, timeout=2) as answer:
            targets = json.load(answer)["data"]["activeTargets"]
        jobs = [target["labels"]["job"] for target in targets if target["health"] == "up"]
        return {job: jobs.count(job) for job in jobs}

    harness.wait_until(lambda: up() == expected, lambda: f"every target up: {up()}", within=20,
                       every=0.3)


def test_redis_wants_a_name_and_a_password(stack):
    port = stack.ports["redis_1"]
    open_door = subprocess.run(["redis-cli", "-p", str(port), "PING"], capture_output=True,
                               text=True)
    assert "NOAUTH" in open_door.stdout
    meliproxy = {"user": "meliproxy", "file": "meliproxy", "secret": "MELIPROXY_REDIS_PASSWORD"}
    port = stack.port_behind_haproxy()
    assert stack.redis(port, "SET", "r:x", "1", **meliproxy) == "OK"
    for words in (["FLUSHALL"], ["CONFIG", "GET", "*"], ["ACL", "LIST"], ["SHUTDOWN"]):
        assert "NOPERM" in stack.redis(port, *words, **meliproxy), words
    assert "NOPERM" in stack.redis(
        stack.ports["sentinel_1"], "SENTINEL", "FAILOVER", "meliproxy", **meliproxy)
    assert "10000" not in stack.redis(port, "GET", "r:x", **meliproxy)


def test_the_sentinels_are_reached_through_haproxy(stack):
    answer = stack.redis(stack.ports["sentinel"], "SENTINEL", "get-master-addr-by-name",
                         "meliproxy", user="meliproxy", file="meliproxy",
                         secret="MELIPROXY_REDIS_PASSWORD").split()
    assert answer == ["127.0.0.1", str(stack.ports["redis_1"])]


def test_kill_of_an_instance_costs_no_answer_and_is_made_good_within_5_s(stack):
    victim = stack.program("proxy-1")
    with Load(stack.front) as load:
        os.kill(victim["pid"], signal.SIGKILL)
        killed = time.monotonic()

        def is_back():
            return stack.program("proxy-1")["pid"] not in (None, victim["pid"]) \
                and _is_up(stack, "proxy1")
        harness.wait_until(is_back, "a replacement", within=5)
        within = time.monotonic() - killed
        served = len(stack.log("proxy-1"))
        harness.wait_until(lambda: len(stack.log("proxy-1")) > served, "requests to it", within=5)
        assert load.answers > 0 and within < 5


def test_rolling_restart_costs_no_answer(stack):
    before = {row["name"]: row["pid"] for row in stack.status()["programs"]}
    with Load(stack.front, at_least=200):
        stack.order("restart")
    after = {row["name"]: row["pid"] for row in stack.status()["programs"]}
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"proxy-1", "proxy-2"}


def test_an_instance_that_hangs_costs_no_answer_and_holds_nobody_up(stack):
    """SIGSTOP: what it has not answered is answered by the other one while it still hangs."""
    pid = stack.program("proxy-2")["pid"]
    with Load(stack.front, clients=8) as load:
        os.kill(pid, signal.SIGSTOP)
        try:
            harness.wait_until(lambda: not _is_up(stack, "proxy2"), "HAProxy notices", within=5)
            # Each of the eight is soon waiting for the one that hangs.
            done = load.answers
            harness.wait_until(lambda: load.answers > done + 400, lambda: load.answers - done, within=10)
        finally:
            os.kill(pid, signal.SIGCONT)
    harness.wait_until(lambda: _is_up(stack, "proxy2"), "it is used again", within=10)


def test_what_an_instance_has_when_it_is_stopped_it_finishes(stack):
    """Requests that nobody may repeat outlast the drain."""
    with contextlib.ExitStack() as held:
        waiting = [held.enter_context(client.Client(stack.front, timeout=30)) for _ in range(4)]
        for one in waiting:
            one.send(client.head("POST", "/items/MLA1?_latency=4s", body=b"x") + b"x")
        # Until all of them are with the upstream; an answer would come much later.
        harness.wait_until(lambda: _in_flight(stack) == 4, lambda: _in_flight(stack), within=3)
        stack.order("restart")
        assert [one.response("POST").status for one in waiting] == [405] * 4


def _in_flight(stack):
    """Requests under way in all instances."""
    pages = [client.fetch(stack.ports[f"admin_{n}"], "GET", "/metrics").body.decode() for n in (1, 2)]
    return sum(float(re.search(r"^meliproxy_http_requests_in_flight (\S+)$", page, re.M)[1])
               for page in pages)


def test_how_often_a_program_was_restarted_before_says_nothing():
    """Only one that dies again and again while it is waited for is given up."""
    process = types.SimpleNamespace(name="one", restarts=7, is_ready=False, log_tail=lambda: "its log")
    waiting = Supervisor._until(None, lambda: False, [process])
    next(waiting)
    process.restarts += 2
    next(waiting)
    process.restarts += 1
    with pytest.raises(StackError, match="one does not stay up:\nits log"):
        next(waiting)


def test_haproxy_logs_what_failed_and_nothing_else(stack):
    """A request that never reached an instance is in its log; one that was answered is not."""
    path = stack.run / "log/haproxy.log"
    assert client.fetch(stack.front, "GET", "/sites").status == 200
    with client.Client(stack.front) as one:
        one.send(b"GET /not{a}request HTTP/1.1\r\n\r\nno colon\r\n\r\n")
        one.send(b"no request\r\n\r\n")
        one.wait_closed()
    harness.wait_until(lambda: "<BADREQ>" in path.read_text(), "the bad request", within=5)
    assert '"GET /sites' not in path.read_text()


def test_reload_of_haproxy_costs_no_answer(stack):
    with Load(stack.front, keep_alive=False) as load:
        stack.order("reload")
        done = load.answers
        harness.wait_until(lambda: load.answers > done + 50, "answers of the new process")
    assert _is_up(stack, "proxy1") and _is_up(stack, "proxy2")


def test_more_instances_than_places_are_refused(stack):
    with pytest.raises(AssertionError, match="from 1 to 16 instances, not 17"):
        stack.order("scale", 17)


def test_scaling_costs_no_answer(stack):
    with Load(stack.front, at_least=200):
        stack.order("scale", 4)
        assert all(_is_up(stack, f"proxy{number}") for number in range(1, 5))
        harness.wait_until(lambda: stack.log("proxy-4"), "requests to the new instance")
        stack.order("scale", 2)
    assert _is_up(stack, "proxy2") and not _is_up(stack, "proxy3")
    names = {row["name"] for row in stack.status()["programs"]}
    assert "proxy-2" in names and "proxy-3" not in names


def test_haproxy_follows_the_redis_master_and_refuses_one_that_returns(stack):
    old = next(number for number in (1, 2, 3)
               if stack.ports[f"redis_{number}"] == stack.port_behind_haproxy())
    port = stack.ports[f"redis_{old}"]
    os.kill(stack.program(f"redis-{old}")["pid"], signal.SIGKILL)
    begun = time.monotonic()
    new = harness.wait_until(
        lambda: (found := stack.port_behind_haproxy()) != port and found, "another master", 8)
    assert time.monotonic() - begun < 8

    # It comes back as it was, before anybody has told it: what a careless supervisor would do.
    configuration = stack.run / f"redis-{old}/redis.conf"
    rogue = subprocess.Popen(["redis-server", configuration], stdout=subprocess.DEVNULL)
    try:
        harness.wait_until(lambda: stack.redis(port, "ROLE").startswith("master"), "the rogue")
        until = time.monotonic() + 2.5
        landed = []
        while time.monotonic() < until:
            landed.append(stack.port_behind_haproxy())
        assert stack.redis(port, "ROLE").startswith("master"), "nothing was shown"
        # For a moment both may have votes: then nobody is let in.
        assert port not in landed and landed.count(new) > 20 and landed[-1] == new, landed
    finally:
        rogue.kill()
        rogue.wait()
    # The supervisor's own way back: it asks the Sentinels first.
    harness.wait_until(lambda: stack.redis(port, "ROLE").startswith("slave"), "a replica", 20, 0.2)
    assert stack.port_behind_haproxy() == new


def test_down_leaves_nothing(stack):
    pids = stack.pids()
    assert len(pids) > 14
    stack.order("down")
    assert not stack.run.exists()
    assert stack.supervisor.wait(10) == 0
    assert {pid for pid in pids if pathlib.Path(f"/proc/{pid}").exists()} == set()
    for name in ("front", "status", "redis", "prometheus"):
        with pytest.raises(ConnectionRefusedError):
            client.Client(stack.ports[name])


def test_on_a_terminal_there_is_a_page_and_a_killed_supervisor_leaves_no_process():
    screen, terminal = pty.openpty()
    running = Stack("--bare", instances=1, output=terminal)
    os.close(terminal)
    try:
        shown = b""
        while b"everything is up" not in shown:
            shown += os.read(screen, 65536)
        page = shown.decode()
        assert re.search(r"proxy-1 +up +\d+ ", page) and str(running.front) in page
        pids = running.pids()
        running.supervisor.kill()
        running.supervisor.wait()

        def left():
            return {pid for pid in pids if pathlib.Path(f"/proc/{pid}").exists()}
        harness.wait_until(lambda: not left(), lambda: f"no process: {left()}", within=20)
        assert running.run.exists()
        running.order("down")
        assert not running.run.exists()
    finally:
        running.close()
        os.close(screen)


@pytest.mark.parametrize("arguments", [["status"], ["scale", "3"], ["reload"], ["restart"]])
def test_orders_without_a_stack_say_so(tmp_path, arguments):
    done = subprocess.run([STACK, "--run", tmp_path / "none", *arguments], capture_output=True,
                          text=True)
    assert done.returncode == 1 and "no stack runs in" in done.stderr


def _is_up(stack, server):
    page = client.fetch(stack.status_port, "GET", "/metrics?scope=server").body.decode()
    return f'haproxy_server_status{{proxy="proxies",server="{server}",state="UP"}} 1' in page
