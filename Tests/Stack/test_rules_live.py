"""Prometheus, Alertmanager, redis-exporter, Redis, a Sentinel and HAProxy as processes: names that the
rules count on exist, the configurations work, and alerts arrive where they should. No instance runs."""
import collections
import contextlib
import http.server
import json
import subprocess
import threading
import urllib.parse
import urllib.request

import pytest

import harness
import rules_files
import rules_metrics

HAPROXY = """
defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
frontend proxy_in
  bind 127.0.0.1:{front}
  default_backend proxies
backend proxies
  server none 127.0.0.1:1 check
backend redis_master
  mode tcp
  server redis_1 127.0.0.1:{redis} check
frontend status
  bind 127.0.0.1:{status}
  http-request use-service prometheus-exporter if {{ path /metrics }}
"""


class Sink(http.server.ThreadingHTTPServer):
    """Takes Alertmanager's notifications: {path: {(alertname, status)}}."""

    def __init__(self):
        self.heard = collections.defaultdict(set)
        super().__init__(("127.0.0.1", 0), SinkHandler)
        self.address = f"127.0.0.1:{self.server_address[1]}"


class SinkHandler(http.server.BaseHTTPRequestHandler):
    """One notification."""

    def do_POST(self):
        page = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        for alert in page["alerts"]:
            self.server.heard[self.path].add((alert["labels"]["alertname"], alert["status"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        """Says nothing."""


class Monitoring:
    """All of the processes, in a run directory laid out as prometheus/README.md says."""

    def __init__(self, directory, sink, processes):
        self.directory, self.sink, self.processes = directory, sink, processes
        names = "redis replica sentinel exporter front status prometheus alertmanager"
        self.ports = {name: harness.free_port() for name in names.split()}
        self.at = {name: f"127.0.0.1:{port}" for name, port in self.ports.items()}

    def start(self, *command):
        """One process; it ends with the fixture."""
        self.processes.append(subprocess.Popen(
            [str(part) for part in command], cwd=self.directory, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL))

    def start_watched(self):
        """What is looked at. The Sentinel wants two for a quorum, and is alone."""
        ports = self.ports
        (self.directory / "sentinel.conf").write_text(
            f"port {ports['sentinel']}\nsentinel monitor meliproxy 127.0.0.1 {ports['redis']} 2\n")
        (self.directory / "haproxy.cfg").write_text(HAPROXY.format(**ports))
        self.start("redis-server", "--port", ports["redis"], "--save", "")
        self.start("redis-server", "--port", ports["replica"], "--save", "", "--replicaof",
                   "127.0.0.1", ports["redis"])
        self.start("redis-server", "sentinel.conf", "--sentinel")
        self.start("prometheus-redis-exporter", "-redis.addr=",
                   f"-web.listen-address={self.at['exporter']}")
        self.start("haproxy", "-db", "-f", "haproxy.cfg")

    def start_watching(self):
        """Prometheus with shortened rules, and Alertmanager with shortened waits."""
        source = rules_files.PROMETHEUS
        good, said = rules_files.run(rules_files.REPOSITORY / "scripts/scale-rules",
                                     self.directory / "rules")
        assert good, said
        settings = (source / "prometheus.local.yml").read_text()
        for old, new in [("interval: 5s", "interval: 1s"), ("timeout: 4s", "timeout: 1s")]:
            assert old in settings
            settings = settings.replace(old, new)
        (self.directory / "prometheus.yml").write_text(settings)
        routes = (source / "alertmanager.yml").read_text()
        for old, new in [("alert-sink:9095", self.sink.address), ("wait: 30s", "wait: 1s"),
                         ("interval: 30s", "interval: 1s"), ("wait: 5s", "wait: 1s")]:
            assert old in routes
            routes = routes.replace(old, new)
        (self.directory / "alertmanager.yml").write_text(routes)
        self.write_targets()
        self.start("prometheus-alertmanager", "--config.file=alertmanager.yml",
                   "--storage.path=alertmanager", "--cluster.listen-address=",
                   f"--web.listen-address={self.at['alertmanager']}")
        self.start("prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data",
                   "--enable-feature=extra-scrape-metrics", "--rules.alert.resend-delay=1s",
                   "--log.level=error", f"--web.listen-address={self.at['prometheus']}")

    def write_targets(self):
        """One file for each job; that of the instances is empty."""
        exporter = {"__exporter": self.at["exporter"]}
        targets = {
            "meliproxy": [], "haproxy": [{"targets": [self.at["status"]]}],
            "redis": [{"targets": [self.at["redis"], self.at["replica"]], "labels": exporter}],
            "sentinel": [{"targets": [self.at["sentinel"]], "labels": exporter}],
            "prometheus": [{"targets": [self.at["prometheus"]]}],
            "alertmanager": [{"targets": [self.at["alertmanager"]]}],
        }
        (self.directory / "targets").mkdir()
        for job, groups in targets.items():
            (self.directory / f"targets/{job}.yml").write_text(json.dumps(groups))

    def api(self, path, **parameters):
        """`data` of an answer of Prometheus; None while it does not answer."""
        url = f"http://{self.at['prometheus']}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]
        return None

    def query(self, expr):
        """{labels as a frozenset: value}, without names."""
        data = self.api("query", query=expr) or {"result": []}
        return {frozenset(one["metric"].items()): float(one["value"][1]) for one in data["result"]}

    def heard(self, path, name, status="firing", within=60):
        """Waits until the sink has heard of an alert."""
        harness.wait_until(lambda: (name, status) in self.sink.heard[path],
                           lambda: f"{name} {status} at {path}: {dict(self.sink.heard)}",
                           within=within, every=0.2)


@pytest.fixture(scope="module")
def monitoring(tmp_path_factory):
    """Everything, running; the targets have been scraped."""
    processes = []
    with Sink() as sink:
        threading.Thread(target=sink.serve_forever, daemon=True).start()
        stack = Monitoring(tmp_path_factory.mktemp("monitoring"), sink, processes)
        try:
            stack.start_watched()
            stack.start_watching()
            harness.wait_until(lambda: len(stack.query("up == 1")) == 6,
                               lambda: f"six targets are up: {stack.query('up')}", within=60,
                               every=0.5)
            yield stack
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(timeout=20)
            sink.shutdown()


@pytest.mark.parametrize("job", rules_metrics.jobs())
def test_foreign_metrics_exist(monitoring, job):
    """With the type and the labels that rules_metrics.yml says."""
    metadata = monitoring.api("metadata")
    scope = "" if job == "any" else f'{{job="{job}"}}'
    for name, metric in rules_metrics.listed(job).items():
        found = harness.wait_until(lambda: monitoring.query(f"{name}{scope}"), f"{name}{scope}",
                                   within=30, every=0.5)
        labels = {key for series in found for key, _ in series} - {"__name__", "job", "instance"}
        if job == "any":
            continue
        assert labels == metric.labels, name
        assert {row["type"] for row in metadata[name]} == {metric.type}, name
        for label, words in metric.words.items():
            assert {value for series in found for key, value in series if key == label} == words


def test_every_rule_is_evaluated(monitoring):
    def healths():
        groups = monitoring.api("rules")["groups"]
        return {rule["name"]: (rule["health"], rule.get("lastError"))
                for group in groups for rule in group["rules"]}

    harness.wait_until(lambda: {health for health, _ in healths().values()} == {"ok"},
                       lambda: str({k: v for k, v in healths().items() if v[0] != "ok"}),
                       within=30, every=0.5)
    assert set(healths()) == {rule.alert or rule.record for rule in rules_files.load()}


def test_addresses_and_limits(monitoring):
    """Targets behind the exporter are told apart by their own addresses; limits are in force."""
    instances = {value for series in monitoring.query('redis_up{job="redis"}')
                 for key, value in series if key == "instance"}
    assert instances == {monitoring.at["redis"], monitoring.at["replica"]}
    assert set(monitoring.query("scrape_sample_limit").values()) == {5000.0}


def test_a_lost_quorum_is_scraped(monitoring):
    """The words for it are longer than a label value may be: they are dropped, and the alert comes."""
    assert list(monitoring.query("redis_sentinel_master_ckquorum_status").values()) == [0]
    monitoring.heard("/ticket", "SentinelQuorumLost")


def test_alerts_arrive_by_severity(monitoring):
    monitoring.heard("/watchdog", "Watchdog")
    monitoring.heard("/page", "MeliProxyAllDown")
    monitoring.heard("/page", "HAProxyNoServers")
    assert not {name for name, _ in monitoring.sink.heard["/ticket"]} & {
        "MeliProxyAllDown", "HAProxyNoServers", "Watchdog", "RedisMasterCountWrong"}


def test_an_alert_resolves(monitoring):
    """The page about instances ends when a target answers, whatever it is."""
    monitoring.heard("/page", "MeliProxyAllDown")
    path = monitoring.directory / "targets/meliproxy.yml"
    path.write_text(json.dumps([{"targets": [monitoring.at["alertmanager"]]}]))
    monitoring.heard("/page", "MeliProxyAllDown", "resolved")
