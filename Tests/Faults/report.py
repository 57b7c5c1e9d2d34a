"""The page of the fault matrix, and one line of it for the terminal."""
import datetime
import os
import platform

from table import Absent, Delegated

HEAD = """# Fault matrix: what was measured

Written by `{command}` on {date}. {machine}; load average {busy:.1f} before
it began.

One stack as `scripts/stack` runs it with the shipped configurations: HAProxy, three instances with one worker
each, a Redis master with two replicas, three Sentinels, the demo API. All of it, and the load, share the
machine. The load is open: {rate} requests/s, evenly spaced, counted from when each was due, whether or not
those before were answered; nine in ten are for 1,000 items that are cached, one in ten for an item that nobody
has asked for. "Failed" is everything but 200 that a client saw: 5xx, resets, timeouts. A row marked † is run by
tests of its own, without this load; "passed" is pytest's or `swift test`'s word.

| # | fault | measured (wanted) | | also |
|---|---|---|---|---|
"""


def machine():
    """The machine in a few words."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    model = models[0] if models else platform.machine()
    return f"{os.cpu_count()} processors ({model}), Linux {platform.release().split('-')[0]}"


def cells(checks):
    """`errors 0 (0); …`"""
    return "; ".join(f"{check.words}: {'' if check.good else '**'}{check.measured}"
                     f"{'' if check.good else '**'} ({check.bound})" for check in checks)


def verdict(row, checks):
    """`✓`, `✗`, or a dash for what is not run."""
    if isinstance(row, Absent):
        return "–"
    return "✓" if all(check.good for check in checks) else "✗"


def line(row, checks, remarks):
    """One row of the table."""
    mark = "†" if isinstance(row, Delegated) else ""
    words = [part.replace("|", "\\|") for part in (row.fault, cells(checks), "; ".join(remarks))]
    return f"| {row.number}{mark} | {words[0]} | {words[1]} | {verdict(row, checks)} | {words[2]} |"


def page(command, options, results):
    """The whole text."""
    head = HEAD.format(command=command, date=datetime.date.today().isoformat(), machine=machine(),
                       busy=options.busy, rate=f"{options.rate:,}" if options.rate else "no")
    return head + "\n".join(line(*one) for one in results) + "\n"
