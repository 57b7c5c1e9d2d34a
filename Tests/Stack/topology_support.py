"""A local stack under test, load for it, and a look at its Redis nodes."""
import json
import os
import pathlib
import subprocess
import tempfile
import threading
import time

import client
import harness

STACK = harness.REPOSITORY / "scripts/stack"


class Stack:
    """`scripts/stack up` on free ports, in a run directory below /tmp."""

    def __init__(self, *arguments, instances=2, output=None):
        self._above = tempfile.TemporaryDirectory(prefix="meliproxy-stack-")
        self.run = pathlib.Path(self._above.name) / "run"
        self._output = open(pathlib.Path(self._above.name) / "output", "w+b")
        self.supervisor = subprocess.Popen(
            [STACK, "--run", self.run, "up", "--free-ports", "--instances", str(instances),
             *arguments],
            stdin=subprocess.DEVNULL, stdout=output or self._output, stderr=self._output)
        try:
            harness.wait_until(self._is_up, lambda: f"the stack is up\n{self.output()}", within=45)
        except BaseException:
            self.close()
            raise
        self.ports = self.status()["ports"]
        self.front, self.status_port = self.ports["front"], self.ports["status"]

    def _is_up(self):
        if self.supervisor.poll() is not None:
            raise AssertionError(f"the stack ended\n{self.output()}")
        return (self.run / "control").exists() and self.status()["up"]

    def output(self):
        """What the supervisor said."""
        return pathlib.Path(self._output.name).read_text(errors="replace")

    def order(self, *words, within=60):
        """Runs another `scripts/stack` command on it."""
        done = subprocess.run([STACK, "--run", self.run, *map(str, words)], timeout=within,
                              capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert done.returncode == 0 or words[0] == "status", done.stderr + self.output()
        return done.stdout

    def status(self):
        """What runs; `up` is false before there is an answer."""
        return json.loads(self.order("status", "--json") or '{"up": false}')

    def program(self, name):
        """One row of the status."""
        return next(row for row in self.status()["programs"] if row["name"] == name)

    def pids(self):
        """Every process of the stack now, with those below it."""
        found = {self.supervisor.pid}
        found |= {row["pid"] for row in self.status()["programs"] if row["pid"]}
        while True:
            below = {pid for pid, parent in _parents() if parent in found}
            if below <= found:
                return found
            found |= below

    def log(self, name):
        """The JSON lines in an instance's log that are about requests."""
        text = (self.run / "log" / f"{name}.log").read_bytes()
        lines = [json.loads(line) for line in text[: text.rfind(b"\n") + 1].splitlines()]
        return [line for line in lines if "client_ip" in line]

    def secrets(self, name):
        """The variables of one file of secrets."""
        text = (self.run / "secrets" / f"{name}.env").read_text()
        return dict(line.split("=", 1) for line in text.splitlines())

    def redis(self, port, *words, user="operator", secret="REDISCLI_AUTH", file="operator"):
        """One command, on a connection of its own; the text of the answer."""
        environment = {**os.environ, "REDISCLI_AUTH": self.secrets(file)[secret]}
        done = subprocess.run(
            ["timeout", "2", "redis-cli", "--user", user, "-p", str(port), *words],
            capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL)
        return done.stdout.strip()

    def port_behind_haproxy(self):
        """The port of the Redis node that a new connection through HAProxy leads to; or None."""
        answer = self.redis(self.ports["redis"], "CONFIG", "GET", "port").split()
        return int(answer[1]) if len(answer) == 2 else None

    def close(self):
        """Takes it down, by force if it does not listen."""
        if self.supervisor.poll() is None:
            self.supervisor.terminate()
            try:
                self.supervisor.wait(45)
            except subprocess.TimeoutExpired:
                self.supervisor.kill()
                self.supervisor.wait()
        self._output.close()
        self._above.cleanup()


def _parents():
    """(pid, its parent's pid) of every process."""
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                text = pathlib.Path(entry.path, "stat").read_text()
            except OSError:
                continue
            yield int(entry.name), int(text.rpartition(")")[2].split()[1])


class Load:
    """GETs from a few clients while the block runs, and until there are enough; afterwards none may have
    failed."""

    def __init__(self, port, clients=4, keep_alive=True, at_least=50):
        self.port = port
        self.keep_alive = keep_alive
        self.at_least = at_least
        self.failures = []
        self.answers = 0
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(n,)) for n in range(clients)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        harness.wait_until(lambda: self.answers or self.failures, "a first answer")
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                harness.wait_until(lambda: self.failures or self.answers >= self.at_least,
                                   lambda: f"{self.answers} answers", within=30)
        finally:
            self._is_over.set()
            for thread in self._threads:
                thread.join()
        if kind is None:
            assert not self.failures, f"{len(self.failures)} of {self.answers}: {self.failures[:5]}"

    def _ask(self, number):
        connection, count = None, 0
        while not self._is_over.is_set():
            count += 1
            # Not all from the cache: a tenth of them is waited for.
            slow = f"?n={number}.{count}&_latency=20ms" if count % 10 == 0 else ""
            begun = time.monotonic()
            try:
                connection = connection or client.Client(self.port)
                response = connection.request("GET", f"/categories/MLA{1000 + count % 50}{slow}")
                problem = None if response.status == 200 else response.status
            except (OSError, client.wire.BrokenMessage) as error:
                problem = repr(error)
            with self._lock:
                self.answers += 1
                if problem:
                    took = time.monotonic() - begun
                    self.failures.append((f"{took:.3f} s", problem))
            if connection and (problem or not self.keep_alive):
                connection.close()
                connection = None
            time.sleep(0.002)  # a client's pace, so that load leaves the machine room
        if connection:
            connection.close()
