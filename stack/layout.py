"""Where things are: the run directory, the ports, the programs of this machine."""
import os
import pathlib
import shutil
import socket

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
INSTANCES_MAX = 16  # places in haproxy/haproxy.cfg

# The documented ports (docs/operations.md). Instance N is at 8100 + N and 9900 + N.
FIXED = {
    "front": 8080, "demo": 8081, "status": 8404, "redis": 6379, "sentinel": 26379,
    "redis_1": 6381, "redis_2": 6382, "redis_3": 6383,
    "sentinel_1": 26381, "sentinel_2": 26382, "sentinel_3": 26383,
    "exporter": 9121, "prometheus": 9090, "alertmanager": 9093, "alert_sink": 9095,
}
for _number in range(1, INSTANCES_MAX + 1):
    FIXED[f"proxy_{_number}"] = 8100 + _number
    FIXED[f"admin_{_number}"] = 9900 + _number


class StackError(Exception):
    """Why the stack cannot do what was asked; the text is for people."""


class Layout:
    """Paths below the run directory, and the port of each listener by its name."""

    def __init__(self, run, free_ports=False):
        self.run = pathlib.Path(run).absolute()
        self.secrets = self.run / "secrets"
        self.logs = self.run / "log"
        self._free = free_ports
        self._taken = {}

    def make(self):
        """Creates the run directory, for its owner alone; refuses one that is there."""
        try:
            self.run.mkdir(mode=0o700, parents=True)
        except FileExistsError:
            raise StackError(f"{self.run} is there already: `make stack-down` first") from None
        self.logs.mkdir()

    def remove(self):
        """Deletes the run directory."""
        shutil.rmtree(self.run, ignore_errors=True)

    def port(self, name):
        """The port of a listener: the documented one, or a free one that stays the same."""
        if not self._free:
            return FIXED[name]
        if name not in self._taken:
            self._taken[name] = free_port(set(self._taken.values()))
        return self._taken[name]

    def address(self, name):
        """`host:port` of a listener."""
        return f"{HOST}:{self.port(name)}"

    def ports(self):
        """Every port by name; with free ports those asked for so far."""
        return dict(self._taken if self._free else FIXED)

    def directory(self, name):
        """A directory of one program's own."""
        path = self.run / name
        path.mkdir(exist_ok=True, parents=True)
        return path

    def environment(self, *names):
        """The variables of these files of secrets."""
        pairs = {}
        for name in names:
            for line in (self.secrets / f"{name}.env").read_text().splitlines():
                key, _, value = line.partition("=")
                pairs[key] = value
        return pairs


def free_port(but=()):
    """A port that nobody listens on, below the range that outgoing connections take theirs from; the tests
    take theirs from 20000 on."""
    first = 28000 + os.getpid() * 97 % 3900
    for port in range(first, 32000):
        if port not in but and not is_taken(port):
            return port
    raise StackError("no free port")


def is_taken(port):
    """Whether binding to the port on loopback fails."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def program(*names):
    """The path of the first of these programs that is installed."""
    for name in names:
        found = shutil.which(name)
        if found:
            return found
    raise StackError(f"{names[0]} is not installed: scripts/install-packages stack")
