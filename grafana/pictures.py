"""Draws docs/images/dashboard-*.png: starts the whole stack on loopback, sends traffic, lets a bad
minute happen, and renders every dashboard. `python -m grafana.pictures [--out DIRECTORY] [SECONDS]`"""
import argparse
import json
import pathlib
import signal
import sys
import tempfile
import time

from grafana import catalogue, generate, render
from grafana.source import Source

REPOSITORY = catalogue.REPOSITORY
sys.path.insert(0, str(REPOSITORY / "Tests/Stack"))
import dashboard_history  # noqa: E402  (found by the line above)
import dashboard_stack  # noqa: E402
import dashboard_traffic  # noqa: E402

BYTES_MAX = 300_000
# The routes whose rows are drawn.
REPEATED = ("item", "sites")


def load():
    """uid -> dashboard, as committed."""
    documents = [json.loads(path.read_text(encoding="utf-8"))
                 for path in sorted(generate.DIRECTORY.glob("*.json"))]
    return {each["uid"]: each for each in documents}


def values(document, source):
    """Variable -> all its values."""
    found = {each["name"]: source.label_values(source.expression(each["query"]["query"], {}, 1))
             for each in document["templating"]["list"] if each["type"] == "query"}
    return {**found, "route": sorted(found["route"], key=lambda name: name not in REPEATED)}


def happen(stack, seconds):
    """A good time, a bad one, a good one; the moment at which the bad one began."""
    stack.demo("error_rate=0.002")
    time.sleep(seconds * 0.4)
    began = time.time()
    stack.demo("error_rate=0.25&latency=120ms")
    time.sleep(seconds * 0.15)
    stack.proxies[1].signal(signal.SIGSTOP)
    time.sleep(seconds * 0.08)
    stack.proxies[1].signal(signal.SIGCONT)
    time.sleep(seconds * 0.07)
    stack.demo("", "DELETE")
    time.sleep(seconds * 0.3)
    return began


def complaints(report):
    """Panels without data, and without ink."""
    blank = [title for title, _, ink in report if ink is None]
    return [f"{title}: no data" for title in blank] + [
        f"{title}: data, and nothing drawn" for title in render.empty_drawings(report)]


def draw(document, source, path):
    """One picture; what is wrong with it."""
    all_values = values(document, source)
    png, report = render.render(document, source, {"job": all_values["job"]}, all_values)
    path.write_bytes(png)
    wrong = complaints(report)
    if len(png) > BYTES_MAX:
        wrong.append(f"{len(png)} bytes")
    return [f"{path.name}: {each}" for each in wrong]


def main():
    """The command line; the exit code."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--out", type=pathlib.Path, default=REPOSITORY / "docs/images")
    arguments.add_argument("seconds", type=float, nargs="?", default=240)
    given = arguments.parse_args()
    wrong = []
    with tempfile.TemporaryDirectory(prefix="meliproxy-pictures-") as directory:
        past = dashboard_history.write(pathlib.Path(directory) / "past.om", time.time())
        with dashboard_stack.Stack(directory, history=past) as stack:
            begin = time.time() + 5
            with dashboard_traffic.Traffic(stack):
                bad = happen(stack, given.seconds)
                end = time.time()
                source = Source(stack.url, begin, end, scrape=1)
                before = Source(stack.url, begin, bad - 1, scrape=1)
                for uid, document in load().items():
                    name = uid.replace("meliproxy-", "dashboard-")
                    wrong += draw(document, source, given.out / f"{name}.png")
                draw(load()["meliproxy-overview"], before,
                     given.out / "dashboard-overview-before.png")
    for each in wrong:
        print(each, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
