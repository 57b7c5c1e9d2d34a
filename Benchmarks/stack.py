#!/usr/bin/env python3
"""Requests a second of the whole topology on one machine: HAProxy, instances, Redis, Sentinels, all scraped.

Starts scripts/stack with limits and metrics on, and a scrape a second; wrk asks for cached items, and for
a few that nobody has asked for, each connection when it has its answer (a closed loop). Then openloop asks
at fixed rates, ever higher ones, for the highest that holds (ramp.py), and at that for the whole time. Then
the same of one instance without HAProxy. Standard library only.
Writes docs/benchmarks-stack.md (--seconds below 30: only prints).
"""
import argparse
import contextlib
import http.client
import os
import pathlib
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

import openload
import ramp
import stack_report
from measure import BenchError, busy_seconds, cpu_seconds, fetch, parse_wrk
from peers import ROOT
from processes import await_answer, free_port, process

sys.path.insert(0, str(ROOT))
from stack.__main__ import order  # noqa: E402
from stack.layout import StackError  # noqa: E402

SCRIPT = pathlib.Path(__file__).parent / "wrk/stack.lua"
SECONDS_WHOLE = 30
UP_SECONDS_MAX = 60
# Of a step of the search for the highest rate, and before it, uncounted.
STEP_SECONDS, STEP_WARMUP_SECONDS = 5, 1
# The first step, of wrk's rate.
BEGIN_SHARE = 0.5
FRESH_STEP = 1_000_000
HITS_MIN = 0.9
LIMITS = """limits:
  # Of this run: about every request, and never reached.
  - name: everyone
    key: client_ip
    rate: 10000000/1m
"""
# (file, what is there, what this run puts in its place)
SETTINGS = (
    ("limits:\n", LIMITS), ("sample_rate: 1,", "sample_rate: 1000,"),
)
SCRAPING = (
    ("scrape_interval: 5s", "scrape_interval: 1s"), ("scrape_timeout: 4s", "scrape_timeout: 900ms"),
)


@dataclass
class Target:
    """What was found at one front: wrk's result, the runs of the search, those that were to last."""

    title: str
    closed: object
    steps: list
    lasting: list

    @property
    def open(self):
        """The last of the lasting ones: it held, or none did."""
        return self.lasting[-1]


@dataclass
class Result:
    """One run of a load and what it cost. `programs`: {name: seconds of processor time}."""

    load: object
    took_s: float
    programs: dict
    idle_s: float
    codes: dict
    edge: dict
    cache: dict
    others_s: float

    @property
    def hits(self):
        """Share of answers that came from a cache."""
        return self.cache.get("hit", 0) / max(1, sum(self.cache.values()))

    @property
    def ok(self):
        """Share of the instances' answers that were 200."""
        return self.codes.get("200", 0) / max(1, sum(self.codes.values()))


def replaced(text, pairs):
    """The text with each pair's first half replaced; fails when one is not there."""
    for old, new in pairs:
        if old not in text:
            raise BenchError(f"not in the shipped file any more: {old!r}")
        text = text.replace(old, new, 1)
    return text


class Topology:
    """A stack in a directory of its own, measured at its front."""

    def __init__(self, options, directory):
        self.options, self.directory = options, directory
        self.run = directory / "run"
        self.settings = directory / "meliproxy.yaml"
        self.settings.write_text(replaced((ROOT / "config/meliproxy.yaml").read_text(), SETTINGS))
        self.monitoring = directory / "monitoring"
        shutil.copytree(ROOT / "prometheus", self.monitoring)
        file = self.monitoring / "prometheus.local.yml"
        file.write_text(replaced(file.read_text(), SCRAPING))
        self.openloop, self.paths = openload.build(directory), directory / "paths"
        openload.write_paths(self.paths, options.keys, options.misses)
        self.fresh = 10_000_000

    @contextlib.contextmanager
    def running(self):
        """Everything is up, and goes at the end."""
        command = [ROOT / "scripts/stack", "--run", self.run, "up", "--free-ports", "--quiet",
                   "--instances", self.options.instances, "--workers", self.options.workers,
                   "--config", self.settings, "--monitoring", self.monitoring]
        for pair in self.options.variables:
            command += ["--set", pair]
        with open(self.directory / "output", "wb") as words:
            supervisor = subprocess.Popen([str(part) for part in command], stdout=words,
                                          stderr=words, stdin=subprocess.DEVNULL)
        try:
            self.await_up(supervisor)
            yield
        finally:
            if supervisor.poll() is None:
                supervisor.terminate()
                supervisor.wait(90)

    def await_up(self, supervisor):
        """Until each program is ready, or says why not."""
        deadline = time.monotonic() + UP_SECONDS_MAX
        while True:
            with contextlib.suppress(StackError, OSError):
                status = order(self.run, "status")
                if status["up"]:
                    break
            if supervisor.poll() is not None or time.monotonic() > deadline:
                raise BenchError("the stack is not up:\n" + (self.directory / "output").read_text())
            time.sleep(0.1)
        self.supervisor, self.ports = supervisor.pid, status["ports"]
        self.pids = {row["name"]: row["pid"] for row in status["programs"]}

    def seconds(self, more=()):
        """{program: processor time so far}, those of the stack and those named besides."""
        found = {name: cpu_seconds(pid) for name, pid in [*self.pids.items(), *more]}
        # The supervisor's children have been counted by name.
        found["supervisor"] = cpu_seconds(self.supervisor) - sum(
            found[name] for name in self.pids)
        return found

    def admin_ports(self):
        """Where the instances' metrics are."""
        return [self.ports[f"admin_{number}"] for number in range(1, self.options.instances + 1)]

    @contextlib.contextmanager
    def direct(self):
        """An instance of its own, without HAProxy: (pid, port, admin port)."""
        settings = self.directory / "direct.yaml"
        settings.write_text(replaced(self.settings.read_text(),
                                     [("proxy_protocol: true", "proxy_protocol: false")]))
        environment = {"PATH": os.environ["PATH"], "MELIPROXY_WORKERS": "1",
                       "MELIPROXY_UPSTREAM": f"http://127.0.0.1:{self.ports['demo']}"}
        for number in (1, 2, 3):
            environment[f"SENTINEL_{number}"] = f"127.0.0.1:{self.ports[f'sentinel_{number}']}"
        for line in (self.run / "secrets/meliproxy.env").read_text().splitlines():
            name, _, value = line.partition("=")
            environment[name] = value
        port, admin = free_port(), free_port()
        # Through env(1): the environment is this instance's alone, and no secret is an argument of ours.
        words = self.directory / "direct.env"
        words.touch(mode=0o600)
        words.write_text("".join(f"export {n}={shlex.quote(v)}\n" for n, v in environment.items()))
        command = ["/bin/sh", "-c", '. "$0" && exec "$@"', words, self.options.meliproxy, "serve",
                   "--config", settings, "--listen", f"127.0.0.1:{port}",
                   "--admin", f"127.0.0.1:{admin}"]
        cores = os.sched_getaffinity(0)
        with process("direct", command, self.directory, min(cores)) as child:
            os.sched_setaffinity(child.pid, cores)
            await_answer("direct", child, self.directory, admin, "/-/ready")
            yield child.pid, port, admin

    def wrk(self, port, seconds):
        """One run of a closed loop; nothing is bound to a processor."""
        note(f"wrk, {seconds} s")
        self.fresh += FRESH_STEP
        done = subprocess.run(
            ["wrk", "--latency", "-t1", f"-c{self.options.connections}", f"-d{seconds}s",
             "--timeout", "10s", "-s", str(SCRIPT), f"http://127.0.0.1:{port}", "--",
             str(self.options.keys), str(self.options.misses), str(self.fresh)],
            capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        if done.returncode:
            raise BenchError(f"wrk failed:\n{done.stdout}{done.stderr}")
        return parse_wrk(done.stdout)

    def open(self, port, rate, seconds, warmup=0):
        """One run at a fixed rate."""
        note(f"{rate:,.0f} requests/s, {seconds} s")
        self.fresh += FRESH_STEP
        return openload.run(
            self.openloop, f"http://127.0.0.1:{port}", rate, seconds, "--warmup", warmup,
            "--connections", self.options.connections, "--paths", self.paths, "--first", self.fresh)

    def find(self, title, port, admins, more=(), edge=True):
        """The rates of one front, with both loads."""
        begun = (port, admins, more, edge)
        self.wrk(port, 3)
        said = cache_status(port, "/items/MLA1")
        if "; hit" not in said:
            raise BenchError(f"{title}: /items/MLA1 is not a hit: {said}")
        seconds = self.options.seconds
        closed = self.measure("wrk", lambda: self.wrk(port, seconds), *begun)
        begin = BEGIN_SHARE * closed.load.requests / closed.load.seconds
        held, steps = ramp.highest(lambda rate: self.open(
            port, rate, min(STEP_SECONDS, seconds), STEP_WARMUP_SECONDS), begin)
        if held is None:
            raise BenchError(f"{title}: no rate held:\n" + "\n".join(map(str, steps)))
        lasting = []

        def last(rate):
            self.open(port, rate, 3)
            lasting.append(self.measure("openloop", lambda: self.open(port, rate, seconds), *begun))
            return lasting[-1].load

        ramp.sustained(last, held)
        return Target(title, closed, steps, lasting)

    def measure(self, generator, load, port, admins, more, edge):
        """One run, and what it cost and what everybody counted."""
        time.sleep(1)  # pages of metrics are shared for 250 ms; the load's connections close meanwhile
        counted = self.counts(admins, edge)
        cores, began = os.sched_getaffinity(0), time.monotonic()
        before, busy, children = self.seconds(more), busy_seconds(cores), own_children()
        figures = load()
        took, after = time.monotonic() - began, self.seconds(more)
        programs = {name: after[name] - before[name] for name in after}
        programs[generator] = own_children() - children
        busy = busy_seconds(cores) - busy
        time.sleep(1)
        codes, at_edge, cache = (difference(new, old) for new, old in
                                 zip(self.counts(admins, edge), counted))
        idle = max(0.0, len(cores) * took - busy)
        return Result(figures, took, programs, idle, codes, at_edge, cache,
                      max(0.0, busy - sum(programs.values())))

    def counts(self, admins, edge):
        """({code: answers} of the instances, of HAProxy, {word: look-ups in the caches})."""
        codes, at_edge, cache = {}, {}, {}
        for port in admins:
            page = fetch(port, "/metrics")[2].decode()
            for labels, value in samples(page, "meliproxy_http_requests_total"):
                codes[labels["code"]] = codes.get(labels["code"], 0) + value
            for labels, value in samples(page, "meliproxy_cache_requests_total"):
                cache[labels["result"]] = cache.get(labels["result"], 0) + value
        if edge:
            page = fetch(self.ports["status"], "/metrics?scope=frontend")[2].decode()
            for labels, value in samples(page, "haproxy_frontend_http_responses_total"):
                if labels["proxy"] == "proxy_in":
                    at_edge[labels["code"]] = value
        return codes, at_edge, cache


def note(words):
    """Says on standard error what is being done."""
    print(f"bench-stack: {words}", file=sys.stderr, flush=True)


def cache_status(port, path):
    """Cache-Status of an answer to the same fields that wrk sends."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.putrequest("GET", path, skip_accept_encoding=True)
        connection.endheaders()
        return connection.getresponse().getheader("Cache-Status", "none")
    finally:
        connection.close()


def samples(page, name):
    """(labels, value) of each sample of that name."""
    for line in page.splitlines():
        if line.startswith(name + "{"):
            inner, _, value = line[len(name) + 1:].rpartition("} ")
            yield dict(re.findall(r'(\w+)="([^"]*)"', inner)), int(float(value))


def difference(new, old):
    """What was added, without zeros."""
    return {key: value - old.get(key, 0) for key, value in new.items() if value != old.get(key, 0)}


def own_children():
    """Processor time of children that have ended: of the loads."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60, help="of each measurement (default: 60)")
    parser.add_argument("--instances", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1, help="of each instance")
    parser.add_argument("--connections", type=int, default=128)
    parser.add_argument("--keys", type=int, default=1000, help="items that are asked for again")
    parser.add_argument("--misses", type=int, default=10, help="in 1,000 requests (default: 10)")
    parser.add_argument("--without-direct", action="store_true", help="through HAProxy alone")
    parser.add_argument("--set", action="append", default=[], dest="variables", metavar="NAME=VALUE",
                        help="handed to scripts/stack")
    parser.add_argument("--output", help="where the report goes; - prints it")
    options = parser.parse_args()
    options.meliproxy = ROOT / ".build/release/meliproxy"
    whole = options.seconds >= SECONDS_WHOLE
    options.output = options.output or (str(ROOT / "docs/benchmarks-stack.md") if whole else "-")
    return options


def run(options):
    """All measurements."""
    with tempfile.TemporaryDirectory(prefix="meliproxy-bench-") as directory:
        topology = Topology(options, pathlib.Path(directory))
        with topology.running():
            targets = [topology.find("Through HAProxy", topology.ports["front"],
                                     topology.admin_ports())]
            if options.without_direct:
                return targets
            with topology.direct() as (pid, port, admin):
                targets.append(topology.find("One instance, without HAProxy", port, [admin],
                                             [("direct", pid)], edge=False))
    return targets


def main():
    """Exit status 1: no figures, or some of them are of failures."""
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        targets = run(options)
    except BenchError as problem:
        print(f"bench-stack: {problem}", file=sys.stderr)
        return 1
    words = [f"ARGS={shlex.join(sys.argv[1:])}"] if sys.argv[1:] else []
    command = shlex.join(["make", "bench-stack", *words])
    text = stack_report.render(command, options, targets)
    if options.output == "-":
        print(text, end="")
    else:
        pathlib.Path(options.output).write_text(text, encoding="utf-8")
        print(text)
    bad = [target.title for target in targets for one in (target.closed, target.open)
           if one.ok < 1 or one.load.errors or one.hits < HITS_MIN]
    bad += [target.title for target in targets if not ramp.holds(target.open.load)]
    if bad:
        print(f"bench-stack: failures, too few hits or no rate that lasts: {', '.join(bad)}", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
