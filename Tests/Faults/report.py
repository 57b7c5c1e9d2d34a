"""The page of the fault matrix, and one line of it for the terminal."""
import datetime

import machine
from table import Absent, Delegated

HEAD = """# Fault matrix: what was measured

Written by `make faults`, the last time on {date} on {machine}. A run of some of the rows
(`make faults ARGS="--only 1,19"`) leaves the others as they were; each says when it was run, at which rate,
and how many of the processors were busy with other things just before.

One stack as `scripts/stack` runs it with the shipped configurations: HAProxy, three instances with one worker
each, a Redis master with two replicas, three Sentinels, the demo API. All of it, and the load, share the
machine. The load is open: requests are evenly spaced, and time is counted from when each was due, whether or
not those before were answered; the rate is what the machine bore just before. Nine in ten are for 1,000 items that are
cached, one in ten for an item that nobody has asked for. "Failed" is everything but 200 that a client saw: 5xx,
resets, timeouts. A row marked † is run by tests of its own, without this load; "passed" is pytest's or
`swift test`'s word.

| # | fault | measured (wanted) | | also | when |
|---|---|---|---|---|---|
"""


def cells(checks):
    """`errors 0 (0); …`"""
    return "; ".join(f"{check.words}: {'' if check.good else '**'}{check.measured}"
                     f"{'' if check.good else '**'} ({check.bound})" for check in checks)


def verdict(row, checks):
    """`✓`, `✗`, or a dash for what is not run."""
    if isinstance(row, Absent):
        return "–"
    return "✓" if all(check.good for check in checks) else "✗"


def start(row):
    """How the line of a row begins."""
    mark = "†" if isinstance(row, Delegated) else ""
    return f"| {row.number}{mark} | {_escaped(row.fault)} |"


def line(row, checks, remarks, when):
    """One row of the table."""
    return (f"{start(row)} {_escaped(cells(checks))} | {verdict(row, checks)} | "
            f"{_escaped('; '.join(remarks))} | {when} |")


def page(rows, lines, before):
    """The whole text. `lines`: new ones; the others are kept as they were in the text `before`."""
    def of(row):
        mine = [one for one in (*lines, *before.splitlines()) if one.startswith(start(row))]
        return mine[0] if mine else f"{start(row)} not run | | | |"
    head = HEAD.format(date=datetime.date.today().isoformat(), machine=machine.words())
    return head + "\n".join(map(of, rows)) + "\n"


def _escaped(text):
    return text.replace("|", "\\|")
