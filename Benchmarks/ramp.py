"""The highest rate that an open load holds: which rate comes next, and when it is found. No I/O."""

P99_US_MAX = 25_000
# Of the requested rate.
SHORTFALL_MAX = 0.01
STEP = 1.25
# The gap between a rate that held and one that did not, when the search ends.
GAP = 1.05
RUNS_MAX = 24


def holds(load):
    """Whether this run kept its rate and its latency, and every answer was 200."""
    return (load.p99_us <= P99_US_MAX and not load.errors
            and load.achieved >= load.requested * (1 - SHORTFALL_MAX))


def highest(run, begin):
    """Looks for the highest rate, upwards from `begin`. `run(rate)` measures one: see `holds`.

    A rate has failed when it has failed twice in a row: a machine of others' has hiccups.
    Returns (the rate, all runs in their order); the rate is None when none held.
    """
    runs, held, failed, rate = [], None, None, begin
    while len(runs) < RUNS_MAX:
        rate = rounded(rate)
        for _ in range(2):
            runs.append(run(rate))
            if holds(runs[-1]):
                break
        if holds(runs[-1]):
            held = rate
        else:
            failed = rate
        if failed is None:
            rate *= STEP
        elif held is None:
            rate /= STEP
        elif failed <= held * GAP:
            break
        else:
            rate = (held * failed) ** 0.5
            if rounded(rate) in (held, failed):
                break
    return held, runs


def sustained(run, rate, attempts=6):
    """The first rate from `rate` downwards that holds for as long as `run` takes; all those runs."""
    runs = []
    for _ in range(attempts):
        runs.append(run(rounded(rate)))
        if holds(runs[-1]):
            break
        rate *= 0.95
    return runs


def rounded(rate):
    """To hundreds; small rates to whole numbers."""
    return max(1, round(rate, -2 if rate >= 5000 else 0))
