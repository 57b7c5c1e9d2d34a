"""A stack whose rules are shortened, and what can be done to it: faults for the alerts."""
import contextlib
import itertools
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request

import client
import harness
import rules_files
from stack import probes
from topology_support import Stack

CONNECTIONS_MAX = 60
SESSIONS_MAX = 200
LIMIT = '  - name: alerts\n    when: {path: "/limited"}\n    rate: 5/1h\n'
# (file, what is there, what these tests put in its place)
SETTINGS = (
    ("limits:\n", "limits:\n" + LIMIT),
    ("body_bytes_max: 10MiB\n", f"body_bytes_max: 10MiB\n  connections_max: {CONNECTIONS_MAX}\n"),
    ("      max: 1\n", '      max: 1\n      on: [connect, reset, "500"]\n'),
)
SCRAPING = (("interval: 5s", "interval: 1s"), ("timeout: 4s", "timeout: 900ms"))
ROUTES = (("wait: 30s", "wait: 1s"), ("interval: 30s", "interval: 1s"), ("wait: 5s", "wait: 1s"))


def replaced(text, pairs):
    """The text with every occurrence replaced; each has to be there."""
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


class AlertStack(Stack):
    """Three instances, all times of rules shortened, and a small memory cache."""

    def __init__(self):
        self._files = tempfile.TemporaryDirectory(prefix="meliproxy-alerts-")
        root = pathlib.Path(self._files.name)
        self.settings, monitoring = root / "meliproxy.yaml", root / "monitoring"
        shipped = (harness.REPOSITORY / "config/meliproxy.yaml").read_text()
        self.settings.write_text(replaced(shipped, SETTINGS))
        shutil.copytree(rules_files.PROMETHEUS, monitoring)
        shutil.rmtree(monitoring / "rules")
        good, said = rules_files.run(harness.REPOSITORY / "scripts/scale-rules",
                                     monitoring / "rules")
        assert good, said
        for name, pairs in (("prometheus.local.yml", SCRAPING), ("alertmanager.yml", ROUTES)):
            file = monitoring / name
            file.write_text(replaced(file.read_text(), pairs))
        super().__init__("--config", self.settings, "--monitoring", monitoring,
                         "--set", "MELIPROXY_CACHE_MEMORY=2MiB",
                         "--set", f"FRONT_MAXCONN={SESSIONS_MAX}", instances=3)
        self._new = itertools.count(20_000_000)

    def close(self):
        """Takes it down with its files."""
        super().close()
        self._files.cleanup()

    # What arrives

    def heard(self):
        """[(status, alert)] of all notifications so far, in their order."""
        path = self.run / "log/alert-sink.log"
        lines = path.read_text().splitlines() if path.exists() else []
        words = [line.split(" ", 4) for line in lines]
        return [(each[2], each[3]) for each in words if len(each) > 3]

    def active(self):
        """Names of the alerts that fire or are about to."""
        return {labels["alertname"] for labels, _ in self.query("ALERTS")}

    def query(self, expression):
        """[(labels, value)] that Prometheus has now."""
        return probes.query(self.ports["prometheus"], expression)

    # Processes

    def pid(self, name):
        """The process of that name, once it runs."""
        return harness.wait_until(lambda: self.program(name)["pid"], f"{name} runs", 20)

    def below(self, name):
        """The process and those that it started."""
        pid = self.pid(name)
        children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True)
        return [pid, *map(int, children.stdout.split())]

    def stopped(self, *names):
        """SIGSTOP, and in the end SIGCONT; of what they started, too."""
        return harness.stopped(pid for name in names for pid in self.below(name))

    @contextlib.contextmanager
    def repeated(self, action, every):
        """Does something again and again while the block runs."""
        over, problems = threading.Event(), []

        def run():
            while not over.wait(every):
                try:
                    action()
                except Exception as problem:  # reported by the test that waits for the alert
                    problems.append(problem)
        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield problems
        finally:
            over.set()
            thread.join()

    def kept_dead(self, *names):
        """Kills whatever is started under these names, at once."""
        def kill():
            for row in self.status()["programs"]:
                if row["name"] in names and row["pid"]:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(row["pid"], signal.SIGKILL)
        return self.repeated(kill, 0.2)

    def master(self):
        """The name of the Redis node that is master."""
        return next(f"redis-{n}" for n in (1, 2, 3)
                    if self.redis(self.ports[f"redis_{n}"], "ROLE").startswith("master"))

    def replica(self):
        """The name of one that is not."""
        return next(f"redis-{n}" for n in (1, 2, 3)
                    if self.redis(self.ports[f"redis_{n}"], "ROLE").startswith("slave"))

    def port_of(self, name):
        """The port of a Redis node or Sentinel."""
        return self.ports[name.replace("-", "_")]

    # Configurations

    @contextlib.contextmanager
    def settings_changed(self, change):
        """Instance 1 is told to reload other settings; in the end, those from before."""
        before = self.settings.read_text()
        try:
            self.settings.write_text(change(before))
            os.kill(self.pid("proxy-1"), signal.SIGHUP)
            yield
        finally:
            self.settings.write_text(before)
            os.kill(self.pid("proxy-1"), signal.SIGHUP)

    @contextlib.contextmanager
    def monitoring_changed(self, name, change):
        """Prometheus reloads a changed file; in the end, the one from before."""
        path = self.run / "prometheus" / name
        before = path.read_text()
        try:
            path.write_text(change(before))
            self._reload_prometheus()
            yield
        finally:
            path.write_text(before)
            self._reload_prometheus()

    def _reload_prometheus(self):
        url = f"http://127.0.0.1:{self.ports['prometheus']}/-/reload"
        urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=10).close()

    def edge(self, command):
        """One command to HAProxy's socket."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.run / "haproxy.sock"))
            connection.sendall(command.encode() + b"\n")
            return connection.recv(65536).decode()

    # Requests

    @contextlib.contextmanager
    def traffic(self, *targets, clients=4, every=0.05):
        """Each client asks for the targets in turn; `{new}` is a number that was not there before."""
        over = threading.Event()

        def ask():
            connection = None
            for target in itertools.cycle(targets):
                if over.wait(every):
                    break
                try:
                    connection = connection or client.Client(self.front)
                    connection.get(target.format(new=next(self._new)))
                except (OSError, client.wire.BrokenMessage):
                    connection = connection and connection.close()
            if connection:
                connection.close()
        threads = [threading.Thread(target=ask) for _ in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join()

    @contextlib.contextmanager
    def connections(self, count):
        """So many connections, each after one request."""
        with contextlib.ExitStack() as held:
            for _ in range(count):
                held.enter_context(client.Client(self.front)).get("/sites")
            yield


def after(seconds):
    """A moment from now, for faults that need a rhythm."""
    time.sleep(seconds)
