"""One Redis master, two replicas and three Sentinels of a test's own, quick to notice."""
import pathlib
import subprocess
import tempfile
import time

import harness
from redis_server import Connection, ReplyError, Server

GROUP = "mymaster"


class Sentinel:
    """One redis-sentinel that watches `master`."""

    def __init__(self, master):
        self.directory = tempfile.TemporaryDirectory(prefix="meliproxy-sentinel-")
        self.port = harness.free_port()
        config = pathlib.Path(self.directory.name) / "sentinel.conf"
        config.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {self.directory.name}\n"
            f"sentinel monitor {GROUP} 127.0.0.1 {master} 2\n"
            f"sentinel down-after-milliseconds {GROUP} 500\n"
            f"sentinel failover-timeout {GROUP} 5000\nsentinel parallel-syncs {GROUP} 2\n")
        self.config = config
        self.begin()

    def begin(self):
        """Starts it, after its end again with what it has written down."""
        self.process = subprocess.Popen(
            ["redis-sentinel", str(self.config)], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def ask(self, *arguments):
        """One command; None while nobody answers."""
        try:
            connection = Connection(self.port, timeout=2)
        except OSError:
            return None
        with connection:
            try:
                return connection("SENTINEL", *arguments)
            except (OSError, ReplyError):
                return None

    def stop(self):
        """Ends it at once."""
        self.process.kill()
        self.process.wait()
        self.directory.cleanup()


class Cluster:
    """All of them; ready, with both replicas in sync and known, when the constructor returns."""

    def __init__(self):
        self.nodes, self.sentinels = [], []
        try:
            first = Server()
            self.nodes.append(first)
            for _ in range(2):
                self.nodes.append(Server("--replicaof", "127.0.0.1", first.port))
            self.sentinels = [Sentinel(first.port) for _ in range(3)]
            harness.wait_until(self._is_ready, "the cluster", 30, 0.1)
        except BaseException:
            self.stop()
            raise

    def _is_ready(self):
        with self.nodes[0].connect() as connection:
            if b"connected_slaves:2" not in connection("INFO", "replication"):
                return False
        return all(sentinel.ask("CKQUORUM", GROUP) and len(sentinel.ask("REPLICAS", GROUP) or []) == 2
                   and len(sentinel.ask("SENTINELS", GROUP) or []) == 2
                   for sentinel in self.sentinels)

    @property
    def settings(self):
        """The `redis` block for it."""
        return {"sentinels": [f"127.0.0.1:{s.port}" for s in self.sentinels], "group": GROUP}

    def master(self):
        """The node that says it is the master and that most Sentinels name."""
        votes = [sentinel.ask("GET-MASTER-ADDR-BY-NAME", GROUP) for sentinel in self.sentinels]
        for node in self.nodes:
            named = sum(vote is not None and int(vote[1]) == node.port for vote in votes)
            if named >= 2 and node.process.poll() is None:
                return node
        return None

    def replace(self, node):
        """Starts a node that has ended as a replica of the present master."""
        node.begin("--replicaof", "127.0.0.1", self.master().port)

    def writes(self, node):
        """Commands that change data that the node has taken from clients, not from its master."""
        with node.connect() as connection:
            stats = connection("INFO", "commandstats").decode()
        return sum(int(line.split("calls=")[1].split(",")[0]) for line in stats.splitlines()
                   if line.startswith(("cmdstat_fcall:", "cmdstat_set:")))

    def stop(self):
        """Ends all of it."""
        for part in self.sentinels + self.nodes:
            part.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def now():
    """Seconds on a clock that never steps."""
    return time.monotonic()
