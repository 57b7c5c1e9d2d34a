"""Scraping, rules and routing: valid, tested alert by alert, explained, and within the catalogue."""
import re

import promql_parser as promql
import pytest
import yaml

import rules_files
import rules_lint
import rules_metrics
import rules_mutants
from rules_files import PROMETHEUS, RUNBOOKS

ALERTS = rules_files.alerts()
METRICS = rules_metrics.known(rules_files.load())
SECTIONS = ["Meaning", "User impact", "Look first", "Causes", "Fix", "How to reproduce"]
RECEIVERS = [
    ("severity=page", "pager"), ("severity=ticket", "tickets"), ("severity=info", "notes"),
    ("severity=none", "nobody"), ("severity=none alertname=Watchdog", "deadman"),
    ("severity=unheard_of", "tickets"),
]


@pytest.mark.parametrize("name", ["prometheus.yml", "prometheus.local.yml"])
def test_configuration(name):
    good, said = rules_files.run("promtool", "check", "config", "--lint=all", PROMETHEUS / name)
    assert good, said


def test_both_configurations_scrape_alike():
    """What a sample may be like must not depend on where Prometheus runs."""
    pages = [yaml.safe_load((PROMETHEUS / name).read_text())
             for name in ("prometheus.yml", "prometheus.local.yml")]
    alike = []
    for page in pages:
        for job in page["scrape_configs"]:
            for key in ("dns_sd_configs", "static_configs", "file_sd_configs", "relabel_configs"):
                job.pop(key, None)
            assert job["sample_limit"] == 5000 and job["label_value_length_limit"] <= 256, job
        alike.append((page["global"], page["rule_files"], page["scrape_configs"]))
    assert alike[0] == alike[1]
    names = [job["job_name"] for job in alike[0][2]]
    assert names == "meliproxy haproxy redis sentinel prometheus alertmanager".split()
    assert alike[0][0]["scrape_interval"] == f"{rules_lint.SCRAPE_SECONDS}s"


def test_rules_are_valid():
    good, said = rules_files.run("promtool", "check", "rules", "--lint=all", "--lint-fatal",
                                 *sorted((PROMETHEUS / "rules").glob("*.yml")))
    assert good, said


def test_unit_tests():
    good, said = rules_files.run("promtool", "test", "rules",
                                 *sorted((PROMETHEUS / "tests").glob("*.yml")))
    assert good, said


def test_lint():
    assert rules_lint.lint(PROMETHEUS) == []


def test_coming_metrics_have_not_come():
    """A row of `coming` that the catalogue has by now is to be removed from the list."""
    come = set(rules_metrics.listed("coming")) & set(rules_metrics.documented())
    assert not come, f"in docs/metrics.md by now; take out of {rules_metrics.LISTS.name}: {come}"


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule.id)
def test_alert_is_tested(rule):
    """Each alert fires, is silent just before `for` is over, resolves; and stays silent elsewhere."""
    groups = rules_files.cases().get(rule.id, [])
    fires, silent = [], []
    for name, times in groups:
        assert all(alert == rule.alert for _, alert, _ in times), name
        heard = [at for at, _, alerts in times if alerts]
        if heard:
            fires.append((min(heard), max(heard), times))
            assert all(rule.labels.items() <= alert["exp_labels"].items()
                       for _, _, alerts in times for alert in alerts), name
        else:
            silent.append(name)
    assert fires, "no test in which it fires"
    if rule.alert in rules_lint.WITHOUT_COMPARISON:
        return
    for first, last, times in fires:
        assert any(at < first for at, _, alerts in times if not alerts), "it fires from the start"
        assert any(at > last for at, _, alerts in times if not alerts), "it never resolves"
    assert silent, "no test in which it stays silent"


def test_every_test_has_its_alert():
    ids = {rule.id for rule in ALERTS}
    assert set(rules_files.cases()) - ids == {"recording"}


@pytest.mark.parametrize("name", sorted({rule.alert for rule in ALERTS}))
def test_runbook(name):
    """All sections, none empty, and queries that exist in this stack."""
    text = (RUNBOOKS / f"{name}.md").read_text()
    assert text.startswith(f"# {name}\n")
    parts = re.split(r"(?m)^## (.*)$", text)
    assert parts[1::2] == SECTIONS
    assert all(len(part.strip()) > 20 for part in parts[2::2]), "a section without content"
    queries = runbook_queries(text)
    assert queries, "nothing to look at"
    for query in queries:
        assert list(rules_lint.selectors(promql.parse(query), METRICS)) == [], query
    severities = {rule.labels["severity"] for rule in ALERTS if rule.alert == name}
    index = (RUNBOOKS / "README.md").read_text()
    row = re.search(rf"(?m)^\| \[{name}\]\({name}\.md\) \| (.*?) \|", index)
    assert row and set(row[1].split(", ")) == severities, "docs/runbooks/README.md"


def runbook_queries(text):
    """One query a line, in blocks marked as promql."""
    blocks = re.findall(r"(?ms)^```promql\n(.*?)^```", text)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def test_no_runbook_without_alert():
    pages = {page.stem for page in RUNBOOKS.glob("*.md")} - {"README"}
    assert pages == {rule.alert for rule in ALERTS}


def test_alertmanager_configuration():
    good, said = rules_files.run("amtool", "check-config", PROMETHEUS / "alertmanager.yml")
    assert good, said


@pytest.mark.parametrize("labels,receiver", RECEIVERS)
def test_routing(labels, receiver):
    good, said = rules_files.run(
        "amtool", "config", "routes", "test", "--config.file", PROMETHEUS / "alertmanager.yml",
        f"--verify.receivers={receiver}", *labels.split())
    assert good, said


def test_inhibitions_name_alerts():
    """A misspelt name would inhibit nothing, and nobody would see it."""
    names = {rule.alert for rule in ALERTS}
    settings = yaml.safe_load((PROMETHEUS / "alertmanager.yml").read_text())
    for inhibition in settings["inhibit_rules"]:
        for matcher in inhibition["source_matchers"] + inhibition["target_matchers"]:
            label, operator, value = re.match(r'(\w+) *(=~|=) *"?(.*?)"?$', matcher).groups()
            if label == "alertname":
                assert [n for n in names if re.fullmatch(value, n)], matcher
                for word in value.split("|"):
                    assert [n for n in names if re.fullmatch(word, n)], matcher
            elif label == "severity":
                assert value in rules_lint.SEVERITIES
        assert inhibition["equal"], "everything would inhibit everything"


def caught(directory):
    """Whether lint or promtool objects to the rules in `directory`."""
    rules = sorted((directory / "rules").glob("*.yml"))
    good, _ = rules_files.run("promtool", "check", "rules", "--lint=all", "--lint-fatal", *rules)
    if not good or rules_lint.lint(directory):
        return True
    changed = [path.name for path in rules
               if path.read_text() != (PROMETHEUS / "rules" / path.name).read_text()]
    good, _ = rules_files.run("promtool", "test", "rules", *unit_tests_of(directory, changed))
    return not good


def unit_tests_of(directory, files):
    """The unit tests that load one of these rules files."""
    return [path for path in sorted((directory / "tests").glob("*.yml"))
            if set(files) & {name.rsplit("/")[-1]
                             for name in yaml.safe_load(path.read_text())["rule_files"]}]


def test_a_faithful_copy_is_not_caught(tmp_path):
    """Neither copying nor rewriting is what the mutants below are caught for."""
    directory = rules_mutants.copy(tmp_path)
    assert len(rules_mutants.rewrite(directory, lambda rule: (rule.expr, rule.wait))) == len(ALERTS)
    assert not caught(directory)


@pytest.mark.parametrize("mutant", rules_mutants.BY_HAND, ids=lambda m: f"{m[0]}: {m[2].strip()}")
def test_mutant_by_hand(mutant, tmp_path):
    directory = rules_mutants.copy(tmp_path)
    rules_mutants.break_by_hand(directory, mutant)
    assert caught(directory)


MOVES = [(f"comparison {which} {'up' if up else 'down'}", rules_mutants.move_threshold(which, up))
         for which in range(rules_mutants.count_comparisons()) for up in (True, False)]
MOVES += [(f"for x {factor}", rules_mutants.move_wait(factor)) for factor in (0.5, 1.5)]


@pytest.mark.long
@pytest.mark.parametrize("change", [change for _, change in MOVES], ids=[name for name, _ in MOVES])
def test_systematic_mutants(change, tmp_path):
    """All alerts are moved at once; each of them must fail a test of its own."""
    directory = rules_mutants.copy(tmp_path)
    changed = rules_mutants.rewrite(directory, change)
    assert changed
    files = {rule.file for rule in rules_files.alerts() if rule.id in changed}
    _, said = rules_files.run("promtool", "test", "rules", *unit_tests_of(directory, files))
    survivors = changed - {name.split(":")[0] for name in rules_files.failing(said)}
    assert not survivors, f"no test notices: {sorted(survivors)}\n{said[:2000]}"
