"""docker-compose.yml under podman: up, served, scaled, its Redis master killed, down, clean."""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / "Tests/Stack"), str(REPOSITORY / "Tests/Compose")]

import harness  # noqa: E402
import images  # noqa: E402
from engine import Compose, Engine, Report  # noqa: E402
from topology_support import Load  # noqa: E402

WORK = pathlib.Path("/var/tmp/meliproxy-compose")
SUBNET = "10.213.77"
SERVICES = ("haproxy demo-api redis-1 redis-2 redis-3 sentinel-1 sentinel-2 sentinel-3"
            " redis-exporter prometheus alertmanager alert-sink meliproxy").split()
OURS = ("meliproxy:0.1.0", "meliproxy-demo:0.1.0", "meliproxy-load:0.1.0")


class Run:
    """The steps, in their order."""

    def __init__(self, options):
        self.report = Report()
        self.options = options
        self.engine = Engine(WORK, self.report)
        self.ports = {name: harness.free_port() for name in ("front", "status", "prometheus",
                                                             "alertmanager", "grafana")}
        # Published on loopback only, whatever the compose file says about the front.
        variables = {f"{name.upper()}_PORT": str(port) for name, port in self.ports.items()}
        variables["FRONT_PORT"] = f"127.0.0.1:{self.ports['front']}"
        variables |= {"SUBNET": SUBNET, "HAPROXY_MAXCONN": "2000"}
        self.compose = Compose(self.engine, variables)
        self.secrets_were_there = (REPOSITORY / "secrets").exists()

    def all(self):
        """Every step; everything that it started is gone afterwards."""
        say = self.report.say
        try:
            subprocess.run([REPOSITORY / "scripts/secrets", "secrets"], check=True, cwd=REPOSITORY)
            self.make_images()
            self.up()
            self.serve()
            self.scale()
            self.reload()
            self.fail_over()
            self.prometheus()
        except BaseException:
            for name in self.compose.containers("meliproxy"):
                look = ("for n in demo-api meliproxy redis-1; do time getent ahosts $n; done;"
                        " time (exec 3<>/dev/tcp/demo-api/8081)")
                command = f"podman exec {name} bash -c '{look}' 2>&1"
                found = self.engine.run("bash", "-c", command, check=False)
                print(name, found, file=sys.stderr)
            for name in self.compose.containers():
                tail = self.engine.podman("logs", "--tail", "5", name, check=False)
                print(f"--- {name}\n{tail}", file=sys.stderr)
            raise
        finally:
            begun = time.monotonic()
            self.compose.down()
            took = time.monotonic() - begun
        left = self.engine.podman("ps", "-a", "-q").split()
        networks = self.engine.podman("network", "ls", "-q").split()
        volumes = self.engine.podman("volume", "ls", "-q").split()
        assert not left and not volumes and "meliproxy-test_stack" not in networks, \
            (left, volumes, networks)
        say(f"down in {took:.0f} s: no container, no volume, no network is left")

    def make_images(self):
        """Bases, stand-ins, ours."""
        images.make_base(self.engine)
        self.report.say(f"base image {images.BASE} by debootstrap")
        images.make_stand_ins(self.engine)
        images.make_ours(self.engine, self.options.prebuilt)

    def up(self):
        """Three instances, all healthy."""
        self.compose("up", "-d", "--scale", "meliproxy=3", *SERVICES)
        self.compose.watch_health()
        harness.wait_until(self.is_healthy, lambda: f"all healthy: {self.compose.health()}", 120, 1)
        count = len(self.compose.containers())
        self.report.say(f"up: {count} containers, 3 of meliproxy; every health check passes")

    def is_healthy(self):
        """Whether every container is, and HAProxy has found its servers."""
        health = self.compose.health()
        names = set(SERVICES) <= {name.split("_")[1] for name in health}
        return names and set(health.values()) <= {"healthy", "running"} and self.servers() >= 1

    def servers(self):
        """Instances that HAProxy sends requests to."""
        page = self.status("/metrics?scope=server&no-maint=")
        return sum(line.startswith('haproxy_server_status{proxy="proxies"') and '"UP"' in line
                   and line.endswith(" 1") for line in page.splitlines())

    def status(self, path):
        """A page of HAProxy's status listener."""
        url = f"http://127.0.0.1:{self.ports['status']}{path}"
        try:
            with urllib.request.urlopen(url, timeout=3) as answer:
                return answer.read().decode()
        except OSError:
            return ""

    def await_servers(self, count):
        """Until HAProxy uses so many instances."""
        harness.wait_until(lambda: self.servers() == count,
                           lambda: f"{count} servers, there are {self.servers()}", 60, 0.2)

    def serve(self):
        """Requests through HAProxy, from outside."""
        self.await_servers(3)
        begun = time.monotonic()
        self.await_answers(3)
        self.report.say(f"every instance answers after {time.monotonic() - begun:.1f} s")
        with Load(self.ports["front"], at_least=500) as load:
            time.sleep(3)
        self.report.say(f"served {load.answers} requests through HAProxy, none failed")
        for path in ("/metrics", "/-/ready"):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.ports['front']}{path}")
                raise AssertionError(f"{path} is reached from outside")
            except urllib.error.HTTPError as problem:
                assert problem.code == 404, problem

    def await_answers(self, count):
        """Until requests in a row, several for each instance, are answered."""
        def answer():
            try:
                url = f"http://127.0.0.1:{self.ports['front']}/sites?t={time.monotonic()}"
                with urllib.request.urlopen(url, timeout=5) as response:
                    return response.status == 200
            except OSError as problem:
                self.report.say(f"not yet: {problem}")
                return False
        harness.wait_until(lambda: all(answer() for _ in range(4 * count)), "answers", 30, 0.5)

    def scale(self):
        """To five and back under load."""
        with Load(self.ports["front"], at_least=500) as load:
            begun = time.monotonic()
            self.compose("up", "-d", "--no-recreate", "--scale", "meliproxy=5", "meliproxy")
            self.await_servers(5)
            up = time.monotonic() - begun
            begun = time.monotonic()
            for name in self.compose.containers("meliproxy")[3:]:
                self.engine.podman("stop", "-t", "40", name)
                self.engine.podman("rm", name)
            self.await_servers(3)
            down = time.monotonic() - begun
        self.report.say(f"scaled from 3 to 5 in {up:.1f} s and back in {down:.1f} s under load:"
                        f" {load.answers} requests, none failed")

    def reload(self):
        """A new HAProxy process under load."""
        def worker():
            page = self.status("/metrics?scope=global")
            return [line for line in page.splitlines()
                    if line.startswith("haproxy_process_start_time_seconds")]
        with Load(self.ports["front"], keep_alive=False, at_least=100) as load:
            before = worker()
            time.sleep(1)  # the start is told in whole seconds
            self.compose("exec", "-T", "haproxy", "bash", "/usr/local/bin/reload")
            harness.wait_until(lambda: worker() not in ([], before), "a new process", 10)
            self.await_servers(3)
            done = load.answers
            harness.wait_until(lambda: load.answers > done + 100, "answers of the new process")
        self.report.say(f"HAProxy reloaded under load: {load.answers} requests, none failed")

    def redis(self, address, *words):
        """One command, from inside the network."""
        password = (REPOSITORY / "secrets/operator.env").read_text().strip().partition("=")[2]
        host, _, port = address.partition(":")
        return self.engine.podman(
            "exec", "-e", f"REDISCLI_AUTH={password}", "meliproxy-test_sentinel-1_1",
            "timeout", "2", "redis-cli", "--user", "operator", "-h", host, "-p", port, *words,
            check=False).split()

    def master(self):
        """The address that Redis announces behind HAProxy's listener; None while there is none."""
        answer = self.redis("haproxy:6379", "CONFIG", "GET", "replica-announce-ip")
        return answer[1] if len(answer) == 2 else None

    def fail_over(self):
        """The master's container is killed; HAProxy follows the Sentinels."""
        old = harness.wait_until(self.master, "a master behind HAProxy", 30, 0.2)
        assert old == f"{SUBNET}.11", old
        with Load(self.ports["front"], at_least=100) as load:
            self.engine.podman("kill", "meliproxy-test_redis-1_1")
            begun = time.monotonic()
            new = harness.wait_until(lambda: (found := self.master()) != old and found,
                                     "another master behind HAProxy", 20, 0.1)
            took = time.monotonic() - begun
        named = self.redis("sentinel-1:26379", "SENTINEL", "get-master-addr-by-name", "meliproxy")
        assert named[0] == new, (named, new)
        self.report.say(f"master's container killed: HAProxy led to {new} after {took:.1f} s;"
                        f" {load.answers} requests meanwhile, none failed")
        self.engine.podman("start", "meliproxy-test_redis-1_1", check=False)
        harness.wait_until(lambda: self.redis(f"{old}:6379", "ROLE")[:1] == ["slave"],
                           "the old master as a replica", 40, 0.5)
        assert self.master() == new
        self.report.say("started again, it is a replica")

    def prometheus(self):
        """Every target is scraped, found by name."""
        url = f"http://127.0.0.1:{self.ports['prometheus']}/api/v1/targets?state=active"
        expected = {"meliproxy": 3, "haproxy": 1, "redis": 3, "sentinel": 3, "prometheus": 1,
                    "alertmanager": 1}

        def up():
            with urllib.request.urlopen(url, timeout=3) as answer:
                found = json.load(answer)["data"]["activeTargets"]
            jobs = [target["labels"]["job"] for target in found if target["health"] == "up"]
            return {job: jobs.count(job) for job in jobs}

        harness.wait_until(lambda: up() == expected, lambda: f"targets: {up()}", 60, 1)
        self.report.say(f"Prometheus scrapes {sum(expected.values())} targets")

    def page(self):
        """docs/compose-test.md."""
        how = ("the release binaries of `make build`, not stripped" if self.options.prebuilt
               else "built from source in the Dockerfile's first stage")
        lines = ["# docker-compose.yml, run for real", "",
                 "Written by `make compose-test`: the file as it is, under podman, with images made"
                 " on a machine that reaches",
                 "no registry. Base images come from debootstrap; Redis, HAProxy, Prometheus,"
                 " Alertmanager and the exporter",
                 "are Debian's packages under the official images' names, users and paths. Grafana"
                 " has no such stand-in and",
                 "is left out; its provisioning files are tested elsewhere.", "",
                 "```", images.machine(), *self.report.lines, "```", "",
                 "## Images", "", f"In this run: {how}.", "", "| image | size | user | largest parts |", "|---|---|---|---|"]
        for name in OURS:
            size, user, files = images.contents(self.engine, name)
            parts = ", ".join(f"`{path}` {int(count) / 1e6:.1f} MB" for count, path in
                              (line.split("\t") for line in files) if int(count) > 1e6)
            lines.append(f"| {name} | {size / 1e6:.0f} MB | {user} | {parts} |")
        (REPOSITORY / "docs/compose-test.md").write_text("\n".join(lines) + "\n")

    def clean(self):
        """Removes storage and secrets that this run made."""
        if not self.secrets_were_there:
            shutil.rmtree(REPOSITORY / "secrets", ignore_errors=True)
        if not self.options.keep:
            self.engine.podman("system", "reset", "-f", check=False)
            shutil.rmtree(WORK, ignore_errors=True)


def main():
    """Fails when a step does."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--prebuilt", action="store_true")
    parser.add_argument("--keep", action="store_true")
    run = Run(parser.parse_args())
    try:
        run.all()
        run.page()
    finally:
        run.clean()


if __name__ == "__main__":
    os.umask(0o022)
    main()
