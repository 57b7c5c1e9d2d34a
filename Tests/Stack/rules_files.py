"""The files under prometheus/: rules, their unit tests, and the programs that read them."""
import functools
import pathlib
import re
import subprocess
from dataclasses import dataclass

import yaml

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
PROMETHEUS = REPOSITORY / "prometheus"
RUNBOOKS = REPOSITORY / "docs/runbooks"


@dataclass
class Rule:
    """One recording or alerting rule."""
    file: str
    group: str
    record: str
    alert: str
    expr: str
    wait: str
    labels: dict
    annotations: dict

    @property
    def id(self):
        """What tells it from its siblings: `InstanceDown`, `LatencyBudgetBurn 1h/5m`."""
        if "long" in self.labels:
            return f"{self.alert} {self.labels['long']}/{self.labels['short']}"
        return self.alert or self.record


def seconds(duration):
    """Of a duration as Prometheus writes it: `1h30m`."""
    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
    return sum(int(n) * units[u] for n, u in re.findall(r"(\d+)(ms|[smhdwy])", duration or "0s"))


def load(directory=PROMETHEUS):
    """All rules in `directory`/rules."""
    found = []
    for path in sorted((directory / "rules").glob("*.yml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                found.append(Rule(path.name, group["name"], rule.get("record", ""),
                                  rule.get("alert", ""), rule["expr"], rule.get("for", ""),
                                  rule.get("labels", {}), rule.get("annotations", {})))
    return found


def alerts(directory=PROMETHEUS):
    """The alerting rules among them."""
    return [rule for rule in load(directory) if rule.alert]


@functools.cache
def cases(directory=PROMETHEUS):
    """The unit tests by the alert's id: {id: [(name, [(seconds, alerts that are expected)])]}."""
    found = {}
    for path in sorted((directory / "tests").glob("*.yml")):
        for group in yaml.safe_load(path.read_text())["tests"]:
            times = [(seconds(case["eval_time"]), case["alertname"], case.get("exp_alerts") or [])
                     for case in group.get("alert_rule_test", [])]
            found.setdefault(group["name"].split(":")[0], []).append((group["name"], times))
    return found


def run(*command, **options):
    """Runs a checker; (whether it was content, all that it said)."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                          timeout=300, **options)
    return done.returncode == 0, done.stdout + done.stderr


def failing(output):
    """Names of the test groups that promtool reports as failed."""
    return set(re.findall(r"^    name: (.*),$", output, re.MULTILINE))
