"""Turns samples into the Markdown of docs/benchmarks.md."""
import pathlib
import platform
import statistics
import subprocess
import time

HOW = """
How: the proxy alone on one core; the origin (nginx) and wrk on another. Before each measurement the
proxy is started anew, its answers are compared with the origin's, and it is warmed up for a second.
*CPU* is user and system time of the proxy's process tree divided by the requests that wrk counted.
*busy* is how much of its core the proxy used: where it is well below 100 %, the other core was the
limit, and requests/s and latency say little about the proxy. Loopback moves bytes at no cost to a
network card, and the machine is small and shared: compare within one run, do not quote.
"""


def render(command, options, samples, idle, versions, took_s):
    """The whole page."""
    out = ["# Benchmarks", "",
           "Pass-through: every request goes to the origin and back. Written by `make bench`.", "",
           f"- {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}, commit {_commit()}, "
           f"{took_s / 60:.0f} minutes, `{command}`",
           f"- {_processor()}, Linux {platform.release()}",
           f"- rounds: {options.rounds} interleaved, {options.seconds} s each; "
           "figures are medians, ranges in brackets",
           "- " + ", ".join(f"{name} {version}" for name, version in versions.items()), HOW]
    for workload, by_name in samples.items():
        out += _workload(workload, by_name)
    if idle:
        out += _idle(options.idle, idle)
    return "\n".join(out).rstrip() + "\n"


def _workload(workload, by_name):
    size = {"/1k": "1 KB", "/100k": "100 KB"}[workload.path]
    out = [f"## {size} bodies, {workload.scheme} to the origin, {workload.connections} connections"
           f" (`{workload.name}`)", "",
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
    own = by_name.get("meliproxy")
    peers = [name for name in by_name if name != "meliproxy"]
    if own and peers:
        ratios = ", ".join(
            f"{name} {_spread([a.cpu_us / b.cpu_us for a, b in zip(own, by_name[name])], 2)}"
            for name in peers)
        out += [f"CPU per request of meliproxy as a multiple of each, round by round: {ratios}.", ""]
    return out


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


def _spread(values, digits):
    return (f"{statistics.median(values):.{digits}f} "
            f"({min(values):.{digits}f}–{max(values):.{digits}f})")


def _commit():
    done = subprocess.run(["git", "-C", str(pathlib.Path(__file__).parent), "describe", "--always",
                           "--dirty"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def _processor():
    info = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    models = [line.partition(":")[2].strip() for line in info.splitlines()
              if line.startswith("model name")]
    return f"{len(models)} × {models[0]}" if models else platform.machine()
