"""Everything that the dashboards draw, as processes on loopback: demo API, two instances, HAProxy,
a Redis pair with a Sentinel and their exporter, and a Prometheus that scrapes them all."""
import json
import os
import pathlib
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import yaml

import harness

DEMO = os.environ.get("DEMO_API_BIN", str(pathlib.Path(harness.BINARY).parent / "demo-api"))
RULES = harness.REPOSITORY / "prometheus/rules"
TOKEN = "dashboards-token"
MASTER_NAME = "meliproxy"

HAPROXY = """
global
  maxconn 2000
defaults
  mode http
  timeout connect 1s
  timeout client 10s
  timeout server 2s
  timeout check 500ms
  retries 2
  option redispatch 1
frontend proxy_in
  bind 127.0.0.1:{front}
  default_backend proxies
backend proxies
  balance roundrobin
  option httpchk GET /-/ready
  default-server inter 500ms fall 2 rise 1
{servers}
backend redis_master
  mode tcp
  option tcp-check
  tcp-check connect
  tcp-check send "INFO replication\\r\\n"
  tcp-check expect string role:master
  default-server check inter 500ms
{redis_servers}
frontend status
  bind 127.0.0.1:{status}
  http-request use-service prometheus-exporter if {{ path /metrics }}
"""

def rule_groups():
    """The groups of prometheus/rules/, evaluated each second."""
    groups = []
    for path in sorted(RULES.glob("*.yml")):
        groups += yaml.safe_load(path.read_text())["groups"]
    return [{**group, "interval": "1s"} for group in groups]


def settings(demo_port, dead_port, sentinel_port):
    """Routes that hit, grow stale, miss, fail, are slow, and take uploads; Redis, and limits that are
    reached."""
    demo = {"url": f"http://127.0.0.1:{demo_port}", "first_byte_timeout": "300ms"}
    dead = {"url": f"http://127.0.0.1:{dead_port}", "connect_timeout": "200ms"}
    brief = {"ttl_max": "1s", "stale_while_revalidate_max": "0s"}

    def route(name, path, methods=("GET",), upstream="demo", **more):
        return {"name": name, "match": {"path": path, "methods": list(methods)},
                "upstream": upstream, **more}

    return {
        "upstreams": {"demo": demo, "dead": dead},
        "cache": {"memory": "1MiB"},
        "redis": {"sentinels": [f"127.0.0.1:{sentinel_port}"], "group": MASTER_NAME},
        "limits": [{"name": "sites", "when": {"path": "/sites"}, "rate": "5/1s", "shadow": True},
                   {"name": "clients", "key": "client_ip", "rate": "100000/1s"}],
        "routes": [
            route("item", "/items/{id}"),
            route("items", "/items", cache={"ttl_max": "1s"}),
            route("category", "/categories/{id}", cache=brief),
            route("sites", "/sites", cache="off"),
            route("upload", "/upload/**", ("POST", "PUT"), body_bytes_max="64KiB"),
            route("dead", "/dead/**", upstream="dead"),
        ],
        "admin": {"token": TOKEN},
    }


class Stack:
    """Started by the constructor, stopped by `stop`; a context manager."""

    def __init__(self, directory, scrape="1s", history=None):
        self.directory = pathlib.Path(directory)
        self.scrape = scrape
        self.running, self.logs, self.proxies = [], [], []
        ports = ("demo", "dead", "front", "status", "redis", "replica", "sentinel", "exporter",
                 "prometheus")
        self.port = {name: harness.free_port() for name in ports}
        try:
            self._begin(history)
        except BaseException:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def url(self):
        """Prometheus."""
        return f"http://127.0.0.1:{self.port['prometheus']}"

    def _begin(self, history):
        if not pathlib.Path(DEMO).exists():
            raise AssertionError(f"no binary at {DEMO}: `make build`, or DEMO_API_BIN")
        self._start(DEMO, "--listen", f"127.0.0.1:{self.port['demo']}")
        self._redis()
        for _ in range(2):
            self.proxies.append(harness.Proxy(
                settings=settings(self.port["demo"], self.port["dead"],
                                                    self.port["sentinel"]), workers=2))
        self._haproxy()
        self._prometheus(history)

    def _start(self, *command):
        log = open(self.directory / f"{len(self.logs)}.log", "wb")
        self.logs.append(log)
        process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                                   stdout=log, stderr=log, cwd=self.directory)
        self.running.append(process)
        return process

    def _redis(self):
        for name, more in (("redis", []),
                           ("replica", ["--replicaof", "127.0.0.1", self.port["redis"]])):
            place = self.directory / name
            place.mkdir()
            self._start("redis-server", "--port", self.port[name], "--bind", "127.0.0.1",
                        "--save", "", "--dir", place, "--maxmemory", "8mb", *more)
        text = (f"port {self.port['sentinel']}\nbind 127.0.0.1\n"
                f"sentinel monitor {MASTER_NAME} 127.0.0.1 {self.port['redis']} 1\n")
        (self.directory / "sentinel.conf").write_text(text)
        self._start("redis-sentinel", self.directory / "sentinel.conf")
        self._start("prometheus-redis-exporter", "-redis.addr", "",
                    "-web.listen-address", f"127.0.0.1:{self.port['exporter']}")

    def _haproxy(self):
        servers = "\n".join(
            f"  server proxy{number} 127.0.0.1:{proxy.port} check port {proxy.admin_port}"
            for number, proxy in enumerate(self.proxies, 1))
        redis = "\n".join(f"  server {name} 127.0.0.1:{self.port[name]}"
                          for name in ("redis", "replica"))
        path = self.directory / "haproxy.cfg"
        path.write_text(HAPROXY.format(servers=servers, redis_servers=redis, **self.port))
        self._start("haproxy", "-f", path)

    def _prometheus(self, history):
        jobs = [job("meliproxy", {f"meliproxy-{number}": proxy.admin_port
                                  for number, proxy in enumerate(self.proxies, 1)}),
                job("haproxy", {"haproxy-1": self.port["status"]}),
                self._exported("redis", ("redis", "replica")),
                self._exported("sentinel", ("sentinel",))]
        (self.directory / "rules.yml").write_text(yaml.safe_dump({"groups": rule_groups()}))
        path = self.directory / "prometheus.yml"
        path.write_text(yaml.safe_dump({
            "global": {"scrape_interval": self.scrape, "scrape_timeout": "1s"},
            "rule_files": ["rules.yml"], "scrape_configs": jobs}))
        data = self.directory / "data"
        if history:
            subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", "--quiet",
                            "--max-block-duration=300h",
                            str(history), str(data)], check=True)
        self._start("prometheus", f"--config.file={path}", f"--storage.tsdb.path={data}",
                    f"--web.listen-address=127.0.0.1:{self.port['prometheus']}",
                    "--storage.tsdb.retention.time=60d", "--query.lookback-delta=1m",
                    "--enable-feature=exemplar-storage,extra-scrape-metrics")
        harness.wait_until(self._scraped, "all targets are scraped", 30, 0.2)

    def _exported(self, name, servers):
        """A job that asks the exporter for each server."""
        made = job(name, {server: self.port["exporter"] for server in servers})
        for each, server in zip(made["static_configs"], servers):
            each["labels"]["__param_target"] = f"redis://127.0.0.1:{self.port[server]}"
        return {**made, "metrics_path": "/scrape"}

    def _scraped(self):
        result = self.query("up == 1")
        return len(result) == 6

    def query(self, expression):
        """The samples of an instant query; none while Prometheus is not up."""
        address = f"{self.url}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return json.load(answer)["data"]["result"]
        except (OSError, urllib.error.URLError):
            return []

    def demo(self, query, method="PUT"):
        """Sets faults of the demo API."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port['demo']}/_demo?{query}", method=method)
        urllib.request.urlopen(request, timeout=5).close()

    def stop(self):
        """Ends everything that was started."""
        for proxy in self.proxies:
            proxy.stop()
        for process in reversed(self.running):
            process.terminate()
        for process in reversed(self.running):
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
        for log in self.logs:
            log.close()


def job(name, targets):
    """A scrape job whose targets have names. `targets`: instance -> port."""
    return {"job_name": name, "static_configs": [
        {"targets": [f"127.0.0.1:{port}"], "labels": {"instance": instance}}
        for instance, port in targets.items()]}
