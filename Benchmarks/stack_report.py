"""Turns the measurements of stack.py into the Markdown of docs/benchmarks-stack.md."""
import os
import platform
import time

import ramp
from report import _commit as commit
from report import _processor as processor

TARGET = 50_000
# Below this share of the machine's time idle, processor time was what ran out.
IDLE_MIN = 0.08
# From here on the load itself was late enough to be seen in the latencies.
LATE_US = 2_000
# How busy a processor is to be at most where latencies matter.
BUSY_MAX = 0.7
# What a request costs, by where it runs; the others of the stack take the same at any rate.
TIERS = {"haproxy": "HAProxy", "proxy": "the instances", "redis": "Redis, all nodes",
         "demo-api": "the demo API (misses)"}
HOW = """
All of it runs on this one machine, the load too, and nothing is bound to a processor: HAProxy, the
instances, the demo API, Redis (master and two replicas), three Sentinels, redis-exporter, Alertmanager, and
Prometheus, which scrapes and evaluates every second. Connections are kept, requests are not pipelined; bodies
are items of the demo API, 1.1 to 1.4 KB. A limit about every request is on and high enough to refuse none;
one request in 1,000 is logged, as are all that fail. Hits are counted by the instances, not by the
load. *Others* are processes that do not belong to the run.

There are two loads. wrk is a *closed loop*: each connection asks again when it has its answer, so its rate is
the most that the stack answers, and a stack that stalls is asked nothing meanwhile. Benchmarks/openloop.c is
an *open loop*: requests are due at fixed times, whatever became of those before, and latency counts from when a
request was due, also where it had to wait for a connection. Its rate is the highest found at which, for the
whole time, all answers are 200, at most {shortfall:.0%} fewer come than are asked for, and p99 is at most {p99:.0f} ms.
"""
MORE = """
What a request cost in the open loop, and the processors that {target:,} a second need at that cost, with the load
elsewhere: once when they do nothing else, once when they are {busy:.0%} busy, which leaves room for latency. {fixed}

This is arithmetic, not a measurement. Cost a request is not the same at any rate (what waits together is
handled together), loopback has no network card and no interrupts, and processors on other machines are others.
It supposes that work divides: HAProxy has threads and instances can be added, but each Redis node is one
thread. The busiest of them would be {redis:.0%} busy at that rate.
"""


def render(command, options, targets):
    """The whole page."""
    out = ["# The whole stack under load", "",
           f"Written by `{command}`, {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}, "
           f"commit {commit()}.", "",
           f"- {processor()}, Linux {platform.release()}",
           f"- {options.instances} instances of {options.workers} worker(s); {options.connections} "
           f"connections; {options.seconds} s each; {options.misses} requests in 1,000 for items that "
           f"nobody asked for before, the rest for {options.keys:,} others"
           + (f"; `{' '.join(options.variables)}`" if options.variables else ""),
           HOW.format(p99=ramp.P99_US_MAX / 1e3, shortfall=ramp.SHORTFALL_MAX),
           "| | load | requests/s | 200 | hits | p50 ms | p99 ms | p99.9 ms | max ms | errors |",
           "|---|---|---|---|---|---|---|---|---|---|"]
    for target in targets:
        out += [_row(target.title, "closed", target.closed), _row("", "open", target.open)]
    for target in targets:
        out += ["", *_section(target)]
    return "\n".join([*out, "", *_more(targets[0])]) + "\n"


def _row(title, loop, one):
    load = one.load
    rate = load.achieved if loop == "open" else load.requests / load.seconds
    tail = (f"{_ms(load.p999_us)} | {_ms(load.max_us)}" if loop == "open" else "|").rstrip()
    return (f"| {title} | {loop} | {rate:,.0f} | {one.ok:.3%} | {one.hits:.2%} | {_ms(load.p50_us)} "
            f"| {_ms(load.p99_us)} | {tail} | {load.errors} |")


def _section(target):
    closed, opened = target.closed, target.open
    out = [f"## {target.title}", "", _conclusion(target), "", _counts(closed, "wrk")
           + " What wrk had asked for when its time was over is counted by the others alone.", "",
           _counts(opened, "openloop"), "", "| program | closed: of one processor | µs/request | open: of one processor | µs/request |",
           "|---|---|---|---|---|"]
    both = [_costs(one) for one in (closed, opened)]
    names = sorted({**both[0], **both[1]}, key=lambda name: -both[1].get(name, both[0].get(name)))
    last = ["others", "idle"]
    for name in [*(name for name in names if name not in last), *last]:
        cells = [f"{costs[name] / one.took_s:.1%} | {costs[name] / one.load.requests * 1e6:.1f}"
                 if name in costs else " | " for costs, one in zip(both, (closed, opened))]
        out.append(f"| {name} | {cells[0]} | {cells[1]} |")
    cores = len(os.sched_getaffinity(0))
    out += ["", f"{cores} processors, {cores * opened.took_s:.0f} s of processor time in all.", "",
            "The search for the rate, and the runs that were to last. *Late* is how long after a request was"
            " due the load itself sent it, though a connection was free.", "",
            "| s | asked/s | answered/s | p50 ms | p99 ms | p99.9 ms | max ms | late p99, max ms | errors | |",
            "|---|---|---|---|---|---|---|---|---|---|"]
    return out + [_step(load) for load in [*target.steps, *(one.load for one in target.lasting)]]


def _step(load):
    return (f"| {load.seconds:g} | {load.requested:,.0f} | {load.achieved:,.0f} | {_ms(load.p50_us)} "
            f"| {_ms(load.p99_us)} | {_ms(load.p999_us)} | {_ms(load.max_us)} "
            f"| {_ms(load.late_p99_us)}, {_ms(load.late_max_us)} | {load.errors} "
            f"| {'held' if ramp.holds(load) else 'not held'} |")


def _costs(one):
    return {**_grouped(one.programs), "others": one.others_s, "idle": one.idle_s}


def _counts(one, name):
    return (f"{name} counted {one.load.requests:,} answers, the instances {sum(one.codes.values()):,} "
            f"({_words(one.codes)})"
            + (f", HAProxy {sum(one.edge.values()):,} ({_words(one.edge)})" if one.edge else "")
            + f"; in the caches: {_words(one.cache)}.")


def _conclusion(target):
    load = target.open.load
    if not ramp.holds(load):
        return f"No rate held throughout; the last that was tried is {load.requested:,.0f} requests/s."
    verdict = "is reached" if load.requested >= TARGET else "is missed"
    words = (f"The target of {TARGET:,} requests/s {verdict}: {load.requested:,.0f} are held. "
             f"In the closed loop {_limit(target.closed)}. In the open loop {_limit(target.open)}.")
    tried = [one for one in target.steps if not ramp.holds(one)]
    if any(one.late_p99_us > LATE_US for one in [load, *tried]):
        words += (f" The load itself was up to {_ms(max(one.late_p99_us for one in [load, *tried]))} ms late "
                  "(p99), for want of a processor: on a machine of its own it would find a higher rate.")
    return words


def _limit(one):
    whole = len(os.sched_getaffinity(0)) * one.took_s
    idle = one.idle_s / whole
    name, seconds = max(_grouped(one.programs).items(), key=lambda row: row[1])
    used = sum(one.programs.values())
    if idle < IDLE_MIN:
        limit = (f"processor time was the limit ({idle:.1%} idle): {used / one.load.requests * 1e6:.1f} µs "
                 f"a request, {seconds / used:.0%} of it {name}")
    else:
        limit = (f"{idle:.1%} of the machine was idle; the busiest was {name}, "
                 f"{seconds / one.took_s:.0%} of one processor")
    if one.others_s > 0.05 * whole:
        limit += f"; {one.others_s / whole:.0%} of the machine was used by others"
    return limit


def _more(target):
    one = target.open
    kinds, nodes, costs = {}, [0.0], []
    for name, seconds in one.programs.items():
        kind = name.rstrip("0123456789").rstrip("-")
        kinds[kind] = kinds.get(kind, 0) + seconds
        nodes += [seconds] if kind == "redis" else []
    for kind, words in TIERS.items():
        us = kinds.pop(kind, 0) / one.load.requests * 1e6
        costs.append((words, us))
    generator = kinds.pop("openloop", 0) / one.load.requests * 1e6
    fixed = (f"The rest of the stack took {sum(kinds.values()) / one.took_s:.1%} of one processor, hardly "
             f"more at other rates; the load, {generator:.1f} µs a request, needs "
             f"{_cores(generator):.1f} processors of its own.")
    costs.append(("together", sum(us for _, us in costs)))
    out = ["## On more machines", "",
           MORE.format(target=TARGET, busy=BUSY_MAX, fixed=fixed,
                       redis=_cores(max(nodes) / one.load.requests * 1e6)).strip(), "",
           f"| | µs/request | processors | at {BUSY_MAX:.0%} |", "|---|---|---|---|"]
    return out + [f"| {words} | {us:.1f} | {_cores(us):.1f} | {_cores(us) / BUSY_MAX:.1f} |"
                  for words, us in costs]


def _cores(us):
    """Processors for TARGET requests a second of so many microseconds."""
    return us * TARGET / 1e6


def _ms(us):
    return f"{us / 1e3:.2f}"


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
