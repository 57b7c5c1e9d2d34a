#!/usr/bin/env python3
"""Pass-through cost of meliproxy beside nginx, HAProxy and Envoy, on this machine, in one run.

Each proxy runs alone on one core; the origin and wrk share another. Rounds are interleaved and the
order turns from round to round, so that a slow minute of the machine meets all of them. The figure
to compare is CPU time per request of the proxy's process tree; requests/s depend on the other core
too. Standard library only. Writes docs/benchmarks.md (--quick and --without-meliproxy: only prints).
"""
import argparse
import os
import pathlib
import resource
import shlex
import signal
import sys
import tempfile
import time
from dataclasses import dataclass

import report
from measure import (BenchError, close_all, cpu_seconds, drive, fetch, open_idle, resident_kib,
                     still_open)
from peers import PROXIES, ROOT, Origin, await_answer, free_port, missing, process, versions

# Fields that a proxy must hand on as they are.
END_TO_END = ["content-type", "content-length", "cache-control", "etag", "last-modified"]
IDLE_CONNECTIONS = 10_000


@dataclass(frozen=True)
class Workload:
    """What wrk asks for, of which origin, on how many connections."""

    scheme: str
    path: str
    connections: int

    @property
    def name(self):
        """For the report and --only."""
        return f"{self.scheme}-{self.path[1:]}-{self.connections}"


WORKLOADS = [Workload(scheme, path, connections) for scheme in ("http", "https")
             for path, connections in (("/1k", 64), ("/1k", 512), ("/100k", 64))]


@dataclass
class Place:
    """Where one proxy runs and what it stands in front of."""

    directory: pathlib.Path
    port: int
    scheme: str
    origin_port: int
    certificate: pathlib.Path
    meliproxy: pathlib.Path


@dataclass
class Sample:
    """One proxy, one workload, one round."""

    cpu_us: float
    requests_per_second: float
    p50_us: float
    p99_us: float
    errors: int
    busy: float


class Bench:
    """A run: the options, the cores, the origin."""

    def __init__(self, options, directory, origin, cores):
        self.options, self.directory, self.origin = options, directory, origin
        self.proxy_core, self.load_core = cores
        self.started = 0

    def place(self, scheme):
        """A new directory and a free port: nothing is left over from the run before."""
        self.started += 1
        own = self.directory / f"run{self.started}"
        own.mkdir()
        return Place(own, free_port(), scheme, self.origin.port(scheme), self.origin.own,
                     self.options.meliproxy)

    def running(self, name, place):
        """The proxy's process, on the proxies' core."""
        return process(name, PROXIES[name](place), place.directory, self.proxy_core)

    def verify(self, name, place, path):
        """The proxy's answer is the origin's: status, body and end-to-end fields."""
        status, fields, body = fetch(self.origin.http_port, path)
        for _ in range(2):  # the second one comes over a connection from the pool
            got_status, got_fields, got_body = fetch(place.port, path)
            if got_status != status or got_body != body:
                raise BenchError(f"{name}: {path} answered {got_status} with {len(got_body)} bytes, "
                                 f"the origin {status} with {len(body)}")
            for field in END_TO_END:
                if got_fields.get(field) != fields.get(field):
                    raise BenchError(f"{name}: {path} has {field}: {got_fields.get(field)}, "
                                     f"the origin {fields.get(field)}")

    def sample(self, name, workload):
        """Starts the proxy, checks its answers, warms it up, measures, ends it."""
        place = self.place(workload.scheme)
        url = f"http://127.0.0.1:{place.port}{workload.path}"
        with self.running(name, place) as child:
            await_answer(name, child, place.directory, place.port, workload.path)
            self.verify(name, place, workload.path)
            drive(url, workload.connections, 1, self.load_core)
            before, began = cpu_seconds(child.pid), time.monotonic()
            load = drive(url, workload.connections, self.options.seconds, self.load_core)
            used, took = cpu_seconds(child.pid) - before, time.monotonic() - began
            self.require_alive(name, child)
        if load.requests == 0:
            raise BenchError(f"{name}: no request of {workload.name} was answered")
        return Sample(used / load.requests * 1e6, load.requests / load.seconds,
                      load.p50_us, load.p99_us, load.errors, used / took)

    def idle(self, name):
        """(KiB before, KiB with the connections open, connections that stayed open)."""
        place = self.place("http")
        with self.running(name, place) as child:
            await_answer(name, child, place.directory, place.port, "/1k")
            close_all(open_idle(place.port, "/1k", 10))
            before = resident_kib(child.pid)
            sockets = open_idle(place.port, "/1k", self.options.idle)
            try:
                time.sleep(0.5)  # lets a proxy that tidies up do so
                after, alive = resident_kib(child.pid), still_open(sockets)
            finally:
                close_all(sockets)
            self.require_alive(name, child)
        return before, after, alive

    @staticmethod
    def require_alive(name, child):
        """A proxy that ended under load has no figures."""
        if child.poll() is not None:
            raise BenchError(f"{name} ended with status {child.returncode} while it was measured")

    def rounds(self, names, workloads):
        """{workload: {proxy: [Sample of each round]}}"""
        samples = {one: {name: [] for name in names} for one in workloads}
        for number in range(self.options.rounds):
            turn = number % len(names)
            for workload in workloads:
                for name in names[turn:] + names[:turn]:
                    sample = self.sample(name, workload)
                    samples[workload][name].append(sample)
                    say(f"round {number + 1}/{self.options.rounds} {workload.name:14} {name:10}"
                        f" {sample.cpu_us:7.2f} µs/request {sample.requests_per_second:8.0f}/s"
                        + (f" {sample.errors} errors" if sample.errors else ""))
        return samples


def say(line):
    """Progress, on standard error: standard output is the report's."""
    print(line, file=sys.stderr, flush=True)


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true",
                        help="http-1k-64 only, 2 rounds of 2 s, no idle connections; only prints")
    parser.add_argument("--only", metavar="TEXT", help="workloads whose name contains TEXT: "
                        + ", ".join(one.name for one in WORKLOADS) + ", idle")
    parser.add_argument("--rounds", type=int, help="default 5")
    parser.add_argument("--seconds", type=int, help="of each measurement, default 3")
    parser.add_argument("--idle", type=int, default=IDLE_CONNECTIONS, help="idle connections")
    parser.add_argument("--proxies", metavar="NAME,...", default=",".join(PROXIES))
    parser.add_argument("--without-meliproxy", action="store_true", help="the peers alone")
    parser.add_argument("--meliproxy", type=pathlib.Path, metavar="FILE",
                        default=ROOT / ".build/release/meliproxy")
    parser.add_argument("--output", metavar="FILE", help="where the report goes; - prints it")
    options = parser.parse_args()
    options.rounds = options.rounds or (2 if options.quick else 5)
    options.seconds = options.seconds or (2 if options.quick else 3)
    partial = options.quick or options.only or options.without_meliproxy
    options.output = options.output or ("-" if partial else str(ROOT / "docs/benchmarks.md"))
    options.meliproxy = options.meliproxy.absolute()
    known = {name.lower(): name for name in PROXIES}
    chosen = [known.get(name.strip().lower()) for name in options.proxies.split(",")]
    if None in chosen:
        parser.error(f"--proxies takes {', '.join(PROXIES)}")
    options.names = [name for name in PROXIES if name in chosen
                     and not (options.without_meliproxy and name == "meliproxy")]
    options.workloads = [one for one in WORKLOADS if
                         (one.name == "http-1k-64" if options.quick and not options.only
                          else (options.only or "") in one.name)]
    options.measure_idle = options.only == "idle" or not (options.quick or options.only)
    if not options.names or not (options.workloads or options.measure_idle):
        parser.error("nothing to measure")
    return options


def raise_file_limit():
    """A proxy with 10,000 clients and room for as many servers; returns what was had."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (65536, hard):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, hard)))
            return wanted
        except (ValueError, OSError):
            continue
    return soft


def two_cores():
    """One for the proxy, one for the origin and the load."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise BenchError("two cores are needed: one for the proxy, one for origin and load")
    return cores[0], cores[1]


def run(options):
    """The whole run; returns the report's text and the number of errors."""
    problems = missing(options.names, options.meliproxy)
    if problems:
        raise BenchError("\n".join(problems))
    cores = two_cores()
    files = raise_file_limit()
    began = time.time()
    with tempfile.TemporaryDirectory(prefix="meliproxy-bench-") as directory:
        directory = pathlib.Path(directory)
        with Origin(directory, cores[1]).running() as origin:
            bench = Bench(options, directory, origin, cores)
            samples = bench.rounds(options.names, options.workloads)
            idle = {}
            if options.measure_idle:
                if files < options.idle + 1000:
                    raise BenchError(f"{options.idle} idle connections need more than the "
                                     f"{files} open files that `ulimit -n` allows")
                for name in options.names:
                    idle[name] = bench.idle(name)
                    say(f"idle {name:10} {idle[name][0]} -> {idle[name][1]} KiB")
    errors = sum(sample.errors for by_name in samples.values()
                 for rows in by_name.values() for sample in rows)
    command = shlex.join(["python3", "Benchmarks/bench.py", *sys.argv[1:]])
    text = report.render(command, options, samples, idle,
                         versions(options.names, options.meliproxy), time.time() - began)
    return text, errors


def main():
    """Exit status 1: no figures, or figures with errors in them."""
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if options.without_meliproxy:
        say("bench: meliproxy is not measured (--without-meliproxy)")
    try:
        text, errors = run(options)
    except BenchError as problem:
        for line in str(problem).splitlines():
            say(f"bench: {line}")
        return 1
    except KeyboardInterrupt:
        return 130
    if options.output == "-":
        print(text, end="")
    else:
        pathlib.Path(options.output).write_text(text, encoding="utf-8")
        say(f"bench: wrote {options.output}")
    if errors:
        say(f"bench: {errors} requests failed; see the errors column")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
