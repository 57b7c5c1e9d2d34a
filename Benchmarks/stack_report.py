"""Turns the two measurements of stack.py into the Markdown of docs/benchmarks-stack.md."""
import os
import platform
import time

from report import _commit as commit
from report import _processor as processor

TARGET = 50_000
# Below this share of the machine's time idle, processor time was what ran out.
IDLE_MIN = 0.08
HOW = """
All of it runs on this one machine, wrk too, and nothing is bound to a processor: HAProxy, the instances,
the demo API, Redis (master and two replicas), three Sentinels, redis-exporter, Alertmanager, and Prometheus,
which scrapes and evaluates every second. Connections are kept, requests are not pipelined; bodies are
items of the demo API, 1.1 to 1.4 KB. A limit about every request is on and high enough to refuse none;
one request in 1,000 is logged, as are all that fail. Hits are counted by the instances, not by the
load. *Others* are processes that do not belong to the run.
"""


def render(command, options, results):
    """The whole page."""
    out = ["# The whole stack under load", "",
           f"Written by `{command}`, {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}, "
           f"commit {commit()}.", "",
           f"- {processor()}, Linux {platform.release()}",
           f"- {options.instances} instances of {options.workers} worker(s); {options.connections} "
           f"connections; {options.seconds} s each; {options.misses} requests in 1,000 for items that "
           f"nobody asked for before, the rest for {options.keys:,} others"
           + (f"; `{' '.join(options.variables)}`" if options.variables else ""),
           HOW, "| | requests/s | 200 | hits | p50 ms | p99 ms | errors at wrk |",
           "|---|---|---|---|---|---|---|"]
    for one in results:
        out.append(f"| {one.title} | {one.load.requests / one.load.seconds:,.0f} | {one.ok:.3%} "
                   f"| {one.hits:.2%} | {one.load.p50_us / 1e3:.2f} | {one.load.p99_us / 1e3:.2f} "
                   f"| {one.load.errors} |")
    for one in results:
        out += ["", *_section(one)]
    return "\n".join(out) + "\n"


def _section(one):
    cores = len(os.sched_getaffinity(0))
    requests, whole = one.load.requests, cores * one.took_s
    out = [f"## {one.title}", "", f"{_conclusion(one)}", "",
           f"wrk counted {requests:,} answers, the instances {sum(one.codes.values()):,} "
           f"({_words(one.codes)})"
           + (f", HAProxy {sum(one.edge.values()):,} ({_words(one.edge)})" if one.edge else "")
           + f"; in the caches: {_words(one.cache)}. What wrk had asked for when its time was over is"
           " counted by the others alone.", "",
           "| program | of one processor | µs/request |", "|---|---|---|"]
    rows = sorted(_grouped(one.programs).items(), key=lambda row: -row[1])
    rows += [("others", one.others_s), ("idle", one.idle_s)]
    for name, seconds in rows:
        out.append(f"| {name} | {seconds / one.took_s:.1%} | {seconds / requests * 1e6:.1f} |")
    return [*out, "", f"{cores} processors, {whole:.0f} s of processor time in all."]


def _conclusion(one):
    rate = one.load.requests / one.load.seconds
    whole = len(os.sched_getaffinity(0)) * one.took_s
    idle = one.idle_s / whole
    name, seconds = max(_grouped(one.programs).items(), key=lambda row: row[1])
    used = sum(one.programs.values())
    verdict = "is reached" if rate >= TARGET else "is missed"
    if idle < IDLE_MIN:
        limit = (f"processor time was the limit ({idle:.1%} idle): {used / one.load.requests * 1e6:.1f} µs "
                 f"a request, {seconds / used:.0%} of it {name}")
        if one.others_s > 0.05 * whole:
            limit += f"; {one.others_s / whole:.0%} of the machine was used by others"
    else:
        limit = f"{idle:.1%} of the machine was idle; the busiest was {name}, {seconds / one.took_s:.0%} of one processor"
    return f"The target of {TARGET:,} requests/s {verdict} ({rate:,.0f}); {limit}."


def _grouped(programs):
    """Those of one kind together: `proxy-1` and `proxy-2` are `proxy ×2`."""
    groups = {}
    for name, seconds in programs.items():
        kind = name.rstrip("0123456789").rstrip("-")
        groups.setdefault(kind, []).append(seconds)
    return {f"{kind} ×{len(each)}" if len(each) > 1 else kind: sum(each)
            for kind, each in groups.items()}


def _words(counts):
    return ", ".join(f"{key} {value:,}" for key, value in sorted(counts.items()))
