"""Every metric that a rule, a rule's test or a runbook may ask for, with type, labels and words."""
import pathlib
import re
from dataclasses import dataclass, field

import yaml

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
LISTS = pathlib.Path(__file__).with_name("rules_metrics.yml")


@dataclass
class Metric:
    """One name that a selector may have; `words` are the values of its closed labels."""
    type: str
    labels: set
    words: dict = field(default_factory=dict)
    of: str = ""


def _expand(name, type_, labels, words, bounds, of):
    """A histogram is three names, all of them counters."""
    if type_ != "histogram":
        return {name: Metric(type_, set(labels), words, of)}
    return {
        f"{name}_bucket": Metric("counter", {*labels, "le"}, {**words, "le": {*bounds, "+Inf"}}, of),
        f"{name}_sum": Metric("counter", set(labels), words, of),
        f"{name}_count": Metric("counter", set(labels), words, of),
    }


def documented(page=REPOSITORY / "docs/metrics.md"):
    """The families of the proxy, read from the generated table of docs/metrics.md."""
    text = page.read_text()
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) \| (.*?) \| ", text, re.MULTILINE)
    words = {}
    for name, label, values in re.findall(r"^\| `(\w+)` \| `(\w+)` \| (.*) \|$", text, re.MULTILINE):
        words.setdefault(name, {})[label] = set(re.findall(r"`(.*?)`", values))
    found = {}
    for name, type_, labels, bounds in rows:
        found |= _expand(name, type_, re.findall(r"`(\w+)`", labels), words.get(name, {}),
                         bounds.split(), "meliproxy")
    return found


def listed(section):
    """The names of `coming`, or of one job under `foreign`."""
    lists = yaml.safe_load(LISTS.read_text())
    rows = lists["coming"] if section == "coming" else lists["foreign"][section]
    job = "meliproxy" if section == "coming" else section
    found = {}
    for name, row in rows.items():
        words = {label: set(values) for label, values in row.get("words", {}).items()}
        found |= _expand(name, row["type"], row["labels"], words, row.get("buckets", "").split(), job)
    return found


def jobs():
    """The jobs of `foreign`."""
    return list(yaml.safe_load(LISTS.read_text())["foreign"])


def known(rules):
    """All of them, with the series that the rules record themselves. They have no type of their own:
    what is recorded is a rate or a ratio, and never a counter."""
    found = documented() | listed("coming")
    for job in jobs():
        found |= listed(job)
    # process_* is exposed by each of the programs that are written in Go, too.
    for name, metric in found.items():
        if name.startswith("process_"):
            metric.of = "any"
    for rule in rules:
        if rule.record:
            labels = set(rule.record.split(":")[0].split("_")) | {"job"}
            found[rule.record] = Metric("recorded", labels, of="any")
    return found
