"""Turns samples into the Markdown of docs/benchmarks.md."""
import pathlib
import platform
import statistics
import subprocess
import time

from peers import BARE

HOW = """
How: the proxy alone on one core; the origin (nginx) and wrk on another. Before each measurement the
proxy is started anew, its answers are compared with the origin's, and it is warmed up for a second.
*CPU* is user and system time of the proxy's process tree divided by the requests that wrk counted.
*busy* is how much of its core the proxy used: where it is well below 100 %, the other core was the
limit, and requests/s and latency say little about the proxy. Loopback moves bytes at no cost to a
network card, and the machine is small and shared: compare within one run, do not quote.
"""
HITS = """
Everything is in the cache before the measurement, and the origin's own counter proves that it is
not asked meanwhile (among 100,000 keys: less than once in 1,000 requests, since HAProxy's index
confuses a pair of them now and then). meliproxy keeps its metrics and logs one request in 100; the
others log nothing, but for Varnish, which always writes its log to shared memory. nginx caches in
files in memory and keeps up to 16,384 of them open. The *bare loop* is no proxy: one thread with
epoll that sends one fixed response for whatever it reads. It copies what it sends, as nginx with
sendfile does not. The keys of the Zipf workload are drawn beforehand, the same ones in every run.
"""
# Multiples of the others' CPU per request that meliproxy is to stay below on hits.
TARGETS = {"HAProxy": 0.8, "nginx": 0.5, "Varnish": 0.35, BARE: 1.3}
# How much more a hit among many keys may cost than that of one key.
ZIPF_TARGET = 1.15


def render(command, options, samples, idle, versions, took_s):
    """The whole page."""
    out = ["# Benchmarks", "",
           "Cost of a request passed through and of one answered from the cache, beside others."
           " Written by `make bench`.", "",
           f"- {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}, commit {_commit()}, "
           f"{took_s / 60:.0f} minutes, `{command}`",
           f"- {_processor()}, Linux {platform.release()}",
           f"- rounds: {options.rounds} interleaved, {options.seconds} s each; "
           "figures are medians, ranges in brackets",
           _others(samples),
           "- " + ", ".join(f"{name} {version}" for name, version in versions.items()), HOW]
    for heading, how, cached in (("Passed through", None, False), ("Cached", HITS, True)):
        chosen = {one: rows for one, rows in samples.items() if one.caches == cached}
        out += [f"## {heading}", ""] if chosen else []
        out += [*how.strip().splitlines(), ""] if chosen and how else []
        for workload, by_name in chosen.items():
            out += _workload(workload, by_name)
            out += _key_count(workload, samples) if workload.zipf else []
    if idle:
        out += _idle(options.idle, idle)
    return "\n".join(out).rstrip() + "\n"


def _others(samples):
    shares = [row.others for by_name in samples.values() for rows in by_name.values()
              for row in rows]
    return ("- used of the two cores by other processes, in hundredths of one core: "
            f"{_spread([share * 100 for share in shares or [0]], 0)}")


def _workload(workload, by_name):
    out = [f"### {workload.title} (`{workload.name}`)", "",
           "| proxy | CPU µs/request | requests/s | p50 ms | p99 ms | busy | errors |",
           "|---|---|---|---|---|---|---|"]
    for name, rows in by_name.items():
        def median(read):
            return statistics.median(read(row) for row in rows)
        out.append(
            f"| {name} | {_spread([row.cpu_us for row in rows], 1)} "
            f"| {median(lambda row: row.requests_per_second):,.0f} "
            f"| {median(lambda row: row.p50_us) / 1e3:.2f} "
            f"| {median(lambda row: row.p99_us) / 1e3:.2f} "
            f"| {median(lambda row: row.busy):.0%} | {sum(row.errors for row in rows)} |")
    out.append("")
    targets = TARGETS if workload.caches else {}
    if own := by_name.get("meliproxy"):
        ratios = [_ratio(name, own, rows, targets.get(name))
                  for name, rows in by_name.items() if name != "meliproxy"]
        out += _sentence("CPU per request of meliproxy as a multiple of each, round by round",
                         ratios)
    if bare := by_name.get(BARE):
        ratios = [_ratio(name, rows, bare) for name, rows in by_name.items()
                  if name not in ("meliproxy", BARE)]
        out += _sentence("CPU per request of the others as a multiple of the bare loop's", ratios)
    return out


def _key_count(workload, samples):
    """What many keys cost beside one, when both were measured."""
    one_key = next((rows for other, rows in samples.items() if other.name == "hit-1k-64"), {})
    ratios = [_ratio(name, rows, one_key[name], ZIPF_TARGET if name == "meliproxy" else None)
              for name, rows in samples[workload].items() if name in one_key]
    return _sentence("CPU per request as a multiple of the same proxy's at `hit-1k-64`", ratios)


def _ratio(name, above, below, target=None):
    values = [a.cpu_us / b.cpu_us for a, b in zip(above, below)]
    stated = f", target ≤ {target}" if target else ""
    return f"{name} {_spread(values, 2, stated)}"


def _sentence(words, items):
    return [f"{words}: {', '.join(items)}.", ""] if items else []


def _idle(count, idle):
    out = [f"## Memory with {count:,} idle keep-alive connections, each after one request", "",
           "| proxy | resident before, MiB | with them, MiB | growth, MiB | KiB each | still open |",
           "|---|---|---|---|---|---|"]
    for name, (before, after, alive) in idle.items():
        out.append(f"| {name} | {before / 1024:.1f} | {after / 1024:.1f} "
                   f"| {(after - before) / 1024:.1f} | {(after - before) / count:.2f} "
                   f"| {alive:,} |")
    return [*out, "", "What a proxy reserves at its start for the connections to come (nginx does) counts"
            " as before.", ""]


def _spread(values, digits, more=""):
    return (f"{statistics.median(values):.{digits}f} "
            f"({min(values):.{digits}f}–{max(values):.{digits}f}{more})")


def _commit():
    done = subprocess.run(["git", "-C", str(pathlib.Path(__file__).parent), "describe", "--always",
                           "--dirty"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def _processor():
    info = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    models = [line.partition(":")[2].strip() for line in info.splitlines()
              if line.startswith("model name")]
    return f"{len(models)} × {models[0]}" if models else platform.machine()
