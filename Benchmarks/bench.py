#!/usr/bin/env python3
"""CPU cost of meliproxy beside nginx, HAProxy, Varnish and Envoy, on this machine, in one run.

Requests that are passed through, and requests that are answered from the cache. Each proxy runs
alone on one core; the origin and wrk share another. Rounds are interleaved and the order turns from
round to round, so that a slow minute of the machine meets all of them. The figure to compare is CPU
time per request of the proxy's process tree; requests/s depend on the other core too. Standard
library only. Writes docs/benchmarks.md (--quick, --only and --without-meliproxy: only prints).
"""
import argparse
import contextlib
import os
import pathlib
import resource
import shlex
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass

import report
from measure import (BenchError, busy_seconds, close_all, cpu_seconds, drive, fetch, open_idle,
                     resident_kib, still_open)
from origin import KEYS, Origin
from peers import BARE, EVERYONE, PROXIES, ROOT, missing, versions
from processes import await_answer, free_port, process
from workloads import DRAWS, SCRIPTS, WORKLOADS, write_draws

# Fields that a proxy must hand on as they are.
END_TO_END = ["content-type", "content-length", "cache-control", "etag", "last-modified"]
IDLE_CONNECTIONS = 10_000
# The slowest cache takes a quarter of this.
WARMING_SECONDS_MAX = 60
# HAProxy's index has 32 bits of a key's hash, from a seed of its own: of 100,000 keys one pair or
# two are likely to meet, and each then drives out the other.
ZIPF_MISSES_MAX = 1 / 1000
QUICK = ("http-1k-64", "hit-1k-64")


@dataclass
class Place:
    """Where one proxy runs and what it stands in front of."""

    directory: pathlib.Path
    port: int
    scheme: str
    path: str
    caches: bool
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
    others: float = 0.0


class Bench:
    """A run: the options, the cores, the origin."""

    def __init__(self, options, directory, memory, origin, cores):
        self.options, self.origin = options, origin
        self.directory, self.memory = directory, memory
        self.proxy_core, self.load_core = cores
        self.started = 0

    @contextlib.contextmanager
    def place(self, scheme, path, caches=False):
        """A new directory and a free port: nothing is left over from the run before."""
        self.started += 1
        own = (self.memory if caches else self.directory) / f"run{self.started}"
        own.mkdir()
        try:
            yield Place(own, free_port(), scheme, path, caches, self.origin.port(scheme),
                        self.origin.own, self.options.meliproxy)
        finally:
            shutil.rmtree(own, ignore_errors=True)

    def running(self, name, place):
        """The proxy's process, on the proxies' core."""
        return process(name, EVERYONE[name](place), place.directory, self.proxy_core)

    def verify(self, name, place, path):
        """The proxy's answer is the origin's: status, body and end-to-end fields."""
        status, fields, body = fetch(self.origin.http_port, path)
        for _ in range(2):  # the second one comes from the cache, or over a connection of the pool
            got_status, got_fields, got_body = fetch(place.port, path)
            if got_status != status or got_body != body:
                raise BenchError(f"{name}: {path} answered {got_status} with {len(got_body)} bytes, "
                                 f"the origin {status} with {len(body)}")
            for field in END_TO_END:
                if got_fields.get(field) != fields.get(field):
                    raise BenchError(f"{name}: {path} has {field}: {got_fields.get(field)}, "
                                     f"the origin {fields.get(field)}")
        said = got_fields.get("cache-status", "")
        if place.caches and name == "meliproxy" and not said.startswith("meliproxy; hit"):
            raise BenchError(f"{name}: {path} is not a hit, Cache-Status: {said}")

    def warm(self, name, url, workload):
        """Fills the cache where there are many keys; then a second of what will be measured."""
        if workload.zipf and name != BARE:
            if drive(url, workload.connections, WARMING_SECONDS_MAX, self.load_core,
                     (SCRIPTS / "warm.lua", KEYS)):
                raise BenchError(f"{name}: not all keys asked for in {WARMING_SECONDS_MAX} s")
        drive(url, workload.connections, 1, self.load_core, self.script(workload, DRAWS // 2))

    def script(self, workload, skip=0):
        """What tells wrk the keys of the workload."""
        return (SCRIPTS / "zipf.lua", self.directory / "draws", skip) if workload.zipf else ()

    def sample(self, name, workload):
        """Starts the proxy, checks its answers, warms it up, measures, ends it."""
        with self.place(workload.scheme, workload.path, workload.caches) as place, \
                self.running(name, place) as child:
            url = f"http://127.0.0.1:{place.port}{workload.path}"
            await_answer(name, child, place.directory, place.port, workload.path)
            for path in workload.verified(name):
                self.verify(name, place, path)
            self.warm(name, url, workload)
            asked = self.origin.requests()
            others = self.others_seconds()
            before, began = cpu_seconds(child.pid), time.monotonic()
            load = drive(url, workload.connections, self.options.seconds, self.load_core,
                         self.script(workload))
            used, took = cpu_seconds(child.pid) - before, time.monotonic() - began
            others = max(0.0, self.others_seconds() - others) / took
            asked = self.origin.requests() - asked - 1  # it counts the second question too
            self.require_alive(name, child)
        if load.requests == 0:
            raise BenchError(f"{name}: no request of {workload.name} was answered")
        if workload.caches and asked > load.requests * (ZIPF_MISSES_MAX if workload.zipf else 0):
            raise BenchError(f"{name}: the origin was asked {asked} times during {workload.name}")
        return Sample(used / load.requests * 1e6, load.requests / load.seconds,
                      load.p50_us, load.p99_us, load.errors, used / took, others)

    def others_seconds(self):
        """What processes that are not of this run have used of the two cores so far."""
        return busy_seconds((self.proxy_core, self.load_core)) - cpu_seconds(os.getpid())

    def idle(self, name):
        """(KiB before, KiB with the connections open, connections that stayed open)."""
        with self.place("http", "/1k") as place, self.running(name, place) as child:
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
        samples = {one: {name: [] for name in names if name in one.proxies} for one in workloads}
        for number in range(self.options.rounds):
            for workload in workloads:
                able = list(samples[workload])
                turn = number % len(able)
                for name in able[turn:] + able[:turn]:
                    sample = self.sample(name, workload)
                    samples[workload][name].append(sample)
                    say(f"round {number + 1}/{self.options.rounds} {workload.name:14} {name:10}"
                        f" {sample.cpu_us:7.2f} µs/request {sample.requests_per_second:8.0f}/s"
                        + (f" {sample.errors} errors" if sample.errors else "")
                        + (f" disturbed: {sample.others:.0%}" if sample.others > 0.1 else ""))
        return samples


def say(line):
    """Progress, on standard error: standard output is the report's."""
    print(line, file=sys.stderr, flush=True)


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true",
                        help=f"{' and '.join(QUICK)}, 2 rounds, no idle connections; only prints")
    parser.add_argument("--only", metavar="TEXT", help="workloads whose name contains TEXT: "
                        + ", ".join(one.name for one in WORKLOADS) + ", idle")
    parser.add_argument("--rounds", type=int, help="default 5")
    parser.add_argument("--seconds", type=int, help="of each measurement, default 2")
    parser.add_argument("--idle", type=int, default=IDLE_CONNECTIONS, help="idle connections")
    parser.add_argument("--proxies", metavar="NAME,...", default=",".join(EVERYONE))
    parser.add_argument("--without-meliproxy", action="store_true", help="the peers alone")
    parser.add_argument("--meliproxy", type=pathlib.Path, metavar="FILE",
                        default=ROOT / ".build/release/meliproxy")
    parser.add_argument("--output", metavar="FILE", help="where the report goes; - prints it")
    options = parser.parse_args()
    options.rounds = options.rounds or (2 if options.quick else 5)
    options.seconds = options.seconds or 2
    partial = options.quick or options.only or options.without_meliproxy
    options.output = options.output or ("-" if partial else str(ROOT / "docs/benchmarks.md"))
    options.meliproxy = options.meliproxy.absolute()
    known = {name.lower().replace(" ", ""): name for name in EVERYONE}
    chosen = [known.get(name.lower().replace(" ", "")) for name in options.proxies.split(",")]
    if None in chosen:
        parser.error(f"--proxies takes {', '.join(EVERYONE)}")
    options.names = [name for name in EVERYONE if name in chosen
                     and not (options.without_meliproxy and name == "meliproxy")]
    options.workloads = [one for one in WORKLOADS if
                         (one.name in QUICK if options.quick and not options.only
                          else (options.only or "") in one.name)
                         and any(name in one.proxies for name in options.names)]
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


def memory_directory():
    """For caches: nginx's are files, Varnish's log is one, and neither is to wait for a disk."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def run(options):
    """The whole run; returns the report's text and the number of errors."""
    problems = missing(options.names, options.meliproxy)
    if problems:
        raise BenchError("\n".join(problems))
    cores = two_cores()
    files = raise_file_limit()
    began = time.time()
    with contextlib.ExitStack() as stack:
        directory, memory = (
            pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(
                prefix="meliproxy-bench-", dir=parent))) for parent in (None, memory_directory()))
        write_draws(directory / "draws")
        with Origin(directory, cores[1]).running() as origin:
            bench = Bench(options, directory, memory, origin, cores)
            samples = bench.rounds(options.names, options.workloads)
            idle = {}
            if options.measure_idle:
                if files < options.idle + 1000:
                    raise BenchError(f"{options.idle} idle connections need more than the "
                                     f"{files} open files that `ulimit -n` allows")
                for name in (name for name in options.names if name in PROXIES):
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
