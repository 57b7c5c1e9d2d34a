"""What the stack is made of: each program's command, environment and sign of life."""
import json
import shutil
import sys

from . import probes
from .layout import HOST, INSTANCES_MAX, REPOSITORY, StackError, program
from .process import Process

GROUP = "meliproxy"
NODES = (1, 2, 3)
# Sentinel notices, elects and promotes within this; only then may the old master come back.
NODE_RESTART_SECONDS = 12
ALERT_SINK = "alert-sink:9095"  # its name in prometheus/alertmanager.yml


class Programs:
    """Makes the processes of a stack; starts none of them."""

    def __init__(self, layout, options):
        self.layout = layout
        self.options = options
        self.binaries = REPOSITORY / ".build/release"
        self.edge_socket = layout.run / "haproxy.sock"
        self.edge_state = layout.run / "haproxy.state"

    def _process(self, name, command, **more):
        return Process(name, command, self.layout.logs / f"{name}.log", **more)

    def _binary(self, name):
        path = self.binaries / name
        if not path.exists():
            raise StackError(f"no {path}: `make build` first")
        return path

    def demo(self):
        """The demo API."""
        port = self.layout.port("demo")
        return self._process(
            "demo-api", [self._binary("demo-api"), "--listen", f"{HOST}:{port}"],
            ready=probes.answers(port, "/sites"), ports=(port,))

    def proxy(self, number):
        """An instance of meliproxy."""
        layout = self.layout
        port, admin = layout.port(f"proxy_{number}"), layout.port(f"admin_{number}")
        upstream = self.options.upstream or f"http://{layout.address('demo')}"
        environment = {
            **layout.environment("meliproxy"), **self.redis_addresses(),
            "MELIPROXY_UPSTREAM": upstream, "MELIPROXY_WORKERS": str(self.options.workers),
            **self.variables(),
        }
        command = [self._binary("meliproxy"), "serve", "--config", self.options.config,
                   "--listen", f"{HOST}:{port}", "--admin", f"{HOST}:{admin}"]
        return self._process(
            f"proxy-{number}", command, environment=environment, ports=(port, admin),
            ready=probes.answers(admin, "/-/ready"), stop_seconds=40)

    def variables(self):
        """What the command line sets for HAProxy and the instances."""
        pairs = [text.partition("=") for text in self.options.variables]
        if wrong := [name for name, equals, _ in pairs if not name or not equals]:
            raise StackError(f"--set takes NAME=VALUE, not {', '.join(wrong)}")
        return {name: value for name, _, value in pairs}

    def redis_addresses(self):
        """Redis by environment, as haproxy.cfg and config/meliproxy.yaml name it."""
        layout = self.layout
        addresses = {"REDIS_GROUP": GROUP}
        for number in NODES:
            addresses[f"REDIS_{number}_HOST"] = HOST
            addresses[f"REDIS_{number}_PORT"] = str(layout.port(f"redis_{number}"))
            addresses[f"SENTINEL_{number}"] = layout.address(f"sentinel_{number}")
        return addresses

    def _redis(self, kind, number, secrets, users, **more):
        layout = self.layout
        name = f"{kind}-{number}"
        port = layout.port(f"{kind}_{number}")
        environment = {
            **layout.environment(*secrets), "HOST": HOST, "PORT": str(port), "GROUP": GROUP,
            "DATA": str(layout.directory(name)), "USERS": str(layout.secrets / users),
            "FIRST_MASTER": layout.address("redis_1"),
            "SENTINELS": " ".join(layout.address(f"sentinel_{other}") for other in NODES),
        }
        start = REPOSITORY / "redis/start"
        password = environment["NODE_PASSWORD"]
        return self._process(
            name, [start, "node" if kind == "redis" else kind], environment=environment,
            ready=probes.pings(port, "node", password), ports=(port,), **more)

    def node(self, number):
        """A Redis node."""
        program("redis-server")
        return self._redis("redis", number, ["redis"], "users.acl",
                           restart_delay=NODE_RESTART_SECONDS)

    def sentinel(self, number):
        """A Sentinel."""
        program("redis-sentinel")
        return self._redis("sentinel", number, ["redis", "sentinel"], "sentinel-users.acl",
                           restart_delay=1)

    def haproxy(self):
        """HAProxy as master and worker, so that it can be reloaded."""
        layout = self.layout
        environment = {
            **layout.environment("haproxy"), **self.redis_addresses(),
            "FRONT_BIND": layout.address("front"), "STATUS_BIND": layout.address("status"),
            "REDIS_BIND": layout.address("redis"), "SENTINEL_BIND": layout.address("sentinel"),
            "HAPROXY_SOCKET": str(self.edge_socket), "HAPROXY_STATE": str(self.edge_state),
            **self.variables(),
        }
        command = [program("haproxy"), "-W", "-db", "-f", REPOSITORY / "haproxy/haproxy.cfg"]
        return self._process(
            "haproxy", command, environment=environment,
            ready=probes.answers(layout.port("status"), "/healthy"),
            ports=tuple(layout.port(name) for name in ("front", "status", "redis", "sentinel")))

    def exporter(self):
        """The exporter that asks whichever Redis or Sentinel Prometheus names."""
        port = self.layout.port("exporter")
        command = [program("prometheus-redis-exporter", "redis_exporter"),
                   "-redis.addr", "", "-web.listen-address", f"{HOST}:{port}"]
        return self._process(
            "redis-exporter", command, environment=self.layout.environment("exporter"),
            ready=probes.answers(port, "/metrics"), ports=(port,))

    def alert_sink(self):
        """Where alerts end up: a log. Stands for what pages people."""
        port = self.layout.port("alert_sink")
        return self._process("alert-sink", [sys.executable, "-B", "-m", "stack.sink", port],
                             environment={"PYTHONPATH": str(REPOSITORY)}, ports=(port,),
                             ready=probes.answers(port, "/"))

    def alertmanager(self):
        """Alertmanager, alone, with the shipped routes (or those of --monitoring)."""
        layout = self.layout
        port = layout.port("alertmanager")
        directory = layout.directory("alertmanager")
        shipped = (self.options.monitoring / "alertmanager.yml").read_text()
        settings = directory / "alertmanager.yml"
        settings.write_text(shipped.replace(ALERT_SINK, layout.address("alert_sink")))
        command = [program("prometheus-alertmanager", "alertmanager"),
                   "--config.file", settings, "--storage.path", directory / "data",
                   "--web.listen-address", f"{HOST}:{port}", "--cluster.listen-address", ""]
        return self._process("alertmanager", command, ports=(port,),
                             ready=probes.answers(port, "/-/ready"))

    def prometheus(self):
        """Prometheus, with the shipped rules (or those of --monitoring); its targets are files
        that change with the stack."""
        port = self.layout.port("prometheus")
        directory = self.layout.directory("prometheus")
        shipped = self.options.monitoring
        shutil.copy(shipped / "prometheus.local.yml", directory)
        shutil.copytree(shipped / "rules", directory / "rules")
        command = [program("prometheus"), "--config.file", directory / "prometheus.local.yml",
                   "--storage.tsdb.path", directory / "data",
                   "--storage.tsdb.retention.time", "2d", "--storage.tsdb.retention.size", "512MB",
                   "--web.listen-address", f"{HOST}:{port}", "--web.enable-lifecycle",
                   "--enable-feature=exemplar-storage,extra-scrape-metrics",
                   "--rules.alert.resend-delay", "15s", "--log.level", "warn"]
        return self._process("prometheus", command, ports=(port,),
                             ready=probes.answers(port, "/-/ready"))

    def write_targets(self, instances):
        """What Prometheus scrapes: one file a job, read again by itself when it changes."""
        layout = self.layout
        exporter = {"__exporter": layout.address("exporter")}
        groups = {
            "meliproxy": ([f"admin_{number}" for number in sorted(instances)], {}),
            "haproxy": (["status"], {}),
            "redis": ([f"redis_{number}" for number in NODES], exporter),
            "sentinel": ([f"sentinel_{number}" for number in NODES], exporter),
            "alertmanager": (["alertmanager"], {}),
            "prometheus": (["prometheus"], {}),
        }
        directory = layout.directory("prometheus/targets")
        for job, (names, labels) in groups.items():
            targets = [layout.address(name) for name in names]
            new = directory / f"{job}.new"
            new.write_text(json.dumps([{"targets": targets, "labels": labels}]))
            new.rename(directory / f"{job}.yml")  # JSON is YAML

    def check_instances(self, count):
        """Fails when there are no places for so many."""
        if not 1 <= count <= INSTANCES_MAX:
            raise StackError(f"from 1 to {INSTANCES_MAX} instances, not {count}")
