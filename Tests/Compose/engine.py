"""Podman with storage, settings and networks of its own: nothing of the machine's is touched."""
import json
import os
import pathlib
import subprocess
import sys
import threading
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]

CONTAINERS_CONF = """\
[containers]
default_ulimits = ["nofile=8192:8192", "nproc=8192:8192"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
network_config_dir = "{work}/networks"
"""
STORAGE_CONF = """\
[storage]
driver = "overlay"
graphroot = "{work}/storage"
runroot = "{work}/run"
"""


class Engine:
    """Runs podman, buildah and podman-compose, and remembers what was said about the steps."""

    def __init__(self, work, report):
        self.work = pathlib.Path(work)
        self.report = report
        self.work.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, text in (("containers.conf", CONTAINERS_CONF), ("storage.conf", STORAGE_CONF)):
            (self.work / name).write_text(text.format(work=self.work))
        self.environment = {
            **os.environ,
            # Before the first command: the network's backend sticks.
            "CONTAINERS_CONF": str(self.work / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(self.work / "storage.conf"),
            "TMPDIR": str(self._directory("tmp")), "BUILDAH_ISOLATION": "chroot",
            "PYTHONUNBUFFERED": "1",
        }
        self._log = open(self.work / "log", "ab")

    def _directory(self, name):
        path = self.work / name
        path.mkdir(exist_ok=True)
        return path

    def run(self, *command, within=600, check=True, more=None):
        """Output of a command; all of it goes into the log as well."""
        command = [str(word) for word in command]
        self._log.write(f"\n$ {' '.join(command)}\n".encode())
        self._log.flush()
        done = subprocess.run(command, env={**self.environment, **(more or {})}, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=REPOSITORY,
                              stderr=subprocess.PIPE, timeout=within, errors="replace")
        self._log.write((done.stdout + done.stderr).encode())
        self._log.flush()
        if check and done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: exit code {done.returncode}\n"
                               f"{done.stdout[-2000:]}{done.stderr[-3000:]}")
        return done.stdout

    def podman(self, *words, **options):
        """podman."""
        return self.run("podman", *words, **options)

    def has_image(self, name):
        """Whether there is an image of that name."""
        return bool(self.podman("images", "-q", name).strip())

    def build(self, name, context, dockerfile, *options, within=600):
        """Builds an image without a daemon and without a container engine's privileges."""
        # Docker's format: OCI's has no health checks.
        self.run("buildah", "bud", "--isolation", "chroot", "--format", "docker", "--layers",
                 "-t", name, "-f", dockerfile, *options, context, within=within)

    def inspect(self, container):
        """What podman knows of a container."""
        return json.loads(self.podman("inspect", container))[0]


class Compose:
    """docker-compose.yml under podman-compose."""

    def __init__(self, engine, variables, but=("grafana", "load")):
        self.engine = engine
        self.variables = variables
        self.but = but
        self._is_over = threading.Event()

    def __call__(self, *words, within=300, check=True):
        compose = pathlib.Path(sys.executable).parent / "podman-compose"
        return self.engine.run(compose, "-p", "meliproxy-test", *words, within=within,
                               more=self.variables, check=check)

    def containers(self, service=""):
        """Names of the running containers, or of those of a service."""
        names = self.engine.podman("ps", "--format", "{{.Names}}").split()
        return sorted(name for name in names if name.startswith(f"meliproxy-test_{service}"))

    def watch_health(self):
        """Without systemd nobody runs podman's health checks at their interval: this does."""
        threading.Thread(target=self._check_all, daemon=True).start()

    def _check_all(self):
        while not self._is_over.wait(2):
            for name in self.containers():
                self.engine.podman("healthcheck", "run", name, check=False)

    def health(self):
        """{container: healthy, unhealthy, starting, or running where it has no check}."""
        found = {}
        for name in self.containers():
            state = self.engine.inspect(name)["State"]
            health = (state.get("Health") or state.get("Healthcheck") or {}).get("Status")
            found[name] = health or state["Status"]
        return found

    def down(self):
        """Stops and removes everything; podman-compose itself forgets what was scaled."""
        self._is_over.set()
        for name in self.containers("meliproxy")[1:]:
            self.engine.podman("rm", "-f", "-t", "5", name, check=False)
        self("down", "-v", "-t", "5", check=False)


class Report:
    """What happened, on the terminal as it does and as a page afterwards."""

    def __init__(self):
        self.begun = time.monotonic()
        self.lines = []

    def say(self, text):
        """One line with the time since the start."""
        line = f"[{time.monotonic() - self.begun:6.1f} s] {text}"
        print(line, flush=True)
        self.lines.append(line)
