"""Every alert, from a fault in the running stack to the one who hears of it, and back."""
import time

import pytest

import harness
import rules_files
from alerts_stack import AlertStack
from alerts_table import EXCUSED, ROWS

PAGE = harness.REPOSITORY / "docs/alerts-live.md"
FIRE_SECONDS_MAX = 90
RESOLVE_SECONDS_MAX = 120
HEAD = """# Every alert, proven live

Written by `python -m pytest -m long Tests/Stack/test_alerts_live.py`: three instances, HAProxy, Redis,
Sentinels, Prometheus and Alertmanager as `scripts/stack` runs them, with the shipped rules shortened by
`scripts/scale-rules` (a sixtieth; windows from 10 to 60 s) and a scrape a second. Each fault is made, the alert
arrives at the webhook sink, the fault is healed, and the sink hears that it is over.

| alert | fault; what heals it | fires after, s | resolved after, s |
|---|---|---|---|
"""


def test_every_alert_has_a_row_or_a_reason():
    """Both ways: no alert without one, none for an alert that is not there, and never both."""
    proven = [alert for alerts, _, _ in ROWS for alert in alerts]
    assert len(proven) == len(set(proven))
    assert not set(proven) & set(EXCUSED)
    assert {*proven, *EXCUSED, "Watchdog"} == {rule.alert for rule in rules_files.alerts()}
    assert all(EXCUSED.values()) and all(words for _, words, _ in ROWS)


@pytest.fixture(scope="module")
def stack():
    """One stack for all faults. Its end writes what came of each into the page; a run of some of the rows
    leaves the others as they were."""
    running = AlertStack()
    running.times = {}
    try:
        yield running
    finally:
        running.close()
    PAGE.write_text(page(running.times, PAGE.read_text() if PAGE.exists() else ""))


def page(times, before):
    """The whole text. `times`: {alert: (seconds until it fired, until it was resolved), or None where one
    of them did not come in time}."""
    known = {line.split(" | ")[0].strip("| "): line for line in before.splitlines()}
    lines = []
    for alert, words in ((one, words) for alerts, words, _ in ROWS for one in alerts):
        line = known.get(alert, f"| {alert} | {words} | not run | |")
        if alert in times:
            seconds = "{:.0f} | {:.0f}".format(*times[alert]) if times[alert] else "**failed** |"
            line = f"| {alert} | {words} | {seconds} |"
        lines.append(line)
    lines.append("| Watchdog | none: it always fires, and is not resolved | – | – |")
    reasons = [f"| {alert} | {why} |" for alert, why in sorted(EXCUSED.items())]
    return (HEAD + "\n".join(lines) + "\n\nNot made here; each has a unit test of its rule "
            "(`make rules`):\n\n| alert | why |\n|---|---|\n" + "\n".join(reasons) + "\n")


def wait_all(stack, alerts, status, since, begun, within):
    """{alert: seconds from `begun`} until the sink has heard of each, after the first `since`
    notifications."""
    found = {}

    def is_heard():
        for said, alert in stack.heard()[since:]:
            if said == status and alert in alerts:
                found.setdefault(alert, time.monotonic() - begun)
        return len(found) == len(alerts)
    harness.wait_until(is_heard, lambda: f"{status}: {set(alerts) - set(found)}; heard "
                       f"{sorted(set(stack.heard()[since:]))}", within, every=0.2)
    return found


@pytest.mark.long
@pytest.mark.parametrize("alerts, words, fault", ROWS, ids=["+".join(row[0]) for row in ROWS])
def test_an_alert_arrives_and_resolves(stack, alerts, words, fault):
    stack.times.update(dict.fromkeys(alerts))
    harness.wait_until(lambda: not stack.active() & set(alerts), stack.active,
                       RESOLVE_SECONDS_MAX, 0.5)
    since, begun = len(stack.heard()), time.monotonic()
    with fault(stack):
        fired = wait_all(stack, alerts, "firing", since, begun, FIRE_SECONDS_MAX)
        since, begun = len(stack.heard()), time.monotonic()
    over = wait_all(stack, alerts, "resolved", since, begun, RESOLVE_SECONDS_MAX)
    stack.times.update({one: (fired[one], over[one]) for one in alerts})


@pytest.mark.long
def test_the_watchdog_is_heard(stack):
    harness.wait_until(lambda: ("firing", "Watchdog") in stack.heard(), stack.heard, 60, 0.5)
