"""Shortened rules: the same rules, valid, with every time within its bounds."""
import re

import promql_parser as promql

import rules_files
import rules_lint

SCRIPT = rules_files.REPOSITORY / "scripts/scale-rules"
DURATION = r"\d+(?:ms|[smhdwy])"


def scale(directory, *options):
    good, said = rules_files.run(SCRIPT, directory / "rules", *options)
    assert good, said
    return rules_files.load(directory)


def without_times(expr):
    """The expression with every range and offset alike."""
    return re.sub(rf"\[{DURATION}\]|(offset ){DURATION}", r"\1_", expr)


def test_only_times_change(tmp_path):
    rules = scale(tmp_path)
    assert len(rules) == len(rules_files.load())
    for rule, before in zip(rules, rules_files.load()):
        assert (rule.file, rule.group, rule.id) == (before.file, before.group, before.id)
        assert without_times(rule.expr) == without_times(before.expr)
        assert (rule.labels, rule.annotations) == (before.labels, before.annotations)
        assert bool(rule.wait) == bool(before.wait)


def test_bounds(tmp_path):
    for rule in scale(tmp_path):
        assert rules_files.seconds(rule.wait) <= 10
        for part in rules_lint.walk(promql.parse(rule.expr)):
            if isinstance(part, promql.MatrixSelector):
                assert 10 <= part.range.total_seconds() <= 60, rule.id
            if isinstance(part, promql.VectorSelector) and part.offset:
                assert part.offset.total_seconds() <= 60, rule.id
    for path in (tmp_path / "rules").glob("*.yml"):
        assert set(re.findall(r"(?m)^    interval: (.*)$", path.read_text())) <= {"1s"}


def test_times_are_divided(tmp_path):
    """Within the bounds it is a plain division, and the order of windows stays."""
    rules = {rule.id: rule for rule in
             scale(tmp_path, "--divide", "10", "--window-min", "1", "--window-max", "999999",
                   "--for-max", "99999", "--interval", "3")}
    assert rules["InstanceDown"].wait == "12s"
    assert rules["AvailabilityBudgetBurn 3d/6h"].wait == "1080s"
    assert "[90s]" in rules["RestartLoop"].expr
    assert "offset 8640s" in rules["TrafficDrop"].expr
    recorded = rules["job:slo_availability_errors_per_requests:ratio_rate30m"]
    assert recorded.record.endswith("ratio_rate30m") and "[180s]" in recorded.expr


def test_valid_and_repeatable(tmp_path):
    texts = []
    for name in ("one", "two"):
        scale(tmp_path / name)
        files = sorted((tmp_path / name / "rules").glob("*.yml"))
        good, said = rules_files.run("promtool", "check", "rules", "--lint=all", "--lint-fatal", *files)
        assert good, said
        texts.append([file.read_text() for file in files])
    assert texts[0] == texts[1]


def test_quotes_and_comments_stay(tmp_path):
    source = tmp_path / "from"
    source.mkdir()
    text = """groups:
  - name: g
    interval: 1m
    rules:
      # For [5m] of `up offset 1d`.
      - alert: A
        expr: rate(a_total{path="/[5m]"}[1h] offset 1d) > 0
        for: 1h30m
        annotations: {summary: "over [5m]"}
"""
    (source / "a.yml").write_text(text)
    good, said = rules_files.run(SCRIPT, tmp_path / "rules", "--from", source)
    assert good, said
    expected = (text.replace("}[1h] offset 1d", "}[60s] offset 60s").replace("1h30m", "10s")
                .replace("interval: 1m", "interval: 1s"))
    assert (tmp_path / "rules/a.yml").read_text() == "# Shortened by scripts/scale-rules.\n" + expected


def test_nothing_to_scale(tmp_path):
    good, said = rules_files.run(SCRIPT, tmp_path / "rules", "--from", tmp_path)
    assert not good and "no rules" in said
