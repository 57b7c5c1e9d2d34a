"""Starting, watching and stopping meliproxy; ports, waiting, metrics."""
import collections
import contextlib
import itertools
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time

from prometheus_client.parser import text_string_to_metric_families

import client

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("MELIPROXY_BIN", str(REPOSITORY / ".build/release/meliproxy"))

# Below the kernel's range for outgoing connections, so that none of those takes a port between
# the look and the use; and below those that a stack of the tests picks for itself (stack/layout.py).
_ports = itertools.cycle(range(20000, 28000))
for _ in range(os.getpid() * 97 % 8000):
    next(_ports)
# One for each port that was given out lately: tests that run beside these do not get it.
_claims = collections.deque(maxlen=256)


def free_port():
    """A loopback port that nobody listens on, and that no other process of the tests was given lately."""
    for port in _ports:
        claim = socket.socket(socket.AF_UNIX)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                claim.bind(f"\0meliproxy-test-port-{port}")
                probe.bind(("127.0.0.1", port))
            except OSError:
                claim.close()
                continue
        _claims.append(claim)
        return port
    raise AssertionError("no free port")


@contextlib.contextmanager
def stopped(pids):
    """SIGSTOP of these processes, and in the end SIGCONT."""
    pids = list(pids)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def wait_until(condition, what, within=10.0, every=0.01):
    """Polls until `condition()` is true, and returns what it gave."""
    deadline = time.monotonic() + within
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s: {what() if callable(what) else what}")
        time.sleep(every)


class Samples:
    """One scrape, parsed."""

    def __init__(self, text):
        self.text = text
        self.families = list(text_string_to_metric_families(text))
        self.samples = [sample for family in self.families for sample in family.samples]

    def sum(self, name, **labels):
        """The sum of the samples of that name that have these labels (0 when there is none)."""
        return sum(s.value for s in self.select(name, **labels))

    def select(self, name, **labels):
        """The samples of that name that have these labels."""
        full = name if name.startswith(("process_", "meliproxy_")) else f"meliproxy_{name}"
        wanted = labels.items()
        return [s for s in self.samples
                if s.name == full and all(s.labels.get(k) == v for k, v in wanted)]

    def series(self):
        """The set of series, name and labels, but for those that count scrapes themselves."""
        return {(s.name, tuple(sorted(s.labels.items()))) for s in self.samples
                if s.name != "meliproxy_admin_requests_total"}


def write_settings(directory, settings):
    """Writes settings as a file. JSON is YAML, and needs no library here."""
    path = pathlib.Path(directory) / "settings.yml"
    text = settings if isinstance(settings, str) else json.dumps(settings, indent=2)
    path.write_text(text)
    return path


def run(*arguments, within=20, environment=None):
    """Runs the binary to its end; the completed process with its texts."""
    return subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True,
                          errors="replace", timeout=within, env=environment)


class Proxy:
    """One running instance. Started in the constructor, ready when it returns."""

    def __init__(self, upstream=None, settings=None, workers=1, arguments=(), environment=None,
                 access_log=None, log_format="json", log_level="info", wait=True, prefix=()):
        self.directory = tempfile.TemporaryDirectory(prefix="meliproxy-test-")
        root = pathlib.Path(self.directory.name)
        self.port, self.admin_port = free_port(), free_port()
        self.log_path = pathlib.Path(access_log) if access_log else root / "access.log"
        self.settings_path = None
        command = [BINARY, "serve", "--admin", f"127.0.0.1:{self.admin_port}",
                   "--workers", str(workers), "--access-log", str(self.log_path),
                   "--log-format", log_format, "--log-level", log_level]
        if upstream:
            command += ["--upstream", upstream if isinstance(upstream, str) else upstream.url]
        listens = False
        if settings is not None:
            if callable(settings):
                settings = settings(self)
            listens = "listen" in settings
            self.settings_path = write_settings(root, settings)
            command += ["--config", str(self.settings_path)]
        if not listens:
            command += ["--listen", f"127.0.0.1:{self.port}"]
        self.stderr_path = root / "stderr"
        self._stderr = open(self.stderr_path, "wb")
        self.process = subprocess.Popen([*prefix, *command, *map(str, arguments)], stdin=subprocess.DEVNULL,
                                        stdout=self._stderr, stderr=self._stderr, env=environment)
        if wait:
            try:
                wait_until(self._is_up, lambda: f"ready\n{self.stderr()}")
            except BaseException:
                self.kill()
                raise

    def _is_up(self):
        if self.process.poll() is not None:
            raise AssertionError(f"exit code {self.process.returncode} at start\n{self.stderr()}")
        return self.is_ready()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        died = self.process.poll()
        self.stop()
        if kind is None:
            assert died is None, f"died with exit code {died}\n{self.stderr()}"

    @property
    def pid(self):
        """Its process id."""
        return self.process.pid

    def stderr(self):
        """Its diagnostics so far."""
        return self.stderr_path.read_text(errors="replace")

    def is_alive(self):
        """Whether the process runs."""
        return self.process.poll() is None

    def assert_alive(self):
        """Fails with the diagnostics when the process has ended."""
        code = self.process.poll()
        assert code is None, f"the proxy died with exit code {code}\n{self.stderr()[-4000:]}"

    def readiness(self):
        """The status of /-/ready; 0 when nobody answers."""
        try:
            return self.admin("GET", "/-/ready", timeout=2).status
        except (OSError, client.wire.BrokenMessage):
            return 0

    def is_ready(self):
        """Whether /-/ready answers 200."""
        return self.readiness() == 200

    def signal(self, number):
        """Sends a signal to this process only."""
        self.process.send_signal(number)

    def wait_exit(self, within=10):
        """The exit code."""
        return self.process.wait(within)

    def stop(self):
        """SIGTERM, again to skip the grace period, and SIGKILL if neither is heeded."""
        for patience in (0.5, 3):
            if self.process.poll() is None:
                self.signal(signal.SIGTERM)
                try:
                    self.process.wait(patience)
                except subprocess.TimeoutExpired:
                    continue
        self.kill()

    def kill(self):
        """Ends the process at once and removes its files."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(5)
        self._stderr.close()
        self.directory.cleanup()

    def client(self, **options):
        """A connection to the public port."""
        return client.Client(self.port, **options)

    def fetch(self, method, target, fields=(), body=b"", **options):
        """One request on a connection of its own to the public port."""
        return client.fetch(self.port, method, target, fields, body, **options)

    def admin(self, method, target, fields=(), body=b"", **options):
        """One request on a connection of its own to the admin port."""
        return client.fetch(self.admin_port, method, target, fields, body,
                            host=f"127.0.0.1:{self.admin_port}", **options)

    def metrics(self):
        """A scrape. The page may be shared for 250 ms: poll for what must change."""
        response = self.admin("GET", "/metrics")
        assert response.status == 200, response
        return Samples(response.body.decode())

    def metric(self, name, **labels):
        """The sum of one metric's samples now."""
        return self.metrics().sum(name, **labels)

    def wait_metric(self, name, value, within=10, **labels):
        """Waits until the metric has this value (or satisfies it, when it is a function)."""
        last = []

        def holds():
            last[:] = [self.metric(name, **labels)]
            return value(last[0]) if callable(value) else last[0] == value

        wait_until(holds, lambda: f"{name}{labels} is {last[0]}, expected {value}", within, 0.05)
        return last[0]

    def log_lines(self):
        """The whole lines of the access log, parsed."""
        if not self.log_path.exists():
            return []
        text = self.log_path.read_bytes()
        return [json.loads(line) for line in text[: text.rfind(b"\n") + 1].splitlines()]

    def wait_log(self, condition, within=10):
        """The first access-log line that satisfies `condition`."""
        def find():
            return next((line for line in self.log_lines() if condition(line)), None)
        return wait_until(find, lambda: f"an access-log line; there are {self.log_lines()[-5:]}",
                          within, 0.05)

    def rss(self):
        """Resident memory in bytes."""
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")

    def fds(self):
        """Number of open descriptors."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))


def settings_for(upstream, **more):
    """Settings of one upstream, `api`, and one route for everything."""
    url = upstream if isinstance(upstream, str) else upstream.url
    settings = {"upstreams": {"api": {"url": url}},
                "routes": [{"name": "all", "match": {"path": "/**"}, "upstream": "api"}]}
    settings["upstreams"]["api"].update(more.pop("upstream_settings", {}))
    settings["routes"][0].update(more.pop("route", {}))
    return {**settings, **more}
