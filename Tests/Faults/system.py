"""The system under fault: the shipped topology with a demo API of our own, seen from all sides."""
import contextlib
import json
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess

import client
import harness
import upstream
from redis_server import Connection, ReplyError
from stack.__main__ import order
from stack.edge import Edge
from stack.layout import StackError
from topology_support import Stack

INSTANCES = 3
# PROXY protocol v2 for a TCP connection over IPv4 from 127.0.0.1.
PROXY_HEADER = (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + socket.inet_aton("127.0.0.1") * 2
                + b"\x30\x39\x1f\x90")


class Demo:
    """The demo API at one port; it can die, hang and come back."""

    def __init__(self):
        self.port = harness.free_port()
        self.process, self.hole = None, None
        self.begin()

    def begin(self):
        """Starts it where it was."""
        binary = pathlib.Path(harness.BINARY).with_name("demo-api")
        self.process = subprocess.Popen(
            [binary, "--listen", f"127.0.0.1:{self.port}"], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        harness.wait_until(self._answers, "the demo API answers")

    def _answers(self):
        try:
            return client.fetch(self.port, "GET", "/sites").status == 200
        except (OSError, client.wire.BrokenMessage):
            return False

    def kill(self):
        """kill -9: connecting is refused from now on."""
        self.process.kill()
        self.process.wait()

    @contextlib.contextmanager
    def black_hole(self):
        """In its place a listener whose queue is full: connecting hangs."""
        self.kill()
        with upstream.FullQueue(self.port):
            yield
        self.begin()

    def faults(self, **settings):
        """`latency="200ms"`, `error_rate=0.5`; nothing switches all off."""
        body = "&".join(f"{name}={value}" for name, value in settings.items()).encode()
        answer = client.fetch(self.port, "PUT" if body else "DELETE", "/_demo", body=body)
        assert answer.status == 200, answer


class System(Stack):
    """Three instances, HAProxy, a Redis master with two replicas, three Sentinels."""

    def __init__(self):
        self.demo = Demo()
        self._passwords = {}
        try:
            super().__init__("--bare", "--quiet", "--upstream", f"http://127.0.0.1:{self.demo.port}",
                             "--set", "MELIPROXY_CACHE_MEMORY=64MiB", instances=INSTANCES)
        except BaseException:
            self.demo.kill()
            raise
        self.numbers = range(1, INSTANCES + 1)
        token = self.secrets("meliproxy")["MELIPROXY_ADMIN_TOKEN"]
        self.token = ("Authorization", f"Bearer {token}")
        self.edge = Edge(self.run / "haproxy.sock", None)

    def close(self):
        """Takes all of it down."""
        super().close()
        self.demo.kill()

    # Processes

    def status(self):
        """What runs; `up` is false before there is an answer."""
        try:
            return order(self.run, "status")
        except (StackError, OSError, ValueError):
            return {"up": False, "programs": []}

    def pid(self, name):
        """The process of that name, once it runs."""
        return harness.wait_until(lambda: self.program(name)["pid"], f"{name} runs", 30, 0.05)

    def kill(self, *names):
        """kill -9 of them; the supervisor starts them again, Redis nodes after 12 s."""
        for pid in [self.pid(name) for name in names]:
            os.kill(pid, signal.SIGKILL)

    def stopped(self, *names):
        """SIGSTOP, and in the end SIGCONT."""
        return harness.stopped(self.pid(name) for name in names)

    @contextlib.contextmanager
    def descriptors(self, name, more):
        """A limit of descriptors just above those that are open now; in the end the former one."""
        pid = self.pid(name)
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (self.open_files(name) + more, before[1]))
        try:
            yield
        finally:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)

    def open_files(self, name):
        """How many descriptors it has open."""
        return len(os.listdir(f"/proc/{self.pid(name)}/fd"))

    def rss(self, name):
        """Resident memory in bytes."""
        text = pathlib.Path(f"/proc/{self.pid(name)}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) * 1024

    # Instances

    def admin(self, number, method, target):
        """One request to an instance's admin listener, with the token."""
        port = self.ports[f"admin_{number}"]
        return client.fetch(port, method, target, [self.token], host=f"127.0.0.1:{port}")

    def metrics(self, number):
        """One scrape."""
        return harness.Samples(self.admin(number, "GET", "/metrics").body.decode())

    def sum(self, name, **labels):
        """The sum over all instances."""
        return sum(self.metrics(number).sum(name, **labels) for number in self.numbers)

    def upstream(self, number):
        """What an instance says of the upstream."""
        return json.loads(self.admin(number, "GET", "/api/v1/upstreams").body)["upstreams"][0]

    def direct(self, number, target):
        """A GET at one instance, past HAProxy."""
        with client.Client(self.ports[f"proxy_{number}"], timeout=20) as one:
            one.send(PROXY_HEADER)
            return one.request("GET", target, [("Connection", "close")])

    def shares(self, target, one=1, two=2):
        """Whether what one instance has fetched comes to the other from Redis."""
        self.direct(one, target)
        return "l2" in (self.direct(two, target).one("cache-status") or "")

    # Redis

    def node(self, name):
        """The port of a Redis node or Sentinel."""
        return self.ports[name.replace("-", "_")]

    def command(self, name, *words):
        """One command to a Redis node, as its operator: text, number or list; None without an answer."""
        return self._ask(self.node(name), ("operator", "REDISCLI_AUTH", "operator"), words)

    def _ask(self, port, who, words):
        user, secret, file = who
        if who not in self._passwords:
            self._passwords[who] = self.secrets(file)[secret]
        try:
            with Connection(port, timeout=2) as connection:
                connection("AUTH", user, self._passwords[who])
                return _text(connection(*words))
        except (OSError, ValueError):
            return None
        except ReplyError as problem:
            return f"refused: {problem}"

    def role(self, name):
        """`master`, `slave`, or nothing when there is no answer."""
        return (self.command(name, "ROLE") or [""])[0]

    def sentinel(self, number, *words):
        """One command to a Sentinel, as another Sentinel."""
        return self._ask(self.ports[f"sentinel_{number}"],
                         ("sentinel", "SENTINEL_PASSWORD", "sentinel"), ("SENTINEL", *words))

    def named(self, sentinel=1):
        """The node that a Sentinel names as the master; or None."""
        answer = self.sentinel(sentinel, "GET-MASTER-ADDR-BY-NAME", "meliproxy")
        return next((f"redis-{n}" for n in (1, 2, 3)
                     if answer and answer[1] == str(self.ports[f"redis_{n}"])), None)

    def behind_haproxy(self):
        """The port of the Redis node that a new connection through HAProxy leads to; or None."""
        answer = self._ask(self.ports["redis"], ("operator", "REDISCLI_AUTH", "operator"),
                           ("CONFIG", "GET", "port"))
        return int(answer[1]) if answer else None

    def master(self):
        """The node that most Sentinels name and that says so itself; or None."""
        names = [self.named(number) for number in (1, 2, 3)]
        best = max(names, key=names.count)
        if best and names.count(best) >= 2 and self.role(best) == "master":
            return best
        return None

    def writes(self, name):
        """Commands that change data which a node took from clients since it started."""
        calls = re.findall(r"cmdstat_(?:set|fcall|del|unlink):calls=(\d+)",
                           self.command(name, "INFO", "commandstats") or "")
        return sum(map(int, calls))

    # All

    def is_well(self):
        """Why it is not; an empty text when all is as it should be."""
        status = self.status()
        down = [row["name"] for row in status["programs"] if row["state"] != "up"]
        if down:
            return f"not up: {down}"
        if missing := {f"proxy{n}" for n in self.numbers} - self.edge.up():
            return f"HAProxy does not use {missing}"
        master = self.master()
        if not master:
            return "no Redis master"
        if "connected_slaves:2" not in (self.command(master, "INFO", "replication") or ""):
            return "not two replicas"
        for number in self.numbers:
            page = self.metrics(number)
            for name, wanted in (("cache_coherence_live", 1), ("redis_connected", 1)):
                if page.sum(name) != wanted:
                    return f"{name} of instance {number} is {page.sum(name)}"
            if page.sum("sentinel_up") != 3:
                return f"instance {number} hears {page.sum('sentinel_up')} Sentinels"
            if page.sum("circuit_breaker_state", state="closed") != 1:
                return f"the breaker of instance {number} is not closed"
        return ""

    def wait_well(self, within=90):
        """Until it is; how many seconds that took is of no account."""
        last = []

        def holds():
            try:
                last[:] = [self.is_well()]
            except (OSError, client.wire.BrokenMessage) as problem:
                last[:] = [repr(problem)]
            return last[0] == ""
        harness.wait_until(holds, lambda: f"well again: {last}", within, 0.1)


def _text(value):
    """A reply with texts in place of bytes."""
    if isinstance(value, list):
        return [_text(one) for one in value]
    return value.decode() if isinstance(value, bytes) else value
